"""Dumps of every version of ICAT, and what else lies beside them: transcribed by hand from the files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select

from panmesh.access.viewer import ANONYMOUS, OPERATOR, TeamRole, Viewer
from panmesh.adapters.catalogues.icat_files import read_icat_files
from panmesh.adapters.sql import tables as t
from panmesh.catalogue.imported import ImportedDataset, ImportedDocument, ImportedInstrument, Rejected
from panmesh.catalogue.importing import batched
from panmesh.catalogue.model import Origin
from panmesh.catalogue.query import DatasetQuery, QuantityRange
from tests.conftest import MakeFacility

pytestmark = pytest.mark.shared_data

# version: datasets, files, members, publications, relations of datasets with techniques, rules and public steps
EXPECTED = {
    "6.2": (9, 11, 5, 1, 5, 161, 38),
    "5.0": (9, 11, 5, 1, 5, 159, 37),
    "4.10": (8, 10, 5, 0, 0, 111, 24),
    "4.7": (8, 10, 5, 0, 0, 111, 24),
    "4.4": (8, 10, 5, 0, 0, 111, 24),
}
VISITS = {
    "08100122-EF": ("1.1-P", "Durol single crystal", 3, ("Durol",), "HIKE", "00.0815/inv-00122"),
    "10100601-ST": ("1.1-N", "Ni-Mn-Ga flat cone", 1, ("Gallium", "Manganese", "NiMnGa", "Nickel"), "E2", "00.0815/inv-00601"),
    "12100409-ST": ("1.1-P", "NiO SC OF1 JUH HHL", 1, ("NiO", "Nickel", "Nickel oxide", "oxide"), "EDDI", "00.0815/inv-00409"),
}


@pytest.mark.parametrize("form", ["xml", "yaml"])
@pytest.mark.parametrize("version", EXPECTED)
def test_a_dump_of_each_version(shared_data: Path, version: str, form: str) -> None:
    found = list(read_icat_files([shared_data / "metadata" / "icat" / f"icatdump-{version}.{form}"], "esnf"))
    datasets = {d.title: d for d in found if isinstance(d, ImportedDataset)}
    visits = {v.proposal: v for v in found if isinstance(v, ImportedDocument) and v.visit_id}
    publications = [p for p in found if isinstance(p, ImportedDocument) and not p.visit_id]
    rejected = Counter(r.kind for r in found if isinstance(r, Rejected))
    files = sum(len(d.files) for d in datasets.values())
    members = sum(len(v.members) for v in visits.values())
    techniques = sum(len(d.techniques) for d in datasets.values())
    counts = (len(datasets), files, members, len(publications), techniques, rejected["ICAT rule"], rejected["ICAT publicStep"])
    assert counts == EXPECTED[version]
    instruments = {i.name: i.pid for i in found if isinstance(i, ImportedInstrument)}
    assert set(instruments) == {"E2", "EDDI", "HIKE"}
    for number, (visit_id, title, people, keywords, instrument, doi) in VISITS.items():
        one = visits[number]
        assert (one.visit_id, one.title, len(one.members), one.instrument) == (visit_id, title, people, instruments[instrument])
        assert set(one.keywords) == set(keywords)
        assert one.doi == doi
    field, power = datasets["e208339"].parameters
    assert (field.name, field.value, field.unit) == ("Magnetic field", 7.3, "T")
    assert (power.name, power.value, power.unit) == ("Reactor power", 5.0, "MW")
    assert [(p.value, p.unit) for p in datasets["e208945"].parameters] == [(3.92, "C"), (277.07, "K")]
    assert [(f.name, f.size) for f in datasets["e208339"].files] == [("e208339.dat", 446), ("e208339.nxs", 73428)]
    [sample] = datasets["e201215"].samples
    assert (sample.name, sample.formula) == ("Durol SC", "C10H14")
    assert datasets["e208947"].kind == "processed"
    assert datasets["e201215"].start_us == 1_205_404_782_000_000  # 2008-03-13T10:39:42Z


def test_what_only_newer_versions_say(shared_data: Path) -> None:
    found = list(read_icat_files([shared_data / "metadata" / "icat" / "icatdump-6.2.yaml"], "esnf"))
    [publication] = [p for p in found if isinstance(p, ImportedDocument) and not p.visit_id]
    assert (publication.pid, publication.doi) == ("DOI:00.0815/pub-00027", "00.0815/pub-00027")
    assert publication.datasets == ("icat:esnf:12100409-ST:1.1-P:pub-00027",)
    assert publication.release_us == 1_667_170_800_000_000  # 2022-10-30T23:00:00Z
    assert [m.role for m in publication.members] == ["Creator"]
    [e201215] = [d for d in found if isinstance(d, ImportedDataset) and d.title == "e201215"]
    assert [(x.pid, x.panet_pid) for x in e201215.techniques] == [("PaNET:PaNET01103", "PaNET01103")]
    assert e201215.samples[0].pid == "IGSN:ESNFHNS8AYEZ"
    left_out = Counter(r.kind for r in found if isinstance(r, Rejected))
    assert (left_out["fundingReferences"], left_out["publications"], left_out["shifts"], left_out["ICAT study"]) == (1, 1, 3, 1)


def test_both_forms_say_the_same(shared_data: Path) -> None:
    folder = shared_data / "metadata" / "icat"
    for version in EXPECTED:
        xml, yaml = (
            sorted(
                (r for r in read_icat_files([folder / f"icatdump-{version}.{form}"], "f") if not isinstance(r, Rejected)),
                key=lambda r: r.pid,
            )
            for form in ("xml", "yaml")
        )
        assert [(r.pid, getattr(r, "title", None)) for r in xml] == [(r.pid, getattr(r, "title", None)) for r in yaml]
        for one, other in zip(xml, yaml, strict=True):
            if isinstance(one, ImportedDataset) and isinstance(other, ImportedDataset):
                assert {(f.name, f.size) for f in one.files} == {(f.name, f.size) for f in other.files}
                assert one.parameters == other.parameters


def test_every_file_that_is_there_is_told_of(shared_data: Path) -> None:
    for path in sorted((shared_data / "metadata" / "icat").iterdir()):
        assert list(read_icat_files([path], "esnf")), path.name


def test_a_dump_becomes_visits_that_their_teams_read(shared_data: Path, make_facility: MakeFacility) -> None:
    app = make_facility()
    path = shared_data / "metadata" / "icat" / "icatdump-6.2.yaml"

    def load() -> Counter[str]:
        batches = batched(read_icat_files([path], app.settings.facility.key))
        report = app.importing.load(OPERATOR, batches, origin=Origin.MIGRATED, source=path.name)
        return sum((report.counts[kind] for kind in ("dataset", "document", "instrument")), Counter())

    assert load() == {"new": 9 + 4 + 3}
    assert load() == {"unchanged": 9 + 4 + 3}
    with app.database.read() as c:
        roles = {(row.login, row.role) for row in c.execute(select(t.account.c.login, t.team_member.c.role).join(t.team_member))}
        team = c.execute(
            select(t.team_member.c.team_id).join(t.account).where(t.account.c.login == "db/ahau", t.team_member.c.role == "pi")
        ).scalar_one()
        linked = select(func.count()).select_from(t.document_dataset)
        assert c.execute(linked).scalar_one() == 1
    assert {("db/jbotu", "pi"), ("db/nbour", "member"), ("db/rbeck", "member"), ("db/ahau", "pi"), ("db/nbour", "pi")} == roles
    assert app.search.count(ANONYMOUS, DatasetQuery()) == 0  # no investigation of it has a release date
    mine = Viewer(user_id=1, login="db/ahau", teams={team: TeamRole.PI})
    assert app.search.count(mine, DatasetQuery()) == 3
    strong = QuantityRange(name="Magnetic field", low=7_000, high=8_000, unit="mT")
    assert [d.title for d in app.search.search(mine, DatasetQuery(where=strong)).items] == ["e208339"]
