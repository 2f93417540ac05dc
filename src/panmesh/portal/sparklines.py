"""What changed during a run as small curves beside their names: one drawing, read at a glance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from panmesh.ingest.plot import Series
from panmesh.portal.changing import Changing
from panmesh.portal.plots import cut
from panmesh.portal.words import number, plain_name, unit

ROW = 56  # CSS pixels
COLUMNS = {"wide": (2, 860), "narrow": (1, 358)}  # and the width of all
SAID = {"wide": 0.46, "narrow": 0.57}  # of a cell, for its words: from 1 000 000 to 1 000 000 counts fits
_STYLE = (
    "text{font:13px system-ui,'DejaVu Sans',sans-serif;fill:#1f2328;font-variant-numeric:tabular-nums}.s{fill:#57606a;font-size:12px}"
    ".l{stroke:#0a58a6;stroke-width:1.25;stroke-linejoin:round;fill:none}.g{stroke:#d8dee4}"
    "@media(prefers-color-scheme:dark){text{fill:#e3e8ee}.s{fill:#9aa4ae}.l{stroke:#6cb6ff}.g{stroke:#29323b}}"
)


def extent(count: int, size: str) -> tuple[int, int]:
    """Width and height of the drawing of so many: a page keeps the room for it."""
    columns, width = COLUMNS[size]
    return width, ROW * math.ceil(count / columns)


def draw_changes(chosen: Sequence[Changing], read: Mapping[str, Series], size: str) -> str:
    """A whole SVG document; of those that could not be read it says so."""
    columns, width = COLUMNS[size]
    height = extent(len(chosen), size)[1]
    cells = "".join(
        _cell(
            one, read.get(one.path), (i % columns) * (width // columns), (i // columns) * ROW, width // columns - 24, SAID[size]
        )
        for i, one in enumerate(chosen)
    )
    label = escape(f"{len(chosen)} quantities during the run")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">'
        f"<style>{_STYLE}</style>{cells}</svg>"
    )


def _cell(one: Changing, series: Series | None, x: int, y: int, width: int, share: float) -> str:
    span = f"{number(one.minimum)} … {number(one.maximum)} {unit(one.unit) if one.unit else ''}".strip()
    room = int(width * share)
    said = (
        f'<text x="{x}" y="{y + 24}">{cut(plain_name(one.name), room // 8)}</text>'
        f'<text class="s" x="{x}" y="{y + 41}">{cut(span, room // 7)}</text>'
        f'<line class="g" x1="{x}" y1="{y + ROW - 0.5}" x2="{x + width}" y2="{y + ROW - 0.5}"/>'
    )
    if series is None:
        return said + f'<text class="s" x="{x + room}" y="{y + 33}">cannot be read</text>'
    return said + _curve(series.values, x + room, y + 8, width - room, ROW - 18)


def _curve(values: Sequence[float | None], x: float, y: float, width: float, height: float) -> str:
    known = [v for v in values if v is not None and math.isfinite(v)]
    if not known:
        return ""
    low, high = min(known), max(known)
    step = width / max(1, len(values) - 1)
    scale = height / (high - low) if high > low else 0.0
    lines: list[list[str]] = [[]]
    for i, value in enumerate(values):
        if value is None or not math.isfinite(value):
            lines.append([])
            continue
        up = (value - low) * scale if scale else height / 2
        lines[-1].append(f"{x + i * step:.1f},{y + height - up:.1f}")
    return "".join(f'<polyline class="l" points="{" ".join(points)}"/>' for points in lines if points)
