"""`make demo` once everything is fetched: what it prints is so, and Ctrl-C ends it without a word."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx

from panmesh.app.demo import REAL
from panmesh.testing.personas import PASSWORD
from panmesh.testing.simulator import write_run
from tests.e2e.facility import until


def test_the_demo_shows_what_it_says_and_ends_quietly(tmp_path: Path) -> None:
    data = tmp_path / "demo-data"
    for number, (_, file, place) in enumerate(REAL):  # stand-ins, so that nothing is fetched
        folder = data / "runs" / "real" / place
        folder.mkdir(parents=True)
        write_run(folder, number, datetime.now(UTC)).rename(folder / file)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = int(listening.getsockname()[1])
    log = tmp_path / "log"
    command = [sys.executable, "-m", "panmesh.app.demo", "--data", str(data), "--port", str(port)]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True) as demo:
        try:
            until(lambda: _shown(f"http://127.0.0.1:{port}/") or demo.poll() is not None)
            said = log.read_text("utf-8")
            assert "New files: 20, of which 0 could not be read. Files in the catalogue: 20." in said
            links = re.findall(r"http://\S+", said)
            assert len(set(links)) == 5
            assert all(_shown(link) for link in links)
            asked = next(link for link in links if "CeO2" in link)
            assert (_shown(asked) or "").count("Simulated: CeO2 at the Ce L3 edge") >= 12
            assert "badge-open" in (_shown(asked) or "")
            _sign_in(f"http://127.0.0.1:{port}", re.search(r"— as (.*) \(password: (\S+)\)", said))
            until(lambda: "Simulated" in (_shown(f"http://127.0.0.1:{port}/?q=sim-powder") or ""))
        finally:
            os.killpg(demo.pid, signal.SIGINT)  # as a terminal does it: the whole group
            demo.wait(30)
    assert "Traceback" not in log.read_text("utf-8")


def _sign_in(url: str, said: re.Match[str] | None) -> None:
    assert said is not None
    assert said[2] == PASSWORD
    for login in said[1].split(", "):
        assert httpx.post(f"{url}/sign-in", data={"login": login, "password": PASSWORD}).status_code == 303


def _shown(link: str) -> str | None:
    try:
        answer = httpx.get(link, headers={"Accept": "text/html"}, timeout=10)
    except httpx.TransportError:
        return None
    return answer.text if answer.status_code == 200 else None
