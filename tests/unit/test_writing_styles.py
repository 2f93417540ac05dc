"""How facilities write that are not in the table of real files: each pattern made small, and what a scientist reads in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from panmesh.adapters.hdf5.reading import read_facts
from panmesh.ingest.facts import EntryFacts
from panmesh.ingest.profile import Profile
from panmesh.ingest.reader import ReadLimits


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.nxs"


def _group(parent: h5py.Group, name: str, nx_class: str | None = None, /, **values: Any) -> h5py.Group:
    made = parent.create_group(name)
    if nx_class is not None:
        made.attrs["NX_class"] = nx_class
    for key, value in values.items():
        made[key] = value
    return made


def _number(parent: h5py.Group, name: str, value: Any, units: str | None = None) -> None:
    parent[name] = value
    if units is not None:
        parent[name].attrs["units"] = units


def _runs(path: Path) -> tuple[EntryFacts, ...]:
    return read_facts(str(path), Profile(), ReadLimits()).entries


def _run(path: Path) -> EntryFacts:
    [run] = _runs(path)
    return run


def _canonical(run: EntryFacts) -> dict[str, str]:
    return {q.path: q.canonical for q in run.quantities if q.canonical}


def _signal(run: EntryFacts) -> str:
    assert run.plot is not None
    return run.plot.signal


def test_an_instrument_group_without_a_name_is_called_by_its_own(path: Path) -> None:
    """SOLEIL: the group of the NXinstrument is the beamline, its @name a template that nobody filled in."""
    with h5py.File(path, "w") as file:
        entry = _group(file, "theta_00062", "NXentry", experiment_identifier="theta_00062")
        _group(entry, "DIFFABS", "NXinstrument").attrs["name"] = "{Name of instrument}"
    run = _run(path)
    assert run.instrument is not None
    assert run.instrument.value == "DIFFABS"
    assert run.proposal is None  # the identifier repeats the entry's name: it is the scan's


@pytest.mark.parametrize("name", ["instrument", "Pilatus_processing", "instrument_1", "1"])
def test_a_general_word_is_no_name_of_an_instrument(path: Path, name: str) -> None:
    with h5py.File(path, "w") as file:
        _group(_group(file, "entry", "NXentry"), name, "NXinstrument")
    assert _run(path).instrument is None


def test_isis_names_the_instrument_in_the_entry(path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "raw_data_1", "NXentry", name="LOQ")
        entry["name"].attrs["short_name"] = "LOQ"
        detector = _group(entry, "detector_1")
        detector["counts"] = np.ones((1, 4, 5))
        detector["counts"].attrs["signal"] = 1
    run = _run(path)
    assert run.instrument is not None
    assert run.instrument.value == "LOQ"
    assert _signal(run) == "/raw_data_1/detector_1/counts"  # marked, in a group without class


def test_a_name_of_an_entry_alone_is_no_instrument(path: Path) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry", name="my best run")
    assert _run(path).instrument is None


def test_a_source_that_tells_facility_and_beamline(path: Path) -> None:
    """XDI files turned into NeXus, and areaDetector at the APS."""
    with h5py.File(path, "w") as file:
        instrument = _group(_group(file, "entry", "NXentry"), "instrument", "NXinstrument")
        _group(
            instrument, "source", "NXsource", name="APS, undulator 36mm, 13-ID-E", facility_name="APS", beamline_name="13-ID-E"
        )
    run = _run(path)
    assert run.facility is not None
    assert run.instrument is not None
    assert (run.facility.value, run.instrument.value) == ("APS", "13-ID-E")


def test_a_group_called_facility_at_the_root(path: Path) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry")
        _group(file, "facility", None, facility_name="APS", facility_beamline="34ID-E")
    run = _run(path)
    assert run.facility is not None
    assert run.instrument is not None
    assert (run.facility.value, run.instrument.value) == ("APS", "34ID-E")


@pytest.mark.parametrize("kind", ["Fixed Tube X-ray", "Rotating Anode X-ray", "UV Laser", "UV Plasma Source"])
def test_a_lamp_is_no_facility(path: Path, kind: str) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry", experiment_institution="University of Somewhere")
        _group(_group(entry, "instrument", "NXinstrument"), "source_probe", "NXsource", name="Al", type=kind)
    run = _run(path)
    assert run.facility is not None
    assert run.facility.value == "University of Somewhere"


def test_an_accelerator_is_the_facility_before_the_institution_that_hosts_it(path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry", experiment_institution="DESY")
        _group(_group(entry, "instrument", "NXinstrument"), "source", "NXsource", name="FLASH", type="Free-Electron Laser")
    run = _run(path)
    assert run.facility is not None
    assert run.facility.value == "FLASH"


def test_a_sample_within_the_instrument(path: Path) -> None:
    with h5py.File(path, "w") as file:
        instrument = _group(_group(file, "entry", "NXentry"), "instrument", "NXinstrument")
        _group(instrument, "sample", "NXsample", name="IN625")
    run = _run(path)
    assert run.sample is not None
    assert run.sample.name == "IN625"


def test_groups_of_cansas_class_only(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for number in ("01", "02"):
            entry = _group(file, f"sasentry{number}", None, definition="NXcanSAS", title=f"run {number}")
            entry.attrs["canSAS_class"] = "SASentry"
            instrument = _group(entry, "sasinstrument", None, name="SANS2D")
            instrument.attrs["canSAS_class"] = "SASinstrument"
            detector = _group(instrument, "rear")
            detector.attrs["canSAS_class"] = "SASdetector"
            _number(detector, "SDD", 4.4, "m")
            data = _group(entry, "sasdata", None, I=np.ones(5), Q=np.arange(5.0))
            data.attrs.update({"canSAS_class": "SASdata", "signal": "I", "I_axes": "Q"})
    one, two = _runs(path)
    assert [r.title.value for r in (one, two) if r.title] == ["run 01", "run 02"]
    assert one.instrument is not None
    assert one.instrument.value == "SANS2D"
    assert _signal(two) == "/sasentry02/sasdata/I"
    assert _canonical(one)["/sasentry01/sasinstrument/rear/SDD"] == "detector_distance"


def test_a_sensor_says_what_it_measures_and_where(path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry")
        environment = _group(_group(entry, "sample", "NXsample"), "env", "NXenvironment")
        _number(_group(environment, "sensor", "NXsensor", measurement="pressure"), "value", 100.0, "kPa")
        instrument = _group(entry, "instrument", "NXinstrument")
        _number(
            _group(instrument, "temperature_sensor", "NXsensor", measurement="temperature", attached_to="CCD"),
            "value",
            -56.0,
            "celsius",
        )
    assert _canonical(_run(path)) == {"/entry/sample/env/sensor/value": "pressure"}  # a cold camera is no cold sample


def test_a_velocity_selector_that_is_called_a_chopper(path: Path) -> None:
    with h5py.File(path, "w") as file:
        instrument = _group(_group(file, "entry", "NXentry"), "SANS", "NXinstrument", name="SANS at SINQ")
        selector = _group(instrument, "Dornier-VS", "NXchopper")
        _number(selector, "lambda", 0.6, "nm")
        _number(selector, "rotation_speed", 21334.0, "RPM")
    assert _canonical(_run(path)) == {
        "/entry/SANS/Dornier-VS/lambda": "incident_wavelength",
        "/entry/SANS/Dornier-VS/rotation_speed": "chopper_speed",
    }


def test_the_energy_that_a_positioner_scans(path: Path) -> None:
    with h5py.File(path, "w") as file:
        instrument = _group(_group(file, "entry", "NXentry"), "instrument", "NXinstrument")
        _number(_group(instrument, "energy", "NXpositioner"), "value", np.linspace(700, 720, 21), "eV")
        _number(_group(instrument, "positioners"), "ccmenergy", 17.0, "keV")
    assert set(_canonical(_run(path)).values()) == {"incident_energy"}
    assert len(_canonical(_run(path))) == 2


@pytest.mark.parametrize(
    "identifier",
    [r"D:\Data\123306\A151216.123306-02602", "/data/2020/scan.nxs", "10.2465/jmps.111020i", "https://doi.org/10.5281/zenodo.1"],
)
def test_a_file_or_a_paper_is_no_proposal(path: Path, identifier: str) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry", identifier_experiment=identifier)
    assert _run(path).proposal is None


def test_a_negative_number_is_no_proposal_and_minus_one_no_ring_current(path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry", rb_proposal=-1000)
        source = _group(_group(entry, "instrument", "NXinstrument"), "source", "NXsource", current=-1.0, frequency=-1.0)
        _number(source, "energy", 3.0, "GeV")
    run = _run(path)
    assert run.proposal is None
    assert _canonical(run) == {"/entry/instrument/source/energy": "source_energy"}


def test_a_proposal_in_a_group_of_its_own(path: Path) -> None:
    with h5py.File(path, "w") as file:
        notes = _group(_group(file, "entry", "NXentry"), "bss", "NXnote")
        _group(notes, "proposal", "NXnote", id="1021369", title="a study")
    run = _run(path)
    assert run.proposal is not None
    assert run.proposal.value == "1021369"


@pytest.mark.parametrize(
    ("written", "proposal", "visit"),
    [
        ("/dls/i07/data/2021/si28707-1/i07-404875.nxs", "si28707", "si28707-1"),
        ("/data/visitor/hc4321/id31/20240101/RAW/x.h5", "hc4321", None),
        ("/asap3/petra3/gpfs/p06/2020/data/11010000/raw/x.nxs", "11010000", None),
        ("/SNS/REF_L/IPTS-26776/nexus/x.nxs.h5", "IPTS-26776", None),
    ],
)
def test_a_visit_in_the_path_under_which_the_file_was_written(path: Path, written: str, proposal: str, visit: str | None) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["file_name"] = written
        _group(file, "entry", "NXentry")
    run = _run(path)
    assert run.proposal is not None
    assert (run.proposal.value, run.visit.value if run.visit else None) == (proposal, visit)


def test_facts_in_attributes_of_groups(path: Path) -> None:
    """SSRL's PEAK writes groups whose attributes are the metadata, and two arrays."""
    with h5py.File(path, "w") as file:
        _group(file, "Measurement").attrs.update(
            {"StartTime": "2022/12/13 02:50:37.282049", "StopTime": "2022/12/13 02:55:31.970249"}
        )
        _group(file, "UserSettings").attrs.update({"Sample": "TiSe2", "User": "tester"})
        file["Data/Count"] = np.ones((8, 9))
    run = _run(path)
    assert run.start is not None
    assert run.end is not None
    assert run.sample is not None
    assert (run.start.raw[:19], run.end.raw[:19], run.sample.name, len(run.people)) == (
        "2022/12/13 02:50:37",
        "2022/12/13 02:55:31",
        "TiSe2",
        1,
    )
    assert _signal(run) == "/Data/Count"


def test_a_definition_at_the_root_of_a_file_with_one_run(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["definition"] = "NXrixs"
        _group(file, "entry", "NXentry")
    assert [t.name for t in _run(path).techniques] == ["resonant inelastic x-ray scattering"]


def test_a_time_of_flight_file_of_the_old_kind(path: Path) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry1", "NXentry", definition="NeXus time of flight raw")
    assert [t.name for t in _run(path).techniques] == ["neutron time of flight technique"]


# --- plots where nothing is marked ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signal", "classes"),
    [
        ("/entry/data/data", {}),  # areaDetector's plain HDF5 writer
        ("/entry/data/data", {"/entry": "NXentry"}),
        ("/entry/instrument/detector/data", {"/entry": "NXentry"}),
        ("/entry_1/data_1/data", {}),  # CXI
        ("/entry_1/image_1/data", {}),
        ("/1.1/measurement/basler_ff", {}),  # cut out of a BLISS scan
        ("/exchange/data", {}),
        ("/Acquisition0/ImageData/Image", {}),
    ],
)
def test_a_stack_of_images_in_groups_without_class_is_plotted(path: Path, signal: str, classes: dict[str, str]) -> None:
    with h5py.File(path, "w") as file:
        file[signal] = np.ones((3, 8, 9), "u2")
        for name, nx_class in classes.items():
            file[name].attrs["NX_class"] = nx_class
    run = _run(path)
    assert (_signal(run), run.plot.marking if run.plot else "") == (signal, "guess")


def test_a_guess_takes_neither_axes_nor_settings(path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry")
        data = _group(entry, "pil", "NXdata", TimeSec=np.arange(9.0), roi=np.arange(5.0), x=np.arange(7.0))
        data["x"].attrs["axis"] = 1
        _group(_group(entry, "instrument", "NXinstrument"), "pil", "NXdetector", frame_time=np.ones(99), event_id=np.arange(99))
    assert _signal(_run(path)) == "/entry/pil/roi"


def test_a_master_that_only_links_to_its_frames(path: Path) -> None:
    """Dectris: NXdata with nothing but links to the data files, none of them marked."""
    with h5py.File(path, "w") as file:
        _group(_group(file, "entry", "NXentry"), "data", "NXdata")["data_000001"] = h5py.ExternalLink(
            "run_data_000001.h5", "/entry/data/data"
        )
    run = _run(path)
    assert _signal(run) == "/entry/data/data_000001"
    assert run.plot is not None
    assert run.plot.missing == ("run_data_000001.h5",)


def test_a_table_of_numbers_alone_is_not_plotted(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["angles"] = np.arange(3.0)
        file["settings/gains"] = np.ones((2, 2))
    assert _run(path).plot is None


# --- files larger than what is looked at --------------------------------------------------------------------------------------


def test_what_matters_is_found_before_the_logs_of_a_huge_file(path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry", title="a run")
        logs = _group(entry, "DASlogs", "NXcollection")
        for number in range(60):
            _group(logs, f"log{number:03}", "NXlog", value=1.0, time=0.0, average=1.0, minimum=1.0)
        detector = _group(_group(entry, "instrument", "NXinstrument", name="REF_L"), "detector", "NXdetector")
        _number(detector, "distance", 2.5, "m")
    facts = read_facts(str(path), Profile(), ReadLimits(nodes=160))
    assert "more than 160 objects" in facts.problems[0].what
    [run] = facts.entries
    assert _canonical(run) == {"/entry/instrument/detector/distance": "detector_distance"}
    assert run.instrument is not None


def test_a_file_within_the_limit_is_walked_in_its_own_order(path: Path) -> None:
    """The first of two names of the same numbers is where they stand."""
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry")
        for number in range(60):
            _group(_group(entry, f"logs{number:03}", "NXcollection"), "log", "NXlog", value=float(number))
        _group(entry, "sample", "NXsample")["temperature_log"] = entry["logs000/log"]
    [run] = read_facts(str(path), Profile(), ReadLimits(nodes=300)).entries
    assert "/entry/logs000/log/value" in {q.path for q in run.quantities}


def test_the_entry_of_a_root_with_too_many_members_is_found_by_name(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for number in range(40):
            file[f"a{number:03}"] = number
        _group(file, "entry", "NXentry", title="behind them all")
    [run] = read_facts(str(path), Profile(), ReadLimits(links_per_group=20)).entries
    assert run.title is not None
    assert run.title.value == "behind them all"


def test_texts_of_variable_length_count_against_what_is_read_of_a_file(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for number in range(8):
            file[f"entry/note{number}"] = str(number) * 100_000
    facts = read_facts(str(path), Profile(), ReadLimits(total_bytes=250_000))
    assert [p.path for p in facts.problems] == [f"/entry/note{n}" for n in range(3, 8)]
