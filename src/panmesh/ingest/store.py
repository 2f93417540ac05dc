"""What ingest asks of the database: a ledger of files seen, a directory to place runs by, and one commit for a batch of outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from panmesh.catalogue.effective import Described
from panmesh.catalogue.manifest import ManifestRef
from panmesh.ingest.describing import Layer
from panmesh.ingest.placing import InstrumentEntry, Visit
from panmesh.ingest.units import UnitState


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    storage: str
    path: str  # in the storage; a series unit is "folder/prefix*.ext"
    size: int
    modified_us: int
    inode: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedUnit:
    id: int
    storage: str
    path: str
    size: int
    modified_us: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run belongs. Exactly one of `visit`, `folder`, `quarantine` decides the investigation and the terms."""

    instrument: InstrumentEntry
    visit: Visit | None = None
    folder: str | None = None  # unscheduled: one investigation per instrument and folder
    quarantine: str | None = None  # the reason


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDataset:
    identity: bytes
    place: Place
    storage: str
    path: str
    entry: str | None
    layer: Layer
    described: Described
    facts: bytes  # zlib-compressed JSON
    read_state: str
    format: str
    advice: str | None
    growing: bool
    has_plot: bool
    manifest: ManifestRef
    content_key: bytes  # SHA-256 over names, sizes and times of the files
    series: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOutcome:
    unit: ClaimedUnit
    state: UnitState
    read_state: str
    format: str
    bare: bool
    reason: str | None = None
    advice: str | None = None
    needs: tuple[str, ...] = ()  # storage paths of files that this one refers to
    datasets: tuple[NewDataset, ...] = ()
    part_of: int | None = None  # unit id of the master, which is then read again
    absorbs: tuple[int, ...] = ()  # units of data files that this one takes into its dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Another unit that this one may belong together with."""

    unit_id: int
    path: str
    size: int
    modified_us: int
    bare: bool
    state: UnitState


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingDigest:
    version_id: int
    dataset_pid: str
    total_bytes: int
    manifest: ManifestRef


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitOff:
    """A dataset of files that staff took out of another one: they belong to it, whoever else claims them."""

    identity: bytes
    storage: str
    path: str  # of the file that it is read from
    unit_id: int | None  # of that file; None: a member of a series, which is never read by itself
    files: tuple[str, ...]  # all of its paths in the storage


class IngestStore(Protocol):
    def sight(self, sightings: Sequence[Sighting], now_us: int) -> int:
        """Record what was seen; returns how many are new or changed and wait to be read. One transaction."""
        ...

    def known(self, storage: str, folder: str) -> dict[str, tuple[int, int, int | None]]:
        """path → (size, modified, inode) of the units right in that folder, as they were last read."""
        ...

    def folders(self, storage: str, folder: str) -> set[str]:
        """The folder and those below it in which units lie, as far as we know."""
        ...

    def gone(self, storage: str, paths: Sequence[str], now_us: int) -> None: ...

    def claim(self, worker: str, limit: int, now_us: int, lease_us: int) -> list[ClaimedUnit]:
        """Units that wait, oldest first, for this worker alone until the lease ends."""
        ...

    def instrument(self, name: str | None, now_us: int) -> InstrumentEntry:
        """By key, name or alias; one that is not known yet is added (names in files are how small facilities begin)."""
        ...

    def visits(self, instrument_id: int, start_us: int | None, names: Sequence[str]) -> list[Visit]: ...

    def masters_of(self, storage: str, path: str, candidates: Sequence[str]) -> list[Neighbour]:
        """Units that claim this path, or stand at one of the candidate paths and are not bare."""
        ...

    def parts_of(self, storage: str, needs: Sequence[str], prefix: str) -> list[Neighbour]:
        """Bare units at the needed paths, or whose path begins with the prefix."""
        ...

    def commit(self, worker: str, outcomes: Sequence[UnitOutcome], now_us: int) -> list[str]:
        """All or nothing, and only units that the worker still holds; returns the pids of the datasets."""
        ...

    def split_off(self, storage: str, paths: Sequence[str]) -> Mapping[str, SplitOff]:
        """path → what it belongs to, for those that staff decided about."""
        ...

    def split_off_in(self, storage: str, folder: str) -> frozenset[str]:
        """Paths in that folder or below that staff took out of what they were in."""
        ...

    def merged_into(self, storage: str, paths: Sequence[str]) -> Mapping[bytes, tuple[ManifestRef, ...]]:
        """Identity of a dataset that is read from one of these files → the files of those that staff merged into it."""
        ...

    def manifest(self, identity: bytes) -> ManifestRef | None:
        """The files of the newest version of a dataset; None when there is no such dataset yet."""
        ...

    def pending_digests(self, limit: int) -> list[PendingDigest]: ...

    def save_digests(
        self, version_id: int, before: ManifestRef, after: ManifestRef, key: bytes, failed: str | None, now_us: int
    ) -> bool:
        """False when the version's manifest has changed since: the digests are then computed again. A dataset whose files went and
        whose bytes are these, in the same investigation, was moved: it takes over the place, and keeps its pid."""
        ...
