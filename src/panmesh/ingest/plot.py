"""A default plot, small enough to draw: numbers already thinned out, with labels, units and a sensible colour range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from panmesh.ingest.facts import PlotFacts

VIRIDIS = (  # at nine points; between them it is linear
    (68, 1, 84),
    (71, 44, 122),
    (59, 81, 139),
    (44, 113, 142),
    (33, 144, 141),
    (39, 173, 129),
    (92, 200, 99),
    (170, 220, 50),
    (253, 231, 37),
)

COLOURED = {"rgb-image": 3, "rgba-image": 4}  # @interpretation, and the numbers of each pixel


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    label: str
    units: str | None
    values: tuple[float | None, ...]  # as many as the data has along it; () where the file has none
    count: int | None = None  # of the pixels in the file along it, of which an image may show fewer


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotData:
    kind: str  # "line", "image", or "colours": an image whose pixels are red, green and blue, and how opaque where there are four
    shape: tuple[int, ...]  # of the whole signal in the file
    frame: str | None  # which part of a stack is shown, in words
    rows: int
    columns: int
    values: tuple[float | None, ...]  # row by row; None: not a number
    low: float | None  # 1st percentile; of colours, what is dark
    high: float | None  # 99th; of colours, what is light
    label: str
    units: str | None
    axes: tuple[Axis, ...] = ()  # of the shown part, slowest first
    title: str | None = None
    errors: tuple[float | None, ...] = ()  # of a line: the standard uncertainty of each value; () where the file has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """How one array of numbers went on, thinned out so that no peak is lost."""

    path: str  # in the file
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotRequest:
    """One default plot that is to be read."""

    path: Path
    plot: PlotFacts
    companions: tuple[Path, ...] = ()  # the other files of the dataset, the only ones that a link may lead into
    frame: int | None = None  # of a stack, from 0; None: that in the middle


def shown_dimensions(shape: Sequence[int], interpretation: str | None) -> list[int]:
    """Those of a signal that one drawing shows, slowest first: of an image two, with its colours three, of a line, or of a stack of spectra, one."""
    if interpretation in COLOURED and len(shape) > 2 and shape[-1] == COLOURED[interpretation]:
        return list(range(len(shape) - 3, len(shape)))
    long = [i for i, n in enumerate(shape) if n > 1] or [len(shape) - 1]
    return long[-1:] if interpretation == "spectrum" else long[-2:]
