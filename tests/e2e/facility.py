"""A facility as its operator has it: a folder where an instrument writes, the real command line, and a running server."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.testing.personas import PASSWORD
from tests.processes import panmesh

T = TypeVar("T")
CONFIG = """[facility]
name = "Journey facility"

[storage.runs]
path = "{runs}"
instrument = "sim-powder"

[instrument.sim-powder]
name = "Simulated powder diffractometer"
{more}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    runs: Path
    data: Path
    environment: dict[str, str]

    def run(self, *arguments: str, beside: Composition | None = None) -> str:
        """What `panmesh ARGUMENTS` prints."""
        said = panmesh(*arguments, "--data", str(self.data), environment=self.environment, beside=beside)
        assert said.code == 0, said.error
        return said.out

    def composition(self) -> Composition:
        return Composition(load(data=self.data, environment=self.environment))

    def people(self, *names: str, admin: tuple[str, ...] = (), steward: tuple[str, ...] = ()) -> None:
        app = self.composition()
        for name in (*names, *admin, *steward):
            app.accounts.create(login=name, name=name.title(), password=PASSWORD, admin=name in admin, steward=name in steward)
        app.close()

    @contextmanager
    def serve(self) -> Iterator[Served]:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            port = int(listening.getsockname()[1])
        command = [sys.executable, "-m", "panmesh", "serve", "--data", str(self.data), "--port", str(port)]
        log = self.data / "server.log"
        with (
            log.open("wb") as out,
            subprocess.Popen(command, env=os.environ | self.environment, stdout=out, stderr=out) as process,
        ):
            try:
                served = Served(f"http://127.0.0.1:{port}")
                until(lambda: served.answers() or process.poll() is not None)
                assert process.poll() is None, log.read_text("utf-8", errors="replace")[-2000:]
                yield served
            finally:
                process.terminate()
                process.wait(30)


@dataclass(frozen=True, slots=True)
class Served:
    url: str

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/sign-in", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    @contextmanager
    def browser(self, login: str | None = None) -> Iterator[Browser]:
        with httpx.Client(base_url=self.url, timeout=10, headers={"Accept": "text/html"}) as client:
            if login is not None:
                given = {"login": login, "password": PASSWORD}
                assert client.post("/sign-in", data=given).status_code == 303
            yield Browser(client)

    def token(self, login: str) -> dict[str, str]:
        made = httpx.post(f"{self.url}/api/v1/session", json={"login": login, "password": PASSWORD}, timeout=10)
        return {"Authorization": f"Bearer {made.json()['token']}"}

    def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> Any:
        answer = httpx.get(f"{self.url}/api/v1{path}", params=query, headers=headers, timeout=10)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()


@dataclass(frozen=True, slots=True)
class Browser:
    client: httpx.Client

    def page(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, (path, answer.status_code)
        return answer.text

    def send(self, page: str, path: str, **form: str) -> None:
        """A form of that page, as its button sends it."""
        csrf = re.search(r'name="csrf" value="([^"]+)"', self.page(page))
        assert csrf is not None
        answer = self.client.post(path, data={"csrf": csrf[1], **form}, headers={"Origin": str(self.client.base_url).rstrip("/")})
        assert answer.status_code == 303, answer.text


def found(folder: Path, url: str, more: str = "") -> Operator:
    runs, data = folder / "runs", folder / "data"
    runs.mkdir()
    data.mkdir()
    (data / "panmesh.toml").write_text(CONFIG.format(runs=runs, more=more), "utf-8")
    return Operator(runs=runs, data=data, environment={"PANMESH_DATABASE__URL": url})


def until(said: Callable[[], T], seconds: float = 90.0) -> T:
    """What `said` says as soon as it is true of something; patient, because a test is no stopwatch."""
    end = time.monotonic() + seconds
    while not (value := said()):
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.1)
    return value
