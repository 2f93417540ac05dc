"""Default plots as pictures that need no script: SVG with axes, units and a colour bar, in light and dark."""

from __future__ import annotations

import io
import math
from base64 import b64encode
from collections.abc import Sequence
from html import escape

import numpy as np
from PIL import Image

from panmesh.ingest.plot import Axis, PlotData

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 78, 24, 34, 58
BAR = 74  # room for the colour bar

# Viridis at nine points; between them it is linear.
_VIRIDIS = (
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
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#30363d}.f{stroke:#8c959f;fill:none}.g{stroke:#d0d7de}.l{stroke:#0a58a6;stroke-width:1.6;fill:none}"
    ".t{font-size:12px;font-variant-numeric:tabular-nums}"
    "@media(prefers-color-scheme:dark){text{fill:#d7dde3}.f{stroke:#6e7681}.g{stroke:#30363d}.l{stroke:#6cb6ff}}"
)


def draw(plot: PlotData) -> str:
    """A whole SVG document."""
    body = _image(plot) if plot.kind == "image" else _line(plot)
    title = escape(_clean(plot.title or plot.label))
    frame = f" · frame {escape(plot.frame)}" if plot.frame else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">'
        f'<style>{_STYLE}</style><text x="{LEFT}" y="20">{title[:90]}{frame}</text>{body}</svg>'
    )


def _line(plot: PlotData) -> str:
    axis = plot.axes[0] if plot.axes else Axis(label="", units=None, values=())
    x = [v if v is not None else math.nan for v in axis.values] or list(range(len(plot.values)))
    y = [v if v is not None else math.nan for v in plot.values]
    points = [(a, b) for a, b in zip(x, y, strict=False) if math.isfinite(a) and math.isfinite(b)]
    if not points:
        return _message("There are no finite numbers to draw.")
    x_low, x_high = _span([a for a, _ in points])
    y_low, y_high = _span([b for _, b in points])
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(a: float, b: float) -> str:
        return f"{LEFT + (a - x_low) / (x_high - x_low) * width:.1f},{TOP + height - (b - y_low) / (y_high - y_low) * height:.1f}"

    if len(points) == 1:
        a, b = place(*points[0]).split(",")
        mark = f'<circle class="l" cx="{a}" cy="{b}" r="4"/>'
    else:
        mark = f'<polyline class="l" points="{" ".join(place(a, b) for a, b in points)}"/>'
    return (
        _frame(width, height, (x_low, x_high), (y_low, y_high))
        + mark
        + _labels(_named(axis) or "point", _with_unit(plot.label, plot.units), width, height)
    )


def _image(plot: PlotData) -> str:
    data = np.array([math.nan if v is None else v for v in plot.values], dtype=np.float64).reshape(plot.rows, plot.columns)
    low, high = plot.low, plot.high
    if low is None or high is None:
        return _message("There are no finite numbers to draw.")
    if high <= low:
        high = low + (abs(low) or 1.0)
    width, height = WIDTH - LEFT - RIGHT - BAR, HEIGHT - TOP - BOTTOM
    picture = b64encode(_png(data, low, high)).decode()
    y_axis = plot.axes[0] if plot.axes else Axis(label="", units=None, values=())
    x_axis = plot.axes[-1] if plot.axes else Axis(label="", units=None, values=())
    bar_x = LEFT + width + 14
    stops = "".join(f'<stop offset="{i / 8:.3f}" stop-color="rgb{c}"/>' for i, c in enumerate(_VIRIDIS))
    bar = (
        f'<defs><linearGradient id="v" x1="0" y1="1" x2="0" y2="0">{stops}</linearGradient></defs>'
        f'<rect x="{bar_x}" y="{TOP}" width="14" height="{height}" fill="url(#v)"/>'
        f'<text class="t" x="{bar_x + 18}" y="{TOP + 10}">{_tick(high)}</text><text class="t" x="{bar_x + 18}" y="{TOP + height}">{_tick(low)}</text>'
        f'<text class="t" x="{bar_x}" y="{TOP + height + 20}">{escape(_clean(plot.units or ""))[:12]}</text>'
    )
    image = (
        f'<image x="{LEFT}" y="{TOP}" width="{width}" height="{height}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{picture}"/>'
    )
    x_range, y_range = _range(x_axis, plot.columns), _range(y_axis, plot.rows)
    return (
        image
        + _frame(width, height, x_range, y_range, grid=False)
        + bar
        + _labels(_named(x_axis) or "column", _named(y_axis) or "row", width, height)
    )


def _png(data: np.ndarray[tuple[int, ...], np.dtype[np.float64]], low: float, high: float) -> bytes:
    """First row at the bottom, as axes grow upwards; what is no number is transparent."""
    scaled = np.clip((data - low) / (high - low), 0, 1)
    bad = ~np.isfinite(scaled)
    steps = np.where(bad, 0, scaled) * 8
    table = np.array(_VIRIDIS, dtype=np.float64)
    base = np.minimum(steps.astype(int), 7)
    colour = table[base] + (table[base + 1] - table[base]) * (steps - base)[..., None]
    pixels = np.dstack([colour, np.where(bad, 0, 255)]).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels[::-1], "RGBA").save(buffer, "PNG")
    return buffer.getvalue()


def _frame(width: int, height: int, x: tuple[float, float], y: tuple[float, float], *, grid: bool = True) -> str:
    parts = [f'<rect class="f" x="{LEFT}" y="{TOP}" width="{width}" height="{height}"/>']
    for value in _ticks(*x):
        at = LEFT + (value - x[0]) / (x[1] - x[0]) * width
        if grid:
            parts.append(f'<line class="g" x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{TOP + height}"/>')
        parts.append(f'<text class="t" text-anchor="middle" x="{at:.1f}" y="{TOP + height + 18}">{_tick(value)}</text>')
    for value in _ticks(*y):
        at = TOP + height - (value - y[0]) / (y[1] - y[0]) * height
        if grid:
            parts.append(f'<line class="g" x1="{LEFT}" y1="{at:.1f}" x2="{LEFT + width}" y2="{at:.1f}"/>')
        parts.append(f'<text class="t" text-anchor="end" x="{LEFT - 6}" y="{at + 4:.1f}">{_tick(value)}</text>')
    return "".join(parts)


def _labels(x: str, y: str, width: int, height: int) -> str:
    middle = TOP + height / 2
    return (
        f'<text text-anchor="middle" x="{LEFT + width / 2}" y="{HEIGHT - 14}">{escape(_clean(x))[:80]}</text>'
        f'<text text-anchor="middle" transform="translate(16 {middle}) rotate(-90)">{escape(_clean(y))[:60]}</text>'
    )


def _message(text: str) -> str:
    return f'<text x="{WIDTH / 2}" y="{HEIGHT / 2}" text-anchor="middle">{escape(text)}</text>'


def _ticks(low: float, high: float) -> list[float]:
    raw = (high - low) / 5
    if not math.isfinite(raw) or raw <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw), 10 * power)
    first = math.ceil(low / step) * step
    return [first + i * step for i in range(12) if first + i * step <= high + step * 1e-9]


def _tick(value: float) -> str:
    return f"{0.0 if abs(value) < 1e-300 else value:.4g}".replace("-", "−")


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if low == high:
        return low - (abs(low) * 0.05 or 0.5), high + (abs(high) * 0.05 or 0.5)
    return low, high


def _range(axis: Axis, count: int) -> tuple[float, float]:
    good = [v for v in axis.values if v is not None]
    return (good[0], good[-1]) if len(good) > 1 and good[0] < good[-1] else (0.0, float(max(count, 1)))


def _named(axis: Axis) -> str:
    return _with_unit(axis.label, axis.units)


def _with_unit(label: str, units: str | None) -> str:
    return f"{label} ({units})" if label and units else label


def _clean(text: str) -> str:
    """XML knows no control signs."""
    return "".join(c for c in text if c.isprintable())
