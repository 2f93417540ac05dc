"""A quantity's values over the runs of a search as a row of small bars: an SVG in the page, with its range in words beside it."""

from __future__ import annotations

import math

from markupsafe import Markup

from panmesh.catalogue.quantity_spread import Spread
from panmesh.portal.words import number, unit

WIDTH, HEIGHT = 96, 24


def spread_plot(found: Spread) -> Markup:
    """Bars from low to high, the tallest as high as the picture; a bar that has anything is seen. The same size without bars: nothing moves."""
    most = max(found.bars, default=0)
    wide = WIDTH / max(len(found.bars), 1)
    parts = [f'<svg class="spread" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" aria-hidden="true">']
    for place, count in enumerate(found.bars):
        if count:
            tall = max(1.5, (HEIGHT - 1) * count / most)
            parts.append(
                f'<rect x="{place * wide + 0.5:.1f}" y="{HEIGHT - tall:.1f}" width="{max(wide - 1, 1):.1f}" height="{tall:.1f}"/>'
            )
    return Markup("".join([*parts, "</svg>"]))


def range_in_words(found: Spread) -> str:
    if found.low is None or found.high is None:
        return ""
    ends = _short(found.low) if found.low == found.high else f"{_short(found.low)} … {_short(found.high)}"
    return f"{ends} {unit(found.unit)}".strip()


def _short(value: float) -> str:
    return number(float(f"{value:.4g}"))


def condition_of(found: Spread) -> str:
    """What the search takes for the whole range: three digits that leave nothing out."""
    if found.low is None or found.high is None:
        return f"{found.name}:"
    return f"{found.name}:{_outward(found.low, math.floor)}..{_outward(found.high, math.ceil)} {found.unit or ''}".strip()


def _outward(value: float, way: object) -> str:
    if value == 0 or not math.isfinite(value):
        return "0"
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    rounded = (math.floor if way is math.floor else math.ceil)(value / step) * step
    return f"{rounded:.6g}"
