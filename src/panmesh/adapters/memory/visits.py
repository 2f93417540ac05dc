"""One visit as a list of records that is already redacted for its viewer: what `catalogue.visiting` must say of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from panmesh.adapters.memory.catalogue import Parameter, Record, search
from panmesh.catalogue.query import DatasetQuery
from panmesh.catalogue.visit_table import Fact, Quantity, Said, TableQuery
from panmesh.catalogue.visiting import Bin, Span
from panmesh.kernel.text import fold
from panmesh.kernel.units import to_base


def span(records: Sequence[Record]) -> Span:
    timed = [r for r in records if r.start is not None]
    full = [r for r in records if r.full]
    return Span(
        runs=len(records),
        timed=len(timed),
        first_us=min((r.start for r in timed if r.start is not None), default=None),
        last_us=max((max(r.start or 0, r.end if r.end is not None else r.start or 0) for r in timed), default=None),
        readable=len(full),
        total_bytes=sum(r.bytes or 0 for r in full),
    )


def bins(records: Sequence[Record], first_us: int, width_us: int) -> set[Bin]:
    found: dict[tuple[int, str | None], list[Record]] = {}
    for r in records:
        if r.start is not None:
            found.setdefault(((r.start - first_us) // width_us, min(r.techniques, default=None)), []).append(r)
    return {
        Bin(number=number, technique=technique, runs=len(some), size=sum(r.bytes or 0 for r in some if r.full))
        for (number, technique), some in found.items()
    }


def said(records: Sequence[Record]) -> set[Said]:
    found: dict[tuple[str, str | None], list[Parameter]] = {}
    for r in records:
        for p in r.parameters:
            found.setdefault((p.name, p.unit), []).append(p)
    return {
        Said(
            name=name,
            unit=unit,
            dimension=next((b[1] for p in some if (b := to_base(_low(p), unit)) is not None), None),
            runs=len(some),
            low=min(_low(p) for p in some),
            high=max(_high(p) for p in some),
            scanned=sum(p.value is None for p in some),
        )
        for (name, unit), some in found.items()
    }


def page(records: Sequence[Record], query: TableQuery, by: Quantity | None) -> tuple[int, list[str]]:
    """(total, pids): what is missing last in both directions, then in the order of time, then of arrival."""
    fits = set(search(records, DatasetQuery(where=query.where, limit=1000))[1])
    ordered = [r for r in records if r.pid in fits]
    ordered.sort(key=lambda r: (r.start is None, r.start or 0, r.id))
    there = [r for r in ordered if _key(r, query, by) is not None]
    there.sort(key=lambda r: _key(r, query, by), reverse=False)
    if query.descending:  # stable: ties stay in the order of time
        there.sort(key=lambda r: _key(r, query, by), reverse=True)
    shown = there + [r for r in ordered if _key(r, query, by) is None]
    return len(shown), [r.pid for r in shown[query.offset : query.offset + query.limit]]


def _key(record: Record, query: TableQuery, by: Quantity | None) -> Any:
    if by is None:
        match query.sort:
            case Fact.START:
                return record.start
            case Fact.LASTED:
                return None if record.start is None or record.end is None else record.end - record.start
            case Fact.SAMPLE:
                return None if record.sample is None else fold(record.sample)
            case "title":
                return None if record.title is None else fold(record.title)
        return record.bytes if record.full else None
    ends = [end for p in record.parameters if p.name == by.name for end in _base(p, by)]
    return (max(ends) if query.descending else min(ends)) if ends else None


def _base(p: Parameter, by: Quantity) -> list[float]:
    if by.dimension is None:
        return [_low(p), _high(p)]
    found = [to_base(_low(p), p.unit), to_base(_high(p), p.unit)]
    return [one[0] for one in found if one is not None and one[1] == by.dimension]


def _low(p: Parameter) -> float:
    low = p.value if p.value is not None else p.minimum
    assert low is not None
    return low


def _high(p: Parameter) -> float:
    high = p.value if p.value is not None else p.maximum
    assert high is not None
    return high
