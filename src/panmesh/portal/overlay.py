"""Curves of several runs in one drawing: the same axes, a legend, and three ways to tell them apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from panmesh.ingest.plot import Axis, PlotData
from panmesh.kernel.units import convert, same_dimension
from panmesh.portal.plots import SIZES, STYLE, Size, centred, cut, frame, named, scale_of, thinned, with_unit, without_dust

_LIGHT = ("#0a58a6", "#c2410c", "#1a7f37", "#8b2fc9", "#b3261e", "#07708f", "#8a5a00", "#c02680", "#4b5563", "#5b7d00")
_DARK = ("#6cb6ff", "#ff9d5c", "#57c271", "#cf9bff", "#ff8a80", "#5cc8e8", "#e0b04a", "#ff85c8", "#b6bfc8", "#b5d94c")
_STYLE = (
    ".c{stroke-width:1.5;stroke-linejoin:round;fill:none}"
    + "".join(f".c{i}{{stroke:{colour}}}" for i, colour in enumerate(_LIGHT))
    + "@media(prefers-color-scheme:dark){"
    + "".join(f".c{i}{{stroke:{colour}}}" for i, colour in enumerate(_DARK))
    + "}"
)
_LINE = 20  # pixels of a line of the legend
OVERLAYS = {"wide": replace(SIZES["wide"], width=1216, height=560), "narrow": SIZES["narrow"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the curves are shown; each may be combined with the others."""

    logarithmic: bool = False
    normalised: bool = False  # each by its largest value
    apart: bool = False  # each a step above the one before


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    number: int  # of the run on the page, from 1: decides colour and dashes
    title: str
    plot: PlotData


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    number: int
    why: str


def fitting(curves: Sequence[Curve]) -> tuple[tuple[Curve, ...], tuple[LeftOut, ...]]:
    """Those that share the axes of the first, in its units; and why the others do not."""
    kept: list[Curve] = []
    left: list[LeftOut] = []
    for curve in curves:
        aligned = _aligned(curve.plot, kept[0].plot) if kept else without_dust(curve.plot)
        if isinstance(aligned, str):
            left.append(LeftOut(number=curve.number, why=aligned))
        else:
            kept.append(replace(curve, plot=aligned))
    return tuple(kept), tuple(left)


def draw_overlay(curves: Sequence[Curve], left: Sequence[LeftOut], look: Look, size: Size = OVERLAYS["wide"]) -> str:
    """A whole SVG document. The curves fit one another: see `fitting`; those left out are named below them."""
    placed = _levelled([(curve, _points(curve.plot, look)) for curve in curves], look)
    placed = [(curve, points) for curve, points in placed if points]
    columns, rows = _columns(size), math.ceil(len(placed) / _columns(size))
    height = extent(len(placed), size)[1] + _LINE * len(left)
    drawn = _curves(placed, look, size) if placed else centred("There are no finite numbers to draw.", size)
    below = "".join(_legend(curve, i, size, columns) for i, (curve, _) in enumerate(placed))
    below += "".join(_not_drawn(one, size, rows + i) for i, one in enumerate(left))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size.width} {height}" role="img" '
        f'aria-label="{len(placed)} curves"><style>{STYLE}{_STYLE}</style>{drawn}{below}</svg>'
    )


def extent(curves: int, size: Size) -> tuple[int, int]:
    """Width and height of the drawing of so many, if all of them are drawn: a page keeps the room for it."""
    return size.width, size.height + _LINE * math.ceil(curves / _columns(size)) + 8


def _columns(size: Size) -> int:
    return 1 if size.width < 600 else 2


Points = list[tuple[float, float]]


def _aligned(plot: PlotData, first: PlotData) -> PlotData | str:
    plot = without_dust(plot)
    x, there = _axis(plot), _axis(first)
    if not _comparable(x.units, there.units):
        return f"its axis is in {x.units or 'no unit'}, that of the first in {there.units or 'no unit'}"
    if bool(x.values) != bool(there.values):
        return "one has an axis and the other has none"
    values = tuple(None if v is None else _converted(v, x.units, there.units) for v in x.values)
    axes = (Axis(label=x.label, units=there.units, values=values),) if x.values else ()
    if not _comparable(plot.units, first.units):
        return f"it is measured in {plot.units or 'no unit'}, the first in {first.units or 'no unit'}"
    heights = tuple(None if v is None else _converted(v, plot.units, first.units) for v in plot.values)
    return replace(plot, axes=axes, values=heights, units=first.units)


def _comparable(one: str | None, other: str | None) -> bool:
    return one == other or (one is not None and other is not None and same_dimension(one, other))


def _converted(value: float, unit: str | None, wanted: str | None) -> float:
    return value if unit == wanted else convert(value, unit, wanted)


def _axis(plot: PlotData) -> Axis:
    return plot.axes[0] if plot.axes else Axis(label="", units=None, values=())


def _points(plot: PlotData, look: Look) -> Points:
    x = _axis(plot).values or tuple(range(len(plot.values)))
    points = [(float(a), float(b)) for a, b in zip(x, plot.values, strict=False) if a is not None and b is not None]
    points = [(a, b) for a, b in points if math.isfinite(a) and math.isfinite(b) and (b > 0 or not look.logarithmic)]
    largest = max((abs(b) for _, b in points), default=0.0)
    return [(a, b / largest) for a, b in points] if look.normalised and largest > 0 else points


def _levelled(placed: list[tuple[Curve, Points]], look: Look) -> list[tuple[Curve, Points]]:
    """Each a quarter of the largest span above the one before; on a logarithmic scale, half a decade."""
    if not look.apart:
        return placed
    if look.logarithmic:
        return [(curve, [(a, b * 10 ** (i / 2)) for a, b in points]) for i, (curve, points) in enumerate(placed)]
    step = max((max(b for _, b in p) - min(b for _, b in p) for _, p in placed if p), default=0.0) / 4
    return [(curve, [(a, b + i * step) for a, b in points]) for i, (curve, points) in enumerate(placed)]


def _curves(placed: list[tuple[Curve, Points]], look: Look, size: Size) -> str:
    first = placed[0][0].plot
    across = scale_of([a for _, points in placed for a, _ in points], size.ticks)
    heights = [b for _, points in placed for _, b in points]
    upward = scale_of(heights, max(3, size.ticks - 1), logarithmic=look.logarithmic, margin=0.05)
    width, height = size.inner
    name = "normalised" if look.normalised else with_unit(first.label, first.units)
    name += ", one above the other" if look.apart and _columns(size) > 1 else ""  # on a phone the button above says it
    lines = []
    for curve, points in placed:
        at = [(size.left + across.at(a) * width, size.top + (1 - upward.at(b)) * height) for a, b in points]
        shape = " ".join(f"{x:.1f},{y:.1f}" for x, y in thinned(at))
        lines.append(f'<polyline class="c c{_colour(curve)}"{_dashes(curve)} points="{shape}"/>')
    return frame(size, width, across, upward, named(_axis(first)) or "point", name) + "".join(lines)


def _legend(curve: Curve, place: int, size: Size, columns: int) -> str:
    width = (size.width - 24) // columns
    x, y = 12 + width * (place % columns), size.height + 8 + _LINE * (place // columns)
    text = cut(f"{curve.number}  {curve.title}", (width - 48) // 8)
    return (
        f'<line class="c c{_colour(curve)}"{_dashes(curve)} x1="{x}" y1="{y}" x2="{x + 28}" y2="{y}"/>'
        f'<text x="{x + 36}" y="{y + 4}">{text}</text>'
    )


def _not_drawn(one: LeftOut, size: Size, row: int) -> str:
    text = cut(f"{one.number}  not drawn: {one.why}", (size.width - 24) // 8)
    return f'<text x="12" y="{size.height + 12 + _LINE * row}">{text}</text>'


def _colour(curve: Curve) -> int:
    return (curve.number - 1) % len(_LIGHT)


def _dashes(curve: Curve) -> str:
    return ' stroke-dasharray="6 3"' if curve.number > len(_LIGHT) else ""
