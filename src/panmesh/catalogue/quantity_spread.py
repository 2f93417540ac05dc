"""How a quantity is spread over the runs of a search: its units, its range, and a small histogram; from values that its reader may read.

Stores count; what is counted and how it is said is decided here, so that every store says the same.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from panmesh.kernel.text import fold
from panmesh.kernel.units import UnknownUnit, known

BARS = 16
LOG_FROM = 1_000.0  # ratio of the ends, both positive, from which bars are as wide as each other on a scale of decades
MOST = 8  # quantities that are suggested at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Values of one quantity in one unit, in base units. `low` None: the unit is not known to us."""

    unit: str | None
    dimension: str | None
    values: int
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One quantity over the runs that fit."""

    name: str
    datasets: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What is drawn of a quantity: values of one dimension between two ends, in base units."""

    dimension: str
    unit: str | None  # the most usual symbol
    edges: tuple[float, ...]  # of the bars, one more than bars; a value stands where its middle is


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    name: str
    datasets: int
    units: tuple[str, ...]  # as instruments write them, the most usual first
    unit: str | None = None  # of `low` and `high`
    low: float | None = None
    high: float | None = None
    decades: bool = False  # bars are as wide as each other on a logarithmic scale
    bars: tuple[int, ...] = ()  # values in each, from low to high


def fits(name: str, typed: str) -> bool:
    """Whether all that was typed is in the name, in any order; blanks are what names have underscores for."""
    said = fold(name).replace("_", " ")
    return all(word in said for word in fold(typed).replace("_", " ").split())


def best(found: Iterable[Counted], most: int = MOST) -> list[Counted]:
    return sorted((one for one in found if one.datasets), key=lambda one: (-one.datasets, one.name))[:most]


def merged(one: Counted, other: Counted) -> Counted:
    """Of two stores, which have no run in common."""
    parts: dict[tuple[str | None, str | None], Part] = {}
    for part in (*one.parts, *other.parts):
        before = parts.get((part.dimension, part.unit))
        parts[part.dimension, part.unit] = part if before is None else _both(before, part)
    return Counted(name=one.name, datasets=one.datasets + other.datasets, parts=tuple(parts.values()))


def _both(one: Part, other: Part) -> Part:
    lows = [p.low for p in (one, other) if p.low is not None]
    highs = [p.high for p in (one, other) if p.high is not None]
    return Part(
        unit=one.unit,
        dimension=one.dimension,
        values=one.values + other.values,
        low=min(lows, default=None),
        high=max(highs, default=None),
    )


def scale_of(counted: Counted) -> Scale | None:
    """Of the dimension that most values have. None: nothing that could be drawn."""
    by_dimension: dict[str, list[Part]] = {}
    for part in counted.parts:
        if part.dimension is not None and part.low is not None and part.high is not None:
            by_dimension.setdefault(part.dimension, []).append(part)
    if not by_dimension:
        return None
    dimension = min(by_dimension, key=lambda d: (-sum(p.values for p in by_dimension[d]), d))
    parts = by_dimension[dimension]
    low = min(p.low for p in parts if p.low is not None)
    high = max(p.high for p in parts if p.high is not None)
    unit = min(parts, key=lambda p: (-p.values, p.unit or "")).unit
    return Scale(dimension=dimension, unit=unit, edges=_edges(low, high))


def _edges(low: float, high: float) -> tuple[float, ...]:
    if not low < high or not math.isfinite(high - low):
        return (low, high)
    if _in_decades(low, high):
        inner = [low * (high / low) ** (i / BARS) for i in range(1, BARS)]
    else:
        inner = [low + (high - low) * (i / BARS) for i in range(1, BARS)]
    return (low, *inner, high)


def _in_decades(low: float, high: float) -> bool:
    return low > 0 and high / low >= LOG_FROM and math.isfinite(high / low)


def spread_of(counted: Counted, scale: Scale | None, bars: Sequence[int]) -> Spread:
    units: dict[str, int] = {}
    for part in counted.parts:
        if part.unit:
            units[part.unit] = units.get(part.unit, 0) + part.values
    listed = tuple(sorted(units, key=lambda unit: (-units[unit], unit)))
    plain = Spread(name=counted.name, datasets=counted.datasets, units=listed)
    if scale is None:
        return plain
    try:
        of = known(scale.unit)
    except UnknownUnit:
        return plain
    low, high = sorted((end - of.offset) / of.factor for end in (scale.edges[0], scale.edges[-1]))
    decades = _in_decades(scale.edges[0], scale.edges[-1]) and len(bars) > 1
    return Spread(
        name=counted.name,
        datasets=counted.datasets,
        units=listed,
        unit=scale.unit,
        low=low,
        high=high,
        decades=decades,
        bars=tuple(bars),
    )


def spread(
    values: Mapping[str, Sequence[tuple[int, str | None, str | None, float | None, float | None]]], typed: str
) -> list[Spread]:
    """Of a small catalogue in memory: name → (run, unit, dimension, low, high) of each value."""
    found = []
    for name, rows in values.items():
        if fits(name, typed):
            counted = Counted(name=name, datasets=0, parts=())
            for _, unit, dimension, low, high in rows:
                counted = merged(
                    counted,
                    Counted(name=name, datasets=0, parts=(Part(unit=unit, dimension=dimension, values=1, low=low, high=high),)),
                )
            found.append(Counted(name=name, datasets=len({row[0] for row in rows}), parts=counted.parts))
    said = []
    for counted in best(found):
        scale = scale_of(counted)
        bars = [0] * (len(scale.edges) - 1) if scale is not None else []
        for _, _, dimension, low, high in values[counted.name] if scale is not None else ():
            if scale is not None and dimension == scale.dimension and low is not None and high is not None:
                bars[bar_of((low + high) / 2, scale.edges)] += 1
        said.append(spread_of(counted, scale, bars))
    return said


def bar_of(middle: float, edges: Sequence[float]) -> int:
    """The bar that holds it: lower edges belong to it, the last edge to the last bar."""
    return min(max(bisect_right(edges, middle) - 1, 0), len(edges) - 2)
