"""Search parameters of a URL as a query value: one grammar for the API and the portal."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from panmesh.access.terms import State
from panmesh.catalogue.model import DatasetKind
from panmesh.catalogue.query import (
    And,
    Compare,
    Condition,
    DatasetQuery,
    Field,
    OneOf,
    Op,
    Or,
    QuantityRange,
    Sort,
    SortKey,
    Words,
)
from panmesh.ingest.facts import ReadState
from panmesh.kernel import techniques
from panmesh.kernel.clock import to_us
from panmesh.kernel.errors import Fault, Invalid
from panmesh.kernel.text import typed

TEXT = ("instrument", "facility", "proposal", "visit", "sample", "person", "state", "kind", "read_state")
_FIELD = {
    "instrument": Field.INSTRUMENT,
    "facility": Field.FACILITY,
    "proposal": Field.PROPOSAL,
    "visit": Field.VISIT,
    "sample": Field.SAMPLE,
    "series": Field.SERIES,
    "state": Field.STATE,
    "mine": Field.MINE,
    "kind": Field.KIND,
    "read_state": Field.READ_STATE,
    "format": Field.FORMAT,
    "flag": Field.FLAG,
    "tag": Field.TAG,
}
_ONLY: dict[str, tuple[str, ...]] = {
    name: tuple(words) for name, words in (("state", State), ("kind", DatasetKind), ("read_state", ReadState))
}
# Said in a question, not in a record.
FILLERS = frozenset(("a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"))
_NUMERAL = r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?"
_QUANTITY = re.compile(
    rf"\s*(?P<name>[\w-]{{1,80}})\s*:\s*(?P<low>{_NUMERAL})?\s*\.\.\s*(?P<high>{_NUMERAL})?\s*(?P<unit>[^\d\s.].*?)?\s*"
)
_ONE = re.compile(rf"\s*(?P<name>[\w-]{{1,80}})\s*:\s*(?P<value>{_NUMERAL})\s*(?P<unit>[^\d\s.].*?)?\s*")


def query_of(given: Mapping[str, Iterable[str]], *, zone: str = "UTC", offset: int = 0, limit: int = 20) -> DatasetQuery:
    """Raises Invalid with all faults. Repeated values of one parameter are alternatives; parameters are all required."""
    faults: list[Fault] = []
    parts: list[Condition] = []
    for name, values in given.items():
        kept = [value for value in values if value.strip()]
        if not kept:
            continue
        try:
            condition = _condition(name, kept, zone)
        except Invalid as error:
            faults += error.faults or (Fault(name, error.detail),)
            continue
        if condition is not None:
            parts.append(condition)
    ranked = any(value.strip() for name in ("text", "q") for value in given.get(name, ()))
    sort = _sort(list(given.get("sort", ())), faults, ranked=ranked)
    if faults:
        raise Invalid("; ".join(f"{f.pointer}: {f.detail}" for f in faults), tuple(faults))
    return DatasetQuery(where=And(tuple(parts)) if parts else None, sort=sort, offset=offset, limit=limit)


def query_of_address(text: str, *, zone: str) -> DatasetQuery:
    """What is behind the question mark of the search page's address. Raises Invalid."""
    given: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, max_num_fields=200):
        given.setdefault(name, []).append(value)
    return query_of(given, zone=zone)


def _condition(name: str, values: list[str], zone: str) -> Condition | None:
    if any("\x00" in value or len(value) > 2000 for value in values):
        raise Invalid("is no plain text")
    if name in ("text", "q"):
        return _words([word for value in values for word in telling_words(value)])
    if name in ("from", "to"):
        return Compare(Field.START, Op.AT_LEAST if name == "from" else Op.LESS, instant(values[-1], zone, end=name == "to"))
    if name == "year":
        return Or(tuple(_year(value, zone) for value in values))
    if name == "technique":
        return Or(tuple(_technique(value) for value in values))
    if name == "quantity":
        return And(tuple(quantity(value) for value in values))
    if name == "person":
        return Or(tuple(Compare(Field.PERSON, Op.CONTAINS, value) for value in values))
    if wrong := [value for value in values if value not in _ONLY.get(name, values)]:
        raise Invalid(f"{wrong[0]!r} is none of {', '.join(_ONLY[name])}")
    if name in _FIELD:
        return OneOf(_FIELD[name], tuple(values))
    return None


def _words(said: list[str]) -> Condition:
    """All of them; of one that people write in several ways, any: "XAS" is also the technique with its narrower ones, "CeO₂" also CeO2."""
    several = {word: ways for word in said if len(ways := _ways(word)) > 1}
    plain = Words(tuple(word for word in said if word not in several))
    if not several:
        return plain
    return And((*([plain] if plain.words else []), *(Or(ways) for ways in several.values())))


def _ways(word: str) -> tuple[Condition, ...]:
    written = dict.fromkeys((word, typed(word)))
    pid = techniques.short_for(word)
    meant = (Compare(Field.TECHNIQUE, Op.EQUAL, pid),) if pid is not None else ()
    return (*(Words((one,)) for one in written), *meant)


def telling_words(text: str) -> list[str]:
    """Of "XAS on CeO2" the words that a record may hold; of a text of such fillers alone, all."""
    said = text.split()[:20]
    return [word for word in said if word.casefold() not in FILLERS] or said


def _year(value: str, zone: str) -> Condition:
    if not re.fullmatch(r"\d{4}", value.strip()):
        raise Invalid(f"{value!r} is no year")
    first, last = (Compare(Field.START, op, instant(value, zone, end=end)) for op, end in ((Op.AT_LEAST, False), (Op.LESS, True)))
    return And((first, last))


def _technique(value: str) -> Condition:
    pid = techniques.find(value)
    if pid is None:
        near = ", ".join(t.name for t in techniques.search(value, 3))
        raise Invalid(f"PaNET has no technique {value!r}" + (f"; perhaps {near}" if near else ""))
    return Compare(Field.TECHNIQUE, Op.EQUAL, pid)


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


def _sort(values: list[str], faults: list[Fault], *, ranked: bool) -> Sort:
    """Unless it is said otherwise, what fits the words best comes first; without words, the newest run."""
    text = values[-1] if values else "relevance" if ranked else "-start"
    key = text.lstrip("-+ ")
    if key not in set(SortKey):
        faults.append(Fault("sort", f"{text!r} is none of {', '.join(SortKey)}, with '-' before it for descending"))
        return Sort()
    return Sort(SortKey(key), text.startswith("-") or key == SortKey.RELEVANCE)
