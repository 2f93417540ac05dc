"""An instrument in numbers, of what one viewer may know: runs of each day, bytes, and what is missing for others to find and use them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from panmesh.access.viewer import Viewer
from panmesh.catalogue.search import SearchService
from panmesh.kernel.clock import DAY_US, Clock, facility_day, facility_midnight

DAYS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    missing: int
    of: int  # runs of which the viewer may know whether it is missing

    @property
    def share(self) -> float | None:
        return self.missing / self.of if self.of else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    runs: int
    total_bytes: int  # of the runs whose files the viewer may know
    latest_us: int | None
    without_sample: Gap
    without_technique: Gap
    without_proposal: Gap


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentStatistics:
    days: tuple[tuple[date, int], ...]  # the last 30 days of the facility, today last: runs that began
    totals: Totals


class StatisticsStore(Protocol):
    def totals(self, viewer: Viewer, instrument_id: int, now_us: int) -> Totals: ...
    def hours(self, viewer: Viewer, instrument_id: int, since_us: int, now_us: int) -> dict[int, int]:
        """Hours since 1970 → runs that began within."""
        ...


class StatisticsService:
    def __init__(self, store: StatisticsStore, search: SearchService, clock: Clock) -> None:
        self._store = store
        self._search = search
        self._clock = clock

    def instrument(self, viewer: Viewer, pid: str) -> InstrumentStatistics:
        one = self._search.instrument(viewer, pid)
        now_us = self._clock()
        today = facility_day(now_us, one.facility_zone)
        first = today - timedelta(days=DAYS - 1)
        days = {first + timedelta(days=number): 0 for number in range(DAYS)}
        hours = self._store.hours(viewer, one.id, facility_midnight(first, one.facility_zone), now_us)
        for hour, runs in hours.items():
            day = facility_day(hour * (DAY_US // 24), one.facility_zone)
            if day in days:
                days[day] += runs
        return InstrumentStatistics(days=tuple(days.items()), totals=self._store.totals(viewer, one.id, now_us))
