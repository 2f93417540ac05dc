"""Values in the reader's words: sizes, days, numbers with units, access states."""

from __future__ import annotations

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from panmesh.access.explain import explain
from panmesh.access.terms import State
from panmesh.catalogue.model import AccessView, ParameterView
from panmesh.kernel.clock import from_us, iso

_ICONS = {
    State.OPEN: ("open", "M7 11V7a5 5 0 0 1 9.9-1M5 11h14v10H5z"),
    State.EMBARGOED: ("wait", "M12 7v5l3 3M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z"),
    State.COLLECTING: ("live", "M3 12h4l3-8 4 16 3-8h4"),
    State.PLANNED: ("wait", "M4 5h16v16H4zM4 10h16M8 3v4M16 3v4"),
}
_CLOSED = ("closed", "M7 11V7a5 5 0 0 1 10 0v4M5 11h14v10H5z")


def badge(access: AccessView, zone: str) -> Markup:
    """Colour and icon and word."""
    kind, path = _ICONS.get(access.state, _CLOSED)
    said = explain(access, zone, signed_in=True)
    return Markup(
        '<span class="badge badge-{}" title="{}"><svg viewBox="0 0 24 24" aria-hidden="true"><path d="{}"/></svg>{}</span>'
    ).format(kind, said.sentence, path, said.word)


def when(us: int | None, zone: str = "UTC", basis: str | None = None) -> Markup:
    """The day and time at the facility, with the exact instant on hover."""
    if us is None:
        return Markup('<span class="none">not known</span>')
    local: datetime = from_us(us).astimezone(ZoneInfo(zone))
    text = f"{local.day} {local:%b %Y, %H:%M}"
    return Markup('<time datetime="{}" title="{} ({})">{}</time>').format(iso(us), iso(us), basis or zone, text)


def day(us: int | None, zone: str = "UTC") -> str:
    if us is None:
        return "—"
    local = from_us(us).astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y}"


def size(count: int | None) -> str:
    if count is None:
        return "—"
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if value < 1000 or unit == "PB":
            break
        value /= 1000
    return f"{int(value)} B" if unit == "B" else f"{value:.3g} {unit}"


def number(value: float | None) -> str:
    """Six significant digits, no needless zeros, a true minus sign."""
    if value is None or not math.isfinite(value):
        return "—"
    text = f"{value:.6g}"
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        return f"{mantissa}·10{_raised(int(exponent))}".replace("-", "−")
    return text.replace("-", "−")


def quantity(p: ParameterView) -> Markup:
    unit = Markup(' <span class="unit">{}</span>').format(p.unit) if p.unit else Markup("")
    if isinstance(p.value, str):
        return escape(p.value)
    if p.value is not None:
        return escape(number(p.value)) + unit
    return escape(f"{number(p.minimum)} … {number(p.maximum)}") + unit


def plain_name(name: str) -> str:
    return name.replace("_", " ")


def ago(us: int | None, now_us: int) -> str:
    if us is None:
        return "never"
    seconds = max(0, (now_us - us) // 1_000_000)
    for limit, unit in ((60, "s"), (3600, "min"), (86_400, "h")):
        if seconds < limit:
            return f"{seconds // max(1, limit // 60 if unit != 'h' else 3600)} {unit} ago"
    return f"{seconds // 86_400} d ago"


def _raised(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))
