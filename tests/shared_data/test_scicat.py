"""Exports of SciCat: its demonstration data and the examples of one of its clients, transcribed by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from panmesh.access.viewer import ANONYMOUS, OPERATOR
from panmesh.adapters.catalogues.scicat_files import read_scicat_files
from panmesh.catalogue.imported import ImportedDataset, ImportedDocument, ImportedInstrument, Rejected
from panmesh.catalogue.importing import batched
from panmesh.catalogue.model import Origin
from panmesh.catalogue.query import DatasetQuery, QuantityRange
from tests.conftest import MakeFacility

pytestmark = pytest.mark.shared_data


def test_collections_become_records(shared_data: Path) -> None:
    found = list(read_scicat_files([shared_data / "metadata" / "scicat" / "scicatlive-seed"]))
    datasets = {d.pid: d for d in found if isinstance(d, ImportedDataset)}
    documents = {d.pid: d for d in found if isinstance(d, ImportedDocument)}
    assert len(datasets) == 19
    assert {i.pid: i.name for i in found if isinstance(i, ImportedInstrument)} == {
        "desy_instrument1": "SPB/SFX",
        "psi_instrument1": "TOMCAT X02DA",
        "ukri_instrument1": "LOQ",
        "ukri_instrument3": "ISIS Offspec",
    }
    assert [r.pid for r in found if isinstance(r, Rejected)] == ["Job.json"]
    one = datasets["PID.SAMPLE.PREFIX/desy_ds1"]
    assert (one.title, one.access.public, one.access.team, one.kind) == ("cheetah", True, "group1", "raw")
    assert (one.instrument, one.created_us) == ("desy_instrument1", 1_581_083_203_000_000)
    assert [(s.pid, s.name) for s in one.samples] == [("sample2", "Lysozyme")]
    assert [(p.name, p.value, p.unit) for p in one.parameters] == [("beamEnergy", 9.3, "keV")]
    assert one.extra["sourceFolder"] == "https://cxidb.org/data/98/cheetah"
    assert datasets["PID.SAMPLE.PREFIX/psi_ds1"].files[0].name == "PSI-2018-R2-6_cropped_volume0000.tif"
    assert datasets["PID.SAMPLE.PREFIX/psi_ds1"].files[0].size == 95220228
    assert datasets["PID.SAMPLE.PREFIX/psi_ds3"].documents == ("psi_proposal1",)
    proposal = documents["psi_proposal1"]
    assert (proposal.type, proposal.starts_us, proposal.ends_us) == ("proposal", 1_607_690_580_000_000, 1_609_372_800_000_000)
    assert sum(d.type == "publication" for d in documents.values()) == 11
    assert documents["10.9999/desy_pub1"].datasets == tuple(f"PID.SAMPLE.PREFIX/desy_ds{i}" for i in (1, 2, 3))


def test_what_ingest_scripts_write(shared_data: Path) -> None:
    found = list(read_scicat_files([shared_data / "metadata" / "scicat" / "pyscicat"]))
    raw, derived = sorted((d for d in found if isinstance(d, ImportedDataset)), key=lambda d: d.pid)
    assert (raw.pid, raw.size, raw.access.public) == ("0275d813-be6b-444f-812f-b8311d129361", 68386784, False)
    values = {p.name: (p.value, p.unit or None) for p in raw.parameters}
    assert values["upper_wavelength_limit"] == (3.6, "Å")
    assert values["event_writen_present"] == ("true", None)
    assert raw.techniques[0].name == "Simulation"
    assert (derived.kind, derived.sources) == ("processed", (raw.pid,))
    assert raw.files
    assert all((f.path or "").startswith("/mnt/data/simulation/CAMEA/CAMEA31") for f in raw.files)


def test_every_folder_is_told_of(shared_data: Path) -> None:
    for name in ("backend-test", "ingestor", "oai-fixtures"):
        found = list(read_scicat_files([shared_data / "metadata" / "scicat" / name]))
        assert found
        assert all(isinstance(r, Rejected) and r.kind == "file" for r in found)


def test_published_is_open_and_the_rest_is_not(shared_data: Path, make_facility: MakeFacility) -> None:
    app = make_facility()
    for folder in ("scicatlive-seed", "pyscicat") * 2:
        batches = batched(read_scicat_files([shared_data / "metadata" / "scicat" / folder]))
        report = app.importing.load(OPERATOR, batches, origin=Origin.MIGRATED, source=folder)
    assert report.counts["dataset"] == {"unchanged": 2}
    assert app.search.count(ANONYMOUS, DatasetQuery()) == 19
    assert app.search.count(OPERATOR, DatasetQuery()) == 21
    hard = QuantityRange(name="beamEnergy", low=20_000, high=22_000, unit="eV")
    assert app.search.count(ANONYMOUS, DatasetQuery(where=hard)) == 3
