"""Records of other catalogues in ours: whole batches, passed over when the same, never over what is ours, seen by whom they say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from panmesh.access.viewer import ANONYMOUS, OPERATOR, TeamRole, Viewer
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.importing import SqlImports
from panmesh.app.compose import Composition
from panmesh.catalogue.imported import (
    Imported,
    ImportedAccess,
    ImportedAffiliation,
    ImportedDataset,
    ImportedDocument,
    ImportedFile,
    ImportedInstrument,
    ImportedMember,
    ImportedParameter,
    ImportedPerson,
    ImportedSample,
    ImportedTechnique,
)
from panmesh.catalogue.importing import Change, Fate
from panmesh.catalogue.model import FileState, Origin
from panmesh.catalogue.query import Compare, DatasetQuery, Field, Op, QuantityRange, Words
from panmesh.kernel.errors import NotFound, Unavailable
from tests.conftest import MakeFacility

PUBLIC, CLOSED = ImportedAccess(public=True), ImportedAccess(public=False)
SANS = ImportedTechnique(pid="20.500/tech1", name="our own neutrons", panet_pid="http://purl.org/pan-science/PaNET/PaNET01189")


def dataset(pid: str = "20.500/d1", **values: Any) -> ImportedDataset:
    whole: dict[str, Any] = {
        "title": "Copper cylinder",
        "access": PUBLIC,
        "created_us": 1_600_000_000_000_000,
        "instrument": "20.500/loki",
        "techniques": (SANS,),
        "samples": (ImportedSample(pid="s/1", name="copper"), ImportedSample(pid="s/2", name="tin")),
        "parameters": (
            ImportedParameter(name="photon_energy", value=12.0, unit="keV"),
            ImportedParameter(name="chemical_formula", value="Cu"),
        ),
        "files": (ImportedFile(name="a.hdf", path="/there/a.hdf", size=10), ImportedFile(name="a.hdf", path="/other/a.hdf")),
        "documents": ("10.5072/doc1",),
    }
    return ImportedDataset(pid=pid, **(whole | values))


def document(pid: str = "10.5072/doc1", **values: Any) -> ImportedDocument:
    member = ImportedMember(
        role="principal investigator",
        person=ImportedPerson(key="p1", full_name="Ada Example", orcid="0000-0002-1825-0097"),
        affiliation=ImportedAffiliation(key="1", name="ESS"),
    )
    whole: dict[str, Any] = {"type": "publication", "title": "A paper", "access": PUBLIC, "members": (member,)}
    return ImportedDocument(pid=pid, **(whole | values))


LOKI = ImportedInstrument(pid="20.500/loki", name="LoKI", facility="ESS")


def bring(
    app: Composition, *records: Imported, origin: Origin = Origin.MIGRATED, dry_run: bool = False, now_us: int = 1
) -> list[Fate]:
    store = SqlImports(app.database, app.manifests, app.settings.facility.key, policy_version="default-1")
    return store.store(OPERATOR, records, origin=origin, source="test", now_us=now_us, dry_run=dry_run)


def changes(fates: Sequence[Fate]) -> list[tuple[str, str]]:
    return [(f.kind, f.change.value) for f in fates if not f.part]


def rows(app: Composition) -> dict[str, int]:
    with app.database.read() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in t.metadata.sorted_tables
        }


def test_a_record_comes_whole(make_facility: MakeFacility) -> None:
    app = make_facility()
    assert changes(bring(app, LOKI, dataset(), document())) == [("instrument", "new"), ("dataset", "new"), ("document", "new")]
    record = app.search.get(ANONYMOUS, "20.500/d1")
    one = record.summary
    assert one.title == "Copper cylinder"
    assert one.origin is Origin.MIGRATED
    assert one.created_us == 1_600_000_000_000_000
    assert one.instrument is not None
    assert (one.instrument.pid, one.instrument.name, one.facility_name) == ("20.500/loki", "LoKI", "ESS")
    assert [(x.pid, x.name) for x in one.techniques] == [("20.500/tech1", "our own neutrons")]
    assert one.sample is not None
    assert (one.sample.pid, one.sample.name) == ("s/1", "copper")
    assert [(p.name, p.value, p.unit) for p in one.parameters] == [
        ("photon_energy", 12.0, "keV"),
        ("chemical_formula", "Cu", None),
    ]
    assert one.total_bytes == 10
    with app.database.read() as c:
        names = c.execute(select(t.sample.c.pid).join(t.dataset_sample, t.dataset_sample.c.sample_id == t.sample.c.id)).scalars()
        assert list(names) == ["s/2"]
        assert c.execute(select(func.count()).select_from(t.document_dataset)).scalar_one() == 1
        member = c.execute(
            select(t.person.c.full_name, t.affiliation.c.name).select_from(t.member).join(t.person).join(t.affiliation)
        )
        assert [tuple(row) for row in member] == [("Ada Example", "ESS")]
        assert "a.hdf" in str(c.execute(select(t.file_names.c.names)).scalar())


def test_it_is_found_by_unit_by_broader_technique_by_its_own_names_and_by_words(make_facility: MakeFacility) -> None:
    app = make_facility()
    bring(app, LOKI, dataset())
    for where in (
        QuantityRange(name="photon_energy", low=11_900, high=12_100, unit="eV"),
        Compare(field=Field.TECHNIQUE, op=Op.EQUAL, value="small angle scattering"),
        Compare(field=Field.TECHNIQUE, op=Op.EQUAL, value="20.500/tech1"),
        Compare(field=Field.TECHNIQUE, op=Op.EQUAL, value="our own neutrons"),
        Words(words=("own", "neutrons")),
        Words(words=("loki", "ess")),
    ):
        assert app.search.count(ANONYMOUS, DatasetQuery(where=where)) == 1, where
    facet = app.search.facet(ANONYMOUS, DatasetQuery(), Field.TECHNIQUE)
    assert [(f.value, f.label) for f in facet] == [("20.500/tech1", "our own neutrons")]


def test_bytes_that_are_elsewhere_are_named_and_never_claimed(make_facility: MakeFacility) -> None:
    app = make_facility()
    bring(app, LOKI, dataset())
    page = app.search.files(ANONYMOUS, "20.500/d1")
    assert [(f.name, f.size, f.state) for f in page.items] == [
        ("a.hdf", 10, FileState.ELSEWHERE),
        ("other/a.hdf", None, FileState.ELSEWHERE),
    ]
    with pytest.raises(Unavailable, match=r"/there/a\.hdf"):
        app.search.locate(ANONYMOUS, "20.500/d1", "a.hdf")
    with pytest.raises(NotFound):
        app.search.locate(ANONYMOUS, "20.500/d1", "b.hdf")
    assert list(app.upkeep.datasets()) == []
    assert app.ingest_store.pending_digests(10) == []


def test_a_second_time_changes_nothing(make_facility: MakeFacility) -> None:
    app = make_facility()
    visit = document("v1", type="proposal", proposal="P-1", visit_id="1", access=ImportedAccess(public=False, team="v1"))
    records = (LOKI, dataset(), document(), visit, dataset("d2", investigation="v1", access=CLOSED, sources=("20.500/d1",)))
    bring(app, *records)
    before = rows(app)
    fates = bring(app, *records, now_us=2)
    assert {change for _, change in changes(fates)} == {"unchanged"}
    assert rows(app) == before


def test_a_dry_run_leaves_no_row_and_says_the_same(make_facility: MakeFacility) -> None:
    app = make_facility()
    before = rows(app)
    records = (LOKI, dataset(files=tuple(ImportedFile(name=f"{i}", size=1) for i in range(100))), document())
    planned = bring(app, *records, dry_run=True)
    assert rows(app) == before
    assert list((app.settings.data / "manifests").glob("**/*.parquet")) == []
    assert bring(app, *records) == planned


def test_what_changed_at_the_source_changes_here_and_what_people_said_stays(make_facility: MakeFacility) -> None:
    app = make_facility()
    bring(app, LOKI, dataset())
    app.editing.change(OPERATOR, "20.500/d1", {"title": "By hand"}, 1)
    new = dataset(title="Renamed", parameters=(), files=(ImportedFile(name="b.hdf", size=7),), samples=())
    assert changes(bring(app, new, now_us=5)) == [("dataset", "updated")]
    record = app.search.get(ANONYMOUS, "20.500/d1")
    assert record.summary.title == "By hand"
    assert record.summary.parameters == ()
    assert record.summary.sample is None
    assert record.version == 2
    assert [f.name for f in app.search.files(ANONYMOUS, "20.500/d1").items] == ["b.hdf"]
    assert [f.name for f in app.search.files(ANONYMOUS, "20.500/d1.v1").items] == ["a.hdf", "other/a.hdf"]


def test_where_a_dataset_was_made_from_is_kept_in_any_order(make_facility: MakeFacility) -> None:
    app = make_facility()
    bring(app, dataset("derived", sources=("raw", "later"), kind="processed", files=()), dataset("raw"))
    bring(app, dataset("later"))
    found = {(r.pid, r.direction) for r in app.search.get(ANONYMOUS, "derived").relations}
    assert found == {("raw", "from"), ("later", "from")}


def test_links_settle_in_whatever_order_their_ends_come(make_facility: MakeFacility) -> None:
    app = make_facility()
    bring(app, document("doc-a", datasets=("d1", "d2")))
    bring(app, dataset("d1", documents=("doc-a", "doc-b")))
    bring(app, document("doc-b"), dataset("d2", documents=()))
    with app.database.read() as c:
        query = select(t.document.c.pid, t.dataset.c.pid).select_from(t.document_dataset).join(t.document).join(t.dataset)
        assert {tuple(row) for row in c.execute(query)} == {("doc-a", "d1"), ("doc-a", "d2"), ("doc-b", "d1")}
    assert rows(app)["imported_link"] == 0


def test_what_was_made_here_is_never_overwritten(make_facility: MakeFacility) -> None:
    app = make_facility()
    with app.database.write() as c:
        c.execute(
            t.pid.insert(), {"pid": "pm-ours", "kind": "dataset", "concept": "pm-ours", "version": None, "origin": "native"}
        )
    bring(app, dataset("d1"))
    fates = bring(app, dataset("pm-ours"), dataset("d1.v1"), dataset("d1", title="x", nested=True), document("pm-ours"))
    assert sorted(changes(fates)) == [
        ("dataset", "dropped"),
        ("dataset", "dropped"),
        ("document", "dropped"),
    ]
    assert app.search.get(ANONYMOUS, "d1").summary.title == "Copper cylinder"
    [told] = [f for f in bring(app, dataset("d1"), origin=Origin.MIRRORED) if not f.part]
    assert told.change is Change.DROPPED
    assert "migrated" in str(told.reason)


def test_what_is_not_public_is_seen_by_staff_alone(make_facility: MakeFacility) -> None:
    app = make_facility()
    bring(
        app,
        LOKI,
        dataset(access=CLOSED, title="secret", parameters=(ImportedParameter(name="x", value=1.0),)),
        document(access=CLOSED),
    )
    scientist = Viewer(user_id=1, login="s", instruments=frozenset({1}))
    steward = Viewer(user_id=2, login="t", steward=True)
    stranger = Viewer(user_id=3, login="u", teams={1: TeamRole.MEMBER})
    for viewer in (ANONYMOUS, stranger):
        assert app.search.search(viewer, DatasetQuery()).items == ()
        assert app.search.count(viewer, DatasetQuery(where=Words(words=("secret",)))) == 0
        assert app.search.quantities(viewer) == ()
        for field in (Field.TECHNIQUE, Field.INSTRUMENT, Field.SAMPLE, Field.STATE):
            assert app.search.facet(viewer, DatasetQuery(), field) == ()
        for ask in (app.search.get, app.search.files):
            with pytest.raises(NotFound):
                ask(viewer, "20.500/d1")
        with pytest.raises(NotFound):
            app.search.locate(viewer, "20.500/d1", "a.hdf")
        with pytest.raises(NotFound):
            app.search.sample(viewer, "s/1")
        assert [i.dataset_count for i in app.search.instruments(viewer) if i.key == "loki"] == [0]
    for viewer in (steward, scientist):
        assert app.search.get(viewer, "20.500/d1").summary.title == "secret"


def test_a_visit_has_its_team_and_opens_on_its_day(make_facility: MakeFacility) -> None:
    app = make_facility()
    year = 31_536_000_000_000
    now = app.clock()
    people = (
        ImportedMember(role="Principal Investigator", person=ImportedPerson(key="1", full_name="Ada", login="db/ada")),
        ImportedMember(role="Co-Investigator", person=ImportedPerson(key="2", full_name="Bob", login="db/bob")),
    )
    access = ImportedAccess(public=False, team="v1", starts_us=now - 2 * year, ends_us=now - year, opens_us=now + year)
    visit = document(
        "v1",
        type="proposal",
        proposal="12100409-ST",
        visit_id="1.1-P",
        access=access,
        members=people,
        summary="the proposal's text",
    )
    bring(app, LOKI, visit, dataset("d1", investigation="v1", access=CLOSED, documents=()))
    with app.database.read() as c:
        team = c.execute(select(t.terms.c.team_id).where(t.terms.c.opens_us == access.opens_us)).scalar_one()
        roles = dict(c.execute(select(t.account.c.login, t.team_member.c.role).join(t.team_member)).all())
        assert c.execute(select(t.account.c.password_hash)).scalars().all() == [None, None]
        assert c.execute(select(t.document.c.summary).where(t.document.c.pid == "v1")).scalar() is None
    assert roles == {"db/ada": "pi", "db/bob": "member"}
    mine = Viewer(user_id=1, login="db/ada", teams={team: TeamRole.PI})
    assert app.search.files(mine, "d1").total == 2
    assert app.search.get(ANONYMOUS, "d1").summary.parameters == ()
    assert app.search.investigation(ANONYMOUS, "v1").proposal == "12100409-ST"
    open_now = replace(visit, access=replace(access, opens_us=now - 1))
    assert changes(bring(app, open_now, now_us=now)) == [("document", "updated")]
    assert app.search.files(ANONYMOUS, "d1").total == 2


def test_a_mirrored_record_has_no_policy_of_ours(make_facility: MakeFacility) -> None:
    app = make_facility()
    access = ImportedAccess(public=False, team="v1", opens_us=5)
    member = ImportedMember(role="PI", person=ImportedPerson(key="1", full_name="Ada", login="ada"))
    visit = document("v1", type="proposal", proposal="P", visit_id="1", access=access, members=(member,))
    bring(app, visit, dataset("d1", investigation="v1", access=access), origin=Origin.MIRRORED)
    found = rows(app)
    assert (found["account"], found["team"], found["investigation"], found["terms"]) == (0, 0, 0, 1)
    assert app.search.count(ANONYMOUS, DatasetQuery()) == 0
    assert app.search.get(OPERATOR, "d1").summary.origin is Origin.MIRRORED


def test_a_thousand_records_share_their_terms(make_facility: MakeFacility) -> None:
    app = make_facility()
    for first in range(0, 1000, 500):
        bring(app, LOKI, *(dataset(f"d{i}", access=PUBLIC if i % 2 else CLOSED) for i in range(first, first + 500)))
    assert rows(app)["terms"] == 2
    assert app.search.count(ANONYMOUS, DatasetQuery()) == 500


def test_an_instrument_of_ours_is_recognised_and_others_get_their_facility(make_facility: MakeFacility) -> None:
    app = make_facility(PANMESH_INSTRUMENT__I22__NAME="Small angle", PANMESH_FACILITY__NAME="Diamond")
    fates = bring(
        app,
        ImportedInstrument(pid="x/22", name="I22", facility="diamond"),
        ImportedInstrument(pid="x/22b", name="I22", facility="ESS"),
        ImportedInstrument(pid="x/22c", name="i 22", facility="ESS"),
        dataset("d1", instrument="x/22"),
        dataset("d2", instrument="x/22c"),
    )
    assert [f.change for f in fates if f.kind == "instrument" and not f.part] == [Change.NEW] * 3
    assert {(i.facility_name, i.key) for i in app.search.instruments(ANONYMOUS)} == {
        ("Diamond", "i22"),
        ("ESS", "i22"),
        ("ESS", "i22-2"),
    }
    first = app.search.get(ANONYMOUS, "d1").summary
    assert (first.facility_name, first.instrument_key) == ("Diamond", "i22")
    assert app.search.get(ANONYMOUS, "d2").summary.instrument_key == "i22-2"


def test_hostile_values_are_kept_out_or_made_harmless(make_facility: MakeFacility) -> None:
    app = make_facility()
    huge: Any = 10**400
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    bad = dataset(
        "odd",
        title="nul \x00 and \ud800 " + "x" * 10_000_000,
        created_us=huge,
        size=huge,
        parameters=(
            ImportedParameter(name="n" * 5000, value=huge),
            ImportedParameter(name="inf", value=math.inf, unit="eV"),
            ImportedParameter(name="nan", value=math.nan, minimum=-math.inf),
        ),
        files=(ImportedFile(name="a\x00b", size=-5), ImportedFile(name="c", size=2**70)),
        people=({"name": "\udfff" * 1000},),
        extra={"deep": deep, "\x00": huge},
    )
    fates = bring(app, bad, dataset("", title="x"), dataset("a\x00b"), dataset("p" * 5000), document("\ud800"))
    assert sorted(changes(fates)) == [("dataset", "dropped")] * 3 + [("dataset", "new"), ("document", "dropped")]
    record = app.search.get(ANONYMOUS, "odd")
    assert len(record.summary.title or "") == 10_000
    assert [p.value for p in record.summary.parameters] == [str(huge), "inf", "nan"]
    assert app.search.files(ANONYMOUS, "odd").total == 2


def test_a_batch_that_fails_leaves_nothing_of_itself(make_facility: MakeFacility, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_facility()
    before = rows(app)

    def stop(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("panmesh.adapters.sql.importing.settle_links", stop)
    with pytest.raises(RuntimeError):
        bring(app, LOKI, dataset(), document())
    assert rows(app) == before


def test_the_audit_tells_of_it_once_for_a_batch(make_facility: MakeFacility, tmp_path: Path) -> None:
    app = make_facility()
    bring(app, LOKI, dataset())
    bring(app, LOKI, dataset())
    [entry] = app.audit.entries()
    assert (entry.actor, entry.action, entry.detail["dataset"]) == ("operator", "imported", 1)
    with app.database.write() as c:
        c.execute(update(t.dataset).values(revision=1))
