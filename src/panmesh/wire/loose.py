"""What other catalogues write, read loosely: absent, null and empty are one; numbers may be texts; days and instants in several forms."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from datetime import time as civil_time
from typing import Any

from panmesh.catalogue.imported import ImportedParameter
from panmesh.kernel.clock import to_us

MOST_DIGITS = 400  # of a number written as text


def text(value: Any) -> str | None:
    """Of a text or a number; None for what is empty or neither."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int) and abs(value) >= 10**MOST_DIGITS:
        return None
    if isinstance(value, str | int | float):
        found = str(value).strip()
        return found or None
    return None


def key(value: Any) -> str | None:
    """A pid or id; a number is written as text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return text(value)


def number(value: Any) -> float | None:
    if isinstance(value, str) and len(value) <= MOST_DIGITS:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def whole(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = number(value)
    return None if found is None else int(found)


def boolean(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.strip().casefold() == "true")


def instant(value: Any) -> int | None:
    """UTC microseconds of "2020-05-05T15:01:02.341Z", "2020-05-05", {"$date": …}; without a zone it is UTC."""
    if isinstance(value, Mapping):
        return instant(value.get("$date"))
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, civil_time())
    if not isinstance(value, datetime):
        return None
    return to_us(value if value.tzinfo is not None else value.replace(tzinfo=UTC))


def many(value: Any) -> list[Any]:
    """A list; one thing is a list of it, nothing is an empty one."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def parameter(name: Any, value: Any, unit: Any = None, *, low: Any = None, high: Any = None) -> ImportedParameter | None:
    """A number stays one, whatever else is text; a list of numbers is a range. None: it has no name or says nothing."""
    called = text(name)
    if called is None:
        return None
    ends = number(low), number(high)
    said: float | str | None
    if isinstance(value, list | tuple) and value and all(number(v) is not None and not isinstance(v, str) for v in value):
        numbers = [float(v) for v in value]
        said, ends = None, (min(numbers), max(numbers))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        said = number(value)
        said = _digits(value) if said is None else said
    else:
        said = value if isinstance(value, str) else None if value is None else _as_json(value)
    if said is None and ends == (None, None):
        return None
    return ImportedParameter(name=called, value=said, unit=text(unit), minimum=ends[0], maximum=ends[1])


def _digits(value: float) -> str:
    return str(value) if isinstance(value, float) or abs(value) < 10**MOST_DIGITS else "a number of more than 400 digits"


def _as_json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)[:10_000]
    except (ValueError, RecursionError):
        return "…"
