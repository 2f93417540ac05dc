"""Instants and days: UTC microseconds as integers inside, facility-civil days for policy."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as civil_time
from zoneinfo import ZoneInfo

Clock = Callable[[], int]  # now, in UTC microseconds since 1970

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_US = 86_400_000_000


def system_clock() -> int:
    return time.time_ns() // 1000


def to_us(instant: datetime) -> int:
    """Microseconds of an aware datetime. Raises ValueError on a naive one."""
    if instant.tzinfo is None:
        raise ValueError("instants are aware datetimes; got one without zone")
    delta = instant - EPOCH
    return delta.days * DAY_US + delta.seconds * 1_000_000 + delta.microseconds


def from_us(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


def iso(us: int | None) -> str | None:
    """RFC 3339 in UTC with Z; fractional seconds only where there are some."""
    if us is None:
        return None
    text = from_us(us).isoformat()
    return text.replace("+00:00", "Z")


def add_years(day: date, years: int) -> date:
    """The same civil day `years` later; 29 February becomes 28 February."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def facility_day(us: int, zone: str) -> date:
    return from_us(us).astimezone(ZoneInfo(zone)).date()


def facility_midnight(day: date, zone: str) -> int:
    """The instant at which `day` begins at the facility."""
    return to_us(datetime.combine(day, civil_time(), ZoneInfo(zone)))
