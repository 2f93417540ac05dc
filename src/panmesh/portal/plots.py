"""Default plots as pictures that need no script: SVG with axes, units and a colour bar, in light and dark, for desk, phone and list."""

from __future__ import annotations

import io
import math
import unicodedata
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import pairwise

import numpy as np
from PIL import Image

from panmesh.ingest.plot import VIRIDIS, Axis, PlotData
from panmesh.portal.recent import Recent
from panmesh.portal.words import plain_name, raised, unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Of the drawing, in CSS pixels: text is as large as on the page around it."""

    width: int
    height: int
    left: int = 76  # margins around the frame
    right: int = 22
    top: int = 16
    bottom: int = 54
    bar: int = 66  # room for the colour bar
    ticks: int = 6  # at most, roughly
    bare: bool = False  # the data alone, for a list

    @property
    def inner(self) -> tuple[int, int]:
        return self.width - self.left - self.right, self.height - self.top - self.bottom


SIZES = {
    "wide": Size(width=860, height=470),
    "narrow": Size(width=358, height=290, left=58, right=10, bottom=50, bar=52, ticks=4),
    "thumb": Size(width=144, height=84, left=4, right=4, top=6, bottom=6, bar=0, bare=True),
}
_Numbers = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
_Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
LOG_FROM = 1e4  # ratio of the largest to the smallest value, all positive, from which a logarithmic scale shows more
LOG_COLOURS_FROM = 1e3  # ratio of the brightest pixel to the usual one that counted anything, from which colours are logarithmic
NO_PIXEL = -2  # Pilatus detectors write -1 and -2 for gaps and for pixels that do not work
MOST_KEPT = 200_000  # characters of a drawing that is remembered

STYLE = (
    "text{font:13px system-ui,'DejaVu Sans',sans-serif;fill:#30363d}.f{stroke:#8c959f;fill:none}.g{stroke:#e2e6ea}"
    ".l{stroke:#0a58a6;stroke-width:1.5;stroke-linejoin:round;fill:none}.e{stroke:#0a58a6;stroke-opacity:.45}.d{fill:#0a58a6}.t{font-size:12px;font-variant-numeric:tabular-nums}"
    "@media(prefers-color-scheme:dark){text{fill:#d7dde3}.f{stroke:#6e7681}.g{stroke:#262e37}.l,.e{stroke:#6cb6ff}.d{fill:#6cb6ff}}"
)
_DOTS_UP_TO = 80  # points that are marked one by one


def draw(plot: PlotData, size: Size = SIZES["wide"]) -> str:
    """A whole SVG document."""
    plot = without_dust(plot)
    heading = "" if size.bare else _heading(plot)
    if heading or (plot.kind != "line" and not size.bare):
        size = replace(size, top=size.top + 18)
    body = _line(plot, size) if plot.kind == "line" else _image(plot, size)
    over = f'<text x="{size.left}" y="22">{cut(heading, (size.width - size.left - size.bar) // 8)}</text>' if heading else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size.width} {size.height}" role="img" '
        f'aria-label="{escape(_clean(plot.title or plain_name(plot.label)))}"><style>{STYLE}</style>{over}{body}</svg>'
    )


def without_dust(plot: PlotData) -> PlotData:
    """Without what no instrument measures and arithmetic cannot bear: fill values near the end of the range, dust near zero."""

    def sane(value: float | None) -> float | None:
        if value is None or not abs(value) < 1e150:
            return None
        return value if abs(value) > 1e-150 else 0.0

    axes = tuple(replace(axis, values=tuple(map(sane, axis.values))) for axis in plot.axes)
    values, errors = tuple(map(sane, plot.values)), tuple(map(sane, plot.errors))
    return replace(plot, values=values, low=sane(plot.low), high=sane(plot.high), axes=axes, errors=errors)


def message(text: str, size: Size = SIZES["wide"]) -> str:
    """A whole SVG document that says why there is no plot; nothing at all where it would not be readable."""
    inner = "" if size.bare else centred(text, replace(size, height=120))
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size.width} {84 if size.bare else 120}"><style>{STYLE}</style>{inner}</svg>'


class Drawings(Recent[str, str]):
    """Of pages and lists; a large one is made anew each time."""

    def keep(self, key: str, value: str) -> str:
        return super().keep(key, value) if len(value) <= MOST_KEPT else value


# --- lines ------------------------------------------------------------------------------------------------------------


def _line(plot: PlotData, size: Size) -> str:
    axis = plot.axes[0] if plot.axes else Axis(label="", units=None, values=())
    x = [v if v is not None else math.nan for v in axis.values] or list(range(len(plot.values)))
    y = [v if v is not None else math.nan for v in plot.values]
    errors = plot.errors if plot.errors and not size.bare else (None,) * len(y)
    measured = [(a, b, e or 0.0) for a, b, e in zip(x, y, errors, strict=False) if math.isfinite(a) and math.isfinite(b)]
    if not measured:
        return centred("There are no finite numbers to draw.", size)
    name = named(axis)
    if len(measured) > 1 and _same([a for a, _, _ in measured]):  # an axis that stood still tells nothing
        measured, name = [(float(i), b, e) for i, (_, b, e) in enumerate(measured)], ""
    xs, ys = [a for a, _, _ in measured], [b for _, b, _ in measured]
    logarithmic = _wants_logarithm(ys)
    across = scale_of(xs, size.ticks, logarithmic=logarithmic and _wants_logarithm(xs, 100), margin=0 if _ordered(xs) else 0.03)
    reached = [*ys, *(b + e for _, b, e in measured), *(b - e for _, b, e in measured if not logarithmic)]
    upward = scale_of(reached, max(3, size.ticks - 1), logarithmic=logarithmic, margin=0.05)
    width, height = size.inner

    def place(value: float) -> float:
        return size.top + (1 - upward.at(value)) * height

    placed = [(size.left + across.at(a) * width, place(b)) for a, b, _ in measured]
    bars = [
        (left, place(b + e), place(b - e) if b > e or not logarithmic else size.top + height)
        for (left, _), (_, b, e) in zip(placed, measured, strict=True)
        if e > 0
    ]
    around = frame(size, width, across, upward, name or "point", with_unit(plot.label, plot.units))
    return around + _bars(bars, size.top + height) + _curve(placed, size)


def _bars(bars: Sequence[tuple[float, float, float]], bottom: float) -> str:
    """One standard uncertainty up and down of each point; what goes on below the frame ends at it."""
    if not bars:
        return ""
    return f'<path class="e" d="{"".join(f"M{x:.1f} {high:.1f}V{min(low, bottom):.1f}" for x, high, low in bars)}"/>'


def _curve(placed: Sequence[tuple[float, float]], size: Size) -> str:
    """A line where the points go in one direction, dots where they wander to and fro."""
    ordered = _ordered([x for x, _ in placed])
    dots = ""
    if not size.bare and (not ordered or len(placed) <= _DOTS_UP_TO):
        dots = "".join(f'<circle class="d" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in placed)
    if len(placed) == 1 or not ordered:
        return dots or "".join(f'<circle class="d" cx="{x:.1f}" cy="{y:.1f}" r="1.5"/>' for x, y in placed)
    return f'<polyline class="l" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in thinned(placed))}"/>{dots}'


def thinned(placed: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The highest and the lowest point of each pixel, in their order: the same picture in fewer bytes."""
    columns: dict[int, list[tuple[float, float]]] = {}
    for point in placed:
        columns.setdefault(int(point[0]), []).append(point)
    kept: list[tuple[float, float]] = []
    for column in columns.values():
        low, high = min(column, key=lambda p: p[1]), max(column, key=lambda p: p[1])
        kept += [p for p in dict.fromkeys(column) if p in (low, high)] if low != high else [low]
    return kept


# --- images -----------------------------------------------------------------------------------------------------------


def _image(plot: PlotData, size: Size) -> str:
    data = np.array([math.nan if v is None else v for v in plot.values], dtype=np.float64)
    low, high = plot.low, plot.high
    if low is None or high is None:
        return centred("There are no finite numbers to draw.", size)
    if high <= low:
        high = low + (abs(low) or 1.0)
    width, height = size.inner
    width -= size.bar
    y_axis = plot.axes[0] if plot.axes else Axis(label="", units=None, values=())
    x_axis = plot.axes[-1] if plot.axes else Axis(label="", units=None, values=())
    across, upward = _pixels(x_axis, plot.columns, size.ticks), _pixels(y_axis, plot.rows, max(3, size.ticks - 1))
    size, width, height = _true_to_scale(size, width, height, _proportion(x_axis, y_axis, plot))
    data, most = data.reshape(plot.rows, plot.columns, -1), (2 * width, 2 * height)
    if plot.kind == "colours":
        pixels, upward, bar = _as_colours(data, low, high), _turned(upward), ""
    else:
        ends = _logarithmic_colours(plot)
        bar = _bar(
            plot.units,
            scale_of(ends or (low, high), 4, digits=4, logarithmic=ends is not None),
            size,
            size.left + width + 12,
            height,
        )
        if ends is not None:
            data, (low, high) = np.log10(np.maximum(data, ends[0])), map(math.log10, ends)
        pixels = _as_viridis(data[..., 0], low, high)[::-1]
    picture = b64encode(_png(pixels, most)).decode()
    image = (
        f'<image x="{size.left}" y="{size.top}" width="{width}" height="{height}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{picture}"/>'
    )
    around = frame(size, width, across, upward, named(x_axis) or "column", named(y_axis) or "row", grid=False)
    return image + around + bar


def _proportion(x: Axis, y: Axis, plot: PlotData) -> float | None:
    """Width by height where both are measured in the same unit, or in pixels; None where they are not to be compared."""
    spans = []
    for axis, count in ((x, plot.columns), (y, plot.rows)):
        if not axis.values:
            spans.append(float(axis.count or count))
            continue
        values = np.array([math.nan if v is None else v for v in axis.values], dtype=np.float64)
        steps = np.diff(values)
        if steps.size == 0 or not np.all(np.isfinite(steps)) or np.ptp(steps) > 0.01 * abs(float(steps.mean())):
            return None
        spans.append(abs(float(steps.mean())) * count)
    alike = bool(x.values) == bool(y.values) and x.units == y.units and (x.units is not None or not x.values)
    return spans[0] / spans[1] if alike and spans[1] > 0 and 1 / 3 <= spans[0] / spans[1] <= 3 else None


def _true_to_scale(size: Size, width: int, height: int, proportion: float | None) -> tuple[Size, int, int]:
    """The frame in the middle of the room that it has, as wide and high as the proportion says: rings stay round."""
    if proportion is None:
        return size, width, height
    wide, high = min(width, round(height * proportion)), min(height, round(width / proportion))
    aside, above = (width - wide) // 2, (height - high) // 2
    size = replace(size, left=size.left + aside, top=size.top + above, bottom=size.height - size.top - above - high)
    return size, wide, high


def _logarithmic_colours(plot: PlotData) -> tuple[float, float] | None:
    """Their ends, where one scale must show both what few pixels counted and what most did; None: they go up evenly."""
    if plot.kind != "image":
        return None
    data = np.array([v for v in plot.values if v is not None], dtype=np.float64)
    counted = data[data > 0]
    if counted.size < 2 or data.min() < NO_PIXEL or data.max() < LOG_COLOURS_FROM * float(np.median(counted)):
        return None
    return float(np.percentile(counted, 1)), float(data.max())


def _bar(units: str | None, scale: Scale, size: Size, x: int, height: int) -> str:
    if size.bare:
        return ""
    stops = "".join(f'<stop offset="{i / 8:.3f}" stop-color="rgb{c}"/>' for i, c in enumerate(VIRIDIS))
    marks = "".join(
        f'<text class="t" x="{x + 16}" y="{size.top + (1 - at) * height + 4:.1f}">{text}</text>' for at, text in scale.ticks
    )
    name = " ".join(part for part in (scale.note, unit(units) if units else "") if part)
    return (
        f'<defs><linearGradient id="v" x1="0" y1="1" x2="0" y2="0">{stops}</linearGradient></defs>'
        f'<rect x="{x}" y="{size.top}" width="12" height="{height}" fill="url(#v)"/>{marks}'
        f'<text class="t" text-anchor="end" x="{x + 46}" y="{size.top - 10}">{cut(name, 12)}</text>'
    )


def _as_colours(data: _Numbers, low: float, high: float) -> _Pixels:
    """First row at the top, as cameras write them."""
    scaled = np.clip((data - low) / (high - low), 0, 1)
    bad = ~np.isfinite(scaled).all(axis=-1)
    pixels = np.nan_to_num(scaled) * 255
    opaque = pixels[..., 3] if data.shape[-1] == 4 else np.full(bad.shape, 255.0)
    return np.dstack([pixels[..., :3], np.where(bad, 0, opaque)]).round().astype(np.uint8)


def _as_viridis(data: _Numbers, low: float, high: float) -> _Pixels:
    """What is no number is transparent."""
    scaled = np.clip((data - low) / (high - low), 0, 1)
    bad = ~np.isfinite(scaled)
    steps = np.where(bad, 0, scaled) * 8
    table = np.array(VIRIDIS, dtype=np.float64)
    base = np.minimum(steps.astype(int), 7)
    colour = table[base] + (table[base + 1] - table[base]) * (steps - base)[..., None]
    return np.dstack([colour, np.where(bad, 0, 255)]).astype(np.uint8)


def _png(pixels: _Pixels, most: tuple[int, int]) -> bytes:
    """Its first row at the top; no larger than anybody sees."""
    picture = Image.fromarray(pixels)
    size = (min(picture.width, most[0]), min(picture.height, most[1]))
    buffer = io.BytesIO()
    (picture if size == picture.size else picture.resize(size, Image.Resampling.BOX)).save(buffer, "PNG")
    return buffer.getvalue()


# --- scales -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scale:
    at: Callable[[float], float]  # value → 0…1 along the axis
    ticks: list[tuple[float, str]]  # place 0…1, text
    note: str = ""  # what the numbers of the ticks lack: "×10⁶"


def scale_of(values: Sequence[float], count: int, *, logarithmic: bool = False, margin: float = 0.0, digits: int = 5) -> Scale:
    low, high = _span(values)
    if logarithmic:
        a, b = math.log10(low), math.log10(high)
        spare = (b - a) * margin

        def at(value: float) -> float:
            return (math.log10(value) - a + spare) / (b - a + 2 * spare)

        every = max(1, round((b - a) / count))
        return Scale(at, [(at(10.0**p), f"10{raised(p)}") for p in range(math.ceil(a), math.floor(b) + 1, every)])
    spare = (high - low) * margin
    low, high = low - spare, high + spare

    def linear(value: float) -> float:
        return (value - low) / (high - low)

    ticks = _ticks(low, high, count)
    texts, note = _written(ticks, digits)
    return Scale(linear, [(linear(v), text) for v, text in zip(ticks, texts, strict=True)], note)


def _pixels(axis: Axis, count: int, ticks: int) -> Scale:
    """Of the pixels of an image, counted as in the file where the axis has no values: each value of the axis stands in the middle of its pixel, also where they are not evenly spaced."""
    values = np.array([math.nan if v is None else v for v in axis.values], dtype=np.float64)
    steps = np.diff(values)
    if values.size != count or count < 2 or not (np.all(steps > 0) or np.all(steps < 0)):
        return scale_of([0.0, float(max(axis.count or count, 1))], ticks)
    places = (np.arange(count) + 0.5) / count
    if steps[0] < 0:
        values, places = values[::-1], places[::-1]

    def at(value: float) -> float:
        return float(np.interp(value, values, places))

    marks = _ticks(float(values[0]), float(values[-1]), ticks)
    texts, note = _written(marks)
    return Scale(at, [(at(v), text) for v, text in zip(marks, texts, strict=True)], note)


def _turned(scale: Scale) -> Scale:
    """From above downwards."""
    return Scale(lambda value: 1 - scale.at(value), [(1 - at, text) for at, text in scale.ticks], scale.note)


def _wants_logarithm(values: Sequence[float], ratio: float = LOG_FROM) -> bool:
    low, high = min(values), max(values)
    return low > 0 and high / low >= ratio


def _ticks(low: float, high: float, count: int) -> list[float]:
    raw = (high - low) / count
    if not math.isfinite(raw) or raw <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw), 10 * power)
    first = math.ceil(low / step - 1e-9) * step
    return [first + i * step for i in range(3 * count) if first + i * step <= high + step * 1e-9]


def _written(ticks: Sequence[float], digits: int = 5) -> tuple[list[str], str]:
    """With as many digits as tell the ticks apart; a large common part or power of ten goes to the name of the axis."""
    step = min((abs(b - a) for a, b in pairwise(ticks)), default=abs(ticks[0]) or 1.0)
    if step == 0 or not math.isfinite(step):
        return [f"{v:.4g}" for v in ticks], ""
    notes = []
    largest = max(abs(v) for v in ticks)
    if len(ticks) > 1 and largest / step > 1e5:
        base = ticks[0]
        ticks, notes = [v - base for v in ticks], [f"− {base:.12g}" if base > 0 else f"+ {-base:.12g}"]
        largest = max(abs(v) for v in ticks)
    exponent = math.floor(math.log10(largest)) if largest > 0 else 0
    if exponent >= digits or exponent <= -4:
        ticks, step = [v / 10.0**exponent for v in ticks], step / 10.0**exponent
        notes.append(f"×10{raised(exponent)}")
    decimals = next((d for d in range(12) if abs(round(step, d) - step) < step * 1e-6), 12)
    return [f"{v if abs(v) > step * 1e-9 else 0.0:.{decimals}f}".replace("-", "−") for v in ticks], " ".join(notes)


def _ordered(values: Sequence[float]) -> bool:
    return all(a <= b for a, b in pairwise(values)) or all(a >= b for a, b in pairwise(values))


def _same(values: Sequence[float]) -> bool:
    low, high = min(values), max(values)
    return high - low <= 1e-9 * max(abs(low), abs(high))


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if _same(values):
        return low - (abs(low) * 0.05 or 0.5), high + (abs(high) * 0.05 or 0.5)
    return low, high


# --- frame and text ---------------------------------------------------------------------------------------------------


def frame(size: Size, width: int, x: Scale, y: Scale, x_name: str, y_name: str, *, grid: bool = True) -> str:
    if size.bare:
        return ""
    left, top, height = size.left, size.top, size.inner[1]
    parts = []
    for place, text in x.ticks:
        at = left + place * width
        if grid:
            parts.append(f'<line class="g" x1="{at:.1f}" y1="{top}" x2="{at:.1f}" y2="{top + height}"/>')
        parts.append(f'<text class="t" text-anchor="middle" x="{at:.1f}" y="{top + height + 18}">{text}</text>')
    for place, text in y.ticks:
        at = top + (1 - place) * height
        if grid:
            parts.append(f'<line class="g" x1="{left}" y1="{at:.1f}" x2="{left + width}" y2="{at:.1f}"/>')
        parts.append(f'<text class="t" text-anchor="end" x="{left - 6}" y="{at + 4:.1f}">{text}</text>')
    parts.append(f'<rect class="f" x="{left}" y="{top}" width="{width}" height="{height}"/>')
    middle = top + height / 2
    parts.append(
        f'<text text-anchor="middle" x="{left + width / 2}" y="{top + height + 40}">{cut(f"{x_name} {x.note}", width // 8)}</text>'
        f'<text text-anchor="middle" transform="translate({max(12, left - 60)} {middle}) rotate(-90)">{cut(f"{y_name} {y.note}", height // 8)}</text>'
    )
    return "".join(parts)


def _heading(plot: PlotData) -> str:
    title = plot.title if plot.title and plot.title != plot.label else ""
    colours = "logarithmic colours" if _logarithmic_colours(plot) is not None else ""
    return " · ".join(part for part in (title, f"frame {plot.frame}" if plot.frame else "", colours) if part)


def centred(text: str, size: Size) -> str:
    if size.bare:
        return ""
    words, lines = _clean(text).split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > size.width // 8 and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    top = size.height / 2 - 9 * (len(lines) - 1)
    return "".join(
        f'<text x="{size.width / 2}" y="{top + 18 * i}" text-anchor="middle">{escape(line)}</text>'
        for i, line in enumerate(lines)
    )


def named(axis: Axis) -> str:
    return with_unit(axis.label, axis.units)


def with_unit(label: str, units: str | None) -> str:
    """A long name often ends in its unit already."""
    return f"{plain_name(label)} ({unit(units)})" if label and units and not label.endswith((")", "]")) else plain_name(label)


def cut(text: str, length: int) -> str:
    text = _clean(text).strip()
    return escape(text if len(text) <= length else f"{text[: max(1, length - 1)]}…")


def _clean(text: str) -> str:
    """XML knows no control signs; a space that breaks no line is one that Python would not print."""
    return "".join(c for c in text if c.isprintable() or unicodedata.category(c) == "Zs")
