"""What a script asks for, in the words of the API's search."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from panmesh.client.asking import Request, derived
from panmesh.client.values import Facet, Instrument, Named, Sample, Technique, Visit

if TYPE_CHECKING:
    from panmesh.client.run import Run

When = str | date | datetime  # a day at the facility, or an instant with its zone

PLAIN = (
    "technique",
    "instrument",
    "facility",
    "proposal",
    "visit",
    "sample",
    "person",
    "series",
    "state",
    "kind",
    "mine",
    "quantity",
)


def conditions(
    text: str, since: When | None, until: When | None, sort: str | None, named: Mapping[str, Any], quantities: Mapping[str, Any]
) -> dict[str, Any]:
    """Raises ValueError for what no server could understand."""
    asked: dict[str, Any] = {"text": text, "from": when("since", since), "to": when("until", until), "sort": sort}
    asked |= {name: _values(value) for name, value in named.items() if value is not None}
    asked["quantity"] = [*asked.get("quantity", ()), *(quantity(name, said) for name, said in quantities.items())]
    return {name: value for name, value in asked.items() if value}


def of_visits(text: str, instrument: Any, proposal: Any, mine: bool) -> dict[str, Any]:
    asked: dict[str, Any] = {"text": text, "mine": "true" if mine else None}
    asked |= {name: _value(one) for name, one in (("instrument", instrument), ("proposal", proposal)) if one is not None}
    return {name: value for name, value in asked.items() if value}


def plain(asked: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The conditions that are no quantities, and those that are."""
    named = {name: value for name, value in asked.items() if name in PLAIN}
    return named, {name: value for name, value in asked.items() if name not in PLAIN}


def registering(
    title: str,
    sources: Iterable[str | Run],
    files: Sequence[str],
    *,
    software: str,
    software_version: str | None = None,
    parameters: Mapping[str, str | float | bool | None] | None = None,
    finished: datetime | None = None,
) -> Request:
    pids = [one if isinstance(one, str) else one.pid for one in sources]
    return derived(title, pids, files, software, software_version, parameters, when("finished", finished))


def when(name: str, said: When | None) -> str | None:
    if isinstance(said, datetime) and said.tzinfo is None:
        raise ValueError(f"{name} is an instant without a zone; write datetime(…, tzinfo=UTC), or a day: '2026-03-01'")
    return said.isoformat() if isinstance(said, date) else said


def quantity(name: str, said: Any) -> str:
    """`name:low..high unit`: both ends in one unit, which one of them may leave to the other."""
    near = difflib.get_close_matches(name, PLAIN, 1, 0.7)
    if near and isinstance(said, str) and not said.strip().startswith(tuple("+-.0123456789")):
        raise TypeError(f"a search has no condition {name!r}; did you mean {near[0]!r}?")
    if isinstance(said, bool) or said is None:
        raise ValueError(f"{name} is a quantity, such as ('10 keV', '20 keV'); got {said!r}")
    if not isinstance(said, tuple | list):
        return f"{name}:{said}"
    if len(said) != 2:
        raise ValueError(f"{name} is a value or two ends, such as ('10 keV', '20 keV'); got {said!r}")
    (low, low_unit), (high, high_unit) = (("", "") if end is None else _split(end) for end in said)
    if low_unit and high_unit and low_unit != high_unit:
        raise ValueError(f"both ends of {name} have one unit; got {low_unit} and {high_unit}")
    return f"{name}:{low}..{high} {low_unit or high_unit}".strip()


def _split(end: Any) -> tuple[str, str]:
    number, _, unit = str(end).strip().partition(" ")
    return number, unit.strip()


def _values(said: Any) -> list[str]:
    return [_value(one) for one in (said if isinstance(said, tuple | list | set | frozenset) else (said,))]


def _value(one: Any) -> str:
    match one:
        case bool():
            return "true" if one else ""
        case Instrument():
            return one.key
        case Facet():
            return one.value
        case Visit() | Technique():
            return one.pid
        case Sample():
            return one.name
        case Named():
            return one.pid
    return str(one)
