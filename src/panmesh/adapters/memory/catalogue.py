"""The catalogue as a list: `redact` cuts it to one viewer by the pure policy alone, `search` knows nothing of access."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read
from panmesh.access.terms import Terms, state
from panmesh.access.viewer import Viewer
from panmesh.catalogue.query import And, Compare, Condition, DatasetQuery, Field, OneOf, Op, Or, QuantityRange, SortKey, Words
from panmesh.catalogue.relevance import ranked_words, relevance
from panmesh.kernel import techniques
from panmesh.kernel.text import fold, key_of
from panmesh.kernel.units import known, to_base


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    name: str
    unit: str | None
    value: float | None = None
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """`None` and () are "not there" and "not for this viewer" alike."""

    id: int
    pid: str
    terms: Terms
    kind: str
    title: str | None
    start: int | None
    end: int | None
    created: int
    facility: str
    instrument: str
    proposal: str | None
    visit: str | None
    techniques: tuple[str, ...]
    core_text: str
    full: bool = True  # whether the fields below are the record's own or were cut
    state: str = ""
    sample: str | None = None
    people: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    full_text: str | None = None
    bytes: int | None = None
    format: str | None = None


def redact(records: Iterable[Record], viewer: Viewer, now_us: int) -> list[Record]:
    """What everybody could be given instead of the catalogue, for this viewer."""
    kept: list[Record] = []
    for record in records:
        if not may_read(viewer, record.terms, Artefact.CORE_METADATA, now_us):
            continue
        said = replace(record, state=state(record.terms, now_us).value)
        if not may_read(viewer, record.terms, Artefact.FULL_METADATA, now_us):
            said = replace(said, full=False, sample=None, people=(), parameters=(), full_text=None, bytes=None, format=None)
        kept.append(said)
    return kept


def search(records: Sequence[Record], query: DatasetQuery) -> tuple[int, list[str]]:
    """(total, pids of the page)."""
    found = [r for r in records if query.where is None or _holds(r, query.where)]
    found.sort(key=lambda r: -r.id)
    if query.sort.key is SortKey.RELEVANCE:
        words = ranked_words(query.where)
        found.sort(key=lambda r: (-relevance(words, r.title, _texts(r)), r.start is None, -(r.start or 0)))
        return len(found), [r.pid for r in found[query.offset : query.offset + query.limit]]
    column = {
        SortKey.START: "start",
        SortKey.CREATED: "created",
        SortKey.TITLE: "title",
        SortKey.BYTES: "bytes",
        SortKey.SAMPLE: "sample",
    }[query.sort.key]

    def key(record: Record) -> Any:
        value = getattr(record, column)
        return fold(value) if isinstance(value, str) else value

    there = sorted((r for r in found if getattr(r, column) is not None), key=key, reverse=query.sort.descending)
    if query.sort.descending:  # a reversed stable sort turns ties around: newest first again
        there.sort(key=lambda r: -r.id)
        there.sort(key=key, reverse=True)
    ordered = there + [r for r in found if getattr(r, column) is None]
    return len(found), [r.pid for r in ordered[query.offset : query.offset + query.limit]]


def _texts(record: Record) -> tuple[str, ...]:
    return (record.core_text, record.full_text) if record.full and record.full_text is not None else (record.core_text,)


def facet(records: Sequence[Record], query: DatasetQuery, field: Field) -> dict[str, int]:
    counts: dict[str, int] = {}
    for record in records:
        if query.where is None or _holds(record, query.where):
            for value in _values(record, field):
                counts[value] = counts.get(value, 0) + 1
    return counts


def _values(record: Record, field: Field) -> tuple[str, ...]:
    if field is Field.TECHNIQUE:
        return record.techniques
    value = getattr(record, field.value)
    return () if value is None else (str(value),)


def _holds(record: Record, condition: Condition) -> bool:
    if isinstance(condition, And):
        return all(_holds(record, part) for part in condition.parts)
    if isinstance(condition, Or):
        return any(_holds(record, part) for part in condition.parts)
    if isinstance(condition, Words):
        words = [fold(word) for word in condition.words if fold(word)]
        full = record.full_text if record.full else None
        return all(w in record.core_text for w in words) or (full is not None and all(w in full for w in words))
    if isinstance(condition, QuantityRange):
        return any(_in_range(p, condition) for p in record.parameters if p.name == condition.name)
    if isinstance(condition, OneOf):
        return any(_compare(record, Compare(condition.field, Op.EQUAL, value)) for value in condition.values)
    return _compare(record, condition)


def _compare(record: Record, condition: Compare) -> bool:
    field, op, value = condition.field, condition.op, condition.value
    if field is Field.TECHNIQUE:
        wanted = techniques.descendants(techniques.find(str(value)) or str(value))
        hit = bool(wanted.intersection(record.techniques))
        return bool(record.techniques) and not hit if op in (Op.NOT_EQUAL, Op.NOT_CONTAINS) else hit
    if field is Field.PERSON:
        part = fold(str(value))
        contains = op in (Op.CONTAINS, Op.NOT_CONTAINS)
        hit = any(part in fold(p) if contains else part == fold(p) for p in record.people)
        return bool(record.people) and not hit if op in (Op.NOT_EQUAL, Op.NOT_CONTAINS) else hit
    left: Any = {Field.START: record.start, Field.END: record.end, Field.CREATED: record.created, Field.BYTES: record.bytes}.get(
        field, ...
    )
    if left is ...:
        left = getattr(record, field.value)
        if left is None:
            return False
        change = (
            key_of
            if field is Field.PROPOSAL
            else fold
            if field in (Field.TITLE, Field.SAMPLE, Field.INSTRUMENT, Field.FACILITY)
            else str
        )
        left, value = change(left), change(str(value))
    return left is not None and _apply(op, left, value)


def _apply(op: Op, left: Any, right: Any) -> bool:
    match op:
        case Op.EQUAL:
            return bool(left == right)
        case Op.NOT_EQUAL:
            return bool(left != right)
        case Op.LESS:
            return bool(left < right)
        case Op.AT_MOST:
            return bool(left <= right)
        case Op.MORE:
            return bool(left > right)
        case Op.AT_LEAST:
            return bool(left >= right)
        case Op.CONTAINS:
            return right in left
    return right not in left


def _in_range(parameter: Parameter, wanted: QuantityRange) -> bool:
    low = parameter.value if parameter.value is not None else parameter.minimum
    high = parameter.value if parameter.value is not None else parameter.maximum
    if low is None or high is None:
        return False
    lower, upper = wanted.low, wanted.high
    if wanted.unit is not None:
        scale = known(wanted.unit)
        first, second = to_base(low, parameter.unit), to_base(high, parameter.unit)
        if first is None or second is None or first[1] != scale.dimension:
            return False
        low, high = sorted((first[0], second[0]))
        lower = None if lower is None else lower * scale.factor + scale.offset
        upper = None if upper is None else upper * scale.factor + scale.offset
        lower = None if lower is None else lower - abs(lower) * 1e-9
        upper = None if upper is None else upper + abs(upper) * 1e-9
    return (lower is None or high >= lower) and (upper is None or low <= upper)
