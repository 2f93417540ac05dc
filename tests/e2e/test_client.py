"""The Python client against a server on a port: search, one run, its files, taken home, and what is said when that cannot be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import panmesh.client
from panmesh.access.viewer import Scope
from panmesh.app.asgi import build
from panmesh.app.compose import Composition
from panmesh.app.worker import ingest_until_done, scan_tree
from panmesh.kernel.errors import Invalid, NotFound, PeerFailed, Unauthenticated
from panmesh.testing.simulator import write_run
from tests.conftest import MakeFacility
from tests.e2e.serving import served

RUNS = 5


@pytest.fixture
def house(make_facility: MakeFacility, tmp_path: Path) -> Iterator[tuple[Composition, str]]:
    app, runs = make_facility(), tmp_path / "runs"
    runs.mkdir(exist_ok=True)
    for number in range(RUNS):
        write_run(runs, number, datetime(2026, 3, 1, tzinfo=UTC))
    scan_tree(app, "runs", "")
    ingest_until_done(app)
    while app.digests.work():
        pass
    with served(build(app, work=False)) as url:
        yield app, url


def _token(app: Composition) -> str:
    app.accounts.create(login="chief", name="Chief", password="a password of many signs", admin=True)
    return app.accounts.make_token(app.accounts.viewer("chief"), "t", frozenset({Scope.READ, Scope.DATA}))[0]


def test_runs_are_found_looked_at_and_taken_home(house: tuple[Composition, str], tmp_path: Path) -> None:
    app, url = house
    with panmesh.client.connect(url, _token(app)) as facility:
        everything = facility.datasets.search()
        assert len(everything) == RUNS
        assert [d.pid for d in everything] == [d.pid for d in everything[:]]
        assert everything[-1].pid == everything[RUNS - 1].pid
        assert "runs" in repr(everything)
        assert everything[0].pid in everything._repr_html_()
        run = facility.datasets[everything[0].pid]
        assert run.start is not None
        assert run.start.tzinfo is not None
        assert run.parameters["incident_energy"].unit == "keV"
        assert run.record["values"]["title"]["value"] == run.title
        found = facility.datasets.search(incident_energy=("24000 eV", "26000 eV"), technique="powder diffraction")
        assert len(found) == RUNS
        assert len(facility.datasets.search(incident_energy=("26 keV", None))) == 0
        assert [d.pid for d in facility.datasets.search(run.title or "", sample=run.sample)] == [run.pid]
        files = list(run.files)
        taken = run.files.download(tmp_path / "home", progress=False)
        assert taken.compared == len(files) == len(taken.files)
        assert hashlib.sha256(taken.files[0].read_bytes()).hexdigest() == files[0].sha256
        again = taken.files[0].stat().st_mtime_ns
        assert run.files.download(tmp_path / "home", progress=False).files[0].stat().st_mtime_ns == again, "fetched twice"
        assert run.files.download(tmp_path / "none", only="*.txt", progress=False).files == ()


def test_what_cannot_be_is_said(house: tuple[Composition, str], tmp_path: Path) -> None:
    app, url = house
    with panmesh.client.connect(url) as stranger:
        assert len(stranger.datasets.search()) == 0
        with pytest.raises(NotFound):
            stranger.datasets["pm-0000000000000000"]
        with pytest.raises(IndexError):
            stranger.datasets.search()[0]
        with pytest.raises(Invalid, match="PaNET has no technique"):
            len(stranger.datasets.search(technique="no such thing"))
        with pytest.raises(ValueError, match="one unit"):
            stranger.datasets.search(incident_energy=("10 keV", "20 eV"))
    with panmesh.client.connect(url, "no token") as wrong, pytest.raises(Unauthenticated):
        len(wrong.datasets.search())
    with panmesh.client.connect(url, _token(app)) as facility:
        run = facility.datasets.search()[0]
        for path in (tmp_path / "runs").glob("*.nxs"):
            data = bytearray(path.read_bytes())
            data[-1] ^= 1
            path.write_bytes(bytes(data))
        with pytest.raises(PeerFailed, match="damaged"):
            run.files.download(tmp_path / "home", progress=False)
        assert list((tmp_path / "home").iterdir()) == []


def test_settings_come_from_the_environment(house: tuple[Composition, str], monkeypatch: pytest.MonkeyPatch) -> None:
    app, url = house
    monkeypatch.setenv("PANMESH_URL", url)
    monkeypatch.setenv("PANMESH_TOKEN", _token(app))
    with panmesh.client.connect() as facility:
        assert len(facility.datasets.search()) == RUNS
