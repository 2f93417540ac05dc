"""The law: what a viewer gets equals what everybody would get from the catalogue redacted for that viewer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from panmesh.access.viewer import Viewer
from panmesh.adapters.memory import catalogue as twin
from panmesh.adapters.memory.catalogue import Record
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.reads import SqlReads
from panmesh.adapters.storage.manifests import ParquetManifests
from panmesh.catalogue.effective import Surroundings, describe
from panmesh.catalogue.quantity_spread import spread
from panmesh.catalogue.query import FACET_FIELDS, DatasetQuery
from panmesh.testing.catalogues import BEST_FIRST, QUERIES, VIEWERS, catalogues, fill

NOW = 5


def _rows(record: Record) -> list[tuple[Any, dict[str, Any]]]:
    plain = [
        {"name": p.name, "unit": p.unit, "value": p.value, "minimum": p.minimum, "maximum": p.maximum} for p in record.parameters
    ]
    return list(zip(record.parameters, describe({"parameters": plain}, Surroundings()).parameters, strict=True))


@pytest.fixture
def reads(database_url: str, tmp_path: Path) -> Iterator[tuple[Database, SqlReads]]:
    database = Database(database_url)
    t.metadata.create_all(database.engine)
    yield database, SqlReads(database, ParquetManifests(tmp_path))
    database.dispose()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(catalogues(), VIEWERS, QUERIES, QUERIES, QUERIES)
def test_search_counts_order_and_facets_obey_the_law(
    reads: tuple[Database, SqlReads],
    records: list[Record],
    viewer: Viewer,
    one: DatasetQuery,
    two: DatasetQuery,
    three: DatasetQuery,
) -> None:
    database, store = reads
    fill(database, records)
    known = twin.redact(records, viewer, NOW)
    for query in (one, two, three):
        page = store.search(viewer, query, NOW)
        assert (page.total, [item.pid for item in page.items]) == twin.search(known, query)
        assert store.count(viewer, query, NOW) == page.total
        for field in FACET_FIELDS:
            assert {f.value: f.count for f in store.facet(viewer, query, field, NOW)} == twin.facet(known, query, field), field
    by_pid = {record.pid: record for record in known}
    for record in records:
        found = store.dataset(viewer, record.pid, NOW)
        assert (found is None) == (record.pid not in by_pid)
        if found is not None:
            expected = by_pid[record.pid]
            assert (found.summary.sample.name if found.summary.sample else None) == expected.sample
            assert len(found.summary.parameters) == len(expected.parameters)
            assert tuple(p.name for p in found.people) == expected.people
            assert found.summary.total_bytes == expected.bytes


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(catalogues(), VIEWERS, BEST_FIRST)
def test_the_order_by_relevance_says_nothing_of_what_may_not_be_read(
    reads: tuple[Database, SqlReads], records: list[Record], viewer: Viewer, query: DatasetQuery
) -> None:
    database, store = reads
    fill(database, records)
    page = store.search(viewer, query, NOW)
    assert (page.total, [item.pid for item in page.items]) == twin.search(twin.redact(records, viewer, NOW), query)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(catalogues(), VIEWERS)
def test_samples_and_quantities_are_known_only_through_readable_datasets(
    reads: tuple[Database, SqlReads], records: list[Record], viewer: Viewer
) -> None:
    database, store = reads
    fill(database, records)
    known = twin.redact(records, viewer, NOW)
    assert {q.value for q in store.quantities(viewer, NOW)} == {p.name for record in known for p in record.parameters}
    for typed in ("", "temp", "time count", "x"):
        values = {
            name: [
                (record.id, p.unit, row["dimension"], row["low"], row["high"])
                for record in known
                for p, row in _rows(record)
                if p.name == name
            ]
            for name in {p.name for record in known for p in record.parameters}
        }
        assert list(store.spreads(viewer, DatasetQuery(), typed, NOW)) == spread(values, typed)
    visible = {record.id for record in known if record.sample is not None}
    for record in records:
        assert (store.sample(viewer, f"s{record.id}", NOW) is not None) == (record.id in visible)
