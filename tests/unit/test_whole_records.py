"""Many records at once are the records one by one, for every viewer and every catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from panmesh.access.viewer import Viewer
from panmesh.adapters.memory.catalogue import Record
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.reads import SqlReads
from panmesh.adapters.storage.manifests import ParquetManifests
from panmesh.catalogue.model import Part
from panmesh.catalogue.query import Compare, DatasetQuery, Field, Op
from panmesh.testing.catalogues import VIEWERS, catalogues, fill

NOW = 5
SUPPRESSED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
Rooms = tuple[Database, SqlReads]


@pytest.fixture
def rooms(database_url: str, tmp_path: Path) -> Iterator[Rooms]:
    database = Database(database_url)
    t.metadata.create_all(database.engine)
    yield database, SqlReads(database, ParquetManifests(tmp_path))
    database.dispose()


@settings(max_examples=12, deadline=None, suppress_health_check=SUPPRESSED)
@given(catalogues(), VIEWERS)
def test_runs_at_once_are_the_runs_one_by_one(rooms: Rooms, records: list[Record], viewer: Viewer) -> None:
    database, reads = rooms
    fill(database, records)
    former = {f"former-{record.pid}": record.pid for record in records[:3]}
    with database.write() as c:
        for name, concept in former.items():
            c.execute(t.pid.insert(), {"pid": name, "concept": concept, "kind": "alias", "version": None, "origin": "native"})
    pids = [*(record.pid for record in records), *former, "pm-nobody"]
    found = reads.datasets(viewer, pids, NOW, files=2)
    for pid in pids:
        one = reads.dataset(viewer, pid, NOW)
        assert (pid in found) == (one is not None)
        if one is not None:
            assert found[pid].record == replace(one, facts=None, problems=())
            assert found[pid].files == reads.files(viewer, pid, NOW, offset=0, limit=2, contains=None)


@settings(max_examples=12, deadline=None, suppress_health_check=SUPPRESSED)
@given(catalogues(), VIEWERS, st.integers(1, 3))
def test_parts_of_visits_are_what_a_search_and_a_facet_find(
    rooms: Rooms, records: list[Record], viewer: Viewer, visit: int
) -> None:
    """Also where runs of other terms joined the visit."""
    database, reads = rooms
    fill(database, records)
    with database.write() as c:
        there = c.execute(t.investigation.select().where(t.investigation.c.id == visit)).first()
        if there is not None:
            c.execute(update(t.dataset).values(investigation_id=visit))
    visits = reads.visits(viewer, [f"v{record.id}" for record in records], NOW)
    for pid, one in visits.items():
        assert one == reads.investigation(viewer, pid, NOW)
    parts = reads.parts(viewer, [one.id for one in visits.values()], NOW, runs=3, techniques=2)
    for pid, one in visits.items():
        query = DatasetQuery(where=Compare(Field.VISIT, Op.EQUAL, pid), limit=3)
        runs = reads.search(viewer, query, NOW).items
        assert parts[one.id].runs == tuple(
            Part(pid=run.pid, title=run.title, created_us=run.created_us, run=run.run, path=run.path) for run in runs
        )
        assert parts[one.id].techniques == reads.facet(viewer, query, Field.TECHNIQUE, NOW, 2)
