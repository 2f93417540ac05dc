"""Several runs side by side: which of their quantities differ, in one unit for each. Decided from values alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from panmesh.catalogue.model import DatasetSummary, ParameterView
from panmesh.kernel.units import convert, same_dimension

MOST = 20  # runs that are compared at once
_ALIKE = 1e-9  # relative: the last digit of a conversion is no difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one run says of one quantity: a value, or two ends when it was scanned. `unit` only where it is not that of the row."""

    value: float | str | None = None
    minimum: float | None = None
    maximum: float | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    name: str
    unit: str | None
    cells: tuple[Cell | None, ...]  # one for each run; None: it says nothing of this, or not to this viewer


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    differing: tuple[Row, ...]
    common: tuple[Row, ...]  # that all of them say, and all alike


def compare(runs: Sequence[DatasetSummary]) -> Comparison:
    rows = [row for row in (*_facts(runs), *_quantities(runs)) if any(row.cells)]
    common = [row for row in rows if all(row.cells) and all(_alike(row.cells[0], cell) for cell in row.cells[1:])]
    return Comparison(differing=tuple(row for row in rows if row not in common), common=tuple(common))


def ordered(runs: Sequence[DatasetSummary], name: str, *, descending: bool = False) -> tuple[DatasetSummary, ...]:
    """By what they say of one quantity; those that say nothing, or in a unit that cannot be converted, last in both directions."""
    row = next((row for row in (*_facts(runs), *_quantities(runs)) if row.name == name), None)
    if row is None:
        return tuple(runs)
    keys = {run.pid: _key(cell, descending) for run, cell in zip(runs, row.cells, strict=True)}
    there = [run for run in runs if keys[run.pid] is not None]
    there.sort(key=lambda run: keys[run.pid] or (0, 0.0, ""), reverse=descending)  # those alike stay in their order
    return (*there, *(run for run in runs if keys[run.pid] is None))


def _key(cell: Cell | None, descending: bool) -> tuple[int, float, str] | None:
    if cell is None or cell.unit is not None:
        return None
    if isinstance(cell.value, str):
        return 1, 0.0, cell.value.casefold()
    end = cell.value if cell.value is not None else cell.maximum if descending else cell.minimum
    return None if end is None or math.isnan(end) else (0, end, "")


def _facts(runs: Sequence[DatasetSummary]) -> list[Row]:
    said: dict[str, list[str | None]] = {
        "sample": [run.sample.name if run.sample else None for run in runs],
        "technique": [", ".join(t.name for t in run.techniques) or None for run in runs],
        "instrument": [run.instrument.name if run.instrument else None for run in runs],
        "visit": [run.visit_id for run in runs],
        "kind": [run.kind.value for run in runs],
    }
    return [
        Row(name=name, unit=None, cells=tuple(None if value is None else Cell(value=value) for value in values))
        for name, values in said.items()
    ]


def _quantities(runs: Sequence[DatasetSummary]) -> list[Row]:
    by_run = [{p.name: p for p in run.parameters} for run in runs]
    names = list(dict.fromkeys(name for found in by_run for name in found))
    return [_row(name, [found.get(name) for found in by_run]) for name in names]


def _row(name: str, said: Sequence[ParameterView | None]) -> Row:
    """In the unit of the first run that has one."""
    unit = next((p.unit for p in said if p is not None and p.unit), None)
    return Row(name=name, unit=unit, cells=tuple(None if p is None else cell_in(p, unit) for p in said))


def cell_in(p: ParameterView, unit: str | None) -> Cell:
    """Converted where it can be; else the cell says its own unit."""
    if isinstance(p.value, str):
        return Cell(value=p.value)
    if p.unit == unit or not any(isinstance(v, float | int) for v in (p.value, p.minimum, p.maximum)):
        return Cell(value=p.value, minimum=p.minimum, maximum=p.maximum)
    if p.unit is None or unit is None or not same_dimension(p.unit, unit):
        return Cell(value=p.value, minimum=p.minimum, maximum=p.maximum, unit=p.unit or "no unit")
    value, minimum, maximum = (None if v is None else convert(v, p.unit, unit) for v in (p.value, p.minimum, p.maximum))
    return Cell(value=value, minimum=minimum, maximum=maximum)


def _alike(one: Cell | None, other: Cell | None) -> bool:
    if one is None or other is None or one.unit != other.unit:
        return False
    pairs = ((one.value, other.value), (one.minimum, other.minimum), (one.maximum, other.maximum))
    return all(_same(a, b) for a, b in pairs)


def _same(a: float | str | None, b: float | str | None) -> bool:
    if isinstance(a, float | int) and isinstance(b, float | int):
        return math.isclose(a, b, rel_tol=_ALIKE)
    return a == b
