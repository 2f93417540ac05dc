"""Scores of each month as lines between 0 and 100 %: an SVG in the page, with its numbers in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup, escape

from panmesh.portal.words import month_name, month_of

WIDTH, HEIGHT = 440, 170
LEFT, BOTTOM, TOP = 56, 22, 14


def score_plot(title: str, months: Sequence[tuple[str, float, float]], kinds: tuple[str, str]) -> Markup:
    """`months`: YYYY-MM, and the two figures in per cent."""
    wide, high = (WIDTH - LEFT - 12) / max(len(months) - 1, 1), HEIGHT - BOTTOM - TOP
    places = [LEFT + 6 + number * wide for number in range(len(months))] if len(months) > 1 else [LEFT + (WIDTH - LEFT) / 2]
    first, last = months[0], months[-1]
    said = (
        f"{title}: {kinds[0]} {first[1]:.0f} % in {_month(first[0])}, {last[1]:.0f} % in {_month(last[0])}; "
        f"{kinds[1]} {first[2]:.0f} %, then {last[2]:.0f} %"
    )
    parts = [f'<svg class="months scores" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}">']
    for value in (0, 50, 100):
        y = TOP + high * (1 - value / 100)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value} %</text>')
    for kind, at in (("upper", 2), ("lower", 1)):
        points = [(x, TOP + high * (1 - float(month[at]) / 100)) for x, month in zip(places, months, strict=True)]
        parts.append(f'<polyline class="{kind}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>')
        for (x, y), month in zip(points, months, strict=True):
            label = f"{_month(month[0])}: {month[at]:.0f} % {kinds[at - 1]}"
            parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{escape(label)}</title></circle>')
    every = max(1, (len(months) + 7) // 8)
    for number, (x, month) in enumerate(zip(places, months, strict=True)):
        if (len(months) - 1 - number) % every == 0:
            end = number == len(months) - 1 and len(months) > 1
            at_x, anchor = (WIDTH, "end") if end else (x, "middle")
            parts.append(f'<text x="{at_x:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{_short(month[0])}</text>')
    return Markup("".join([*parts, "</svg>"]))


def _month(text: str) -> str:
    return month_of(date.fromisoformat(f"{text}-01"), long=True)


def _short(text: str) -> str:
    one = date.fromisoformat(f"{text}-01")
    return f"{month_name(one)} {one:%y}"
