"""The tutorial, word for word: each of its commands runs as it stands there, and shows what is said of it."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests.e2e.facility import until

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = (ROOT / "docs" / "tutorials" / "first-facility.md").read_text("utf-8")
PASSWORD = "a password of my own"


def _commands() -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```$", TUTORIAL, re.M | re.S)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]


class Reader:
    """Somebody at a terminal in an empty folder, who has `panmesh` on the PATH and types what they read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("PANMESH_")} | {"PATH": path}

    def type(self, command: str, answer: str = "") -> str:
        """Without a terminal of their own, so that a password is read from what is given."""
        words = shlex.split(command.replace(".venv/bin/", ""))
        done = subprocess.run(
            [word.replace("~", str(self.folder)) for word in words],
            cwd=self.folder,
            env=self.environment,
            input=answer,
            capture_output=True,
            text=True,
            timeout=60,
            start_new_session=True,
        )
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout + done.stderr


def test_the_tutorial_is_true(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    steps = iter(_commands())
    assert next(steps) == "make install"  # was done for this test
    assert reader.type(next(steps)).startswith("panmesh, version")
    reader.type(next(steps))
    [configuration] = re.findall(r"^```toml\n(.*?)^```$", TUTORIAL, re.M | re.S)
    (tmp_path / "facility" / "panmesh.toml").write_text(configuration, "utf-8")
    reader.type(next(steps))  # the simulated instrument
    assert "well formed" in reader.type(next(steps))
    assert "Account you made" in reader.type(next(steps), f"{PASSWORD}\n{PASSWORD}\n")
    ingest = next(steps)
    assert "2 files read" in reader.type(ingest)
    assert "0 files read" in reader.type(ingest)
    serving, port = next(steps), _free_port()
    assert serving.startswith("panmesh serve")
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        [*shlex.split(serving), "--port", str(port)], cwd=tmp_path, env=reader.environment, stderr=subprocess.DEVNULL
    ) as server:
        try:
            until(lambda: _answers(url))
            _look(url, reader, next(steps))
            _take_home(url, reader, list(steps))
        finally:
            server.terminate()
            server.wait(30)


def _look(url: str, reader: Reader, another: str) -> None:
    with httpx.Client(base_url=url) as browser:
        page = browser.get("/", headers={"Accept": "text/html"}).text
        assert "My first facility" in page
        assert "LaB6" not in page
        assert browser.post("/sign-in", data={"login": "you", "password": PASSWORD}).status_code == 303
        assert "LaB6" in browser.get("/").text
        reader.type(another)
        until(lambda: "MgO" in browser.get("/").text)


def _take_home(url: str, reader: Reader, steps: list[str]) -> None:
    [made] = re.findall(r"`(panmesh token make [^`]+)`", TUTORIAL)
    assert steps[0].startswith("export PANMESH_TOKEN=")
    reader.environment |= {"PANMESH_TOKEN": reader.type(made).strip(), "PANMESH_URL": url}
    found = reader.type(steps[1])
    assert "LaB6" in found
    download = steps[2].replace("PID", found.split()[0])
    assert "1 file(s)" in reader.type(download)
    [taken] = (reader.folder / "data").rglob("*.nxs")
    assert taken.read_bytes() == (reader.folder / "powder" / taken.name).read_bytes()
    assert "1 file(s)" in reader.type(download)
    assert len(steps) == 3, "a step of the tutorial is not tried"


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/sign-in", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
