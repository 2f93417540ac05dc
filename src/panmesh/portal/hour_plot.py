"""The last 24 hours in half hours as bars, two kinds on top of each other: an SVG in the page, with its numbers in words."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from panmesh.kernel.clock import from_us
from panmesh.portal.day_plot import round_up

WIDTH, HEIGHT = 560, 130
LEFT, BOTTOM, TOP = 44, 22, 10
BIN_US = 1_800_000_000


def hour_plot(said: str, bars: Sequence[tuple[float, float, str]], now_us: int, zone: str, unit: str = "") -> Markup:
    """`said`: what the whole says, in words. `bars`: lower and upper number and what the bar says, the newest last."""
    most = max((lower + upper for lower, upper, _ in bars), default=0)
    top = round_up(max(int(most + 0.999), 1), (1, 2, 3, 4, 5, 6, 8))
    wide, high = (WIDTH - LEFT) / len(bars), HEIGHT - BOTTOM - TOP
    parts = [f'<svg class="months" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}">']
    for value in (0, top):
        y = TOP + high * (1 - value / top)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,}{escape(unit)}</text>')
    for number, (lower, upper, words) in enumerate(bars):
        x, low, up = LEFT + number * wide, high * lower / top, high * upper / top
        kinds = ((TOP + high - low, low, "lower"), (TOP + high - low - up, up, "upper"))
        rects = "".join(
            f'<rect class="{kind}" x="{x + 1:.1f}" y="{y:.1f}" width="{wide - 2:.1f}" height="{max(tall, 1.0):.1f}"/>'
            for y, tall, kind in kinds
            if tall
        )
        if rects:
            parts.append(f"<g><title>{escape(words)}</title>{rects}</g>")
    for number in range(0, len(bars) + 1, 8):
        local = from_us(now_us - (len(bars) - number) * BIN_US).astimezone(ZoneInfo(zone))
        anchor = "start" if number == 0 else "end" if number == len(bars) else "middle"
        text = "now" if number == len(bars) else f"{local:%H:%M}"
        parts.append(f'<text x="{LEFT + number * wide:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{text}</text>')
    return Markup("".join([*parts, "</svg>"]))
