"""What the page of a visit counts, draws and sorts obeys the law: it is that of the visit redacted for its viewer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, update

from panmesh.access.viewer import Viewer
from panmesh.adapters.memory import catalogue as twin
from panmesh.adapters.memory import visits as of_visit
from panmesh.adapters.memory.catalogue import Record
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.note_tables import mark
from panmesh.adapters.sql.statistics import SqlStatistics
from panmesh.adapters.sql.visits import SqlVisits
from panmesh.catalogue.query import Condition
from panmesh.catalogue.statistics import Lack
from panmesh.catalogue.visit_table import Fact, Said, TableQuery, at_first, columns_of, quantities, units_of
from panmesh.catalogue.visiting import Among
from panmesh.kernel.errors import Invalid
from panmesh.portal.time_axis import MOST, ticks
from panmesh.testing.catalogues import CONDITIONS, VIEWERS, catalogues, fill

NOW = 5
VISIT = Among(visit=1000)
PROPOSAL = Among(proposal=1)
SORTS = (Fact.START, Fact.LASTED, Fact.SAMPLE, Fact.BYTES, "title", "incident_energy", "temperature", "count_time")


@pytest.fixture
def store(database_url: str) -> Iterator[tuple[Database, SqlVisits]]:
    database = Database(database_url)
    t.metadata.create_all(database.engine)
    yield database, SqlVisits(database)
    database.dispose()


def fill_visit(database: Database, records: list[Record]) -> None:
    """All in one visit, each under terms of its own, and each flagged."""
    fill(database, records)
    with database.write() as c:
        row = {"id": 1000, "pid": "v1000", "facility_id": 1, "proposal_id": 1, "terms_id": 1}
        c.execute(t.investigation.insert(), row | {"natural_key": "v1000", "visit_id": "v1000", "kind": "user"})
        c.execute(update(t.dataset).values(investigation_id=1000))
        flags = [
            {"about": r.pid, "about_kind": "dataset", "flag": "bad", "revision": 1, "by": "x", "by_name": "X", "at_us": 1}
            for r in records
        ]
        c.execute(mark.insert(), flags)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    catalogues(),
    VIEWERS,
    st.one_of(st.none(), CONDITIONS),
    st.lists(st.sampled_from(SORTS), min_size=2, max_size=2),
    st.booleans(),
    st.integers(0, 3),
)
def test_timeline_growth_columns_and_table_obey_the_law(
    store: tuple[Database, SqlVisits],
    records: list[Record],
    viewer: Viewer,
    where: Condition | None,
    sorts: list[str],
    descending: bool,
    offset: int,
) -> None:
    database, visits = store
    fill_visit(database, records)
    known = [replace(r, proposal="P-1") for r in twin.redact(records, viewer, NOW)]
    for among in (VISIT, PROPOSAL):
        assert visits.span(viewer, among, NOW) == of_visit.span(known)
        assert set(visits.bins(viewer, among, -3, 4, NOW)) == of_visit.bins(known, -3, 4)
        timed = sorted((r for r in known if r.start is not None), key=lambda r: (r.start or 0, r.id))
        assert [m.pid for m in visits.moments(viewer, among, 100, NOW)] == [r.pid for r in timed]
        readable = {r.pid for r in known if r.full}  # the logbook follows the full metadata
        assert {f.pid for f in visits.flagged(viewer, among, NOW)} == readable
        people = {name for r in known for name in r.people}
        assert {one.name for one in visits.named(viewer, among, 100, NOW)} == people
        said = visits.quantities(viewer, among, NOW)
        assert set(said) == of_visit.said(known)
        assert visits.quantities(viewer, among, NOW) == said  # also as it was kept
    by_name = {one.name: one for one in quantities(said)}
    for sort in sorts:
        if sort not in by_name and sort in ("incident_energy", "temperature", "count_time"):
            continue
        query = TableQuery(where=where, sort=sort, descending=descending, offset=offset, limit=5)
        page = visits.page(viewer, VISIT, query, by_name.get(sort), NOW)
        assert (page.total, [run.pid for run in page.items]) == of_visit.page(known, query, by_name.get(sort))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(catalogues(), VIEWERS)
def test_numbers_of_instruments_and_of_the_facility_obey_the_law(
    store: tuple[Database, SqlVisits], records: list[Record], viewer: Viewer
) -> None:
    database, _ = store
    fill(database, records)
    statistics = SqlStatistics(database)
    known = twin.redact(records, viewer, NOW)
    for number, key in ((None, None), (1, "i22"), (2, "in16b")):
        mine = [r for r in known if key is None or r.instrument == key]
        timed = [r for r in mine if r.start is not None]
        found = statistics.days(viewer, number, NOW)
        assert {day: m.runs for day, m in found.items()} == {
            day: len(some) for day, some in ((0, timed), (None, [r for r in mine if r.start is None])) if some
        }
        full = [r for r in mine if r.full]
        assert sum(m.readable for m in found.values()) == len(full)
        assert sum(m.size for m in found.values()) == sum(r.bytes or 0 for r in full)
        if number is None:
            continue
        totals = statistics.totals(viewer, number, NOW)
        for lack in Lack:
            pids = {r.pid for r in mine if _lacks(r, lack)}
            page = statistics.lacking(viewer, number, lack, 0, 100, NOW)
            assert ({run.pid for run in page.items}, page.total) == (pids, len(pids)), lack
            assert totals.lacks[lack].missing == len(pids)
            assert totals.lacks[lack].of == len(mine if lack in (Lack.TECHNIQUE, Lack.PROPOSAL, Lack.TIME) else full)


def _lacks(record: Record, lack: Lack) -> bool:
    match lack:
        case Lack.TECHNIQUE:
            return not record.techniques
        case Lack.PROPOSAL:
            return record.proposal is None
        case Lack.TIME:
            return record.start is None
        case Lack.SAMPLE:
            return record.full and record.sample is None
        case Lack.UNIT:
            return any(p.unit is None and p.name == "count_time" for p in record.parameters)
    return False  # all of them were read


@given(st.integers(0, 4_000_000_000_000_000), st.integers(0, 3_000_000_000_000_000), st.sampled_from(("UTC", "Europe/Paris")))
def test_marks_of_an_axis_are_few_in_order_and_within(first: int, span: int, zone: str) -> None:
    found = ticks(first, first + span, zone)
    assert len(found) <= MOST + 1
    assert [t.us for t in found] == sorted({t.us for t in found})
    assert all(first <= t.us <= first + span and t.text for t in found)


def test_a_page_costs_the_same_statements_whatever_the_visit_holds(store: tuple[Database, SqlVisits]) -> None:
    database, visits = store
    records = _many(60)
    fill_visit(database, records)
    asked: list[int] = []
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda _c, _u, text, *_: statements.append(text))
    for limit in (5, 50):
        statements.clear()
        visits.page(Viewer(), VISIT, TableQuery(limit=limit), None, NOW)
        asked.append(len([one for one in statements if one.startswith(("SELECT", "WITH"))]))
    assert asked[0] == asked[1] <= 6
    statements.clear()
    visits.quantities(Viewer(), VISIT, NOW)
    assert len([one for one in statements if "parameter" in one]) <= 1


def _many(number: int) -> list[Record]:
    from panmesh.access.terms import AccessClass, Terms
    from panmesh.adapters.memory.catalogue import Parameter

    return [
        Record(
            id=i, pid=f"pm-{i:016d}", kind="raw", title=f"run {i}", start=i, end=i, created=i, facility="fac", instrument="i22",
            terms=Terms(id=i, access=AccessClass.OPEN), proposal="P-1", visit=None, techniques=(), core_text="", full_text="",
            parameters=(Parameter(name="temperature", unit="K", value=float(i)),), bytes=i,
        )
        for i in range(1, number + 1)
    ]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(("eV", "keV", "J", "K", None)), st.floats(-1e3, 1e3), st.floats(0, 10)), min_size=1))
def test_a_quantity_is_told_in_the_unit_of_most_runs_and_covers_what_can_be_converted(
    found: list[tuple[str | None, float, float]],
) -> None:
    said = [
        Said(name="q", unit=unit, dimension=None, runs=number, low=low, high=low + wide)
        for number, (unit, low, wide) in enumerate({unit: (unit, low, wide) for unit, low, wide in found}.values(), 1)
    ]
    (one,) = quantities(said)
    assert one.unit == max(said, key=lambda s: s.runs).unit
    assert one.runs == sum(s.runs for s in said)
    main = next(s for s in said if s.unit == one.unit)
    assert one.low <= main.low <= main.high <= one.high  # type: ignore[operator]


def test_columns_are_read_from_an_address_or_refused_with_what_to_do() -> None:
    known = quantities([Said(name="energy", unit="keV", dimension="energy", runs=2, low=1.0, high=2.0)])
    columns = columns_of(["start", "energy:eV", "start", ""])
    assert [str(one) for one in columns] == ["start", "energy:eV"]
    assert units_of(columns, known) == {"energy": "eV"}
    assert [one.name for one in at_first(known, ())] == ["start", "sample", "energy"]
    for hostile in (["x" * 200], ["a\x00b"], [f"c{i}" for i in range(13)]):
        with pytest.raises(Invalid):
            columns_of(hostile)
    with pytest.raises(Invalid, match="cannot be written"):
        units_of(columns_of(["energy:K"]), known)
