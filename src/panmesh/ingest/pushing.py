"""Datasets that scripts push: a record first, its list of files and its pictures afterwards, in as many calls as they like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from panmesh.access.pushing_policy import may_list
from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.imported import ImportedDataset, ImportedFile
from panmesh.catalogue.manifest import FileRow
from panmesh.catalogue.tidying import pid_fault, tidy
from panmesh.ingest.files import Storages
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Fault, Forbidden, Invalid, Unauthenticated

MOST_FILES = 100_000  # in one call
MOST_HOLDING = 9_999


class RecordKind(StrEnum):
    DATASET = "dataset"
    BLOCK = "block"  # a list of files
    ATTACHMENT = "attachment"
    INSTRUMENT = "instrument"
    PROPOSAL = "proposal"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedDataset:
    record: ImportedDataset
    body: Mapping[str, Any]  # as it was sent
    folder: str | None  # where the script says that the files are
    instruments: tuple[str, ...]  # ids, keys or names that it may be, the likeliest first
    visits: tuple[str, ...]  # numbers of proposals, or ids of visits, that it may belong to


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """Names that a record does not say to whoever reads it, as texts write them."""

    names: frozenset[str] = frozenset()
    orcids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedRecord:
    """As it was sent, whoever reads it: what is shown leaves `hidden` out."""

    kind: RecordKind
    key: str
    dataset_id: int | None
    body: Mapping[str, Any]
    created_us: int
    created_by: str  # login; "a person" for whoever does not work with them
    updated_us: int
    updated_by: str
    hidden: Hidden = Hidden()


class PushStore(Protocol):
    """Every change is one transaction; who may make it is decided there, when it is known where the dataset belongs."""

    def add(self, viewer: Viewer, pushed: PushedDataset, folder: tuple[str, str] | None, now_us: int) -> str:
        """Its pid. The same once more by the same person changes nothing. Raises Conflict when the pid is taken, Forbidden."""
        ...

    def change(self, viewer: Viewer, pid: str, pushed: PushedDataset, folder: tuple[str, str] | None, now_us: int) -> None: ...

    def add_part(
        self, viewer: Viewer, pid: str, kind: RecordKind, key: str, body: Mapping[str, Any], files: Sequence[FileRow], now_us: int
    ) -> None:
        """A list of files, or an attachment. Raises Conflict when the key is taken, NotFound, Forbidden."""
        ...

    def keep(self, viewer: Viewer, kind: RecordKind, key: str, body: Mapping[str, Any], now_us: int, *, new: bool) -> None:
        """A record of its own. Raises Conflict (`new`, and it is there), NotFound (not `new`, and it is not)."""
        ...

    def parts(self, viewer: Viewer, dataset_ids: Sequence[int], kinds: Sequence[RecordKind]) -> dict[int, list[PushedRecord]]: ...

    def one(self, viewer: Viewer, kind: RecordKind, key: str) -> PushedRecord | None: ...

    def all(self, viewer: Viewer, kind: RecordKind, limit: int) -> list[PushedRecord]: ...

    def pids_holding(self, texts: Sequence[str], limit: int) -> list[str]:
        """Of the datasets that were sent with one of these texts as a value somewhere, the newest first."""
        ...


class PushService:
    def __init__(self, store: PushStore, storages: Storages, clock: Clock) -> None:
        self._store = store
        self._storages = storages
        self._clock = clock

    def add(self, viewer: Viewer, pushed: PushedDataset) -> str:
        _need(viewer)
        return self._store.add(viewer, self._clean(pushed), self._located(pushed.folder), self._clock())

    def change(self, viewer: Viewer, pid: str, pushed: PushedDataset) -> None:
        _need(viewer)
        self._store.change(viewer, pid, self._clean(pushed), self._located(pushed.folder), self._clock())

    def add_files(self, viewer: Viewer, pid: str, key: str, body: Mapping[str, Any], files: Sequence[ImportedFile]) -> None:
        """Files that lie in a storage of ours are ours from then on: with digests, to be downloaded; others are named only."""
        _need(viewer)
        if len(files) > MOST_FILES:
            detail = f"a list has at most {MOST_FILES:,} files; send several."
            raise Invalid(detail, (Fault("/dataFileList", detail),))
        rows = {row.name: row for row in map(self._row, files)}
        self._store.add_part(
            viewer, pid, RecordKind.BLOCK, key, body, sorted(rows.values(), key=lambda row: row.name), self._clock()
        )

    def attach(self, viewer: Viewer, pid: str, key: str, body: Mapping[str, Any]) -> None:
        _need(viewer)
        self._store.add_part(viewer, pid, RecordKind.ATTACHMENT, key, body, (), self._clock())

    def keep(self, viewer: Viewer, kind: RecordKind, key: str, body: Mapping[str, Any], *, new: bool) -> None:
        """Instruments and proposals are the house's; anybody who may push brings samples, and changes their own."""
        _need(viewer)
        if kind is not RecordKind.SAMPLE and not may_list(viewer):
            raise Forbidden("Instruments and proposals are brought in by data stewards and administrators.")
        if (fault := pid_fault(key)) is not None:
            raise Invalid(fault, (Fault("/", fault),))
        self._store.keep(viewer, kind, key, body, self._clock(), new=new)

    def parts(self, viewer: Viewer, dataset_ids: Sequence[int], *kinds: RecordKind) -> dict[int, list[PushedRecord]]:
        """Of datasets that the viewer may read: the catalogue was asked before."""
        return self._store.parts(viewer, dataset_ids, kinds)

    def one(self, viewer: Viewer, kind: RecordKind, key: str) -> PushedRecord | None:
        """As above."""
        return self._store.one(viewer, kind, key)

    def all(self, viewer: Viewer, kind: RecordKind, limit: int = 1000) -> list[PushedRecord]:
        return self._store.all(viewer, kind, limit)

    def pids_holding(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Raises Invalid when there are too many to compare."""
        found = self._store.pids_holding(texts, MOST_HOLDING + 1)
        if len(found) > MOST_HOLDING:
            detail = f"more than {MOST_HOLDING:,} datasets were sent with this value; narrow the question."
            raise Invalid(detail, (Fault("/fields", detail),))
        return tuple(found)

    def _clean(self, pushed: PushedDataset) -> PushedDataset:
        clean, _ = tidy(pushed.record)
        if not isinstance(clean, ImportedDataset):
            reason = getattr(clean, "reason", "it cannot be kept")
            raise Invalid(f"pid: {reason}", (Fault("/pid", reason),))
        return PushedDataset(
            record=clean, body=pushed.body, folder=pushed.folder, instruments=pushed.instruments, visits=pushed.visits
        )

    def _located(self, path: str | None) -> tuple[str, str] | None:
        return self._storages.locate(path) if path and path.startswith("/") and "\x00" not in path else None

    def _row(self, file: ImportedFile) -> FileRow:
        located = self._located(file.path)
        stat = self._storages.stat(*located) if located is not None else None
        if located is not None and stat is not None:
            return FileRow(name=file.name, size=stat.size, modified_us=stat.modified_us, storage=located[0], path=located[1])
        return FileRow(
            name=file.name,
            size=file.size or 0,
            modified_us=file.modified_us or 0,
            storage="",
            path=file.path or "",
            sha256=file.sha256,
        )


def _need(viewer: Viewer) -> None:
    if viewer.user_id is None and not viewer.operator:
        raise Unauthenticated()
    if Scope.INGEST not in viewer.scopes:
        raise Forbidden("Your token has not the scope 'ingest'.")
