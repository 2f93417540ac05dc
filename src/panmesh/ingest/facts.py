"""What one file says of the runs in it: the result of reading, before anybody decides where it belongs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from panmesh.ingest.tree import Problem


class FileFormat(StrEnum):
    HDF5 = "hdf5"
    HDF4 = "hdf4"
    XML = "xml"
    HTML = "html"
    GIT_LFS = "git-lfs-pointer"
    EMPTY = "empty"  # no bytes
    ZEROS = "zeros"  # only NUL bytes where a signature should be
    MANGLED = "text-mangled"  # binary pushed through a text codec (EF BF BD 48 44 46)
    HMPF = "hmpf"  # 89 48 4D 50, seen at PSI
    ZIP = "zip"
    GZIP = "gzip"
    TIFF = "tiff"
    CBF = "cbf"
    TEXT = "text"
    UNKNOWN = "unknown"


class ReadState(StrEnum):
    READ = "read"
    PARTLY = "partly-read"  # problems name what could not be read
    STORED = "stored"  # not a format we read: kept, named, served
    FAILED = "failed"  # the reader crashed, hung or ran out of memory: reason in `problems`, may be retried


class TimeBasis(StrEnum):
    FILE = "file"  # offset in the file
    FACILITY = "facility"  # local time without zone, read in the facility's zone
    ASSUMED = "assumed"  # anything weaker (day only, ambiguous order, UTC for want of a zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A value with the place it was read from."""

    value: str
    path: str  # HDF5 path of the dataset, or path@attribute
    raw: str | None = None  # as written, when `value` is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    us: int | None  # UTC microseconds since 1970; None: the raw text says no instant (time only, template, year 1)
    raw: str
    basis: TimeBasis
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    name: str
    path: str
    role: str | None = None
    orcid: str | None = None  # only with a right checksum, bare 0000-0000-0000-000X
    affiliation: str | None = None
    email: str | None = None
    facility_user_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFacts:
    path: str
    name: str | None  # None: placeholder or not in the file
    identifier: str | None = None
    formula: str | None = None
    description: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TechniqueFacts:
    pid: str  # PaNET IRI
    name: str
    source: str  # "definition NXarpes at /entry/definition", "instrument default", …


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityFacts:
    path: str
    name: str  # last path segments that name it for a person: "monochromator/energy"
    unit: str | None  # symbol as in the file; None: none written
    value: float | str | None  # scalar, or None for arrays
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    count: int = 1
    canonical: str | None = None  # curated name ("incident_energy"); only these become searchable parameters
    label: str | None = None  # @long_name or @local_name


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotFacts:
    group: str  # NXdata path
    signal: str  # dataset path, resolved
    axes: tuple[str, ...]  # dataset paths, "" where an axis has none; as many as signal dimensions where known
    shape: tuple[int, ...]
    units: str | None
    title: str | None
    marking: str  # "default chain", "@signal on group", "@signal on dataset", "guess"
    missing: tuple[
        str, ...
    ] = ()  # other files that hold the signal's numbers (virtual, linked, raw); without them it would be flat
    errors: str | None = None  # dataset path: of the same shape, the standard uncertainty of each number
    interpretation: str | None = None  # as in NXdata: "image", "spectrum" …


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Another file that this one needs."""

    kind: str  # "virtual", "raw", "link"
    file: str  # as written
    inner: str | None
    path: str  # where in this file


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFacts:
    """One run: an NXentry, or the whole file when there is none (`entry` is then None)."""

    entry: str | None  # "/entry1"
    entry_class: str  # "NXentry", "SASentry", "" …
    title: Found | None = None
    start: Instant | None = None
    end: Instant | None = None
    instrument: Found | None = None  # name as written
    facility: Found | None = None  # source name, facility name
    proposal: Found | None = None  # None for placeholders; `visit` keeps the visit form ("mm36462-1")
    visit: Found | None = None
    collection: Found | None = None  # entry_identifier / run number: the acquisition's own id
    definition: Found | None = None
    sample: SampleFacts | None = None
    people: tuple[Person, ...] = ()
    techniques: tuple[TechniqueFacts, ...] = ()
    quantities: tuple[QuantityFacts, ...] = ()
    plot: PlotFacts | None = None
    program: Found | None = None
    description: Found | None = None
    placeholders: tuple[Found, ...] = ()  # values that were there and mean nothing ("0-0", "UNKNOWN", a template)
    embargo_hint: Found | None = None  # NXarchive release_date


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    format: FileFormat
    state: ReadState
    entries: tuple[EntryFacts, ...]  # never empty: a file without entries has one with entry=None
    references: tuple[Reference, ...] = ()
    problems: tuple[Problem, ...] = ()
    advice: str | None = None  # what to do about a file that is stored but not read
    growing: bool = False  # open for writing (SWMR): read what is there, read again
    counts: dict[str, int] | None = None  # groups, datasets, links seen
    detail: dict[str, Any] | None = None  # superblock, creator, HDF5 version …: shown, not searched
