"""How many of something in each of the coming weeks, as bars: an SVG in the page, with its numbers in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup, escape

from panmesh.portal.day_plot import round_up
from panmesh.portal.words import month_name, on_day

WIDTH, HEIGHT = 560, 130
LEFT, BOTTOM, TOP = 34, 22, 18


def week_plot(title: str, weeks: Sequence[tuple[date, int]]) -> Markup:
    most = max((count for _, count in weeks), default=0)
    top = round_up(max(most, 1), (1, 2, 3, 4, 5, 6, 8))
    wide, high = (WIDTH - LEFT) / max(len(weeks), 1), HEIGHT - BOTTOM - TOP
    said = f"{title}: {sum(count for _, count in weeks):,} in {len(weeks)} weeks, at most {most:,} in one"
    parts = [f'<svg class="months weeks" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}">']
    for value in (0, top):
        y = TOP + high * (1 - value / top)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,}</text>')
    for number, (day, count) in enumerate(weeks):
        x, tall = LEFT + number * wide, high * count / top
        label = f"Week from {on_day(day)}: {count:,}"
        if count:
            y = TOP + high - tall
            bar = f'<rect class="lower" x="{x + 3:.1f}" y="{y:.1f}" width="{wide - 6:.1f}" height="{tall:.1f}"/>'
            parts.append(f"<g><title>{escape(label)}</title>{bar}")
            parts.append(f'<text x="{x + wide / 2:.1f}" y="{y - 4:.1f}" text-anchor="middle">{count:,}</text></g>')
        if number % 2 == 0:
            parts.append(f'<text x="{x + wide / 2:.1f}" y="{HEIGHT - 6}" text-anchor="middle">{day.day} {month_name(day)}</text>')
    return Markup("".join([*parts, "</svg>"]))
