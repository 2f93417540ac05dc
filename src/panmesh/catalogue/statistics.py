"""Instruments and the facility in numbers, of what one viewer may know: runs over time, bytes, and what is missing for others to find
and use them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Protocol

from panmesh.access.viewer import ANONYMOUS, Viewer
from panmesh.catalogue.model import DatasetSummary, FacetValue, InstrumentView, Page
from panmesh.catalogue.query import DatasetQuery, Field
from panmesh.catalogue.search import SearchService
from panmesh.kernel.clock import DAY_US, Clock, facility_day, facility_midnight, from_us

DAYS = 30
MONTHS = 36  # that are drawn
KEPT_US = 600_000_000  # how long the numbers of the facility are told as they were: all runs are counted for them


class Lack(StrEnum):
    """What a run can lack so that others do not find it, or cannot use it."""

    SAMPLE = "sample"
    TECHNIQUE = "technique"
    PROPOSAL = "proposal"
    UNIT = "unit"  # on a quantity that has one in other runs
    TIME = "time"
    READING = "reading"  # its file was read in part, or not at all


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
    lacks: Mapping[Lack, Gap]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Runs that began in one day, month or year."""

    runs: int = 0
    readable: int = 0  # of them, whose files the viewer may read: for the public, open ones
    size: int = 0  # bytes of those

    def __add__(self, other: Measured) -> Measured:
        return Measured(runs=self.runs + other.runs, readable=self.readable + other.readable, size=self.size + other.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentStatistics:
    days: tuple[tuple[date, int], ...]  # the last 30 days of the facility, today last: runs that began
    months: tuple[tuple[str, Measured], ...]  # YYYY-MM in UTC, up to this one, at most `MONTHS`
    totals: Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class FacilityNumbers:
    """What everybody may know."""

    as_of_us: int
    whole: Measured
    untimed: int  # runs that say no time: in no month
    months: tuple[tuple[str, Measured], ...]
    years: tuple[tuple[int, Measured], ...]
    instruments: tuple[InstrumentView, ...]
    techniques: tuple[FacetValue, ...]


class StatisticsStore(Protocol):
    def totals(self, viewer: Viewer, instrument_id: int, now_us: int) -> Totals: ...
    def lacking(
        self, viewer: Viewer, instrument_id: int, lack: Lack, offset: int, limit: int, now_us: int
    ) -> Page[DatasetSummary]:
        """The newest first."""
        ...

    def hours(self, viewer: Viewer, instrument_id: int, since_us: int, now_us: int) -> dict[int, int]:
        """Hours since 1970 → runs that began within."""
        ...

    def days(self, viewer: Viewer, instrument_id: int | None, now_us: int) -> dict[int | None, Measured]:
        """Days since 1970 (UTC) → runs that began within; None: those that say no time. Without an instrument, of the facility's own."""
        ...


class StatisticsService:
    def __init__(self, store: StatisticsStore, search: SearchService, clock: Clock) -> None:
        self._store = store
        self._search = search
        self._clock = clock
        self._facility: FacilityNumbers | None = None
        self._counting = threading.Lock()

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
        return InstrumentStatistics(
            days=tuple(days.items()),
            months=_months(self._store.days(viewer, one.id, now_us), now_us),
            totals=self._store.totals(viewer, one.id, now_us),
        )

    def lacking(self, viewer: Viewer, pid: str, lack: Lack, *, offset: int = 0, limit: int = 25) -> Page[DatasetSummary]:
        one = self._search.instrument(viewer, pid)
        return self._store.lacking(viewer, one.id, lack, offset, limit, self._clock())

    def facility(self) -> FacilityNumbers:
        """As they were at most ten minutes ago, with that instant."""
        now_us = self._clock()
        with self._counting:  # one counts, the others wait for it
            kept = self._facility
            if kept is None or not kept.as_of_us <= now_us < kept.as_of_us + KEPT_US:
                kept = self._facility = self._counted(now_us)
        return kept

    def _counted(self, now_us: int) -> FacilityNumbers:
        days = self._store.days(ANONYMOUS, None, now_us)
        instruments = [one for one in self._search.instruments(ANONYMOUS) if one.dataset_count]
        return FacilityNumbers(
            as_of_us=now_us,
            whole=sum(days.values(), Measured()),
            untimed=days.get(None, Measured()).runs,
            months=_months(days, now_us),
            years=_years(days),
            instruments=tuple(sorted(instruments, key=lambda one: -one.dataset_count)),
            techniques=self._search.facet(ANONYMOUS, DatasetQuery(), Field.TECHNIQUE, 12),
        )


def _months(days: Mapping[int | None, Measured], now_us: int) -> tuple[tuple[str, Measured], ...]:
    """From the first with runs, or the earliest that is drawn, up to this one; months without runs too."""
    now = from_us(now_us)
    last = now.year * 12 + now.month - 1
    found: dict[int, Measured] = {}
    for day, measured in days.items():
        if day is not None and (number := _month(day)) <= last:
            found[number] = found.get(number, Measured()) + measured
    drawn = [number for number in found if number > last - MONTHS]
    numbers: Sequence[int] = range(min(drawn), last + 1) if drawn else ()
    return tuple((f"{one // 12:04d}-{one % 12 + 1:02d}", found.get(one, Measured())) for one in numbers)


def _years(days: Mapping[int | None, Measured]) -> tuple[tuple[int, Measured], ...]:
    """The newest first."""
    found: dict[int, Measured] = {}
    for day, measured in days.items():
        if day is not None:
            year = _month(day) // 12
            found[year] = found.get(year, Measured()) + measured
    return tuple(sorted(found.items(), reverse=True))


def _month(day: int) -> int:
    begun = from_us(day * DAY_US)
    return begun.year * 12 + begun.month - 1
