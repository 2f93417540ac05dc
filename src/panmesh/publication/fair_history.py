"""FAIR scores of many runs: of an instrument and of the facility, over time, and the runs that lack something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from panmesh.access.score_policy import may_see_scores
from panmesh.access.viewer import Viewer
from panmesh.catalogue.model import DatasetSummary
from panmesh.catalogue.search import SearchService
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Forbidden
from panmesh.publication.fair import POINTS

PER_PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Of some runs together; per cent are means."""

    runs: int
    assessed: float
    complete: float
    findable: float
    accessible: float
    interoperable: float
    reusable: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredMonth:
    month: str  # YYYY-MM
    scores: Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """How many runs are without something."""

    point: str  # of POINTS
    runs: int
    recent: int  # of them, measured this month or the last


@dataclass(frozen=True, slots=True, kw_only=True)
class OfInstrument:
    pid: str
    name: str
    scores: Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    now: Scores | None  # None: nothing is scored yet
    held: tuple[ScoredMonth, ...]  # all runs held at the end of each month, as they were described then; oldest first
    measured: tuple[ScoredMonth, ...]  # the runs of each month, as they are described now
    lacking: tuple[Lacking, ...]  # the most frequent first
    waiting: int = 0  # runs that are not scored yet


class ScoreReads(Protocol):
    """`instrument_id` None: the whole facility."""

    def quality(self, instrument_id: int | None, now_us: int) -> Quality: ...
    def instruments(self) -> Sequence[OfInstrument]:
        """The least complete first."""
        ...

    def lacking(
        self, viewer: Viewer, instrument_id: int | None, point: int, now_us: int, *, offset: int, limit: int
    ) -> tuple[DatasetSummary, ...]:
        """Runs without it that this viewer may read in full, the newest first."""
        ...


class QualityService:
    def __init__(self, reads: ScoreReads, search: SearchService, clock: Clock) -> None:
        self._reads, self._search, self._clock = reads, search, clock

    def of_facility(self, viewer: Viewer) -> Quality:
        """Raises Forbidden for whoever does not look after all of it."""
        self._allowed(viewer, None)
        return self._reads.quality(None, self._clock())

    def instruments(self, viewer: Viewer) -> Sequence[OfInstrument]:
        self._allowed(viewer, None)
        return self._reads.instruments()

    def of_instrument(self, viewer: Viewer, pid: str) -> Quality:
        """Raises NotFound, and Forbidden for whoever does not look after it."""
        return self._reads.quality(self._instrument(viewer, pid), self._clock())

    def lacking(self, viewer: Viewer, pid: str | None, point: str, offset: int = 0) -> tuple[tuple[DatasetSummary, ...], bool]:
        """Runs without one of POINTS, and whether there are more."""
        number = self._instrument(viewer, pid) if pid is not None else None
        self._allowed(viewer, number)
        place = POINTS.index(point)
        found = self._reads.lacking(viewer, number, place, self._clock(), offset=offset, limit=PER_PAGE + 1)
        return found[:PER_PAGE], len(found) > PER_PAGE

    def may_see(self, viewer: Viewer, instrument_id: int | None) -> bool:
        return may_see_scores(viewer, instrument_id)

    def _instrument(self, viewer: Viewer, pid: str) -> int:
        number = self._search.instrument(viewer, pid).id
        self._allowed(viewer, number)
        return number

    def _allowed(self, viewer: Viewer, instrument_id: int | None) -> None:
        if not may_see_scores(viewer, instrument_id):
            raise Forbidden(
                "Scores of all runs are for those who look after them: the staff of the instrument, the data steward and the admin."
            )
