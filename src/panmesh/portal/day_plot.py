"""Runs of each day as bars: an SVG in the page, with its numbers in words for those who do not see it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup, escape

from panmesh.portal.words import month_name, on_day, plural

WIDTH, HEIGHT = 280, 110
LEFT, BOTTOM, TOP = 28, 20, 8


def day_plot(days: Sequence[tuple[date, int]]) -> Markup:
    most = max((runs for _, runs in days), default=0)
    top = round_up(max(most, 1))
    wide = (WIDTH - LEFT) / max(len(days), 1)
    high = HEIGHT - BOTTOM - TOP
    total = sum(runs for _, runs in days)
    said = f"{plural(total, 'run')} in {len(days)} days, at most {most} on one day"
    parts = [f'<svg class="days" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}">']
    for value in (0, top):
        y = TOP + high * (1 - value / top)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/><text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{value}</text>'
        )
    for number, (day, runs) in enumerate(days):
        tall = high * runs / top
        x = LEFT + number * wide
        if runs:
            label = f"{on_day(day)}: {plural(runs, 'run')}"
            parts.append(
                f'<rect x="{x + 1:.1f}" y="{TOP + high - tall:.1f}" width="{wide - 2:.1f}" height="{tall:.1f}"><title>{label}</title></rect>'
            )
        if number in (0, len(days) // 2) or number == len(days) - 1:
            anchor = "start" if number == 0 else "end" if number == len(days) - 1 else "middle"
            at = x if number == 0 else x + wide if number == len(days) - 1 else x + wide / 2
            parts.append(f'<text x="{at:.1f}" y="{HEIGHT - 5}" text-anchor="{anchor}">{day.day} {month_name(day)}</text>')
    return Markup("".join([*parts, "</svg>"]))


def round_up(number: int, steps: tuple[int, ...] = (1, 2, 5)) -> int:
    """To 1, 2 or 5 times a power of ten: an end of the axis that is easily read."""
    power = 1
    while True:
        for step in steps:
            if number <= step * power:
                return step * power
        power *= 10
