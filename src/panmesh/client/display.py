"""Values as a notebook shows them: plain tables in the page's own colours, so that dark themes stay dark; every text escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

_TABLE = "border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.3em 0"
_CELL = "padding:.15em .8em .15em 0;vertical-align:top;border-bottom:1px solid rgba(128,128,128,.25)"
_QUIET = "opacity:.65"
_WHOLE = ";white-space:nowrap"
SHORT = 24  # characters of what is not broken into lines: pids, days, instruments


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Of plain text; the columns `right` hold numbers."""
    sides = ["right" if column in right else "left" for column in range(len(head))]
    top = "".join(
        f'<th style="{_CELL};text-align:{side};{_QUIET}">{escape(cell)}</th>' for side, cell in zip(sides, head, strict=True)
    )
    lines = [_row(row, sides) for row in rows]
    return f'<table style="{_TABLE}"><thead><tr>{top}</tr></thead><tbody>{"".join(lines)}</tbody></table>'


def facts(said: Mapping[str, str]) -> str:
    """Names and what they are; without a head."""
    lines = [
        f'<tr><th style="{_CELL};text-align:left;font-weight:normal;{_QUIET}">{escape(name)}</th>'
        f'<td style="{_CELL};text-align:left">{escape(value)}</td></tr>'
        for name, value in said.items()
    ]
    return f'<table style="{_TABLE}"><tbody>{"".join(lines)}</tbody></table>'


def note(text: str) -> str:
    return f'<p style="margin:.3em 0;{_QUIET}">{escape(text)}</p>'


def heading(text: str) -> str:
    return f'<p style="margin:.3em 0;font-weight:600">{escape(text)}</p>'


def size(count: int | None) -> str:
    """1.2 GB; powers of 1000, as disks are sold."""
    if count is None:
        return ""
    number, units = float(count), iter(("B", "kB", "MB", "GB", "TB", "PB"))
    unit = next(units)
    while number >= 999.5 and unit != "PB":
        number, unit = number / 1000, next(units)
    return f"{count} B" if unit == "B" else f"{number:.3g} {unit}"


def number(value: float | str | None) -> str:
    """As short as it is exact to six digits; texts as they are."""
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)


def _row(row: Sequence[str], sides: Sequence[str]) -> str:
    cells = (
        f'<td style="{_CELL};text-align:{side}{_WHOLE if len(cell) <= SHORT else ""}">{escape(cell)}</td>'
        for side, cell in zip(sides, row, strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>"
