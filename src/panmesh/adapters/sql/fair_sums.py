"""Sums of the scores, kept as the scores are: what leaves is taken away, what comes is added, in the transaction of both."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping

from panmesh.adapters.sql.dialects import add_many
from panmesh.adapters.sql.fair_tables import fair_gap, fair_sum
from panmesh.publication.fair import POINTS

SUMS = ("assessed", "complete", "findable", "accessible", "interoperable", "reusable")
_OF = ("instrument_id", "month")


def exchange(connection: Connection, before: Iterable[RowMapping], after: Iterable[Mapping[str, Any]]) -> None:
    """Rows of `fair_run` that were there, and those in their place."""
    sums: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    gaps: Counter[tuple[Any, ...]] = Counter()
    for sign, rows in ((-1, [{**row} for row in before]), (1, after)):
        for row in rows:
            of = tuple(row[name] for name in _OF)
            sums[of].update({"runs": sign, **{name: sign * row[name] for name in SUMS}})
            gaps.update({(*of, point): sign for point in range(len(POINTS)) if row["missing"] >> point & 1})
    moved = [
        {**dict(zip(_OF, of, strict=True)), **{name: change[name] for name in ("runs", *SUMS)}}
        for of, change in sorted(sums.items())
        if any(change.values())
    ]
    lacked = [{**dict(zip((*_OF, "point"), of, strict=True)), "runs": change} for of, change in sorted(gaps.items()) if change]
    add_many(connection, fair_sum, moved, key=_OF)
    add_many(connection, fair_gap, lacked, key=(*_OF, "point"))
