"""The ledger of ingest: one unit for each file or folder that was seen, from sighting to dataset. Nothing seen is ever forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class UnitState(StrEnum):
    SEEN = "seen"  # waits to be read
    CATALOGUED = "catalogued"  # its dataset is visible; digests may be pending
    PART = "part"  # belongs to the dataset of another unit (a data file of a master, a member of a folder)
    STORED = "stored"  # not a format we read: catalogued as a plain file, with advice
    FAILED = "failed"  # the reader could not: reason, and a retry; still catalogued as a plain file
    GONE = "gone"  # no longer on disk


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitView:
    id: int
    storage: str
    path: str
    state: UnitState
    read_state: str | None
    format: str | None
    size: int
    reason: str | None
    advice: str | None
    attempts: int
    seen_us: int
    read_us: int | None
    dataset_pids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestCounts:
    """For the dashboard and the progress bar."""

    by_state: dict[str, int]
    pending_digests: int
    quarantined: int
    lag_us: int | None  # age of the oldest unit that waits; None: nothing waits
    last_hour: int  # units read in the last hour


@dataclass(frozen=True, slots=True, kw_only=True)
class PushResult:
    storage: str
    path: str
    accepted: int  # files queued; a folder may hold many
    pids: tuple[str, ...]  # datasets visible when the call returned


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedView:
    pid: str
    title: str | None
    storage: str | None
    path: str | None
    reason: str
    start_us: int | None
    instrument: str | None
    proposal_in_file: str | None
    created_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedFile:
    path: str  # absolute, or "storage:path"; must lie in a configured storage


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedRun:
    """Results that a processing pipeline registers. They inherit the terms of what they were made from."""

    title: str
    sources: tuple[str, ...]  # pids of the datasets it was made from; at least one, all under the same terms
    files: tuple[DerivedFile, ...]
    software: str
    software_version: str | None = None
    parameters: dict[str, str | float | int | bool | None] | None = None
    finished_us: int | None = None
