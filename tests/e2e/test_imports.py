"""`panmesh import`: killed and started again, tried without leaving a trace, with a report of everything."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import func, select

from panmesh.adapters.sql import tables as t
from panmesh.app.compose import Composition
from panmesh.app.settings import load
from tests.processes import Said, panmesh

COUNT = 1200


def _catalogue() -> dict[str, list[dict[str, Any]]]:
    datasets = [
        {
            "pid": f"20.500/d{i:05}",
            "title": f"Run {i}",
            "isPublic": i % 2 == 0,
            "instrumentId": "i/1",
            "files": [{"name": f"{i}.h5", "size": i}],
            "parameters": [{"name": "energy", "value": i, "unit": "eV"}],
        }
        for i in range(COUNT)
    ]
    documents = [{"pid": f"doc{i}", "title": "T", "isPublic": True, "datasets": [{"pid": f"20.500/d{i:05}"}]} for i in range(20)]
    return {"documents": documents, "datasets": datasets, "instruments": [{"pid": "i/1", "name": "LoKI", "facility": "ESS"}]}


def _run(url: str, *arguments: str, armed: str = "") -> Said:
    return panmesh("import", *arguments, environment={"PANMESH_DATABASE__URL": url}, armed=armed)


def _counts(data: Path, url: str) -> dict[str, int]:
    app = Composition(load(data=data, environment={"PANMESH_DATABASE__URL": url}))
    try:
        with app.database.read() as c:
            return {one.name: c.execute(select(func.count()).select_from(one)).scalar_one() for one in t.metadata.sorted_tables}
    finally:
        app.close()


def _check(data: Path, url: str) -> None:
    counts = _counts(data, url)
    assert counts["dataset"] == counts["dataset_version"] == counts["layer"] == counts["parameter"] == COUNT
    assert (counts["document"], counts["document_dataset"], counts["imported_link"], counts["instrument"]) == (20, 20, 0, 1)
    assert counts["change"] == COUNT + 20 + 1


@pytest.mark.parametrize("point", ["import.before-commit:kill:2", "import.after-commit:kill:2"])
def test_a_killed_import_of_a_file_goes_on(point: str, tmp_path: Path, database_url: str) -> None:
    file, data, report = tmp_path / "all.json", tmp_path / "data", tmp_path / "report.json"
    file.write_text(json.dumps(_catalogue()), "utf-8")
    arguments = ("search-api", str(file), "--data", str(data), "--report", str(report))
    assert _run(database_url, *arguments, armed=point).code == -9
    assert 0 < _counts(data, database_url)["dataset"] < COUNT
    again = _run(database_url, *arguments)
    assert again.code == 0, again.error[-500:]
    _check(data, database_url)
    told = json.loads(report.read_text("utf-8"))["counts"]["dataset"]
    assert told["new"] + told["unchanged"] == COUNT
    assert told["unchanged"] > 0


def test_a_dry_run_leaves_nothing_and_says_what_would_come(tmp_path: Path, database_url: str) -> None:
    file, data = tmp_path / "all.json", tmp_path / "data"
    file.write_text(json.dumps(_catalogue() | {"instruments": []}), "utf-8")
    done = _run(database_url, "search-api", str(file), "--data", str(data), "--dry-run")
    assert done.code == 0, done.error[-500:]
    assert "1200 new" in done.out
    assert "its instrument is not here" in done.out
    assert "nothing was changed" in done.out
    counts = _counts(data, database_url)
    assert {name for name, number in counts.items() if number} == {"facility"}


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    file = tmp_path / "bad.json"
    file.write_text('{"datasets": [{"pid": "d1", "title": "x"}, {"pid"')
    cut = _run(url, "search-api", str(file), "--data", str(tmp_path / "data"))
    assert cut.code == 2
    assert "no whole JSON" in cut.error
    assert "Traceback" not in cut.error
    missing = _run(url, "search-api", "nowhere.json", "--data", str(tmp_path / "data"))
    assert missing.code == 2
    assert "neither a file nor an address" in missing.error


@contextmanager
def _provider() -> Iterator[tuple[str, list[str]]]:
    """A Search API on a real socket."""
    catalogue = {name.capitalize(): rows for name, rows in _catalogue().items()}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            split = urlsplit(self.path)
            name = split.path.removeprefix("/api/")
            if name.endswith("/count"):
                return self._answer({"count": len(catalogue[name.removesuffix("/count")])})
            said = json.loads(parse_qs(split.query)["filter"][0])
            asked.append(f"{name} {said.get('skip')}")
            skip = said.get("skip", 0)
            return self._answer(catalogue[name][skip : skip + said["limit"]])

        def _answer(self, value: object) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_killed_walk_of_a_live_provider_goes_on_from_its_page(tmp_path: Path, database_url: str) -> None:
    data = tmp_path / "data"
    with _provider() as (url, asked):
        arguments = ("search-api", url, "--data", str(data), "--origin", "mirrored")
        assert _run(database_url, *arguments, armed="import.before-commit:kill:4").code == -9
        assert _counts(data, database_url)["dataset"] == 1000
        asked.clear()
        again = _run(database_url, *arguments)
        assert again.code == 0, again.error[-500:]
        assert "Datasets 0" not in asked
        assert "Datasets 1000" in asked
    _check(data, database_url)
    assert not list((data / "imports").glob("*.json"))
