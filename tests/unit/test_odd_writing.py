"""What real files do to an ingester, point by point (nexus-in-the-wild.md): each oddity made here and read behind the wall."""

from __future__ import annotations

import csv
import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest
from h5py import h5d, h5f, h5o, h5p, h5s, h5t, h5z

from panmesh.adapters.hdf5 import SandboxedReader
from panmesh.ingest.facts import EntryFacts, FileFacts, FileFormat, PlotFacts, QuantityFacts, ReadState, TimeBasis
from panmesh.ingest.names import companion_prefix, is_companion
from panmesh.ingest.profile import Profile
from panmesh.ingest.quantities import MAX_QUANTITIES
from panmesh.ingest.reader import ReadRequest
from panmesh.kernel import techniques
from panmesh.kernel.clock import iso
from panmesh.kernel.techniques import PREFIX

VLEN = h5py.string_dtype()


@pytest.fixture(scope="module")
def reader() -> Iterator[SandboxedReader]:
    made = SandboxedReader()
    yield made
    made.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.nxs"


def _read(reader: SandboxedReader, path: Path, **profile: Any) -> FileFacts:
    return reader.read(ReadRequest(path=path, folder=path.parent, profile=Profile(**profile)))


def _run(reader: SandboxedReader, path: Path, **profile: Any) -> EntryFacts:
    """The only run of a file that is read without a problem."""
    facts = _read(reader, path, **profile)
    assert (facts.state, facts.problems) == (ReadState.READ, ())
    [entry] = facts.entries
    return entry


def _group(parent: h5py.Group, name: str, nx_class: Any = None, /, **values: Any) -> h5py.Group:
    group = parent.create_group(name)
    if nx_class is not None:
        group.attrs["NX_class"] = nx_class
    for key, value in values.items():
        group[key] = value
    return group


def _number(parent: h5py.Group, name: str, value: Any, units: str | None = None) -> h5py.Dataset:
    parent[name] = value
    if units is not None:
        parent[name].attrs["units"] = units
    return parent[name]


def _fixed(text: str | bytes, size: int, padding: int = h5t.STR_NULLPAD) -> tuple[bytes, h5t.TypeID]:
    kind = h5t.C_S1.copy()
    kind.set_size(size)
    kind.set_strpad(padding)
    raw = text.encode() if isinstance(text, str) else text
    return raw.ljust(size, b" " if padding == h5t.STR_SPACEPAD else b"\0"), kind


def _write_fixed(
    parent: h5py.Group, name: str, text: str | bytes, size: int, padding: int, shape: tuple[int, ...] = ()
) -> h5py.Dataset:
    raw, kind = _fixed(text, size, padding)
    space = h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)
    made = h5d.create(parent.id, name.encode(), kind, space)
    made.write(h5s.ALL, h5s.ALL, np.full(shape, raw, dtype=f"S{size}"), mtype=kind)
    return h5py.Dataset(made)


def _kind(value: Any) -> np.dtype[Any] | None:
    """The type of an attribute: texts of NumPy's objects are of variable length."""
    return VLEN if isinstance(value, np.ndarray) and value.dtype.kind == "O" else None


def _values(entry: EntryFacts) -> dict[str, QuantityFacts]:
    return {quantity.path: quantity for quantity in entry.quantities}


def _plot(entry: EntryFacts) -> PlotFacts:
    assert entry.plot is not None
    return entry.plot


# --- 1. no NXentry at all ----------------------------------------------------------------------------------------------


def _laser(file: h5py.File) -> None:
    _number(file.create_group("INSTRUMENT/SPB/delay/position"), "value", np.arange(5.0), "ps")
    file["INDEX/trainId"] = np.arange(5, dtype="u8")


def _data_exchange(file: h5py.File) -> None:
    file["exchange/data"] = np.zeros((4, 5, 6), "u2")
    file["exchange/title"] = "tomography of a bone"
    file["measurement/sample/name"] = "bone"


def _area_detector(file: h5py.File) -> None:
    file["entry/data/data"] = np.zeros((2, 3, 4), "u2")
    file["entry/instrument/name"] = "I99"


def _cxi(file: h5py.File) -> None:
    file["cxi_version"] = 140
    file["entry_1/title"] = "a virus"
    file["entry_1/start_time"] = "2014-05-17T15:13:27Z"


def _bare(file: h5py.File) -> None:
    file["angles"] = np.arange(3.0)


@pytest.mark.parametrize("write", [_laser, _data_exchange, _area_detector, _cxi, _bare, lambda file: None])
def test_1_a_file_without_entries_is_one_run_of_the_file_level(reader: SandboxedReader, path: Path, write: Any) -> None:
    with h5py.File(path, "w") as file:
        write(file)
    entry = _run(reader, path)
    assert entry.entry is None
    assert entry.entry_class == ""


def test_1_what_a_file_without_entries_says_is_found_at_the_file_level(reader: SandboxedReader, tmp_path: Path) -> None:
    found = {}
    for write in (_laser, _data_exchange, _area_detector, _cxi):
        path = tmp_path / f"{write.__name__}.h5"
        with h5py.File(path, "w") as file:
            write(file)
        found[write] = _run(reader, path)
    assert found[_laser].title is None
    assert _values(found[_laser])["/INSTRUMENT/SPB/delay/position/value"].unit == "ps"
    assert found[_data_exchange].title is not None
    assert found[_data_exchange].title.value == "tomography of a bone"
    assert found[_data_exchange].sample is not None
    assert found[_data_exchange].sample.name == "bone"
    assert _plot(found[_data_exchange]).signal == "/exchange/data"
    assert found[_area_detector].instrument is not None
    assert found[_cxi].title is not None
    assert found[_cxi].start is not None
    assert iso(found[_cxi].start.us) == "2014-05-17T15:13:27Z"


# --- 2. several NXentry ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [("1.1", "2.1"), ("DOWN_DOWN", "UP_UP"), tuple(f"AF1410_{i:02d}" for i in range(10))],
    ids=["bliss", "polarisation", "ten"],
)
def test_2_each_entry_is_a_run_of_its_own(reader: SandboxedReader, path: Path, names: tuple[str, ...]) -> None:
    with h5py.File(path, "w") as file:
        for i, name in enumerate(names):
            entry = _group(file, name, "NXentry", title=f"scan {name}", start_time=f"2024-01-{i + 1:02d}T00:00:00Z")
            _group(entry, "sample", "NXsample", name=f"sample {name}")
    entries = _read(reader, path).entries
    assert [e.entry for e in entries] == [f"/{name}" for name in names]
    assert [e.title and e.title.value for e in entries] == [f"scan {name}" for name in names]
    assert [e.sample and e.sample.name for e in entries] == [f"sample {name}" for name in names]
    assert [e.start and iso(e.start.us) for e in entries] == [f"2024-01-{i + 1:02d}T00:00:00Z" for i in range(len(names))]


@pytest.mark.parametrize("default", ["2.1", "3.1", "", None], ids=["second", "dangling", "blank", "absent"])
def test_2_the_default_of_the_root_hides_no_entry(reader: SandboxedReader, path: Path, default: str | None) -> None:
    with h5py.File(path, "w") as file:
        if default is not None:
            file.attrs["default"] = default
        for name in ("1.1", "2.1"):
            entry = _group(file, name, "NXentry")
            entry.attrs["default"] = "plot"
            _group(entry, "first", "NXdata", other=np.arange(4.0)).attrs["signal"] = "other"
            _group(entry, "plot", "NXdata", counts=np.arange(4.0)).attrs["signal"] = "counts"
    entries = _read(reader, path).entries
    assert [_plot(e).signal for e in entries] == ["/1.1/plot/counts", "/2.1/plot/counts"]
    assert {_plot(e).marking for e in entries} == {"default chain"}


# --- 3. fields are missing ---------------------------------------------------------------------------------------------

_FIELDS = {
    "title": "title",
    "start_time": "start",
    "end_time": "end",
    "definition": "definition",
    "experiment_identifier": "proposal",
    "instrument": "instrument",
    "source": "facility",
    "sample": "sample",
    "user": "people",
}


def _full(file: h5py.File) -> h5py.Group:
    entry = _group(file, "entry", "NXentry", title="a scan", definition="NXsas", experiment_identifier="8-04-811")
    entry["start_time"] = "2024-01-01T00:00:00Z"
    entry["end_time"] = "2024-01-01T01:00:00Z"
    _group(entry, "instrument", "NXinstrument", name="D22")
    _group(entry, "source", "NXsource", name="ILL")
    _group(entry, "sample", "NXsample", name="silica")
    _group(entry, "user", "NXuser", name="A User")
    return entry


@pytest.mark.parametrize("absent", [None, *_FIELDS])
def test_3_any_field_may_be_missing_and_the_others_stay(reader: SandboxedReader, path: Path, absent: str | None) -> None:
    with h5py.File(path, "w") as file:
        entry = _full(file)
        if absent is not None:
            del entry[absent]
    found = _run(reader, path)
    for written, name in _FIELDS.items():
        assert bool(getattr(found, name)) is (written != absent), name


def test_3_an_entry_that_says_nothing_is_read(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry")
    found = _run(reader, path)
    empty = EntryFacts(entry="/entry", entry_class="NXentry")
    assert {f.name for f in fields(found) if getattr(found, f.name) != getattr(empty, f.name)} == set()


# --- 4. dates ----------------------------------------------------------------------------------------------------------

_PARIS, _ZURICH, _LONDON, _SYDNEY = "Europe/Paris", "Europe/Zurich", "Europe/London", "Australia/Sydney"
_FILE, _FACILITY, _ASSUMED = TimeBasis.FILE, TimeBasis.FACILITY, TimeBasis.ASSUMED
_NO_INSTANT = ["20:44:01", "0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00", "test_timeZ", "2024-02-30T10:00:00Z"]


@pytest.mark.parametrize(
    ("raw", "zone", "utc", "basis"),
    [
        ("15-Jun-18 12:37:18", _PARIS, "2018-06-15T10:37:18Z", _FACILITY),
        ("28-Jan-20 11:06:02", _PARIS, "2020-01-28T10:06:02Z", _FACILITY),
        ("2005-05-27 05:44:13", _ZURICH, "2005-05-27T03:44:13Z", _FACILITY),
        ("2011-10-11 00:16:29", _SYDNEY, "2011-10-10T13:16:29Z", _FACILITY),
        ("2013-09-28T04:50:48+0100", _LONDON, "2013-09-28T03:50:48Z", _FILE),
        ("2001-02-07T08:54:21-0600", _LONDON, "2001-02-07T14:54:21Z", _FILE),
        ("2024-05-17T15:13:27.025+01", _LONDON, "2024-05-17T14:13:27.025Z", _FILE),
        ("2024-02-27T16:25:38.209", _LONDON, "2024-02-27T16:25:38.209Z", _FACILITY),
        ("2024-07-27T16:25:38.209", _LONDON, "2024-07-27T15:25:38.209Z", _FACILITY),
        ("2024-10-28T09:32:35.895Z", _PARIS, "2024-10-28T09:32:35.895Z", _FILE),
        ("2014-10-01T17:42:47.456-04:00", _PARIS, "2014-10-01T21:42:47.456Z", _FILE),
        ("2018-05-01T07:22:00+02:00", _LONDON, "2018-05-01T05:22:00Z", _FILE),
        ("Wed Jun 06 10:46:56 2018", "America/Chicago", "2018-06-06T15:46:56Z", _FACILITY),
        ("2022-12-02", "UTC", "2022-12-02T00:00:00Z", _ASSUMED),
    ],
)
@pytest.mark.parametrize("field", ["start", "end"])
def test_4_each_shape_of_a_date_is_the_right_instant(
    reader: SandboxedReader, path: Path, field: str, raw: str, zone: str, utc: str, basis: TimeBasis
) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry")[f"{field}_time"] = raw
    found = getattr(_run(reader, path, time_zone=zone), field)
    assert found is not None
    assert (_instant(found.us), found.basis, found.raw) == (_instant_of(utc), basis, raw)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "UTC"])
@pytest.mark.parametrize("raw", _NO_INSTANT)
def test_4_a_text_without_an_instant_is_kept_raw(reader: SandboxedReader, path: Path, raw: str, zone: str) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry", start_time=raw)
    found = _run(reader, path, time_zone=zone).start
    assert found is not None
    assert (found.us, found.raw) == (None, raw)


@pytest.mark.parametrize("padding", [h5t.STR_NULLPAD, h5t.STR_NULLTERM, h5t.STR_SPACEPAD])
def test_4_an_end_in_1024_padded_bytes_is_read(reader: SandboxedReader, path: Path, padding: int) -> None:
    with h5py.File(path, "w") as file:
        _write_fixed(_group(file, "entry", "NXentry"), "end_time", "2014-10-01T17:58:00.006-04:00", 1024, padding, (1,))
    found = _run(reader, path).end
    assert found is not None
    assert (iso(found.us), found.raw) == ("2014-10-01T21:58:00.006000Z", "2014-10-01T17:58:00.006-04:00")


@pytest.mark.parametrize(
    ("raw", "day_first", "utc", "basis"),
    [
        ("03/04/2018 12:00:00", True, "2018-04-03T12:00:00Z", _ASSUMED),
        ("03/04/2018 12:00:00", False, "2018-03-04T12:00:00Z", _ASSUMED),
        ("27/05/2005 05:44:13", False, "2005-05-27T05:44:13Z", _FACILITY),
    ],
)
def test_4_the_order_of_day_and_month_is_the_facilitys(
    reader: SandboxedReader, path: Path, raw: str, day_first: bool, utc: str, basis: TimeBasis
) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry", start_time=raw)
    found = _run(reader, path, time_zone="Africa/Abidjan", day_first=day_first).start
    assert found is not None
    assert (iso(found.us), found.basis) == (utc, basis)


def test_4_an_hour_that_happens_twice_is_a_guess(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry", start_time="2018-10-28 02:30:00")
    found = _run(reader, path, time_zone=_PARIS).start
    assert found is not None
    assert iso(found.us) in ("2018-10-28T00:30:00Z", "2018-10-28T01:30:00Z")
    assert found.basis is _ASSUMED


def _instant(us: int | None) -> str:
    return (iso(us) or "").removesuffix("Z").rstrip("0") if us and us % 1_000_000 else iso(us) or ""


def _instant_of(utc: str) -> str:
    return utc.removesuffix("Z") if "." in utc else utc


# --- 5. how texts are stored -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)], ids=["scalar", "one", "one by one"])
@pytest.mark.parametrize(
    "storage", ["null padded", "null terminated", "blank padded", "tight", "1024 bytes", "vlen ascii", "vlen utf-8"]
)
def test_5_a_title_is_read_however_it_is_stored(
    reader: SandboxedReader, path: Path, storage: str, shape: tuple[int, ...]
) -> None:
    text = "a scan of silica"
    sizes = {
        "null padded": (80, h5t.STR_NULLPAD),
        "null terminated": (80, h5t.STR_NULLTERM),
        "blank padded": (80, h5t.STR_SPACEPAD),
        "tight": (len(text), h5t.STR_NULLPAD),
        "1024 bytes": (1024, h5t.STR_NULLPAD),
    }
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry")
        if storage in sizes:
            _write_fixed(entry, "title", text, *sizes[storage], shape)
        else:
            kind = h5py.string_dtype("ascii" if storage == "vlen ascii" else "utf-8")
            entry.create_dataset("title", data=np.full(shape, text, dtype=object), dtype=kind)
    found = _run(reader, path).title
    assert found is not None
    assert found.value == text


def test_5_a_title_of_one_byte_is_a_title(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        _write_fixed(_group(file, "entry", "NXentry"), "title", "B", 1, h5t.STR_NULLPAD)
    found = _run(reader, path).title
    assert found is not None
    assert found.value == "B"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("Hämoglobin, 5 Å".encode(), "Hämoglobin, 5 Å"),
        ("Hämoglobin, 5 Å".encode("latin-1"), "Hämoglobin, 5 Å"),
    ],
    ids=["utf-8", "latin-1"],
)
def test_5_bytes_beyond_ascii_become_letters(reader: SandboxedReader, path: Path, raw: bytes, text: str) -> None:
    with h5py.File(path, "w") as file:
        _write_fixed(_group(file, "entry", "NXentry"), "title", raw, 80, h5t.STR_SPACEPAD)
    found = _run(reader, path).title
    assert found is not None
    assert found.value == text


@pytest.mark.parametrize(
    "written",
    [
        "NXentry",
        np.bytes_(b"NXentry"),
        np.array(["NXentry"], dtype=object),
        np.array([b"NXentry"]),
        np.array([[b"NXentry"]]),
        np.array([b"NXentry\0\0 "]),
    ],
    ids=["vlen", "fixed", "one vlen", "one fixed", "one by one", "padded"],
)
def test_5_a_class_is_known_however_its_attribute_is_stored(reader: SandboxedReader, path: Path, written: Any) -> None:
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs.create("NX_class", written, dtype=_kind(written))
        _number(entry.create_group("sample"), "temperature", 4.2).attrs["units"] = np.array([b"K"])
    found = _run(reader, path)
    assert (found.entry, found.entry_class) == ("/entry", "NXentry")
    assert _values(found)["/entry/sample/temperature"].unit == "K"


@pytest.mark.parametrize("text", [" " * 80, "", "{experiment-type}\n", "\n\t"], ids=["80 blanks", "empty", "template", "newline"])
def test_5_a_blank_title_or_a_template_is_no_title(reader: SandboxedReader, path: Path, text: str) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry", title=text)
    assert _run(reader, path).title is None


def test_5_a_title_over_two_lines_is_one_line(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry", title="first line \n\tsecond line" + 20 * " ")
    found = _run(reader, path).title
    assert found is not None
    assert (found.value, found.raw) == ("first line second line", "first line \n\tsecond line")


# --- 6. placeholders ---------------------------------------------------------------------------------------------------

_NO_PROPOSAL = ["UNKNOWN", "unknown", "n/a", "N/A", "0-0", "", " ", "setup", "Setup", "_", "-1", "NONE", "DEFAULT", -1, 0]


@pytest.mark.parametrize("field", ["experiment_identifier", "proposal_id"])
@pytest.mark.parametrize("text", _NO_PROPOSAL)
def test_6_a_placeholder_never_becomes_a_proposal(reader: SandboxedReader, path: Path, text: str | int, field: str) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry")[field] = text
    found = _run(reader, path)
    assert (found.proposal, found.visit) == (None, None)
    assert [p.path for p in found.placeholders] == [f"/entry/{field}"]


@pytest.mark.parametrize("text", _NO_PROPOSAL)
def test_6_a_placeholder_does_not_hide_the_real_proposal(reader: SandboxedReader, path: Path, text: str | int) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry", experiment_identifier=text, proposal_id="8-04-811")
    found = _run(reader, path).proposal
    assert found is not None
    assert found.value == "8-04-811"


@pytest.mark.parametrize("text", ["UNKNOWN", "n/a", "", " ", "Unnamed Sample", "_", "NONE", "DEFAULT"])
def test_6_a_placeholder_is_neither_sample_nor_title(reader: SandboxedReader, path: Path, text: str) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry", title=text)
        _group(entry, "sample", "NXsample", name=text)
    found = _run(reader, path)
    assert found.title is None
    assert found.sample is None or found.sample.name is None


# --- 7. the experiment under other names and types ---------------------------------------------------------------------


@pytest.mark.parametrize("text", ["8-04-811", "876380", "F-20170538", "19951", "CX-12/3"])
@pytest.mark.parametrize("field", ["experiment_identifier", "proposal_id"])
def test_7_a_proposal_is_known_under_its_names(reader: SandboxedReader, path: Path, field: str, text: str) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry")[field] = text
    found = _run(reader, path)
    assert found.proposal is not None
    assert (found.proposal.value, found.proposal.path, found.visit) == (text, f"/entry/{field}", None)


@pytest.mark.parametrize("number", [876380, np.int32(876380), np.array([876380]), np.float64(876380.0)])
def test_7_a_proposal_may_be_a_number(reader: SandboxedReader, path: Path, number: Any) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry", experiment_identifier=number)
    found = _run(reader, path).proposal
    assert found is not None
    assert found.value == "876380"


def test_7_a_proposal_may_be_a_group(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry")
        _group(entry, "experiment_identifier", "NXidentifier", identifier="8-04-811", service="user office", is_persistent=False)
    found = _run(reader, path).proposal
    assert found is not None
    assert (found.value, found.path) == ("8-04-811", "/entry/experiment_identifier/identifier")


def test_7_a_visit_gives_its_proposal_too(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry", experiment_identifier="mm36462-1")
    found = _run(reader, path)
    assert found.visit is not None
    assert found.proposal is not None
    assert (found.proposal.value, found.visit.value) == ("mm36462", "mm36462-1")


def test_7_the_name_of_the_scan_is_no_proposal(reader: SandboxedReader, tmp_path: Path) -> None:
    path = tmp_path / "silica_scan_0005.nxs"
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry", experiment_identifier="silica_scan_0005", entry_identifier="silica_scan_0005")
    found = _run(reader, path)
    assert found.proposal is None
    assert found.collection is not None
    assert found.collection.value == "silica_scan_0005"


# --- 8. the definition lies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "panet"),
    [
        ("NXentry", []),
        ("Mantid Processed Workspace", []),
        ("NXSPE", ["PaNET01245"]),
        ("muonTD", ["PaNET01114"]),
        ("NXsas" + 75 * " ", ["PaNET01124"]),
        ("NXsas\n", ["PaNET01124"]),
        ("NXxps", ["PaNET01204"]),
        ("NXmpes", ["PaNET01093"]),
        ("NXellipsometry", ["PaNET01255"]),
    ],
)
def test_8_a_definition_is_kept_and_means_a_technique_only_if_it_is_one(
    reader: SandboxedReader, path: Path, written: str, panet: list[str]
) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry", definition=written)
    found = _run(reader, path)
    assert found.definition is not None
    assert found.definition.value == written.strip()
    assert [t.pid for t in found.techniques] == [PREFIX + name for name in panet]


@pytest.mark.parametrize(
    ("written", "sources", "technique"),
    [
        ("NXmonopd", [{"probe": "x-ray"}], "x-ray powder diffraction"),
        ("NXmonopd", [{"type": "Reactor Neutron Source"}], "neutron powder diffraction"),
        ("NXsas", [{"probe": "X-Rays"}, {"type": "UV Laser"}], "small angle x-ray scattering"),
        ("NXtomo", [{"type": "Synchrotron X-ray Source"}], "x-ray tomography"),
        ("NXtomo", [{"probe": "neutron"}], "tomography"),  # PaNET has no narrower one
        ("NXmonopd", [{"probe": "photon"}], "powder diffraction"),
        ("NXmonopd", [{"probe": "x-ray"}, {"probe": "neutron"}], "powder diffraction"),
        ("NXmonopd", [], "powder diffraction"),
        ("NXtofnpd", [{"probe": "x-ray"}], "neutron powder diffraction"),  # what the definition says is not doubted
    ],
)
def test_8_a_definition_for_several_probes_means_the_term_of_the_probe_that_the_source_names(
    reader: SandboxedReader, path: Path, written: str, sources: list[dict[str, str]], technique: str
) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry", definition=written)
        instrument = _group(entry, "instrument", "NXinstrument")
        for number, said in enumerate(sources):
            _group(instrument, f"source_{number}", "NXsource", **said)
    first = _run(reader, path).techniques[0]
    assert first.name == technique


def test_8_a_term_for_a_probe_is_narrower_than_the_term_of_the_definition() -> None:
    """Whoever searches for the wider one finds it as before."""
    text = resources.files("panmesh.ingest").joinpath("data/panet_by_probe.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        narrower = techniques.table()[PREFIX + row["narrower"]]
        assert PREFIX + row["panet"] in narrower.parents
        assert (techniques.label(PREFIX + row["panet"]), narrower.name) == (row["panet_name"], row["narrower_name"])


def test_8_without_a_definition_there_is_no_technique(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry")
    found = _run(reader, path)
    assert (found.definition, found.techniques) == (None, ())


# --- 9. wrong or foreign classes ---------------------------------------------------------------------------------------


def test_9_the_classes_of_cansas_are_understood(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "sasentry01", "SASentry", title="a scattering curve", definition="NXcanSAS")
        data = _group(entry, "sasdata01", "SASdata", Q=np.linspace(0.01, 0.2, 20), I=np.arange(20.0))
        data.attrs["I_axes"] = "Q"
        data.attrs["signal"] = "I"
        _group(entry, "sasinstrument", "SASinstrument", name="SANS2D")
        _group(entry, "sassample", "SASsample", ID="silica")
    found = _run(reader, path)
    assert (found.entry, found.entry_class) == ("/sasentry01", "SASentry")
    assert found.title is not None
    assert found.instrument is not None
    assert found.sample is not None
    assert (found.instrument.value, found.sample.name) == ("SANS2D", "silica")
    assert _plot(found).signal == "/sasentry01/sasdata01/I"
    assert [t.pid for t in found.techniques] == [PREFIX + "PaNET01124"]


def test_9_classes_in_lower_case_are_understood(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry1", "NXentry")
        instrument = _group(entry, "platypus", "instrument", name="Platypus")
        _number(_group(instrument, "area", "detector"), "distance", 4.5, "m")
        _number(_group(entry, "cryostat", "environment"), "temperature", 4.2, "K")
        _number(_group(instrument, "settings", "parameter"), "omega", 1.0, "deg")
        _group(instrument, "nothing", "@none", note="not a class")
    found = _run(reader, path)
    assert found.instrument is not None
    assert found.instrument.value == "Platypus"
    values = _values(found)
    assert values["/entry1/platypus/area/distance"].canonical == "detector_distance"
    assert values["/entry1/cryostat/temperature"].canonical == "temperature"
    assert "/entry1/platypus/settings/omega" in values


def test_9_groups_without_a_class_are_known_by_their_names(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry")
        instrument = _group(entry, "instrument", name="i99")
        _group(instrument, "source", name="Diamond Light Source")
        _group(entry, "user", name="A User")
        _number(_group(entry, "sample", name="silica"), "temperature", 295.0, "K")
    found = _run(reader, path)
    assert found.instrument is not None
    assert found.facility is not None
    assert found.sample is not None
    assert (found.instrument.value, found.facility.value, found.sample.name) == ("i99", "Diamond Light Source", "silica")
    assert [p.name for p in found.people] == ["A User"]
    assert _values(found)["/entry/sample/temperature"].canonical == "temperature"


@pytest.mark.parametrize("nx_class", [7, 1.5, "", "@none", np.array([b"NXlog", b"NXdata"]), np.array([1, 2]), h5py.Empty("S8")])
def test_9_a_class_of_any_kind_breaks_nothing(reader: SandboxedReader, path: Path, nx_class: Any) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry", title="a scan")
        _group(entry, "odd", nx_class, value=1.0)
        _group(file, "beside", nx_class, title="no run")
    found = _run(reader, path)
    assert (found.entry, found.title and found.title.value) == ("/entry", "a scan")


# --- 10. how plots are marked ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mark", [1, np.int32(1), np.array([1]), "1", np.bytes_(b"1"), np.array([b"1"])], ids=lambda m: type(m).__name__
)
def test_10_the_old_mark_on_the_dataset(reader: SandboxedReader, path: Path, mark: Any) -> None:
    with h5py.File(path, "w") as file:
        data = _group(_group(file, "entry", "NXentry"), "data", "NXdata", angle=np.arange(5.0), counts=np.arange(5.0))
        data["counts"].attrs["signal"] = mark
        data["counts"].attrs["axes"] = "angle"
    plot = _plot(_run(reader, path))
    assert (plot.signal, plot.axes, plot.marking) == ("/entry/data/counts", ("/entry/data/angle",), "@signal on dataset")


def test_10_old_axes_are_numbered(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        data = _group(
            _group(file, "entry", "NXentry"), "data", "NXdata", counts=np.ones((3, 4)), x=np.arange(4.0), y=np.arange(3.0)
        )
        data["counts"].attrs["signal"] = 1
        data["y"].attrs["axis"], data["x"].attrs["axis"] = 1, 2
    assert _plot(_run(reader, path)).axes == ("/entry/data/y", "/entry/data/x")


@pytest.mark.parametrize(
    ("axes", "found"),
    [
        ("x", ("/entry/data/x",)),
        (np.array(["y", "x"], dtype=object), ("/entry/data/y", "/entry/data/x")),
        (np.array([b"y", b"x"]), ("/entry/data/y", "/entry/data/x")),
        (np.array([".", "x"], dtype=object), ("", "/entry/data/x")),
        ("y:x", ("/entry/data/y", "/entry/data/x")),
        ("y,x", ("/entry/data/y", "/entry/data/x")),
        (np.array(["absent", "x"], dtype=object), ("", "/entry/data/x")),
    ],
)
def test_10_the_new_mark_on_the_group(reader: SandboxedReader, path: Path, axes: Any, found: tuple[str, ...]) -> None:
    with h5py.File(path, "w") as file:
        data = _group(
            _group(file, "entry", "NXentry"), "data", "NXdata", counts=np.ones((3, 4)), x=np.arange(4.0), y=np.arange(3.0)
        )
        data.attrs["signal"] = "counts"
        data.attrs.create("axes", axes, dtype=_kind(axes))
    plot = _plot(_run(reader, path))
    assert (plot.signal, plot.axes, plot.marking) == ("/entry/data/counts", found, "@signal on group")


@pytest.mark.parametrize("old", [True, False], ids=["old", "new"])
def test_10_a_signal_behind_a_soft_link_is_named_where_it_lies(reader: SandboxedReader, path: Path, old: bool) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry")
        detector = _group(_group(entry, "instrument", "NXinstrument"), "detector", "NXdetector", counts=np.arange(5.0))
        data = _group(entry, "data", "NXdata")
        data["counts"] = h5py.SoftLink("/entry/instrument/detector/counts")
        if old:
            detector["counts"].attrs["signal"] = 1
        else:
            data.attrs["signal"] = "counts"
    plot = _plot(_run(reader, path))
    assert (plot.signal, plot.group, plot.shape) == ("/entry/instrument/detector/counts", "/entry/data", (5,))
    assert plot.missing == ()


def _virtual(parent: h5py.Group, name: str, file: str, inner: str) -> h5py.Dataset:
    layout = h5py.VirtualLayout((4, 3), "f8")
    layout[:] = h5py.VirtualSource(file, inner, (4, 3))
    return parent.create_virtual_dataset(name, layout)


@pytest.mark.parametrize("old", [True, False], ids=["old", "new"])
def test_10_a_virtual_signal_whose_source_is_absent_says_so(reader: SandboxedReader, path: Path, old: bool) -> None:
    with h5py.File(path, "w") as file:
        data = _group(_group(file, "entry", "NXentry"), "data", "NXdata")
        counts = _virtual(data, "counts", "data_000001.h5", "/data")
        if old:
            counts.attrs["signal"] = 1
        else:
            data.attrs["signal"] = "counts"
    plot = _plot(_run(reader, path))
    assert (plot.signal, plot.shape, plot.missing) == ("/entry/data/counts", (4, 3), ("data_000001.h5",))


def test_10_a_virtual_signal_over_its_own_file_misses_nothing(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w", libver="latest") as file:
        data = _group(_group(file, "entry", "NXentry"), "data", "NXdata")
        file["raw"] = np.ones((4, 3))
        _virtual(data, "counts", ".", "/raw")
        data.attrs["signal"] = "counts"
    plot = _plot(_run(reader, path))
    assert (plot.signal, plot.missing) == ("/entry/data/counts", ())


def test_10_a_virtual_signal_over_an_external_link_of_its_own_file_names_the_linked_file(
    reader: SandboxedReader, path: Path
) -> None:
    with h5py.File(path, "w") as file:
        data = _group(_group(file, "entry", "NXentry"), "data", "NXdata")
        data["data_000001"] = h5py.ExternalLink("run_000001.h5", "/data")
        _virtual(data, "counts", ".", "/entry/data/data_000001")
        data.attrs["signal"] = "counts"
    plot = _plot(_run(reader, path))
    assert (plot.signal, plot.missing) == ("/entry/data/counts", ("run_000001.h5",))


def test_10_an_external_signal_is_named_with_the_file_that_it_needs(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        data = _group(_group(file, "entry", "NXentry"), "data", "NXdata")
        data["counts"] = h5py.ExternalLink("data_000001.h5", "/data")
        data.attrs["signal"] = "counts"
    plot = _plot(_run(reader, path))
    assert (plot.signal, plot.missing) == ("/entry/data/counts", ("data_000001.h5",))


@pytest.mark.parametrize("how", ["group", "signal", "default name"])
def test_10_a_curve_of_cansas_is_drawn_against_q_with_its_uncertainties(reader: SandboxedReader, path: Path, how: str) -> None:
    errors = "I_errors" if how == "default name" else "Idev"
    with h5py.File(path, "w") as file:
        entry = _group(file, "sasentry", "NXentry")
        data = _group(entry, "sasdata", "NXdata", Q=np.arange(1.0, 6.0), I=np.ones(5), **{errors: np.ones(5)})
        data.attrs["signal"], data.attrs["I_axes"] = "I", "Q"
        if how == "group":
            data.attrs["I_uncertainties"] = errors
        if how == "signal":
            data["I"].attrs["uncertainties"] = errors
    plot = _plot(_run(reader, path))
    assert (plot.signal, plot.axes, plot.errors) == (
        "/sasentry/sasdata/I",
        ("/sasentry/sasdata/Q",),
        f"/sasentry/sasdata/{errors}",
    )


def test_10_fewer_axes_than_dimensions_lie_where_their_indices_say(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        data = _group(_group(file, "entry", "NXentry"), "data", "NXdata", counts=np.ones((3, 4, 5)), energy=np.arange(5.0))
        data.attrs.update({"signal": "counts", "axes": ["energy"], "energy_indices": [2]})
    assert _plot(_run(reader, path)).axes == ("", "", "/entry/data/energy")


def test_10_an_old_axis_that_does_not_fit_where_it_says_lies_where_it_fits(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        data = _group(_group(file, "entry", "NXentry"), "data", "NXdata", counts=np.ones((1, 4, 7)), q=np.arange(7.0))
        data["counts"].attrs["signal"], data["q"].attrs["axis"] = 1, 1
    assert _plot(_run(reader, path)).axes == ("", "", "/entry/data/q")


def test_10_uncertainties_of_another_shape_are_none_of_the_signal(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        data = _group(_group(file, "entry", "NXentry"), "data", "NXdata", counts=np.ones(5), errors=np.ones(4))
        data.attrs["signal"] = "counts"
    assert _plot(_run(reader, path)).errors is None


# --- 11. links ---------------------------------------------------------------------------------------------------------


def test_11_an_object_under_many_names_is_one_object(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry")
        gap = _number(_group(entry, "positioners", "NXcollection"), "gap_readback", 7.0, "mm")
        gap.attrs["target"] = "/entry/positioners/gap_readback"
        for i in range(356):
            _group(entry, f"copy{i:03d}", "NXcollection")["gap_readback"] = gap
    facts = _read(reader, path)
    assert facts.state is ReadState.READ
    assert facts.counts is not None
    assert (facts.counts["dataset"], facts.counts["repeat"]) == (1, 356)
    assert len(facts.entries[0].quantities) == 1


def test_11_groups_that_hold_each_other_end_the_walk(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry", title="a ring")
        _group(entry, "a")["up"] = entry
        entry["a/root"] = file["/"]
        _group(entry, "b")["a"] = entry["a"]
        entry["a/b"] = entry["b"]
        entry["around"] = h5py.SoftLink("/entry")
    found = _read(reader, path)
    assert (found.state, len(found.entries)) == (ReadState.READ, 1)
    assert found.counts is not None
    assert found.counts["group"] == 4


def test_11_one_entry_under_two_names_is_one_run(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry", title="a scan")
        file["same"] = entry
        file["soft"] = h5py.SoftLink("/entry")
    assert _run(reader, path).entry == "/entry"


@pytest.mark.parametrize("hard", [True, False], ids=["hard", "soft"])
def test_11_a_field_behind_a_link_in_the_file_is_read(reader: SandboxedReader, path: Path, hard: bool) -> None:
    with h5py.File(path, "w") as file:
        file["all/about/it"] = "a scan"
        entry = _group(file, "entry", "NXentry")
        entry["title"] = file["all/about/it"] if hard else h5py.SoftLink("/all/about/it")
        _group(entry, "beamline", name="i99")
        entry["relative"] = "NXsas"
        entry["definition"] = h5py.SoftLink("relative")
    found = _run(reader, path)
    assert found.title is not None
    assert found.definition is not None
    assert (found.title.value, found.definition.value) == ("a scan", "NXsas")


@pytest.mark.parametrize("target", ["nothing/here", "../nowhere", "/entry/nothing", "title", "."])
def test_11_a_dangling_or_circular_soft_link_is_no_fault(reader: SandboxedReader, path: Path, target: str) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry", start_time="2024-01-01T00:00:00Z")
        entry["title"] = h5py.SoftLink(target)
        data = _group(entry, "data", "NXdata")
        data["counts"] = h5py.SoftLink(target)
        data.attrs["signal"] = "counts"
    found = _run(reader, path)
    assert (found.title, found.plot) == (None, None)
    assert found.start is not None


_TARGETS = [
    "i22-119583-Pilatus2M.h5",
    "1040323-files/1040323.hdf",
    "/dls/i22/data/2013/cm5948-2/i22-119583-Pilatus2M.h5",
    "../x.h5",
]


@pytest.mark.parametrize("target", _TARGETS)
@pytest.mark.parametrize("kind", ["link", "virtual", "raw"])
def test_11_a_file_needed_is_named_as_written_though_it_is_absent(
    reader: SandboxedReader, path: Path, kind: str, target: str
) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry", title="a scan")
        if kind == "link":
            entry["counts"] = h5py.ExternalLink(target, "/entry/data")
        elif kind == "virtual":
            _virtual(entry, "counts", target, "/entry/data")
        else:
            entry.create_dataset("counts", (3,), "f8", external=[(target, 0, 24)])
    facts = _read(reader, path)
    assert facts.state is ReadState.READ
    assert [(r.kind, r.file, r.inner, r.path) for r in facts.references] == [
        (kind, target, None if kind == "raw" else "/entry/data", "/entry/counts")
    ]
    assert facts.entries[0].title is not None


def test_11_a_virtual_number_without_its_source_is_no_number(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry")
        monochromator = _group(_group(entry, "instrument", "NXinstrument"), "monochromator", "NXmonochromator")
        layout = h5py.VirtualLayout((1,), "f8")
        layout[:] = h5py.VirtualSource("absent.h5", "/energy", (1,))
        monochromator.create_virtual_dataset("energy", layout, fillvalue=0.0)
    assert _run(reader, path).quantities == ()


def test_11_the_companion_beside_a_file_is_known_by_its_name() -> None:
    prefix = companion_prefix("2013/i22-119583.nxs")
    assert is_companion(prefix, "2013/i22-119583-Pilatus2M.h5")
    assert not is_companion(prefix, "2013/i22-1195834.nxs")


# --- 12. declared size -------------------------------------------------------------------------------------------------


def test_12_a_small_file_may_declare_millions_of_times_its_size(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        data = _group(_group(file, "entry", "NXentry", title="a master"), "data", "NXdata")
        data.create_dataset("counts", (36_000, 1_000, 1_000), "u4", chunks=(1, 1_000, 1_000))
        layout = h5py.VirtualLayout((36_000, 1_000, 1_000), "u4")
        layout[:] = h5py.VirtualSource("data_000001.h5", "/data", (36_000, 1_000, 1_000))
        data.create_virtual_dataset("all", layout)
        data.attrs["signal"] = "counts"
    assert path.stat().st_size * 1_000_000 < 36_000 * 1_000 * 1_000 * 8
    found = _run(reader, path)
    assert found.title is not None
    assert _plot(found).shape == (36_000, 1_000, 1_000)


def test_12_honest_data_may_shrink_a_hundredfold(reader: SandboxedReader, path: Path) -> None:
    counts = np.zeros(100_000)
    counts[::5_000] = 3.0
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry").create_dataset("counts", data=counts, compression="gzip", chunks=(10_000,))
    assert path.stat().st_size * 50 < counts.nbytes
    found = _values(_run(reader, path))["/entry/counts"]
    assert (found.minimum, found.maximum, found.count) == (0.0, 3.0, 100_000)


def test_12_a_detectors_frame_is_one_large_chunk_and_no_fault(reader: SandboxedReader, path: Path) -> None:
    """Eighteen megapixels of four bytes, as today's detectors write: nobody needs the numbers to describe the run."""
    with h5py.File(path, "w") as file:
        data = _group(_group(file, "entry", "NXentry", title="frames"), "data", "NXdata")
        data.create_dataset("data", (100, 4_362, 4_148), "u4", chunks=(1, 4_362, 4_148))
        data.attrs["signal"] = "data"
    found = _run(reader, path)
    assert _plot(found).shape == (100, 4_362, 4_148)


def test_12_a_small_array_in_a_huge_chunk_is_not_read_and_said_so(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry", title="a bomb")
        entry.create_dataset("counts", (10,), "f8", maxshape=(None,), chunks=(16 << 20,), compression="gzip")
    facts = _read(reader, path)
    assert (facts.state, [p.path for p in facts.problems]) == (ReadState.PARTLY, ["/entry/counts"])
    assert facts.entries[0].quantities == ()
    assert facts.entries[0].title is not None


# --- 13. names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "1.1",
        "11001.spe",
        "A1 angle",
        "   0",
        '"body"',
        "#1",
        "a:b",
        "user_SørenSchmidt",
        "two\nlines\tand tabs",
        "%s",
        "<b>",
        "日本",
    ],
)
def test_13_any_name_may_be_that_of_an_entry_a_group_or_a_number(reader: SandboxedReader, path: Path, name: str) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, name, "NXentry", title="a scan")
        _number(_group(entry, name, "NXcollection"), name, 4.2, "K")
        user = _group(entry, f"user {name}", "NXuser", name="A User")
        user["role"] = "local contact"
    found = _run(reader, path)
    assert (found.entry, found.title and found.title.value) == (f"/{name}", "a scan")
    assert _values(found)[f"/{name}/{name}/{name}"].value == pytest.approx(4.2)
    assert [p.name for p in found.people] == ["A User"]


def test_13_a_name_that_is_no_text_is_read(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry", title="a scan")
        entry.id.links.create_soft(b"m\xe9thode", b"/entry/title")
        h5o.link(entry["title"].id, entry.id, b"titr\xe9")
    found = _run(reader, path)
    assert found.title is not None


@pytest.mark.parametrize(
    "name",
    [
        "my run 1.nxs",
        " lead.nxs",
        "a.nxs.pbr",
        "a.nxs.ngv",
        "PLP1.nx.hdf",
        "MAR1.nxspe",
        "MUSR.NXS",
        "a.nx5",
        "a.cxi",
        "a.hdf",
        "a",
        "a.txt",
        "Blödsinn #1 (2):3.h5",
        os.fsdecode(b"m\xe9thode.h5"),
        "two\nlines.h5",
    ],
)
def test_13_any_name_may_be_that_of_the_file(reader: SandboxedReader, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with h5py.File(os.fsencode(path), "w") as file:
        _group(file, "entry", "NXentry", title="a scan")
    found = _run(reader, path)
    assert found.title is not None


# --- 14. not HDF5 though named so --------------------------------------------------------------------------------------

_CONTENTS = {
    FileFormat.HDF4: b"\x0e\x03\x13\x01\x00\x10\x00\x00" + 500 * b"\x01",
    FileFormat.XML: b'<?xml version="1.0" encoding="UTF-8"?>\n<NXroot NeXus_version="4.0"/>',
    FileFormat.HTML: b"\n\n<!DOCTYPE html>\n<html><head><title>404</title></head></html>",
    FileFormat.GIT_LFS: b"version https://git-lfs.github.com/spec/v1\noid sha256:9f86d081\nsize 18203648\n",
    FileFormat.ZEROS: bytes(266_912),
    FileFormat.MANGLED: b"\xef\xbf\xbdHDF\r\n\x1a\n\x00\x00\x00\x00" + 100 * b"\xef\xbf\xbd",
    FileFormat.HMPF: b"\x89HMP\r\n\x1a\n" + 500 * b"\x02",
    FileFormat.EMPTY: b"",
}


@pytest.mark.parametrize("suffix", [".nxs", ".NXS", ".h5", ".hdf5", ".hdf"])
@pytest.mark.parametrize("format", _CONTENTS, ids=lambda f: f.value)
def test_14_content_is_named_for_what_it_is_and_stored(
    reader: SandboxedReader, tmp_path: Path, format: FileFormat, suffix: str
) -> None:
    path = tmp_path / f"run{suffix}"
    path.write_bytes(_CONTENTS[format])
    facts = _read(reader, path)
    assert (facts.format, facts.state, len(facts.entries)) == (format, ReadState.STORED, 1)
    assert facts.advice


@pytest.mark.parametrize("first", [b"<html>", b"\0", b"PK\x03\x04"], ids=["html", "zeros", "zip"])
def test_14_a_user_block_of_any_content_hides_no_hdf5(reader: SandboxedReader, path: Path, first: bytes) -> None:
    with h5py.File(path, "w", userblock_size=8192) as file:
        _group(file, "entry", "NXentry", title="a scan")
    with path.open("r+b") as raw:
        raw.write(first)
    found = _read(reader, path)
    assert (found.format, found.state) == (FileFormat.HDF5, ReadState.READ)


# --- 15. partly broken -------------------------------------------------------------------------------------------------


def _damage(path: Path, *objects: str) -> None:
    """Overwrites the headers of the objects, so that they cannot be opened."""
    with h5py.File(path) as file:
        places = [h5o.get_info(file[name].id).addr for name in objects]
    with path.open("r+b") as raw:
        for place in places:
            raw.seek(place)
            raw.write(16 * b"\xee")


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("broken", ["counts", "instrument", "definition"])
def test_15_what_is_not_broken_is_kept_and_what_is_broken_is_listed(
    reader: SandboxedReader, path: Path, libver: str, broken: str
) -> None:
    with h5py.File(path, "w", libver=libver) as file:
        entry = _group(file, "entry", "NXentry", title="a scan", start_time="2024-01-01T00:00:00Z", definition="NXsas")
        entry["counts"] = np.arange(8.0)
        _group(entry, "instrument", "NXinstrument", name="D22")
        _number(_group(entry, "sample", "NXsample", name="silica"), "temperature", 4.2, "K")
    _damage(path, f"entry/{broken}")
    facts = _read(reader, path)
    assert facts.state is ReadState.PARTLY
    assert [p.path for p in facts.problems] == [f"/entry/{broken}"]
    [entry] = facts.entries
    assert entry.title is not None
    assert entry.start is not None
    assert entry.sample is not None
    assert _values(entry)["/entry/sample/temperature"].value == pytest.approx(4.2)
    assert (entry.instrument is None) is (broken == "instrument")
    assert (entry.definition is None) is (broken == "definition")


def test_15_one_entry_broken_leaves_the_other(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        for name in ("1.1", "2.1"):
            _group(file, name, "NXentry", title=f"scan {name}")
    _damage(path, "1.1")
    facts = _read(reader, path)
    assert (facts.state, [p.path for p in facts.problems]) == (ReadState.PARTLY, ["/1.1"])
    assert [e.entry for e in facts.entries] == ["/2.1"]


def test_15_numbers_with_a_wrong_checksum_are_listed(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry", title="a scan")
        counts = entry.create_dataset("counts", data=np.arange(64.0), fletcher32=True, chunks=(64,))
        place = counts.id.get_chunk_info(0).byte_offset
    with path.open("r+b") as raw:
        raw.seek(place)
        raw.write(8 * b"\xee")
    facts = _read(reader, path)
    assert (facts.state, [p.path for p in facts.problems]) == (ReadState.PARTLY, ["/entry/counts"])
    assert facts.entries[0].title is not None
    assert facts.entries[0].quantities == ()


# --- 16. open for writing ----------------------------------------------------------------------------------------------

_WRITER = """
import sys
import h5py
with h5py.File(sys.argv[1], "w", libver="latest") as file:
    entry = file.create_group("entry")
    entry.attrs["NX_class"] = "NXentry"
    entry["title"] = "a scan that goes on"
    data = entry.create_group("data")
    data.attrs["NX_class"] = "NXdata"
    data.attrs["signal"] = "counts"
    counts = data.create_dataset("counts", (2,), "f8", maxshape=(None,), chunks=(16,))
    file.swmr_mode = True
    for line in sys.stdin:
        counts.resize((int(line),))
        counts.flush()
        print("written", flush=True)
"""


@pytest.fixture
def writer(path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        _append(process, 2)
        yield process
        process.kill()


def _append(writer: subprocess.Popen[str], length: int) -> None:
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write(f"{length}\n")
    writer.stdin.flush()
    assert writer.stdout.readline() == "written\n"


def test_16_a_file_that_is_being_written_is_read_and_read_again(
    reader: SandboxedReader, path: Path, writer: subprocess.Popen[str]
) -> None:
    with pytest.raises(OSError, match="file"):
        h5py.File(path, locking=False)
    for length in (2, 5, 900):
        _append(writer, length)
        facts = _read(reader, path)
        assert (facts.state, facts.growing, bool(facts.advice)) == (ReadState.READ, True, True)
        assert facts.entries[0].title is not None
        assert _plot(facts.entries[0]).shape == (length,)


def test_16_a_file_whose_writer_ended_well_no_longer_grows(
    reader: SandboxedReader, path: Path, writer: subprocess.Popen[str]
) -> None:
    writer.communicate(timeout=30)
    facts = _read(reader, path)
    assert (facts.state, facts.growing) == (ReadState.READ, False)
    assert _plot(facts.entries[0]).shape == (2,)


def test_16_a_file_whose_writer_was_killed_is_read(reader: SandboxedReader, path: Path, writer: subprocess.Popen[str]) -> None:
    _append(writer, 7)
    writer.kill()
    writer.wait(timeout=30)
    facts = _read(reader, path)
    assert (facts.state, facts.growing) == (ReadState.READ, True)
    assert facts.entries[0].title is not None
    assert _plot(facts.entries[0]).shape == (7,)


# --- 17. filters -------------------------------------------------------------------------------------------------------

_UNKNOWN_FILTER = 40_000


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "gzip"},
        {"compression": "gzip", "shuffle": True},
        {"fletcher32": True},
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
        dict(hdf5plugin.Bitshuffle(cname="lz4")),
        dict(hdf5plugin.LZ4()),
    ],
    ids=["deflate", "shuffle", "fletcher32", "all", "bitshuffle", "lz4"],
)
def test_17_numbers_behind_the_usual_filters_are_read(reader: SandboxedReader, path: Path, options: dict[str, Any]) -> None:
    with h5py.File(path, "w") as file:
        _group(file, "entry", "NXentry").create_dataset("counts", data=np.arange(1_000.0), chunks=(100,), **options)
    found = _values(_run(reader, path))["/entry/counts"]
    assert (found.minimum, found.maximum, found.mean) == (0.0, 999.0, pytest.approx(499.5))


def _behind_unknown_filter(parent: h5py.Group, name: str, array: Any) -> None:
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_chunk(array.shape)
    properties.set_filter(_UNKNOWN_FILTER, h5z.FLAG_OPTIONAL, ())
    kind = h5t.py_create(array.dtype)
    made = h5d.create(parent.id, name.encode(), kind, h5s.create_simple(array.shape), properties)
    made.write_direct_chunk((0,) * array.ndim, array.tobytes(), 0)


def test_17_an_unknown_filter_hides_only_what_is_behind_it_and_is_named(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _full(file)
        _number(entry["sample"], "temperature", 4.2, "K")
        _behind_unknown_filter(entry, "counts", np.arange(100.0))
    facts = _read(reader, path)
    [entry] = facts.entries
    assert all(getattr(entry, name) for name in _FIELDS.values())
    assert _values(entry).keys() == {"/entry/sample/temperature"}
    assert facts.state is ReadState.PARTLY
    [problem] = facts.problems
    assert problem.path == "/entry/counts"
    assert "filter" in problem.what
    assert str(_UNKNOWN_FILTER) in problem.what


def test_17_images_behind_an_unknown_filter_leave_the_metadata_whole(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        data = _group(_full(file), "data", "NXdata")
        _behind_unknown_filter(data, "counts", np.ones((1, 400, 400), "u2"))
        data.attrs["signal"] = "counts"
    found = _run(reader, path)
    assert all(getattr(found, name) for name in _FIELDS.values())
    assert _plot(found).shape == (1, 400, 400)


# --- 18. many metadata -------------------------------------------------------------------------------------------------


def test_18_the_curated_numbers_are_found_among_thousands(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry", title="a scan")
        logs = _group(entry, "DAS_logs", "NXcollection")
        for i in range(380):
            device = logs.create_group(f"device{i:03d}")
            for j in range(7):
                device[f"setting{j}"] = float(i * j)
        _number(_group(_group(entry, "instrument", "NXinstrument"), "monochromator", "NXmonochromator"), "energy", 12.4, "keV")
        _number(_group(entry, "sample", "NXsample", name="silica"), "temperature", 4.2, "K")
    found = _run(reader, path)
    values = _values(found)
    assert len(values) <= MAX_QUANTITIES
    assert values["/entry/instrument/monochromator/energy"].canonical == "incident_energy"
    assert values["/entry/sample/temperature"].canonical == "temperature"
    assert {q.path for q in found.quantities if q.canonical} == {
        "/entry/instrument/monochromator/energy",
        "/entry/sample/temperature",
    }
    assert [bool(q.canonical) for q in found.quantities[:3]] == [True, True, False]


def test_18_sixteen_hundred_logs_are_all_there_and_not_all_searched(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "mantid_workspace_1", "NXentry", title="a run")
        logs = _group(entry, "logs", "NXgroup")
        for i in range(1_600):
            _number(_group(logs, f"log{i:04d}", "NXlog", value=np.arange(3.0) + i), "time", np.arange(3.0), "second")
        _group(logs, "t_sample", "NXlog", value=np.array([4.0, 4.2]), time=np.arange(2.0))
    facts = _read(reader, path)
    assert facts.state is ReadState.READ
    assert facts.counts is not None
    assert facts.counts["dataset"] == 2 * 1_601 + 1
    [found] = facts.entries
    assert {q.path for q in found.quantities if q.canonical} == {"/mantid_workspace_1/logs/t_sample/value"}
    assert len(found.quantities) <= MAX_QUANTITIES


def _wide(entry: h5py.Group) -> None:
    holder = entry.create_group("wide")
    for i in range(5_100):
        holder[f"link{i}"] = h5py.SoftLink("/entry/title")


def _deep(entry: h5py.Group) -> None:
    entry.create_group("/".join(200 * ["a"]))


def _many(entry: h5py.Group) -> None:
    for i in range(5):
        holder = entry.create_group(f"many{i}")
        for j in range(4_500):
            holder[f"link{j}"] = h5py.SoftLink("/entry/title")


@pytest.mark.parametrize("write", [_wide, _deep, _many])
def test_18_beyond_a_limit_the_rest_is_left_out_and_that_is_said(reader: SandboxedReader, path: Path, write: Any) -> None:
    with h5py.File(path, "w", libver="latest") as file:
        write(_full(file))
    facts = _read(reader, path)
    assert facts.state is ReadState.PARTLY
    assert any("not looked at" in p.what for p in facts.problems)
    assert all(getattr(facts.entries[0], name) for name in ("title", "start", "end", "definition", "proposal"))


def test_18_many_attributes_do_not_hide_the_class(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w", libver="latest") as file:
        entry = _full(file)
        for i in range(500):
            entry.attrs[f"A setting {i:03d}"] = i
    facts = _read(reader, path)
    assert [e.entry for e in facts.entries] == ["/entry"]
    assert facts.state is ReadState.PARTLY
    assert [p.path for p in facts.problems] == ["/entry"]


# --- 19. empty datasets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "nothing",
    [h5py.Empty("f8"), h5py.Empty("S10"), np.zeros((0,)), np.zeros((0, 5)), np.zeros((0,), "S4"), "", np.array([""], dtype=VLEN)],
    ids=["null number", "null text", "no numbers", "no rows", "no texts", "empty text", "one empty text"],
)
def test_19_an_empty_dataset_says_nothing_wherever_it_stands(reader: SandboxedReader, path: Path, nothing: Any) -> None:
    with h5py.File(path, "w") as file:
        entry = _group(file, "entry", "NXentry")
        for name in ("title", "start_time", "end_time", "definition", "experiment_identifier", "entry_identifier"):
            entry[name] = nothing
        _group(entry, "instrument", "NXinstrument", name=nothing)
        sample = _group(entry, "sample", "NXsample", name=nothing, temperature=nothing)
        sample["temperature"].attrs["units"] = h5py.Empty("S1")
        _group(entry, "user", "NXuser", name=nothing)
        data = _group(entry, "data", "NXdata", counts=nothing)
        data.attrs["signal"] = "counts"
    found = _run(reader, path)
    for name in ("title", "start", "end", "definition", "proposal", "visit", "collection", "instrument"):
        assert getattr(found, name) is None, name
    assert found.people == ()
    assert found.sample is None or found.sample.name is None
    assert found.quantities == ()


# --- 20. superblocks ---------------------------------------------------------------------------------------------------


def _superblock_1(path: Path) -> h5py.File:
    """Only a tree of chunks of unusual width makes the library write version 1; h5py has no name for that property."""
    library = next(
        line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/libhdf5" in line and "_hl" not in line
    )
    creation = h5p.create(h5p.FILE_CREATE)
    assert ctypes.CDLL(library).H5Pset_istore_k(ctypes.c_int64(creation.id), ctypes.c_uint(64)) == 0
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)
    return h5py.File(h5f.create(os.fsencode(path), h5f.ACC_TRUNC, creation, access))


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_20_every_version_of_the_superblock_is_read(reader: SandboxedReader, path: Path, version: int) -> None:
    bounds = {0: ("earliest", "latest"), 2: ("v108", "v108"), 3: ("v110", "latest")}
    with _superblock_1(path) if version == 1 else h5py.File(path, "w", libver=bounds[version]) as file:
        _full(file)["counts"] = np.arange(8.0)
    assert path.read_bytes()[8] == version
    found = _run(reader, path)
    assert all(getattr(found, name) for name in _FIELDS.values())
    assert _values(found)["/entry/counts"].maximum == 7.0


def test_20_a_user_block_is_stepped_over(reader: SandboxedReader, path: Path) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        _full(file)
    found = _run(reader, path)
    assert all(getattr(found, name) for name in _FIELDS.values())
