"""Queries that nobody writes by hand: each gets an answer or an Invalid, the same on both databases, never a database's error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from panmesh.access.terms import AccessClass, Terms
from panmesh.access.viewer import ANONYMOUS, OPERATOR
from panmesh.adapters.memory.catalogue import Record
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.reads import SqlReads
from panmesh.adapters.storage.manifests import ParquetManifests
from panmesh.catalogue.query import Compare, Condition, DatasetQuery, Field, OneOf, Op, Or, QuantityRange, Sort, SortKey, Words
from panmesh.catalogue.search import SearchService
from panmesh.kernel.errors import Embargoed, Forbidden, Invalid, NotFound, Withdrawn
from panmesh.testing.catalogues import fill

NOW = 5
OPEN = {"access": AccessClass.OPEN}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    t.metadata.create_all(database.engine)
    yield database
    database.dispose()


@pytest.fixture
def reads(database: Database, tmp_path: Path) -> SqlReads:
    return SqlReads(database, ParquetManifests(tmp_path))


def _record(number: int, title: str | None, *, sample: str | None = None, **terms: object) -> Record:
    said = {"access": AccessClass.PUBLIC, **terms}
    return Record(
        id=number, pid=f"pm-{number:016d}", terms=Terms(id=number, **said), kind="raw", title=title, start=number, end=None, created=0,  # type: ignore[arg-type]
        facility="fac", instrument="i22", proposal="P-1", visit=None, techniques=(), core_text=(title or "").casefold(), sample=sample, bytes=0, full_text=(title or "").casefold(),
    )  # fmt: skip


def _total(reads: SqlReads, where: Condition) -> int:
    return reads.count(ANONYMOUS, DatasetQuery(where=where), NOW)


TEXT_FIELDS = [
    f for f in Field if f not in (Field.START, Field.END, Field.CREATED, Field.BYTES, Field.FILE_COUNT, Field.MINE)
]  # fmt: skip


UNORDERED = (Field.TECHNIQUE, Field.PERSON, Field.FLAG, Field.TAG)  # of several values, or of words


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "", "%", "_", "\\", "'", "x" * 60_000, "İ", "ß"])
def test_no_text_makes_a_database_fail(database: Database, reads: SqlReads, text: str) -> None:
    fill(database, [_record(1, "plain", sample="water", **OPEN)])
    for field in TEXT_FIELDS:
        for op in Op:
            if field in UNORDERED and op in (Op.LESS, Op.AT_MOST, Op.MORE, Op.AT_LEAST):
                continue
            assert _total(reads, Compare(field, op, text)) in (0, 1)
        assert _total(reads, OneOf(field, (text, "other"))) == 0
    for refused in (Compare(Field.MINE, Op.EQUAL, text), Compare(Field.MINE, Op.NOT_EQUAL, "true"), OneOf(Field.MINE, (text,))):
        with pytest.raises(Invalid, match="'mine' is 'true'"):
            _total(reads, refused)
    _total(reads, Words((text,)))
    _total(reads, QuantityRange(text, 1.0, None, None))
    for look in (reads.dataset, reads.sample, reads.investigation, reads.instrument):
        assert look(ANONYMOUS, text, NOW) is None
    assert reads.locate(ANONYMOUS, text, text, NOW) is None


def test_numbers_beyond_a_column_compare_like_numbers(database: Database, reads: SqlReads) -> None:
    fill(database, [_record(1, "plain", **OPEN)])
    assert _total(reads, Compare(Field.START, Op.LESS, 10**30)) == 1
    assert _total(reads, Compare(Field.START, Op.MORE, 10**30)) == 0
    assert _total(reads, Compare(Field.START, Op.MORE, -(10**30))) == 1


def test_ranges_without_end_and_without_number(database: Database, reads: SqlReads) -> None:
    fill(database, [_record(1, "plain", **OPEN)])
    infinite = float("inf")
    for unit in ("keV", None):
        assert _total(reads, QuantityRange("incident_energy", -infinite, infinite, unit)) == 0
        with pytest.raises(Invalid):
            _total(reads, QuantityRange("incident_energy", float("nan"), None, unit))
    with pytest.raises(Invalid, match="florps"):
        _total(reads, QuantityRange("incident_energy", 1.0, None, "florps"))


def test_text_is_compared_letter_by_letter_on_both_databases(database: Database, reads: SqlReads) -> None:
    fill(
        database,
        [_record(1, "Größe_1", **OPEN), _record(2, "groXe 1", **OPEN), _record(3, "Zeta", **OPEN), _record(4, "äther", **OPEN)],
    )
    assert _total(reads, Compare(Field.TITLE, Op.CONTAINS, "GRÖSSE_")) == 1
    assert _total(reads, Compare(Field.TITLE, Op.CONTAINS, "gro_e")) == 0
    assert _total(reads, Compare(Field.TITLE, Op.MORE, "z")) == 2
    assert _total(reads, Compare(Field.PATH, Op.CONTAINS, "1.NXS")) == 1
    assert _total(reads, Compare(Field.PID, Op.CONTAINS, "PM-")) == 0
    page = reads.search(ANONYMOUS, DatasetQuery(sort=Sort(SortKey.TITLE, descending=False)), NOW)
    assert [item.title for item in page.items] == ["groXe 1", "Größe_1", "Zeta", "äther"]


def test_a_choice_of_many_values_is_one_condition(database: Database, reads: SqlReads) -> None:
    fill(database, [_record(1, "plain", sample="water", **OPEN)])
    many = tuple(f"v{i}" for i in range(2_000))
    for field, value in (
        (Field.TITLE, "PLAIN"),
        (Field.SAMPLE, "Water"),
        (Field.PROPOSAL, "p 1"),
        (Field.INSTRUMENT, "I22"),
        (Field.STATE, "open"),
    ):
        assert _total(reads, OneOf(field, many)) == 0
        assert _total(reads, OneOf(field, (*many, value))) == 1


def test_a_query_too_long_or_too_deep_is_refused_in_words(reads: SqlReads) -> None:
    service = SearchService(reads, lambda: NOW)
    deep: Condition = Words(("a",))
    for _ in range(200):
        deep = Or((deep,))
    for condition in (deep, Or((Words(("a",)),) * 2_000), Words(tuple(str(i) for i in range(2_000)))):
        query = DatasetQuery(where=condition)
        for ask in (service.search, service.count, lambda v, q: service.facet(v, q, Field.KIND)):
            with pytest.raises(Invalid):
                ask(ANONYMOUS, query)
    with pytest.raises(Invalid):
        service.facet(ANONYMOUS, DatasetQuery(), Field.START)


@pytest.mark.parametrize("number", [1, 12])
def test_a_page_costs_the_same_statements_whatever_its_size(database: Database, reads: SqlReads, number: int) -> None:
    fill(database, [_record(i, f"t{i}", sample="water", **OPEN) for i in range(1, number + 1)])
    said: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda _c, _u, statement, *_: said.append(statement))
    assert len(reads.search(ANONYMOUS, DatasetQuery(), NOW).items) == number
    assert len([s for s in said if s.lstrip().upper().startswith(("SELECT", "WITH"))]) <= 6
    said.clear()
    assert len(reads.investigations(ANONYMOUS, NOW, offset=0, limit=50).items) == number
    assert len([s for s in said if s.lstrip().upper().startswith(("SELECT", "WITH"))]) <= 3


def test_hidden_and_absent_ask_the_database_the_same(database: Database, reads: SqlReads) -> None:
    fill(database, [_record(1, "secret", sample="water", access=AccessClass.PROPRIETARY)])
    said: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda _c, _u, statement, *_: said.append(statement))
    service = SearchService(reads, lambda: NOW)
    for look, hidden in (
        (service.get, "pm-0000000000000001"),
        (service.files, "pm-0000000000000001"),
        (lambda v, p: service.locate(v, p, "f"), "pm-0000000000000001"),
        (service.sample, "s1"),
        (service.investigation, "v1"),
    ):
        messages = []
        statements = []
        for wanted in (hidden, "absent"):
            said.clear()
            with pytest.raises(NotFound) as refused:
                look(ANONYMOUS, wanted)
            messages.append(str(refused.value))
            statements.append(list(said))
        assert messages[0] == messages[1]
        assert statements[0] == statements[1]


def test_a_hidden_source_is_never_named_in_the_record_made_from_it(database: Database, reads: SqlReads) -> None:
    fill(database, [_record(1, "secret", access=AccessClass.PROPRIETARY), _record(2, "derived", **OPEN)])
    with database.write() as connection:
        connection.execute(t.relation.insert(), {"derived_id": 2, "source_id": 1})
    found = reads.dataset(ANONYMOUS, "pm-0000000000000002", NOW)
    everything = reads.dataset(OPERATOR, "pm-0000000000000002", NOW)
    assert found is not None
    assert everything is not None
    assert "pm-0000000000000001" in repr(everything)
    assert "pm-0000000000000001" not in repr(found)
    assert "secret" not in repr(found)


def test_why_bytes_are_refused_is_said_by_state(database: Database, reads: SqlReads) -> None:
    fill(
        database,
        [
            _record(1, "embargoed", starts_us=0, ends_us=1, opens_us=10**15),
            _record(2, "held", starts_us=0, ends_us=1, opens_us=2, held_us=3),
            _record(3, "withdrawn", starts_us=0, ends_us=1, opens_us=2, withdrawn_us=3),
        ],
    )
    service = SearchService(reads, lambda: NOW)
    with pytest.raises(Embargoed) as embargoed:
        service.locate(ANONYMOUS, "pm-0000000000000001", "f")
    assert embargoed.value.release_date is not None
    with pytest.raises(Forbidden) as held:
        service.locate(ANONYMOUS, "pm-0000000000000002", "f")
    assert not isinstance(held.value, Embargoed)
    with pytest.raises(Withdrawn):
        service.files(ANONYMOUS, "pm-0000000000000003")
    assert service.explain(ANONYMOUS, "pm-0000000000000002").opens is None
