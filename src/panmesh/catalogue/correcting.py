"""Corrections as a service: looked at, made piece by piece, gone on with after a stop, undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.correction import AT_ONCE, Correction, Discarded, Preview, Progress, Wanted, checked, need_staff
from panmesh.catalogue.model import Page
from panmesh.catalogue.ports import CorrectionStore
from panmesh.catalogue.query import DatasetQuery
from panmesh.catalogue.suggestion import Suggestion
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Fault, Invalid

PATIENCE_US = 10 * 1_000_000  # of a browser or a client
STOPPED_US = 60 * 1_000_000  # a correction that nothing happened to for this long has lost its process


class CorrectionService:
    def __init__(self, store: CorrectionStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def preview(self, viewer: Viewer, wanted: Wanted) -> Preview:
        """What would change: computed by doing it and taking it back. Raises as `make` does."""
        need_staff(viewer, Scope.WRITE)
        return self._store.preview(viewer, checked(wanted), self._clock())

    def make(
        self, viewer: Viewer, wanted: Wanted, progress: Progress | None = None, *, patience_us: int | None = None
    ) -> Correction:
        """`patience_us`: give the rest to the server after so long (a browser does not wait for ten thousand runs); None: stay. Raises Invalid, NotFound (also of what the viewer may not know of), Forbidden, Conflict. Killed half-way, it is gone on with by the
        server, and its state is said until then."""
        need_staff(viewer, Scope.WRITE)
        number = self._store.begin(viewer, checked(wanted), self._clock())
        self._finish(number, progress, patience_us)
        return self._store.one(viewer, number, self._clock())

    def undo(
        self, viewer: Viewer, number: int, progress: Progress | None = None, *, patience_us: int | None = None
    ) -> Correction:
        """All of it. Raises NotFound, Forbidden, Conflict (too late, undone already, or changed meanwhile: says by what)."""
        need_staff(viewer, Scope.WRITE)
        self._store.begin_undo(viewer, number, self._clock())
        self._finish(number, progress, patience_us)
        return self._store.one(viewer, number, self._clock())

    def finish_stopped(self) -> int:
        """Go on with what a killed process left behind; returns how many corrections."""
        numbers = self._store.stopped(self._clock() - STOPPED_US)
        for number in numbers:
            self._finish(number, None, None)
        return len(numbers)

    def one(self, viewer: Viewer, number: int) -> Correction:
        need_staff(viewer, Scope.READ)
        return self._store.one(viewer, number, self._clock())

    def history(self, viewer: Viewer, *, pid: str | None = None, offset: int = 0, limit: int = 50) -> Page[Correction]:
        """Newest first; of one dataset, or of all that the viewer looks after."""
        need_staff(viewer, Scope.READ)
        return self._store.history(viewer, self._clock(), pid=pid, offset=offset, limit=limit)

    def discarded(self, viewer: Viewer, *, offset: int = 0, limit: int = 50) -> Page[Discarded]:
        need_staff(viewer, Scope.READ)
        return self._store.discarded(viewer, self._clock(), offset=offset, limit=limit)

    def suggestions(self, viewer: Viewer, pids: Sequence[str]) -> Mapping[str, tuple[Suggestion, ...]]:
        """For runs that the viewer may correct: likely visits, the likeliest first."""
        need_staff(viewer, Scope.READ)
        return self._store.suggestions(viewer, pids, self._clock())

    def chosen(self, viewer: Viewer, query: DatasetQuery, *, waiting: bool) -> tuple[str, ...]:
        """Pids of all that a search finds (`waiting`: of them, those in quarantine). Raises Invalid when they are too many at once."""
        need_staff(viewer, Scope.READ)
        found = self._store.chosen(viewer, query, waiting=waiting, most=AT_ONCE + 1, now_us=self._clock())
        if len(found) > AT_ONCE:
            detail = f"More than {AT_ONCE:,} runs fit; narrow the choice."
            raise Invalid(detail, (Fault("/pids", detail),))
        return found

    def _finish(self, number: int, progress: Progress | None, patience_us: int | None) -> None:
        began = self._clock()
        while True:
            done, total = self._store.step(number, self._clock())
            if progress is not None:
                progress(done, total)
            if done >= total:
                return
            if patience_us is not None and self._clock() - began >= patience_us:
                self._store.hand_over(number)
                return
