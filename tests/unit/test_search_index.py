"""The index says what SQL says: of any catalogue, for any viewer and question, also when the catalogue has changed since it was made."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update

from panmesh.access.terms import AccessClass
from panmesh.access.viewer import ANONYMOUS, OPERATOR, Viewer
from panmesh.adapters.memory.catalogue import Record
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.absorption import remove_dataset
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.index import reads as indexed
from panmesh.adapters.sql.index.building import build
from panmesh.adapters.sql.index.generation import newest, write_generation
from panmesh.adapters.sql.index.reads import IndexedReads
from panmesh.adapters.sql.reads import SqlReads
from panmesh.adapters.sql.revisions import KEPT, MANY, forget_changes
from panmesh.adapters.storage.manifests import ParquetManifests
from panmesh.catalogue.query import FACET_FIELDS, Compare, DatasetQuery, Field, OneOf, Op, Sort, SortKey, Words
from panmesh.testing.catalogues import BEST_FIRST, QUERIES, VIEWERS, catalogues, fill
from panmesh.testing.statements import asked_of

NOW = 5
LAW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Both:
    def __init__(self, database: Database, folder: Path) -> None:
        manifests = ParquetManifests(folder / "manifests")
        self.database, self.root = database, folder / "index"
        self.sql = SqlReads(database, manifests)
        self.index = IndexedReads(database, manifests, self.root, least=0)

    def rebuild(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        build(self.database, self.root, sync=False)
        self.index.look()

    def agree(self, viewer: Viewer, query: DatasetQuery) -> None:
        for one in (
            query,
            replace(query, sort=Sort(SortKey.START, True)),
            replace(query, sort=Sort(SortKey.START, False), offset=1),
            replace(query, sort=Sort(SortKey.CREATED, True), limit=3),
            replace(query, sort=Sort(SortKey.CREATED, False), offset=1),
        ):
            expected, said = self.sql.search(viewer, one, NOW), self.index.search(viewer, one, NOW)
            assert (said.total, [i.pid for i in said.items]) == (expected.total, [i.pid for i in expected.items])
        assert self.index.count(viewer, query, NOW) == self.sql.count(viewer, query, NOW)
        for field in FACET_FIELDS:
            assert self.index.facet(viewer, query, field, NOW) == self.sql.facet(viewer, query, field, NOW), field
        assert self.index.techniques(viewer, query, NOW) == self.sql.techniques(viewer, query, NOW)
        assert self.index.years(viewer, query, "Europe/Paris", NOW) == self.sql.years(viewer, query, "Europe/Paris", NOW)
        assert self.index.spreads(viewer, query, "t", NOW) == self.sql.spreads(viewer, query, "t", NOW)
        for before, most in ((None, 100), (None, 2), (5, 3)):
            latest = [reads.latest(viewer, query.where, before, NOW, most) for reads in (self.index, self.sql)]
            assert latest[0] == latest[1]
        assert self.index.instruments(viewer, NOW) == self.sql.instruments(viewer, NOW)
        assert self.index.quantities(viewer, NOW) == self.sql.quantities(viewer, NOW)

    def best(self, viewer: Viewer, query: DatasetQuery) -> None:
        expected, said = self.sql.search(viewer, query, NOW), self.index.search(viewer, query, NOW)
        assert (said.total, [i.pid for i in said.items]) == (expected.total, [i.pid for i in expected.items])


@pytest.fixture
def both(database_url: str, tmp_path: Path) -> Iterator[Both]:
    database = Database(database_url)
    t.metadata.create_all(database.engine)
    yield Both(database, tmp_path)
    database.dispose()


@LAW
@given(catalogues(), VIEWERS, QUERIES, QUERIES)
def test_the_index_says_what_sql_says(
    both: Both, records: list[Record], viewer: Viewer, one: DatasetQuery, two: DatasetQuery
) -> None:
    fill(both.database, records)
    both.rebuild()
    for query in (one, two):
        both.agree(viewer, query)


@settings(LAW, max_examples=20)
@given(catalogues(), VIEWERS, BEST_FIRST, st.data())
def test_what_fits_best_comes_first_by_the_same_rule(
    both: Both, records: list[Record], viewer: Viewer, query: DatasetQuery, data: st.DataObject
) -> None:
    fill(both.database, records)
    both.rebuild()
    both.best(viewer, query)
    changed = data.draw(st.sets(st.sampled_from([r.id for r in records]), max_size=3))
    with both.database.write() as c:
        for number in changed:
            title = data.draw(st.sampled_from(("alpha", "gamma_1 alpha", "x")))
            c.execute(
                update(t.dataset).where(t.dataset.c.id == number).values(title=title, title_folded=title, full_text="ceo2 delta")
            )
            c.execute(t.change.insert(), {"at_us": 1, "kind": "dataset", "pid": records[number - 1].pid, "what": "updated"})
    both.best(viewer, query)


@LAW
@given(catalogues(), VIEWERS, QUERIES, st.data())
def test_what_has_changed_since_is_asked_of_sql(
    both: Both, records: list[Record], viewer: Viewer, query: DatasetQuery, data: st.DataObject
) -> None:
    fill(both.database, records)
    both.rebuild()
    for record in data.draw(st.lists(st.sampled_from(records), unique_by=lambda r: r.id, max_size=3)) if records else []:
        what = data.draw(st.sampled_from(("title", "start", "terms", "gone")))
        with both.database.write() as c:
            mine = t.dataset.c.id == record.id
            match what:
                case "title":
                    c.execute(update(t.dataset).where(mine).values(core_text=" epsilon ", full_text=" epsilon alpha "))
                case "start":
                    c.execute(update(t.dataset).where(mine).values(start_us=data.draw(st.none() | st.integers(0, 9))))
                case "terms":
                    other = data.draw(st.sampled_from(records))
                    c.execute(update(t.dataset).where(mine).values(terms_id=other.id))
                case "gone":
                    c.execute(delete(t.dataset_version).where(t.dataset_version.c.dataset_id == record.id))
                    remove_dataset(c, record.id, into=next((r.id for r in records if r.id != record.id), record.id))
            c.execute(t.change.insert(), {"at_us": 1, "kind": "dataset", "pid": record.pid, "what": what})
    both.agree(viewer, query)
    both.agree(OPERATOR, query)


@settings(LAW, max_examples=15)
@given(catalogues(), VIEWERS)
def test_ones_own_are_those_of_ones_teams_and_what_one_was_let_into(both: Both, records: list[Record], viewer: Viewer) -> None:
    fill(both.database, records)
    both.rebuild()
    own = DatasetQuery(where=Compare(Field.MINE, Op.EQUAL, "true"), limit=100)
    both.agree(viewer, own)
    readable = {item.pid for item in both.sql.search(viewer, DatasetQuery(limit=100), NOW).items}
    let_in = viewer.granted | viewer.emergencies
    theirs = {record.pid for record in records if record.terms.team_id in viewer.teams or record.id in let_in}
    assert {item.pid for item in both.index.search(viewer, own, NOW).items} == readable & theirs


FEW = settings(LAW, max_examples=4)
SOME = catalogues().filter(lambda found: len(found) > 2 and any(record.sample for record in found))


@FEW
@given(SOME)
def test_terms_that_change_count_at_once(both: Both, records: list[Record]) -> None:
    fill(both.database, records)
    both.rebuild()
    both.agree(Viewer(), DatasetQuery())
    with both.database.write() as c:
        c.execute(update(t.terms).values(access="proprietary", declassified_us=None))
    both.agree(Viewer(), DatasetQuery())
    assert both.index.count(Viewer(), DatasetQuery(), NOW) == 0


@pytest.fixture
def some(both: Both) -> Both:
    @settings(FEW, max_examples=1, database=None)
    @given(SOME)
    def filled(records: list[Record]) -> None:
        fill(both.database, records)

    filled()
    return both


def test_an_index_that_is_damaged_or_of_another_database_is_passed_over(some: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    some.agree(OPERATOR, DatasetQuery())  # there is none yet
    with some.database.write() as c:
        c.execute(t.change.insert(), {"at_us": 1, "kind": "dataset", "pid": "x", "what": "created"})
    some.rebuild()
    used: list[str] = []
    monkeypatch.setattr(indexed.Matcher, "where", _watched(used))
    some.agree(OPERATOR, DatasetQuery())
    assert used
    used.clear()
    with some.database.write() as c:  # set back, and gone on otherwise
        c.execute(update(t.change).values(pid="another"))
    some.index.look()
    some.agree(OPERATOR, DatasetQuery())
    assert not used
    (some.root / next(iter(sorted(p.name for p in some.root.iterdir()))) / "meta.json").write_text("{", "utf-8")
    some.index.look()
    some.agree(OPERATOR, DatasetQuery())
    assert newest(some.root) is None


def _watched(used: list[str]):  # type: ignore[no-untyped-def]
    real = indexed.Matcher.where

    def where(self, condition):  # type: ignore[no-untyped-def]
        used.append("index")
        return real(self, condition)

    return where


def test_several_nodes_with_indexes_of_their_own_say_what_is_true_now(some: Both) -> None:
    """Each with connections and an index of its own, as processes of different hosts have; a third one writes."""
    with some.database.write() as c:
        c.execute(update(t.terms).values(access="open"))
    some.rebuild()
    elsewhere = some.root.with_name("elsewhere")
    writer, far = Database(some.database.url), Database(some.database.url)
    build(writer, elsewhere, sync=False)
    manifests = ParquetManifests(elsewhere.with_name("manifests"))
    there = IndexedReads(far, manifests, elsewhere, least=0)
    with some.database.read() as c:
        number, pid = c.execute(select(t.dataset.c.id, t.dataset.c.pid)).first() or (0, "")
    try:
        for word in ("epsilon", "zeta", "omega"):
            with writer.write() as c:
                c.execute(update(t.dataset).where(t.dataset.c.id == number).values(core_text=word, full_text=word))
                c.execute(t.change.insert(), {"at_us": 1, "kind": "dataset", "pid": pid, "what": "updated"})
            for reads in (some.index, there):
                assert reads.count(OPERATOR, DatasetQuery(where=Words((word,))), NOW) == 1
            if word == "zeta":  # one of them has a newer index now, and the other none at all: what it has mapped it keeps
                build(writer, some.root, sync=False)
                some.index.look()
                shutil.rmtree(elsewhere)
        with writer.write() as c:
            c.execute(update(t.terms).values(access="proprietary", declassified_us=None))
        assert [reads.count(Viewer(), DatasetQuery(), NOW) for reads in (some.index, there)] == [0, 0]
    finally:
        writer.dispose()
        far.dispose()


def test_too_many_changes_are_answered_by_sql_until_there_is_a_new_index(some: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    some.rebuild()
    monkeypatch.setattr(indexed, "MOST_CHANGED", 1)
    with some.database.write() as c:
        rows = [{"at_us": 1, "kind": "dataset", "pid": f"p{i}", "what": "updated"} for i in range(3)]
        c.execute(t.change.insert(), rows)
    used: list[str] = []
    monkeypatch.setattr(indexed.Matcher, "where", _watched(used))
    some.agree(OPERATOR, DatasetQuery())
    assert not used
    some.rebuild()
    some.agree(OPERATOR, DatasetQuery())
    assert used


def test_words_are_found_within_words_and_many_at_once(some: Both) -> None:
    with some.database.write() as c:
        c.execute(update(t.dataset).values(core_text=" ceo2-x zr%o ", full_text=" ceo2-x zr%o temperature "))
    some.rebuild()
    for words in (("eo2",), ("%",), ("ceo2", "zr"), ("temp",), ("ceo2-x zr",), ("nothing",), ("",)):
        some.agree(OPERATOR, DatasetQuery(where=Words(words)))
        some.agree(Viewer(), DatasetQuery(where=Words(words)))


@LAW
@given(catalogues(), VIEWERS, st.lists(st.sampled_from(["hdf5", "tiff", None]), min_size=1))
def test_formats(both: Both, records: list[Record], viewer: Viewer, formats: list[str | None]) -> None:
    fill(both.database, records)
    with both.database.write() as c:
        for number, one in enumerate(formats):
            c.execute(update(t.dataset).where(t.dataset.c.id % len(formats) == number).values(format=one))
    both.rebuild()
    for where in (
        OneOf(Field.FORMAT, ("hdf5", "tiff")),
        Compare(Field.FORMAT, Op.EQUAL, "tiff"),
        Compare(Field.FORMAT, Op.NOT_EQUAL, "tiff"),
    ):
        both.agree(viewer, DatasetQuery(where=where))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.text("abé", min_size=1, max_size=6), min_size=1), st.text("abé", min_size=1, max_size=4))
def test_a_word_that_begins_in_one_token_and_ends_in_the_next_is_in_neither(tmp_path: Path, tokens: set[str], word: str) -> None:
    ordered = sorted(tokens)
    write_generation(tmp_path, 1, "", {}, ordered, {"size": 0, "words": {}, "names": []}, sync=False)
    made = newest(tmp_path)
    assert made is not None
    assert [ordered[place] for place in made.containing(word)] == [token for token in ordered if word in token]


def test_a_renamed_sample_is_found_though_the_rights_are_the_same(some: Both) -> None:
    """What is kept over a commit is what the index says by itself."""
    both, viewer = some, OPERATOR
    both.rebuild()
    with both.database.read() as c:
        name = c.execute(select(t.sample.c.name).limit(1)).scalar_one()
    query = DatasetQuery(where=Compare(Field.SAMPLE, Op.EQUAL, name))
    before = both.index.count(viewer, query, NOW)
    assert before == both.sql.count(viewer, query, NOW) > 0
    with both.database.write() as c:
        c.execute(update(t.sample).where(t.sample.c.name == name).values(name="renamed", name_folded="renamed"))
    assert both.index.count(viewer, query, NOW) == both.sql.count(viewer, query, NOW) == 0


@pytest.mark.parametrize("viewer", [ANONYMOUS, OPERATOR])
def test_rights_are_found_anew_when_terms_change_and_only_then(some: Both, viewer: Viewer) -> None:
    both, everything = some, DatasetQuery()
    both.rebuild()
    before = both.index.count(viewer, everything, NOW)
    with both.database.write() as c:
        c.execute(t.change.insert(), {"at_us": 1, "kind": "investigation", "pid": "pm-none", "what": "updated"})
    with asked_of(both.database) as asked:
        assert both.index.count(viewer, everything, NOW) == before
    assert not [statement for statement, _ in asked.statements if "opens_us" in statement]
    for access in (AccessClass.ASIDE, AccessClass.OPEN):
        with both.database.write() as c:
            c.execute(update(t.terms).values(access=access.value))
        both.agree(viewer, everything)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_a_change_of_terms_that_is_committed_after_a_later_one_is_seen(some: Both) -> None:
    """Numbers are given when a transaction writes, not when it ends."""
    both, everything = some, DatasetQuery()
    both.rebuild()
    with both.database.write() as early:
        early.execute(update(t.terms).where(t.terms.c.id == 1).values(access="aside"))
        with both.database.write() as late:
            late.execute(update(t.terms).where(t.terms.c.id == 2).values(access="aside"))
        both.agree(ANONYMOUS, everything)
    both.agree(ANONYMOUS, everything)
    both.agree(OPERATOR, everything)


def test_old_changes_of_terms_are_forgotten_and_rights_stay_true(some: Both) -> None:
    both = some
    both.rebuild()
    both.agree(ANONYMOUS, DatasetQuery())
    for number in range(MANY + 1):
        with both.database.write() as c:
            c.execute(update(t.terms).where(t.terms.c.id == 1).values(access=("open", "aside")[number % 2]))
    forget_changes(both.database)
    with both.database.read() as c:
        assert c.execute(select(func.count()).select_from(t.terms_change)).scalar_one() == KEPT
    both.agree(ANONYMOUS, DatasetQuery())
    with both.database.write() as c:
        c.execute(update(t.terms).values(access="aside"))
    both.agree(ANONYMOUS, DatasetQuery())
