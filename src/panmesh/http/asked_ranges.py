"""Ranges as they are written in an address: of a quantity, of days, of a year."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from panmesh.catalogue.query import And, Compare, Condition, Field, Op, QuantityRange
from panmesh.kernel.clock import to_us
from panmesh.kernel.errors import Invalid

_NUMERAL = r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?"
_QUANTITY = re.compile(
    rf"\s*(?P<name>[\w-]{{1,80}})\s*:\s*(?P<low>{_NUMERAL})?\s*\.\.\s*(?P<high>{_NUMERAL})?\s*(?P<unit>[^\d\s.].*?)?\s*"
)
_ONE = re.compile(rf"\s*(?P<name>[\w-]{{1,80}})\s*:\s*(?P<value>{_NUMERAL})\s*(?P<unit>[^\d\s.].*?)?\s*")


def quantity(text: str) -> QuantityRange:
    """`incident_energy:10..20 keV`, `temperature:..100 K`, `detector_distance:1.5 m` (within one per mille)."""
    match = _QUANTITY.fullmatch(text)
    if match is not None:
        low, high = _number(match["low"], text), _number(match["high"], text)
        if low is None and high is None:
            raise Invalid(f"{text!r} has no limit; write 'incident_energy:10..20 keV'")
        if low is not None and high is not None and low > high:
            raise Invalid(f"{text!r}: the lower limit is above the upper one")
        return QuantityRange(match["name"], low, high, match["unit"] or None)
    one = _ONE.fullmatch(text)
    value = _number(one["value"], text) if one is not None else None
    if one is None or value is None:
        raise Invalid(f"{text!r} is no quantity; write 'incident_energy:10..20 keV'")
    margin = abs(value) * 1e-3
    return QuantityRange(one["name"], value - margin, value + margin, one["unit"] or None)


def instant(text: str, zone: str, *, end: bool) -> int:
    """An instant or a day in the facility's zone; a day as an end means the whole of it."""
    text = text.strip()
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            day = date.fromisoformat(text) + timedelta(days=1 if end else 0)
            return to_us(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)))
        if re.fullmatch(r"\d{4}", text):
            return to_us(datetime(int(text) + (1 if end else 0), 1, 1, tzinfo=ZoneInfo(zone)))
        moment = datetime.fromisoformat(text)
        return to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise Invalid(f"{text!r} is no day (2026-03-01) and no instant (2026-03-01T08:00:00Z)") from error


def year(value: str, zone: str) -> Condition:
    if not re.fullmatch(r"\d{4}", value.strip()):
        raise Invalid(f"{value!r} is no year")
    first, last = (Compare(Field.START, op, instant(value, zone, end=end)) for op, end in ((Op.AT_LEAST, False), (Op.LESS, True)))
    return And((first, last))


def _number(text: str | None, whole: str) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Invalid(f"{whole!r}: {text!r} is no number")
    return number
