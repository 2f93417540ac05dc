"""Our own suite passes on our own provider, and sees what is wrong with others."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from panmesh.cli.main import cli
from panmesh.testing.panosc_conformance import Outcome, Result, examine
from tests.protocol.panosc.conftest import Provider

Alter = Callable[[str, int, str], tuple[int, str]]


def through(provider: Provider, alter: Alter | None = None) -> list[Result]:
    """The suite against our provider; `alter`: what a wrong one would have answered instead."""

    def answer(request: httpx.Request) -> httpx.Response:
        found = provider.client.request(request.method, str(request.url), headers=dict(request.headers))
        status, text = found.status_code, found.text
        if alter is not None:
            status, text = alter(str(request.url), status, text)
        return httpx.Response(status, text=text, headers={k: v for k, v in found.headers.items() if k.startswith("access")})

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        return list(examine(client, "http://testserver/api", seeded=True))


def test_every_check_passes_on_our_provider(provider: Provider) -> None:
    results = through(provider)
    assert not [result for result in results if result.outcome is not Outcome.PASSED]
    assert len(results) > 100
    assert all(result.clause for result in results)


def _without_scores(_url: str, status: int, text: str) -> tuple[int, str]:
    return status, text.replace('"score":0.5', '"score":0')


def _breaks_on_nonsense(_url: str, status: int, text: str) -> tuple[int, str]:
    return (500, '{"error":{"statusCode":500,"message":"Internal Server Error"}}') if status == 400 else (status, text)


def _finds_nothing(_url: str, status: int, text: str) -> tuple[int, str]:
    return (200, "[]") if status == 200 and text.startswith("[") else (status, text)


def _all_is_well(_url: str, _status: int, _text: str) -> tuple[int, str]:
    return 200, "{}"


@pytest.mark.parametrize(
    ("alter", "least"), [(_without_scores, 3), (_breaks_on_nonsense, 6), (_finds_nothing, 20), (_all_is_well, 80)]
)
def test_a_wrong_provider_is_told(provider: Provider, alter: Alter, least: int) -> None:
    failed = [result for result in through(provider, alter) if result.outcome is Outcome.FAILED]
    assert len(failed) >= least
    assert all("sent: " in result.why and "came: " in result.why for result in failed)


@pytest.mark.parametrize("provider", ["sqlite"], indirect=True)
def test_the_command_prints_a_table_and_ends_with_1_when_something_failed(provider: Provider, tmp_path: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            found = provider.client.request(
                self.command, self.path, headers={k: v for k, v in self.headers.items() if k in ("Origin", "Accept")}
            )
            status = 500 if "wrong" in self.path else found.status_code
            self.send_response(status)
            for key in ("access-control-allow-origin", "content-type"):
                if key in found.headers:
                    self.send_header(key, found.headers[key])
            self.send_header("content-length", str(len(found.content)))
            self.end_headers()
            self.wfile.write(found.content)

        do_GET = do_HEAD = do_POST = _answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url, report = f"http://127.0.0.1:{server.server_port}/api", tmp_path / "report.json"
        done = CliRunner().invoke(cli, ["conformance", "search-api", url, "--seed", "--json", str(report)])
        assert done.exit_code == 0, done.output
        assert ", 0 failed" in done.output
        rows = json.loads(report.read_text())
        assert {row["outcome"] for row in rows} == {"passed"}
        wrong = CliRunner().invoke(cli, ["conformance", "search-api", url + "/wrong"])
        assert wrong.exit_code == 1
        assert "clause: " in wrong.output
    finally:
        server.shutdown()
        server.server_close()


def test_the_seed_is_written_for_other_providers(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["conformance", "write-seed", str(tmp_path / "seed.json")])
    assert done.exit_code == 0
    assert {"instruments", "datasets", "documents"} == json.loads((tmp_path / "seed.json").read_text()).keys()
