"""A default plot, small enough to draw: numbers already thinned out, with labels, units and a sensible colour range."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    label: str
    units: str | None
    values: tuple[float | None, ...]  # as many as the data has along it; () where the file has none


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotData:
    kind: str  # "line" or "image"
    shape: tuple[int, ...]  # of the whole signal in the file
    frame: str | None  # which part of a stack is shown, in words
    rows: int
    columns: int
    values: tuple[float | None, ...]  # row by row; None: not a number
    low: float | None  # 1st percentile
    high: float | None  # 99th
    label: str
    units: str | None
    axes: tuple[Axis, ...] = ()  # of the shown part, slowest first
    title: str | None = None
