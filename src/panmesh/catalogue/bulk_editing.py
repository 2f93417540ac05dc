"""The metadata of many datasets changed at once: shown first, done piece by piece, gone on with after a stop, undone as a whole.

Each dataset gets the same layer that a single change would give it; one that was changed meanwhile is left as it is and named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.correction import AT_ONCE, LONGEST_REASON, CorrectionState
from panmesh.catalogue.editing import checked
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Fault, Forbidden, Invalid
from panmesh.kernel.text import is_plain

STOPPED_US = 60 * 1_000_000  # an edit that nothing happened to for this long has lost its process
Progress = Callable[[int, int], None]  # done, total


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One dataset of a preview."""

    pid: str
    title: str | None
    revision: int
    before: Mapping[str, Any]  # field → effective value
    refused: str | None = None  # why it will be left as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPreview:
    total: int  # that will change
    same: int  # that have these values already
    lines: tuple[Line, ...]  # the first of those that change
    refused: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkEdit:
    id: int
    at_us: int
    by: str
    values: Mapping[str, Any]
    reason: str
    state: CorrectionState
    total: int
    done: int
    refused: tuple[tuple[str, str], ...]  # pid, why
    pids: tuple[str, ...]  # the first of them
    undone_us: int | None
    undone_by: str | None


class BulkStore(Protocol):
    def preview(self, viewer: Viewer, pids: Sequence[str], values: Mapping[str, Any], now_us: int) -> BulkPreview: ...

    def begin(self, viewer: Viewer, pids: Sequence[str], values: Mapping[str, Any], reason: str, now_us: int) -> int: ...

    def step(self, number: int, now_us: int) -> tuple[int, int]:
        """One piece in one transaction; how many are done, of how many."""
        ...

    def begin_undo(self, viewer: Viewer, number: int, now_us: int) -> None: ...

    def stopped(self, before_us: int) -> list[int]: ...

    def one(self, viewer: Viewer, number: int) -> BulkEdit: ...

    def history(self, viewer: Viewer, *, offset: int, limit: int) -> tuple[BulkEdit, ...]: ...


class BulkEditService:
    def __init__(self, store: BulkStore, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def preview(self, viewer: Viewer, pids: Sequence[str], values: Mapping[str, Any]) -> BulkPreview:
        _need(viewer)
        return self._store.preview(viewer, _few(pids), checked(values), self._clock())

    def make(
        self,
        viewer: Viewer,
        pids: Sequence[str],
        values: Mapping[str, Any],
        reason: str,
        progress: Progress | None = None,
        *,
        patience_us: int | None = None,
    ) -> BulkEdit:
        """`patience_us`: leave the rest to the server after so long. Raises Invalid, NotFound of what may not be known of."""
        _need(viewer)
        if not reason.strip() or len(reason) > LONGEST_REASON or not is_plain(reason):
            raise Invalid("Say why, in a sentence: it is kept with the change.", (Fault("/reason", "is missing, or too long"),))
        number = self._store.begin(viewer, _few(pids), checked(values), reason.strip(), self._clock())
        self._finish(number, progress, patience_us)
        return self._store.one(viewer, number)

    def undo(self, viewer: Viewer, number: int, *, patience_us: int | None = None) -> BulkEdit:
        _need(viewer)
        self._store.begin_undo(viewer, number, self._clock())
        self._finish(number, None, patience_us)
        return self._store.one(viewer, number)

    def one(self, viewer: Viewer, number: int) -> BulkEdit:
        _need(viewer)
        return self._store.one(viewer, number)

    def history(self, viewer: Viewer, *, offset: int = 0, limit: int = 50) -> tuple[BulkEdit, ...]:
        """One's own; the steward and the admin see all. The newest first."""
        _need(viewer)
        return self._store.history(viewer, offset=offset, limit=limit)

    def finish_stopped(self) -> int:
        numbers = self._store.stopped(self._clock() - STOPPED_US)
        for number in numbers:
            self._finish(number, None, None)
        return len(numbers)

    def _finish(self, number: int, progress: Progress | None, patience_us: int | None) -> None:
        began = self._clock()
        while True:
            done, total = self._store.step(number, self._clock())
            if progress is not None:
                progress(done, total)
            if done >= total or (patience_us is not None and self._clock() - began >= patience_us):
                return


def _need(viewer: Viewer) -> None:
    if viewer.user_id is None and not viewer.operator:
        raise Forbidden("Sign in to change metadata.")
    if Scope.WRITE not in viewer.scopes:
        raise Forbidden("Your token has not the scope 'write'.")


def _few(pids: Sequence[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(pids))
    if not found:
        raise Invalid("No run is chosen.", (Fault("/pids", "is empty"),))
    if len(found) > AT_ONCE:
        raise Invalid(f"More than {AT_ONCE:,} runs at once; narrow the choice.", (Fault("/pids", f"more than {AT_ONCE:,}"),))
    return found
