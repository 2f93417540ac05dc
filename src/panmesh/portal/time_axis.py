"""Where an axis of time has its marks: round hours, days and months of the facility."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from panmesh.kernel.clock import from_us, to_us
from panmesh.portal.words import civil, month_name, month_of

MOST = 5
MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
_WITHIN_DAY = tuple(n * MINUTE for n in (1, 2, 5, 10, 15, 30)) + tuple(n * HOUR for n in (1, 2, 3, 6, 12))
_DAYS = (1, 2, 7, 14)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 600, 1200)


@dataclass(frozen=True, slots=True)
class Tick:
    us: int
    text: str
    day: str = ""  # said once, below the first mark of the day


def ticks(first_us: int, last_us: int, zone: str) -> list[Tick]:
    """At most `MOST`, within both ends."""
    place = ZoneInfo(zone)
    span = last_us - first_us
    within = next((step for step in _WITHIN_DAY if span / step <= MOST), None)
    if within is not None and span >= MINUTE:
        return _of_hours(first_us, last_us, within, place)
    if span < MINUTE:
        moment = from_us(first_us).astimezone(place)
        return [Tick(first_us, f"{moment:%H:%M:%S}", _day(moment.date()))]
    days = next((step for step in _DAYS if span / (step * DAY) <= MOST), None)
    return _of_days(first_us, last_us, days, place) if days is not None else _of_months(first_us, last_us, place)


def _of_hours(first_us: int, last_us: int, step: int, place: ZoneInfo) -> list[Tick]:
    midnight = from_us(first_us).astimezone(place).replace(hour=0, minute=0, second=0, microsecond=0)
    at = to_us(midnight)
    at += -(-(first_us - at) // step) * step
    found: list[Tick] = []
    said: date | None = None
    while at <= last_us and len(found) <= MOST:
        moment = from_us(at).astimezone(place)
        found.append(Tick(at, f"{moment:%H:%M}", _day(moment.date()) if moment.date() != said else ""))
        said = moment.date()
        at += step
    return found


def _of_days(first_us: int, last_us: int, step: int, place: ZoneInfo) -> list[Tick]:
    day = from_us(first_us).astimezone(place).date()
    found: list[Tick] = []
    while len(found) <= MOST:
        at = to_us(datetime(day.year, day.month, day.day, tzinfo=place))
        if at > last_us:
            break
        if at >= first_us:
            found.append(Tick(at, f"{day.day} {month_name(day)}", str(day.year) if not found else ""))
            day += timedelta(days=step)
        else:
            day += timedelta(days=1)
    return found


def _of_months(first_us: int, last_us: int, place: ZoneInfo) -> list[Tick]:
    begin, end = (from_us(us).astimezone(place).date() for us in (first_us, last_us))
    months = (end.year - begin.year) * 12 + end.month - begin.month
    step = next((n for n in _MONTHS if months / n <= MOST), _MONTHS[-1])
    number = begin.year * 12 + begin.month - 1
    number = -(-number // step) * step
    found: list[Tick] = []
    while len(found) <= MOST:
        year, month = divmod(number, 12)
        if year > 9998:
            break
        at = to_us(datetime(year, month + 1, 1, tzinfo=place))
        if at > last_us:
            break
        if at >= first_us:
            found.append(Tick(at, str(year) if step >= 12 else month_of(date(year, month + 1, 1))))
        number += step
    return found


def _day(day: date) -> str:
    return civil(day)
