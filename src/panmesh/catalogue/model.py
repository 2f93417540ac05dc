"""What the catalogue shows: plain values, already cut to what one viewer may read (None: not there, or not for them)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from panmesh.access.artefact import Artefact
from panmesh.access.terms import State
from panmesh.catalogue.manifest import ManifestRef
from panmesh.kernel.pid import Pid

T = TypeVar("T")


class Origin(StrEnum):
    NATIVE = "native"
    MIGRATED = "migrated"
    MIRRORED = "mirrored"


class DatasetKind(StrEnum):
    RAW = "raw"
    PROCESSED = "processed"


class ProposalKind(StrEnum):
    USER = "user"
    IN_HOUSE = "in-house"
    COMMISSIONING = "commissioning"
    PROPRIETARY = "proprietary"
    UNSCHEDULED = "unscheduled"


class DigestState(StrEnum):
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"  # changed while read, or unreadable: said on the page
    ELSEWHERE = "elsewhere"  # brought from another catalogue: the bytes are not here


class FileState(StrEnum):
    ONLINE = "online"
    MISSING = "missing"
    CHANGED = "changed"  # bytes differ from the manifest
    UNREADABLE = "unreadable"  # there, but the disk or its permissions say no
    ELSEWHERE = "elsewhere"  # no storage of ours has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """Something with a page of its own."""

    pid: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessView:
    state: State
    opens_us: int | None
    readable: frozenset[Artefact]  # by this viewer, now
    held: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TechniqueView:
    pid: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterView:
    name: str  # canonical
    label: str  # for a person
    unit: str | None  # as in the file
    value: float | str | None  # scalar; None when scanned
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    name: str
    role: str | None
    orcid: str | None
    affiliation: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleView:
    pid: str
    name: str
    identifier: str | None = None
    formula: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSummary:
    """A row of a result list. The second half is full metadata: None or empty when the viewer may not read that."""

    id: int
    pid: Pid
    title: str | None
    kind: DatasetKind
    origin: Origin
    start_us: int | None
    end_us: int | None
    created_us: int
    facility: str | None  # key
    facility_name: str | None  # the facility's own
    source: str | None  # the facility or source as the file names it
    facility_zone: str
    instrument: Ref | None  # page of the instrument
    instrument_key: str | None
    investigation: Ref | None
    visit_id: str | None
    proposal: str | None  # number
    techniques: tuple[TechniqueView, ...]
    access: AccessView
    # full metadata
    sample: SampleView | None = None
    parameters: tuple[ParameterView, ...] = ()
    file_count: int | None = None
    total_bytes: int | None = None
    read_state: str | None = None
    growing: bool | None = None
    path: str | None = None  # of the primary file, in its storage
    entry: str | None = None
    run: str | None = None
    series: str | None = None  # runs of one scan series have the same
    has_plot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationView:
    pid: str
    title: str | None
    direction: str  # "from" (this one was made from it) or "to"
    software: str | None
    software_version: str | None
    at_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRecord:
    """Everything of one dataset that the viewer may read."""

    summary: DatasetSummary
    version: int
    version_pid: str
    versions: int
    revision: int  # grows with every change of the metadata: the ETag
    updated_us: int
    open: bool  # still growing
    manifest: ManifestRef | None = None  # of its files, where the viewer may read them
    # full metadata
    people: tuple[PersonView, ...] = ()
    facts: dict[str, Any] | None = None  # EntryFacts as read (see ingest.facts), with HDF5 paths
    values: dict[str, Any] | None = (
        None  # effective values with their source layer: field → {"value", "source", "path", "by", "at"}
    )
    problems: tuple[dict[str, str], ...] = ()
    advice: str | None = None
    format: str | None = None
    relations: tuple[RelationView, ...] = ()
    digest_state: DigestState | None = None
    findings: int = 0  # files missing or changed on disk


@dataclass(frozen=True, slots=True, kw_only=True)
class FileView:
    name: str
    size: int | None  # bytes; None: elsewhere, and not told
    modified_us: int
    sha256: str | None  # hex; None while pending
    blake3: str | None
    crc32: str | None
    adler32: str | None
    state: FileState


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLocation:
    """Where the bytes of one file are: for services that open them, never shown."""

    storage: str  # "": none of ours; the path is where the source says that it is
    path: str
    size: int
    modified_us: int
    sha256: bytes | None


FilesAtHand = Callable[
    [str], FileLocation | None
]  # of one dataset, by name, without waiting; None: not there, or not known without asking


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The runs before and after one in its visit, of those that say when they began."""

    before: DatasetSummary | None = None
    after: DatasetSummary | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesPage:
    items: tuple[FileView, ...]
    total: int  # files of the dataset that match
    total_bytes: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordWithFiles:
    record: DatasetRecord
    files: FilesPage | None  # the beginning of its list; None where the viewer may not read them


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A run of a visit, as it is named there: core metadata, but for the last two."""

    pid: Pid
    title: str | None
    created_us: int
    run: str | None  # None, too, where the viewer may not know it
    path: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitParts:
    runs: tuple[Part, ...] = ()  # the newest
    techniques: tuple[FacetValue, ...] = ()  # of all its runs, the most frequent first


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitTeam:
    """Who made the runs of a visit."""

    ends_us: int | None
    members: tuple[PersonView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvestigationView:
    """A visit. Title, numbers, dates and instrument are core metadata."""

    id: int
    pid: Pid
    visit_id: str
    title: str | None
    proposal: str | None
    proposal_title: str | None
    kind: ProposalKind
    starts_us: int | None
    ends_us: int | None
    facility: str
    facility_name: str
    facility_zone: str
    instrument: Ref | None
    access: AccessView
    dataset_count: int  # that this viewer may know of
    total_bytes: int | None  # None where the files may not be known
    members: tuple[PersonView, ...] = ()
    proposal_pid: Pid | None = None
    first_us: int | None = None  # starts of its first and last run, where no schedule says when it was
    last_us: int | None = None

    @property
    def span(self) -> tuple[int | None, int | None]:
        """When it was: as scheduled, else from its first run to its last."""
        return (self.starts_us, self.ends_us) if self.starts_us is not None else (self.first_us, self.last_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalView:
    """Number, title and kind are core metadata of its visits."""

    id: int
    pid: Pid
    number: str
    title: str | None
    kind: ProposalKind
    facility_name: str
    facility_zone: str
    members: tuple[PersonView, ...] = ()  # of the teams of those visits
    text: str | None = None  # for the team and the facility alone


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentView:
    """Instruments and facilities are public."""

    id: int
    pid: Pid
    key: str
    name: str
    facility: str
    facility_name: str
    facility_zone: str
    description: str | None
    dataset_count: int  # that this viewer may know of
    latest_us: int | None  # newest dataset that this viewer may know of


@dataclass(frozen=True, slots=True, kw_only=True)
class FacilityView:
    id: int
    key: str
    name: str
    time_zone: str
    ror: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    items: tuple[T, ...]
    total: int
    offset: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetValue:
    value: str
    label: str
    count: int
