"""Numbers of each month as bars, two kinds on top of each other: an SVG in the page, with its numbers in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup, escape

from panmesh.portal.day_plot import round_up
from panmesh.portal.words import month_name, month_of

WIDTH, HEIGHT = 560, 170
LEFT, BOTTOM, TOP = 56, 22, 14


def byte_scale(most: int) -> tuple[str, int]:
    """The unit in which a plot of bytes is labelled, and how many bytes it has."""
    names = ("bytes", "kB", "MB", "GB", "TB", "PB")
    step = next((n for n in reversed(range(len(names))) if most >= 10 * 1000**n), 0)
    return names[step], 1000**step


def month_plot(title: str, months: Sequence[tuple[str, float, float]], kinds: tuple[str, str]) -> Markup:
    """`months`: YYYY-MM, and the lower and the upper number."""
    most = max((lower + upper for _, lower, upper in months), default=0)
    top = round_up(max(int(most + 0.999), 1), (1, 2, 3, 4, 5, 6, 8))
    wide, high = (WIDTH - LEFT) / max(len(months), 1), HEIGHT - BOTTOM - TOP
    bar = min(wide - 4, 40)
    total = sum(lower + upper for _, lower, upper in months)
    said = f"{title}: {total:,.0f} in {len(months)} months, at most {most:,.0f} in one"
    parts = [f'<svg class="months" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}">']
    for value in (0, top):
        y = TOP + high * (1 - value / top)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,}</text>')
    every = max(1, (len(months) + 5) // 6)
    for number, (month, lower, upper) in enumerate(months):
        day = date.fromisoformat(f"{month}-01")
        x, label = (
            LEFT + number * wide,
            f"{month_of(day, long=True)}: {_said(lower)} {kinds[0]}" + (f", {_said(upper)} {kinds[1]}" if kinds[1] else ""),
        )
        low, up = high * lower / top, high * upper / top
        bars = ((TOP + high - low, low, "lower"), (TOP + high - low - up, up, "upper"))
        rects = "".join(
            f'<rect class="{kind}" x="{x + (wide - bar) / 2:.1f}" y="{y:.1f}" width="{bar:.1f}" height="{tall:.1f}"/>'
            for y, tall, kind in bars
            if tall
        )
        parts.append(f"<g><title>{escape(label)}</title>{rects}</g>")
        if (len(months) - 1 - number) % every == 0:
            words = month_name(day) if day.month != 1 and every == 1 else f"{month_name(day)} {day:%y}"
            last = number == len(months) - 1 and wide < 60  # else it fits below its bar
            at, anchor = (x + wide, "end") if last else (x + wide / 2, "middle")
            parts.append(f'<text x="{at:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{words}</text>')
    return Markup("".join([*parts, "</svg>"]))


def _said(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) or number >= 100 else f"{number:.3g}"
