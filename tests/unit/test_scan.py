"""A scan finds what is new, what changed and what went, also with whole folders, and takes no failure to look for an absence."""

from __future__ import annotations

import errno
import os
import queue
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from panmesh.adapters.sql.tables import unit
from panmesh.app import worker
from panmesh.app.compose import Composition
from panmesh.app.worker import scan_tree

MakeFacility = Callable[..., Composition]


@pytest.fixture
def app(make_facility: MakeFacility, tmp_path: Path) -> Composition:
    made = make_facility()
    for name in ("top.nxs", "v1/a.nxs", "v1/b.nxs", "v1/deep/er/c.nxs", "v10/d.nxs", "v1_x/e%.nxs"):
        path = tmp_path / "runs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    assert scan_tree(made, "runs", "") == 6
    return made


def _there(app: Composition) -> set[str]:
    with app.database.read() as connection:
        return set(connection.execute(select(unit.c.path).where(unit.c.state != "gone")).scalars())


def test_a_second_scan_finds_nothing_new(app: Composition) -> None:
    assert scan_tree(app, "runs", "") == 0


def test_known_files_are_those_right_in_the_folder(app: Composition) -> None:
    assert set(app.ingest_store.known("runs", "")) == {"top.nxs"}
    assert set(app.ingest_store.known("runs", "v1")) == {"v1/a.nxs", "v1/b.nxs"}
    assert set(app.ingest_store.known("runs", "v1/deep")) == set()
    assert app.ingest_store.folders("runs", "v1") == {"v1", "v1/deep/er"}


def test_new_changed_and_missing_files_are_told_apart(app: Composition, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    (runs / "v1" / "a.nxs").write_bytes(b"longer than before")
    (runs / "v1" / "new.nxs").write_bytes(b"new")
    (runs / "v10" / "d.nxs").unlink()
    assert scan_tree(app, "runs", "") == 2
    assert _there(app) == {"top.nxs", "v1/a.nxs", "v1/b.nxs", "v1/new.nxs", "v1/deep/er/c.nxs", "v1_x/e%.nxs"}


def test_files_of_a_folder_that_went_are_missing_with_it(app: Composition, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "runs" / "v1")
    scan_tree(app, "runs", "")
    assert _there(app) == {"top.nxs", "v10/d.nxs", "v1_x/e%.nxs"}


def test_a_scan_of_one_folder_leaves_the_others_alone(app: Composition, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "runs" / "v1")
    shutil.rmtree(tmp_path / "runs" / "v10")
    scan_tree(app, "runs", "v1")
    assert _there(app) == {"top.nxs", "v10/d.nxs", "v1_x/e%.nxs"}


def test_a_storage_that_is_not_mounted_has_lost_nothing(app: Composition, tmp_path: Path) -> None:
    before = _there(app)
    (tmp_path / "runs").rename(tmp_path / "unmounted")
    scan_tree(app, "runs", "")
    assert _there(app) == before
    (tmp_path / "runs").mkdir()
    scan_tree(app, "runs", "")
    assert _there(app) == before


def test_a_folder_that_cannot_be_read_has_lost_nothing_and_the_others_are_scanned(
    app: Composition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def stale(path: object, *rest: object, **named: object) -> int:
        if str(path).endswith("/v1"):
            raise OSError(errno.ESTALE, "Stale file handle")
        return real(path, *rest, **named)  # type: ignore[arg-type]

    (tmp_path / "runs" / "v10" / "new.nxs").write_bytes(b"x")
    monkeypatch.setattr(os, "open", stale)
    assert scan_tree(app, "runs", "") == 1
    assert {"v1/a.nxs", "v1/b.nxs", "v10/new.nxs"} <= _there(app)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # on SQLite one process does all the work
def test_one_of_several_processes_scans_and_another_goes_on_when_it_ends(
    make_facility: MakeFacility, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned: queue.SimpleQueue[Composition] = queue.SimpleQueue()

    def scan(app: Composition, *_: object) -> int:
        scanned.put(app)
        return 0

    monkeypatch.setattr(worker, "scan_tree", scan)
    monkeypatch.setattr(worker, "TAKE_OVER_SECONDS", 0.05)
    first, second = make_facility(), make_facility()
    one, other = worker.Worker(first), worker.Worker(second)
    with ThreadPoolExecutor(2) as at_once:
        at_once.submit(one._scan)
        assert scanned.get(timeout=10) is first
        at_once.submit(other._scan)
        with pytest.raises(queue.Empty):
            scanned.get(timeout=0.5)
        one._stop.set()
        assert scanned.get(timeout=10) is second
        other._stop.set()
