"""The law, for the catalogue as a graph: what a viewer gets equals what the operator gets from the catalogue redacted for that viewer."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from panmesh.access.viewer import OPERATOR, Viewer
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.graph.fetch import SqlGraph
from panmesh.adapters.sql.graph.named import Named, Wanted
from panmesh.adapters.sql.index.building import build
from panmesh.adapters.sql.index.reads import IndexedReads
from panmesh.adapters.storage.manifests import ParquetManifests
from panmesh.catalogue.graph import All, Entity, GraphOp, Include, Node, Selection
from panmesh.catalogue.graph import Test as Said
from panmesh.testing.catalogues import TECHNIQUES, UNITS, VIEWERS, catalogues, fill
from panmesh.testing.graph_catalogues import fill_graph, more, redact_in_place, selections

NOW = 5
ROOTS = (Entity.DATASET, Entity.DATASET, Entity.DOCUMENT, Entity.INSTRUMENT)
QUESTIONS = 8  # to each catalogue


@pytest.fixture
def graph(database_url: str, tmp_path: Path) -> Iterator[tuple[Database, SqlGraph]]:
    database = Database(database_url)
    t.metadata.create_all(database.engine)
    yield database, SqlGraph(database, ParquetManifests(tmp_path))
    database.dispose()


def plain(node: Node) -> Any:
    links = {
        name: [plain(one) for one in linked] if isinstance(linked, list) else linked and plain(linked)
        for name, linked in node.links.items()
    }
    return node.entity.value, node.values, node.score, links


def answers(store: SqlGraph, viewer: Viewer, entity: Entity, selection: Selection) -> Any:
    page = [plain(node) for node in store.select(viewer, entity, selection, NOW)]
    count = store.count(viewer, entity, replace(selection, limit=None, skip=0), NOW)
    one = store.one(viewer, entity, "pm-0000000000000001", replace(selection, where=None, words=()), NOW)
    return page, count, one and plain(one)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data(), catalogues(8), VIEWERS)
def test_a_viewer_gets_what_the_redacted_catalogue_holds(
    graph: tuple[Database, SqlGraph], data: st.DataObject, records: Any, viewer: Viewer
) -> None:
    database, store = graph
    fill_graph(database, records, data.draw(more(records)))
    asked = [(entity, data.draw(selections(entity))) for entity in ROOTS for _ in range(QUESTIONS // len(ROOTS))]
    before = [answers(store, viewer, entity, selection) for entity, selection in asked]
    for (entity, selection), (page, _, _) in zip(asked, before, strict=True):
        if selection.limit is not None:  # pages are looked through in another way than everything
            whole = store.select(viewer, entity, replace(selection, limit=None, skip=0), NOW)
            assert [node.values for node in whole][selection.skip :][: selection.limit] == [one[1] for one in page], selection
            assert len(whole) == store.count(viewer, entity, selection, NOW), selection
        everything = replace(selection, limit=None, skip=0)
        pieces = store.places(viewer, entity, everything, NOW).pieces(3)
        piecewise = [plain(node) for piece in pieces for node in store.these(viewer, entity, piece, everything, NOW)]
        assert piecewise == [plain(node) for node in store.select(viewer, entity, everything, NOW)], selection
    redact_in_place(database, viewer, NOW)
    for (entity, selection), answer in zip(asked, before, strict=True):
        assert answer == answers(store, OPERATOR, entity, selection), selection


@st.composite
def joins(draw: st.DrawFn) -> Selection:
    """Datasets with a quantity in a range and a technique, as portals ask."""
    includes = []
    if draw(st.booleans()):
        name = draw(st.sampled_from(sorted(UNITS)))
        low, high = sorted((draw(st.integers(-300, 20_000)), draw(st.integers(-300, 20_000))))
        value = draw(
            st.sampled_from(
                (
                    Said("value", GraphOp.BETWEEN, (low, high)),
                    Said("value", GraphOp.GTE, low),
                    Said("value", GraphOp.LTE, high),
                    Said("value", GraphOp.GTE, str(low)),
                    Said("value", GraphOp.LT, high),
                    All((Said("value", GraphOp.GT, low), Said("value", GraphOp.LTE, high))),
                )
            )
        )
        unit = draw(st.sampled_from([unit for unit in UNITS[name] if unit] + ["nm"]))
        where = All((Said("name", GraphOp.EQ, name), value, Said("unit", GraphOp.EQ, unit)))
        includes.append(Include("parameters", Selection(where=where), required=True))
    if draw(st.booleans()) or not includes:
        term = Said("pid", draw(st.sampled_from((GraphOp.EQ, GraphOp.EQ, GraphOp.NEQ))), draw(st.sampled_from(TECHNIQUES)))
        includes.append(Include("techniques", Selection(where=term), required=True))
    after = draw(st.none() | st.integers(0, 11).map(lambda number: f"pm-{number:016d}"))
    return Selection(includes=tuple(includes), limit=draw(st.integers(1, 6)), skip=draw(st.integers(0, 2)), after=after)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(catalogues(10), VIEWERS, st.lists(joins(), min_size=4, max_size=4), st.data())
def test_the_index_names_what_is_found_without_it(
    graph: tuple[Database, SqlGraph], tmp_path: Path, records: Any, viewer: Viewer, asked: list[Selection], data: st.DataObject
) -> None:
    database, without = graph
    fill(database, records)
    root = tmp_path / "index"
    shutil.rmtree(root, ignore_errors=True)
    build(database, root, sync=False)
    manifests = ParquetManifests(tmp_path)
    reads = IndexedReads(database, manifests, root, least=0)
    within = SqlGraph(database, manifests, reads.candidates)

    def agree() -> None:
        for selection in asked:
            for who in (viewer, OPERATOR):
                expected, found = (store.select(who, Entity.DATASET, selection, NOW) for store in (without, within))
                assert [plain(node) for node in found] == [plain(node) for node in expected], selection
                expected_number, number = (store.count(who, Entity.DATASET, selection, NOW) for store in (without, within))
                assert number == expected_number, selection

    agree()
    changed = data.draw(st.sets(st.sampled_from([r.id for r in records]), max_size=2))
    with database.write() as c:
        for number in changed:
            c.execute(t.parameter.update().where(t.parameter.c.dataset_id == number).values(low=5.0, high=5.0, value=5.0))
            c.execute(t.dataset_technique.delete().where(t.dataset_technique.c.dataset_id == number))
            c.execute(t.dataset_technique.insert(), {"dataset_id": number, "technique_pid": TECHNIQUES[0]})
            c.execute(t.change.insert(), {"at_us": 1, "kind": "dataset", "pid": f"pm-{number:016d}", "what": "updated"})
    agree()


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(catalogues(10), VIEWERS, joins())
def test_an_index_that_names_what_is_hidden_shows_none_of_it(
    graph: tuple[Database, SqlGraph], tmp_path: Path, records: Any, viewer: Viewer, asked: Selection
) -> None:
    """It is a cache: the policy is asked of each row once more."""
    database, without = graph
    fill(database, records)

    def everything(_viewer: Viewer, _wanted: Wanted, _after: str | None, _most: int, _now_us: int) -> Named:
        with database.read() as c:
            ids = list(c.execute(select(t.dataset.c.id).order_by(t.dataset.c.pid)).scalars())
        return Named(ids, [], False, len(ids))

    careless = SqlGraph(database, ParquetManifests(tmp_path), everything)
    known = {node.values["pid"] for node in without.select(viewer, Entity.DATASET, Selection(limit=100), NOW)}
    found = {node.values["pid"] for node in careless.select(viewer, Entity.DATASET, replace(asked, limit=100, skip=0), NOW)}
    assert found <= known
