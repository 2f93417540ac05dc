"""Search parameters of a URL as a query value: one grammar for the API and the portal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

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
    Sort,
    SortKey,
)
from panmesh.http.asked_ranges import instant, quantity, year
from panmesh.http.asked_words import condition_of
from panmesh.ingest.facts import ReadState
from panmesh.kernel import techniques
from panmesh.kernel.errors import Fault, Invalid

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
        return condition_of(" ".join(values), zone)
    if name in ("from", "to"):
        return Compare(Field.START, Op.AT_LEAST if name == "from" else Op.LESS, instant(values[-1], zone, end=name == "to"))
    if name == "year":
        return Or(tuple(year(value, zone) for value in values))
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


def _technique(value: str) -> Condition:
    pid = techniques.find(value)
    if pid is None:
        near = ", ".join(t.name for t in techniques.search(value, 3))
        raise Invalid(f"PaNET has no technique {value!r}" + (f"; perhaps {near}" if near else ""))
    return Compare(Field.TECHNIQUE, Op.EQUAL, pid)


def _sort(values: list[str], faults: list[Fault], *, ranked: bool) -> Sort:
    """Unless it is said otherwise, what fits the words best comes first; without words, the newest run."""
    text = values[-1] if values else "relevance" if ranked else "-start"
    key = text.lstrip("-+ ")
    if key not in set(SortKey):
        faults.append(Fault("sort", f"{text!r} is none of {', '.join(SortKey)}, with '-' before it for descending"))
        return Sort()
    return Sort(SortKey(key), text.startswith("-") or key == SortKey.RELEVANCE)
