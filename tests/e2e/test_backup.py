"""A backup taken while ingest runs, restored on an empty host and on the other database: row by row, and good to go on with."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from panmesh.access.viewer import OPERATOR, Scope
from panmesh.adapters.sql.tables import metadata
from panmesh.app.backup import backup, restore
from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.app.worker import ingest_until_done, scan_tree
from panmesh.catalogue.notes import About, AboutKind, Flag
from panmesh.catalogue.query import DatasetQuery
from panmesh.kernel.errors import Conflict, Invalid
from panmesh.testing.postgres import new_database
from panmesh.testing.simulator import write_run

SKIPPED = ("web_session", "heartbeat", "login_attempt", "terms_change", "belonging_change")
PASSWORD = "a password of many signs"


def _facility(folder: Path, runs: Path, url: str) -> Composition:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "panmesh.toml").write_text(f'[storage.runs]\npath = "{runs}"\n', "utf-8")
    return Composition(load(data=folder, environment={"PANMESH_DATABASE__URL": url}))


def _url(kind: str, folder: Path) -> str:
    return f"sqlite:///{folder}.db" if kind == "sqlite" else new_database(os.environ["TEST_POSTGRES_URL"])


@pytest.fixture(params=["sqlite to postgresql", "postgresql to sqlite"])
def houses(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Composition, Composition, Path]]:
    old, new = request.param.split(" to ")
    runs = tmp_path / "runs"
    runs.mkdir()
    here = _facility(tmp_path / "old", runs, _url(old, tmp_path / "old"))
    there = _facility(tmp_path / "new", runs, _url(new, tmp_path / "new"))
    yield here, there, runs
    here.close()
    there.close()


def _rows(app: Composition) -> dict[str, list[tuple[Any, ...]]]:
    with app.database.read() as connection:
        return {
            table.name: [
                tuple(bytes(v) if isinstance(v, memoryview) else v for v in row)
                for row in connection.execute(select(table).order_by(*table.primary_key.columns))
            ]
            for table in metadata.sorted_tables
            if table.name not in SKIPPED
        }


def test_a_backup_taken_during_ingest_is_one_state_and_goes_on_from_there(
    houses: tuple[Composition, Composition, Path], tmp_path: Path
) -> None:
    here, there, runs = houses
    here.accounts.create(login="pi", name="Pi", password=PASSWORD)
    token, _ = here.accounts.make_token(here.accounts.viewer("pi"), "t", frozenset({Scope.READ}))
    for number in range(6):
        write_run(runs, number, datetime(2026, 3, 1, tzinfo=UTC))
    (runs / "frames").mkdir()
    for number in range(100):
        (runs / "frames" / f"f_{number:03d}.cbf").write_bytes(b"%d" % number)
    scan_tree(here, "runs", "")
    ingest_until_done(here)
    first = here.search.search(OPERATOR, DatasetQuery(limit=1)).items[0]
    here.editing.change(OPERATOR, first.pid, {"title": "corrected"}, here.search.get(OPERATOR, first.pid).revision)
    stop = threading.Event()

    def measure() -> None:
        number = 6
        while not stop.is_set():
            write_run(runs, number, datetime(2026, 3, 1, tzinfo=UTC))
            number += 1
            scan_tree(here, "runs", "")
            here.ingest.work()
            here.digests.work(2)

    thread = threading.Thread(target=measure)
    thread.start()
    try:
        for attempt in range(3):
            backup(here, tmp_path / f"{attempt}.tar.gz")
    finally:
        stop.set()
        thread.join()
    restore(there, tmp_path / "2.tar.gz")
    taken = {d.pid: d.path for d in there.search.search(OPERATOR, DatasetQuery(limit=1000)).items}
    assert first.pid in taken
    assert there.search.get(OPERATOR, first.pid).summary.title == "corrected"
    for pid in taken:
        there.search.files(OPERATOR, pid)  # its manifest is whole
        assert there.search.get(OPERATOR, pid).values is not None
    assert there.accounts.of_token(token).login == "pi"
    assert there.accounts.sign_in("pi", PASSWORD, "192.0.2.1").viewer.login == "pi"
    scan_tree(there, "runs", "")
    ingest_until_done(there)
    later = there.search.search(OPERATOR, DatasetQuery(limit=1000)).items
    assert {d.pid: d.path for d in later} | taken == {d.pid: d.path for d in later}, "a run has another pid than in the backup"
    simulated = [d.path for d in later if d.path and d.path.startswith("sim_")]
    assert sorted(simulated) == sorted(p.name for p in runs.glob("sim_*.nxs")), "lost or doubled"


def test_what_was_restored_is_what_was_there_row_by_row(houses: tuple[Composition, Composition, Path], tmp_path: Path) -> None:
    here, there, runs = houses
    here.accounts.create(login="pi", name="Pi", password=PASSWORD, steward=True)
    here.accounts.make_token(here.accounts.viewer("pi"), "t", frozenset({Scope.READ}))
    for number in range(4):
        write_run(runs, number, datetime(2026, 3, 1, tzinfo=UTC))
    scan_tree(here, "runs", "")
    ingest_until_done(here)
    while here.digests.work():
        pass
    backup(here, tmp_path / "b.tar.gz")
    there.database  # noqa: B018  as `panmesh init` leaves it
    restore(there, tmp_path / "b.tar.gz")
    assert _rows(there) == _rows(here)
    assert len(_rows(there)["dataset"]) == 4
    with pytest.raises(Conflict, match="already"):
        restore(there, tmp_path / "b.tar.gz")


def test_the_logbook_is_in_the_backup_with_its_pictures(houses: tuple[Composition, Composition, Path], tmp_path: Path) -> None:
    here, there, runs = houses
    write_run(runs, 1, datetime(2026, 3, 1, tzinfo=UTC))
    scan_tree(here, "runs", "")
    ingest_until_done(here)
    run = About(kind=AboutKind.DATASET, pid=here.search.search(OPERATOR, DatasetQuery(limit=1)).items[0].pid)
    sent = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(sent, "PNG")
    kept = here.notes.add_picture(OPERATOR, run, sent.getvalue())
    here.notes.add(OPERATOR, run, f"![it](picture:{kept.name})")
    here.notes.set_mark(OPERATOR, run, Flag.BAD, ["slipped"], 0)
    backup(here, tmp_path / "b.tar.gz")
    there.database  # noqa: B018  as `panmesh init` leaves it
    restore(there, tmp_path / "b.tar.gz")
    assert there.notes.picture(OPERATOR, run, kept.name) == here.notes.picture(OPERATOR, run, kept.name)
    assert there.notes.pages(OPERATOR, run) == here.notes.pages(OPERATOR, run)
    there.notes.add(OPERATOR, run, "goes on")  # also with its numbers


def test_what_a_worker_held_at_the_time_of_the_backup_is_read_on_the_new_host_at_once(
    houses: tuple[Composition, Composition, Path], tmp_path: Path
) -> None:
    here, there, runs = houses
    write_run(runs, 1, datetime(2026, 3, 1, tzinfo=UTC))
    scan_tree(here, "runs", "")
    here.ingest_store.claim("worker of the old host", 10, here.clock(), 600_000_000)
    backup(here, tmp_path / "b.tar.gz")
    restore(there, tmp_path / "b.tar.gz")
    ingest_until_done(there)
    assert there.search.search(OPERATOR, DatasetQuery()).total == 1


def test_half_a_backup_is_refused_and_nothing_is_changed(houses: tuple[Composition, Composition, Path], tmp_path: Path) -> None:
    here, there, _ = houses
    backup(here, tmp_path / "b.tar.gz")
    before = _rows(there)
    whole = (tmp_path / "b.tar.gz").read_bytes()
    (tmp_path / "b.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises((Invalid, EOFError, OSError)):
        restore(there, tmp_path / "b.tar.gz")
    assert _rows(there) == before
