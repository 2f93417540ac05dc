"""The staff's desk: push, look at what was seen, retry, list the quarantine, register derived data."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from typing import Protocol

from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.manifest import FileRow, ManifestRef, ManifestStore
from panmesh.catalogue.model import Page
from panmesh.ingest.files import FileStat, Storages
from panmesh.ingest.service import IngestService
from panmesh.ingest.units import DerivedRun, IngestCounts, PushResult, QuarantinedView, UnitState, UnitView
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Fault, Forbidden, Invalid, NotFound, Unauthenticated


class DeskStore(Protocol):
    def units(
        self, viewer: Viewer, now_us: int, states: Sequence[UnitState], contains: str | None, offset: int, limit: int
    ) -> Page[UnitView]: ...
    def counts(self, viewer: Viewer, now_us: int) -> IngestCounts: ...
    def waiting(self) -> bool: ...
    def retry(self, viewer: Viewer, unit_ids: Sequence[int], now_us: int) -> int:
        """Of those that the viewer may know of; how many there were."""
        ...

    def quarantined(self, viewer: Viewer, offset: int, limit: int, now_us: int) -> Page[QuarantinedView]: ...
    def pids_of(self, viewer: Viewer, storage: str, paths: Sequence[str], now_us: int) -> tuple[str, ...]:
        """Of what the viewer may read."""
        ...

    def add_derived(
        self, viewer: Viewer, run: DerivedRun, identity: bytes, manifest: ManifestRef, content_key: bytes, now_us: int
    ) -> str: ...


class Desk:
    """Implements `ingest.ports.IngestDesk`."""

    def __init__(
        self,
        *,
        store: DeskStore,
        service: IngestService,
        storages: Storages,
        manifests: ManifestStore,
        clock: Clock,
        works_here: bool,
    ) -> None:
        self._store = store
        self._service = service
        self._storages = storages
        self._manifests = manifests
        self._clock = clock
        self._works_here = (
            works_here  # this process may read files itself (it holds the worker's lock, or the database is shared)
        )

    def push(self, viewer: Viewer, path: str, *, wait_seconds: float = 2.0) -> PushResult:
        _need(viewer, Scope.INGEST)
        located = self._storages.locate(path)
        if located is None:
            detail = f"{path!r} lies in no storage of the configuration; there are: {', '.join(self._storages.keys()) or 'none'}."
            raise Invalid(detail, (Fault("/path", detail),))
        storage, inner = located
        stat = self._storages.stat(storage, inner) if inner else None
        stats = [stat] if stat is not None else list(self._storages.walk(storage, inner))
        if not stats:
            raise NotFound(f"There is no file {path!r}.")
        accepted = self._service.sight(storage, stats)
        paths = [s.path for s in stats[:1000]]
        deadline = time.monotonic() + wait_seconds
        while time.monotonic() < deadline:
            if self._works_here:
                self._service.work()
            if not self._store.waiting():
                break
            time.sleep(0.02)
        pids = self._store.pids_of(viewer, storage, paths, self._clock())
        return PushResult(storage=storage, path=inner, accepted=accepted, pids=pids)

    def register_derived(self, viewer: Viewer, run: DerivedRun) -> str:
        _need(viewer, Scope.INGEST)
        faults: list[Fault] = []
        if not run.sources:
            faults.append(Fault("/sources", "at least one dataset that it was made from"))
        if not run.files:
            faults.append(Fault("/files", "at least one file"))
        stats: list[tuple[str, FileStat]] = []
        for i, file in enumerate(run.files):
            located = self._storages.locate(file.path)
            stat = self._storages.stat(*located) if located is not None else None
            if located is None or stat is None:
                faults.append(Fault(f"/files/{i}/path", f"{file.path!r} is no file in a storage of the configuration"))
            else:
                stats.append((located[0], stat))
        if faults:
            raise Invalid("The derived data cannot be registered: " + "; ".join(f.detail for f in faults) + ".", tuple(faults))
        folder = _common_folder([s.path for _, s in stats])
        rows = sorted((_row(storage, stat, folder) for storage, stat in stats), key=lambda row: row.name)
        manifest = self._manifests.write(rows)
        key = hashlib.sha256(json.dumps([[r.path, r.size, r.modified_us] for r in rows]).encode()).digest()
        identity = hashlib.sha256(json.dumps(["derived", [[r.storage, r.path] for r in rows]]).encode()).digest()
        return self._store.add_derived(viewer, run, identity, manifest, key, self._clock())

    def units(
        self, viewer: Viewer, *, states: Sequence[UnitState] = (), contains: str | None = None, offset: int = 0, limit: int = 50
    ) -> Page[UnitView]:
        """`contains`: part of a path; a path with its storage's key ("i22:2026/…") or an absolute one is looked for from its root."""
        _need_staff(viewer)
        return self._store.units(viewer, self._clock(), states, self._in_storage(contains), offset, limit)

    def _in_storage(self, text: str | None) -> str | None:
        text = (text or "").strip()
        located = self._storages.locate(text) if text.startswith("/") else None
        return text or None if located is None else f"{located[0]}:{located[1]}"

    def counts(self, viewer: Viewer) -> IngestCounts:
        _need_staff(viewer)
        return self._store.counts(viewer, self._clock())

    def retry(self, viewer: Viewer, unit_ids: Sequence[int]) -> int:
        _need(viewer, Scope.INGEST)
        return self._store.retry(viewer, unit_ids, self._clock())

    def quarantined(self, viewer: Viewer, *, offset: int = 0, limit: int = 50) -> Page[QuarantinedView]:
        _need_staff(viewer)
        return self._store.quarantined(viewer, offset, limit, self._clock())


def _need_staff(viewer: Viewer) -> None:
    if viewer.staff:
        return
    if viewer.user_id is None:
        raise Unauthenticated()
    raise Forbidden("This is for the facility's staff.")


def _need(viewer: Viewer, scope: Scope) -> None:
    _need_staff(viewer)
    if scope not in viewer.scopes:
        raise Forbidden(f"Your token has not the scope {scope.value!r}.")


def _common_folder(paths: list[str]) -> str:
    folders = [path.split("/")[:-1] for path in paths]
    common: list[str] = []
    for parts in zip(*folders, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return "/".join(common)


def _row(storage: str, stat: FileStat, folder: str) -> FileRow:
    name = stat.path.removeprefix(f"{folder}/") if folder else stat.path
    return FileRow(name=name, size=stat.size, modified_us=stat.modified_us, storage=storage, path=stat.path)
