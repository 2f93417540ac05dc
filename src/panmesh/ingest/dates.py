"""Instants as instruments write them: thirteen shapes and more, kept raw, read only where they say an instant."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

from panmesh.ingest.facts import Instant, TimeBasis
from panmesh.kernel.clock import to_us

_MONTHS = {m: i + 1 for i, m in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])}
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9})\d*)?)?"
_ZONE = r"\s*(?P<zone>Z|z|UTC|GMT|[+-]\d{1,2}(?::?\d{2})?(?::?\d{2})?)?"
_SHAPES = tuple(
    re.compile(shape, re.IGNORECASE)
    for shape in (
        # 2013-09-28T04:50:48+0100, 2005-05-27 05:44:13, 2024-02-27T16:25:38.209, 2018/11/08 18:23
        rf"(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}})(?:[T\s]+{_CLOCK}{_ZONE})?",
        rf"(?P<year>\d{{4}})(?P<month>\d{{2}})(?P<day>\d{{2}})(?:[T\s]?(?P<hour>\d{{2}})(?P<minute>\d{{2}})(?P<second>\d{{2}}){_ZONE})?",
        # 15-Jun-18 12:37:18, 27 May 2005 05:44:13
        rf"(?P<day>\d{{1,2}})[-\s./](?P<name>[A-Za-z]{{3,9}})[-\s./,]+(?P<year>\d{{4}}|\d{{2}})(?:[T\s]+{_CLOCK}{_ZONE})?",
        # Fri Oct  7 14:21:03 2011 [+zone], Oct 7 2011 14:21:03
        rf"(?:[A-Za-z]{{3,9}},?\s+)?(?P<name>[A-Za-z]{{3,9}})\s+(?P<day>\d{{1,2}}),?\s+{_CLOCK}{_ZONE}\s+(?P<year>\d{{4}})",
        rf"(?:[A-Za-z]{{3,9}},?\s+)?(?P<name>[A-Za-z]{{3,9}})\s+(?P<day>\d{{1,2}}),?\s+(?P<year>\d{{4}})(?:\s+{_CLOCK}{_ZONE})?",
        # Fri, 07 Oct 2011 14:21:03 +0200
        rf"[A-Za-z]{{3,9}},\s+(?P<day>\d{{1,2}})\s+(?P<name>[A-Za-z]{{3,9}})\s+(?P<year>\d{{4}})(?:\s+{_CLOCK}{_ZONE})?",
        # 03/04/2018 12:00, 3.4.2018
        rf"(?P<first>\d{{1,2}})[-/.](?P<other>\d{{1,2}})[-/.](?P<year>\d{{4}})(?:[T\s]+{_CLOCK}{_ZONE})?",
    )
)
_EPOCH = re.compile(r"\d{9,10}(\.\d+)?")
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)  # nothing that instruments wrote is older; year 1 and the epoch itself mean "not set"
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def parse_instant(raw: str, path: str, *, zone: str, day_first: bool = True) -> Instant:
    """`us` is None where the text says no instant: a time without a day, a template, the year 1, an impossible day."""
    text = " ".join(raw.replace("\x00", " ").split())
    for shape in _SHAPES:
        match = shape.fullmatch(text)
        if match is not None:
            return _instant(match.groupdict(), raw=text, path=path, zone=zone, day_first=day_first)
    if _EPOCH.fullmatch(text):
        return _checked(datetime.fromtimestamp(float(text), UTC), text, TimeBasis.ASSUMED, path)
    return Instant(us=None, raw=text, basis=TimeBasis.ASSUMED, path=path)


def _instant(parts: dict[str, str | None], *, raw: str, path: str, zone: str, day_first: bool) -> Instant:
    nothing = Instant(us=None, raw=raw, basis=TimeBasis.ASSUMED, path=path)
    day = _day(parts, day_first)
    if day is None:
        return nothing
    timed = parts.get("hour") is not None
    try:
        local = datetime(
            day.year,
            day.month,
            day.day,
            int(parts.get("hour") or 0),
            int(parts.get("minute") or 0),
            int(parts.get("second") or 0),
            int((parts.get("fraction") or "0").ljust(6, "0")[:6]),
        )
        offset = _offset(parts.get("zone"))
        aware = local.replace(tzinfo=offset) if offset is not None else local.replace(tzinfo=_zone(zone))
        twice = offset is None and aware.utcoffset() != aware.replace(fold=1).utcoffset()  # an hour that comes twice, or never
        sure = (
            timed and not twice and (parts.get("first") is None or max(int(parts["first"] or 0), int(parts["other"] or 0)) > 12)
        )
        basis = TimeBasis.ASSUMED if not sure else TimeBasis.FILE if offset is not None else TimeBasis.FACILITY
        return _checked(aware, raw, basis, path)
    except (ValueError, OverflowError):
        return nothing


def _checked(aware: datetime, raw: str, basis: TimeBasis, path: str) -> Instant:
    try:
        good = EARLIEST <= aware < LATEST
    except OverflowError:
        good = False
    return Instant(us=to_us(aware) if good else None, raw=raw, basis=basis, path=path)


def _day(parts: dict[str, str | None], day_first: bool) -> date | None:
    year = int(parts["year"] or 0)
    if len(parts["year"] or "") == 2:
        year += 2000 if year < 70 else 1900
    if parts.get("name"):
        month = _MONTHS.get((parts["name"] or "")[:3].lower(), 0)
        day = int(parts["day"] or 0)
    elif parts.get("first"):
        one, two = int(parts["first"] or 0), int(parts["other"] or 0)
        day, month = (one, two) if (day_first and two <= 12) or one > 12 else (two, one)
    else:
        month, day = int(parts["month"] or 0), int(parts["day"] or 0)
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _offset(zone: str | None) -> timezone | None:
    if not zone:
        return None
    if zone.upper() in ("Z", "UTC", "GMT"):
        return UTC
    digits = re.sub(r"\D", "", zone)
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
    delta = timedelta(hours=hours, minutes=minutes)
    return timezone(-delta if zone[0] == "-" else delta)


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
