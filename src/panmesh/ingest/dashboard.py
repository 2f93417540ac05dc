"""Ingest at a glance, for the facility's staff: how fast, how late, what waits, what failed and why, and the storages."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.model import DatasetSummary
from panmesh.ingest.units import IngestCounts
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Forbidden, NotFound, Unauthenticated

BINS = 48
BIN_US = 1_800_000_000  # half an hour: the last 24 hours
SOON_US = 10_000_000  # what everybody is content with
_OWN = re.compile(r"'[^']*'|\"[^\"]*\"|/\S+|\b0x[0-9a-f]+\b|(?<![\w.])\d+(?:[.,]\d+)*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Files that were read in one half hour. `lag`: from the last write to the reading, of files written in the last 24 hours."""

    number: int  # 0 … 47, the newest last
    files: int = 0
    failed: int = 0
    fresh: int = 0  # of which the lag is told
    soon: int = 0  # of them, those read within `SOON_US`
    lag_us: int = 0  # mean
    most_lag_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    id: int
    storage: str
    path: str
    reason: str
    read_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Files that could not be read for one reason, whatever the numbers and names in it."""

    reason: str
    files: int
    last_us: int | None
    examples: tuple[Failed, ...]  # the latest


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Files of a kind that is not read."""

    format: str | None
    advice: str | None
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Of one storage, as far as the viewer may know of its files."""

    storage: str
    files: int
    waiting: int
    failed: int
    seen_us: int | None  # when the newest file was seen
    read_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    free: int  # bytes
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    now_us: int
    counts: IngestCounts
    reads: tuple[Read, ...]  # all 48
    failures: tuple[Failures, ...]  # the most frequent first
    more_failures: int  # kinds that are not listed
    kept: tuple[Kept, ...]
    growing: tuple[DatasetSummary, ...]
    storages: tuple[tuple[Activity, Space | None], ...]  # None: its disk does not answer

    @property
    def soon(self) -> tuple[int, int]:
        """Files of the last 24 hours that were read soon after they were written, and of how many that can be told."""
        return sum(one.soon for one in self.reads), sum(one.fresh for one in self.reads)


class DashboardStore(Protocol):
    """Each counts the files, and names the runs, that the viewer may know of."""

    def counts(self, viewer: Viewer, now_us: int) -> IngestCounts: ...
    def reads(self, viewer: Viewer, now_us: int) -> Sequence[Read]: ...
    def failed(self, viewer: Viewer, now_us: int, limit: int) -> Sequence[Failed]:
        """The latest first."""
        ...

    def kept(self, viewer: Viewer, now_us: int) -> Sequence[Kept]: ...
    def growing(self, viewer: Viewer, now_us: int, limit: int) -> tuple[DatasetSummary, ...]: ...
    def activity(self, viewer: Viewer, now_us: int) -> Sequence[Activity]: ...
    def retry(self, viewer: Viewer, unit_ids: Sequence[int], now_us: int) -> int: ...


SHOWN = 12  # kinds of failures
EXAMPLES = 5
LOOKED_AT = 20_000  # failures


class Dashboard:
    def __init__(
        self, store: DashboardStore, storages: Callable[[], Sequence[str]], space: Callable[[str], Space | None], clock: Clock
    ) -> None:
        """`storages`: keys of those that are configured."""
        self._store, self._storages, self._space, self._clock = store, storages, space, clock

    def report(self, viewer: Viewer) -> Report:
        _need_staff(viewer)
        now = self._clock()
        told = {one.number: one for one in self._store.reads(viewer, now)}
        groups = grouped(self._store.failed(viewer, now, LOOKED_AT))
        return Report(
            now_us=now,
            counts=self._store.counts(viewer, now),
            reads=tuple(told.get(number, Read(number=number)) for number in range(BINS)),
            failures=tuple(groups[:SHOWN]),
            more_failures=max(0, len(groups) - SHOWN),
            kept=tuple(self._store.kept(viewer, now)),
            growing=self._store.growing(viewer, now, 20),
            storages=self._of_storages(viewer, now),
        )

    def retry(self, viewer: Viewer, reason: str) -> int:
        """Queue all files again that failed for this reason, of those that the viewer may know of."""
        _need_staff(viewer)
        if Scope.INGEST not in viewer.scopes:
            raise Forbidden("Your token has not the scope 'ingest'.")
        now = self._clock()
        ids = [one.id for one in self._store.failed(viewer, now, LOOKED_AT) if kind_of(one.reason) == reason]
        if not ids:
            raise NotFound("No file failed for this reason any more: look at the page again.")
        return self._store.retry(viewer, ids, now)

    def _of_storages(self, viewer: Viewer, now_us: int) -> tuple[tuple[Activity, Space | None], ...]:
        known = {one.storage: one for one in self._store.activity(viewer, now_us)}
        configured = self._storages() if viewer.admin or viewer.steward else [key for key in self._storages() if key in known]
        idle = {key: Activity(storage=key, files=0, waiting=0, failed=0, seen_us=None, read_us=None) for key in configured}
        here = set(configured)
        return tuple((one, self._space(key) if key in here else None) for key, one in sorted((idle | known).items()))


def grouped(failed: Sequence[Failed]) -> list[Failures]:
    kinds: dict[str, list[Failed]] = {}
    for one in failed:
        kinds.setdefault(kind_of(one.reason), []).append(one)
    found = [
        Failures(
            reason=reason,
            files=len(some),
            last_us=max((one.read_us for one in some if one.read_us is not None), default=None),
            examples=tuple(some[:EXAMPLES]),
        )
        for reason, some in kinds.items()
    ]
    return sorted(found, key=lambda one: (-one.files, one.reason))


def kind_of(reason: str) -> str:
    """The reason without what is the file's own: names, paths, numbers."""
    return " ".join(_OWN.sub("…", reason).split())[:300]


def _need_staff(viewer: Viewer) -> None:
    if viewer.staff:
        return
    if viewer.user_id is None:
        raise Unauthenticated()
    raise Forbidden("This is for the facility's staff.")
