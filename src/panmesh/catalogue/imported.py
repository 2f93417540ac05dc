"""Records that another catalogue brings: plain values, related by pids. Instruments come before what names them, visits (documents with
a `visit_id`) before their datasets; other documents and datasets in any order.

`wire/` translates each outside format to these, a store keeps them. Keys are the source's own pids; they are kept as ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedInstrument:
    pid: str
    name: str
    facility: str | None = None  # name or key of its facility; None: ours
    description: str | None = None
    nested: bool = False  # it came within another record, perhaps not whole: it never changes one that came whole


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedTechnique:
    pid: str
    name: str
    panet_pid: str | None = None  # the PaNET term that it is


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSample:
    pid: str
    name: str
    description: str | None = None
    formula: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedParameter:
    name: str
    value: float | str | None
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFile:
    name: str
    path: str | None = None  # where the source says it is
    size: int | None = None
    modified_us: int | None = None
    sha256: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedPerson:
    key: str  # the source's id
    full_name: str
    first_name: str | None = None
    last_name: str | None = None
    orcid: str | None = None
    researcher_id: str | None = None
    email: str | None = None
    login: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedAffiliation:
    key: str
    name: str | None = None
    address: str | None = None
    city: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedMember:
    role: str | None
    person: ImportedPerson | None = None
    affiliation: ImportedAffiliation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedAccess:
    """Who may read it. Public now, or from a day on; else the team, and the facility's staff."""

    public: bool
    opens_us: int | None = None  # the first instant at which it is open
    starts_us: int | None = None
    ends_us: int | None = None
    team: str | None = None  # key of the document whose members are the team


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedDataset:
    pid: str
    title: str | None
    access: ImportedAccess
    created_us: int | None = None
    start_us: int | None = None
    end_us: int | None = None
    size: int | None = None
    instrument: str | None = None  # pid
    kind: str = "raw"  # raw, processed
    description: str | None = None
    techniques: tuple[ImportedTechnique, ...] = ()
    samples: tuple[ImportedSample, ...] = ()
    parameters: tuple[ImportedParameter, ...] = ()
    files: tuple[ImportedFile, ...] = ()
    documents: tuple[str, ...] = ()  # pids
    investigation: str | None = None  # key of the visit that it belongs to, where the source has visits
    sources: tuple[str, ...] = ()  # pids of the datasets it was made from
    people: tuple[Mapping[str, Any], ...] = ()  # {name, role, orcid, affiliation}
    extra: Mapping[str, Any] = field(default_factory=dict)  # what we have no field for, kept as the source wrote it
    nested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedDocument:
    pid: str
    type: str  # proposal, publication
    title: str
    access: ImportedAccess
    summary: str | None = None
    doi: str | None = None
    starts_us: int | None = None
    ends_us: int | None = None
    release_us: int | None = None
    license: str | None = None
    keywords: tuple[str, ...] = ()
    members: tuple[ImportedMember, ...] = ()
    parameters: tuple[ImportedParameter, ...] = ()
    datasets: tuple[str, ...] = ()  # pids
    proposal: str | None = None  # number of the proposal, where it is a visit under one
    visit_id: str | None = None  # with `proposal`: the document is an investigation
    instrument: str | None = None  # pid
    nested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A record, or a part of one, that could not be brought."""

    kind: str  # dataset, document, instrument; file, parameter, member … for parts
    pid: str | None  # of the record that it is, or is a part of; None: it has none
    reason: str


Imported = ImportedInstrument | ImportedDataset | ImportedDocument
