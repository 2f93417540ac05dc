"""The libraries of scientists: used where they are, and named where they are missing. None of them is loaded before it is needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from panmesh.client.values import Quantity

if TYPE_CHECKING:
    from panmesh.client.run import Run

Chosen = str | Sequence[str] | None


def library(name: str, what: str) -> Any:
    """Raises ModuleNotFoundError, which says what to type."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        raise ModuleNotFoundError(
            f"{what} needs {name}, which is not installed here: python -m pip install {name} (or all that panmesh can use: "
            "python -m pip install 'panmesh[science]')",
            name=error.name,
        ) from error


def frame_of_runs(runs: Iterable[Run], parameters: Chosen = None) -> Any:
    """A row for each run (pid is the index); a column for each parameter in each unit, "temperature [K]", or for the chosen ones. What was
    scanned has its ends in two more."""
    pandas = library("pandas", "to_pandas()")
    chosen = [parameters] if isinstance(parameters, str) else parameters
    frame = pandas.DataFrame([_cells(one, chosen) for one in runs])
    if not len(frame):
        return pandas.DataFrame(columns=[name for name in _CORE if name != "pid"], index=pandas.Index([], name="pid"))
    for name in ("start", "end"):
        frame[name] = pandas.to_datetime(frame[name], utc=True)
    missing = [name for name in chosen or () if not any(_is(name, column) for column in frame.columns)]
    for name in missing:
        frame[name] = float("nan")
    return frame.set_index("pid")


def frame_of_parameters(quantities: Iterable[Quantity]) -> Any:
    """A row for each: name (index), value, unit, minimum, maximum."""
    rows = [(one.name, one.value, one.unit, one.minimum, one.maximum) for one in quantities]
    columns = ["name", "value", "unit", "minimum", "maximum"]
    return library("pandas", "to_pandas()").DataFrame(rows, columns=columns).set_index("name")


_CORE = ("pid", "title", "start", "end", "access", "instrument", "proposal", "sample", "techniques", "bytes")


def _cells(run: Run, chosen: Sequence[str] | None) -> dict[str, Any]:
    values = (
        *(run.pid, run.title, run.start, run.end, run.access.state, run.instrument and run.instrument.name, run.proposal),
        *(run.sample and run.sample.name, ", ".join(map(str, run.techniques)), run.total_bytes),
    )
    cells: dict[str, Any] = dict(zip(_CORE, values, strict=True))
    for name in run.parameters if chosen is None else chosen:
        if name not in run.parameters:
            continue
        one = run.parameters[name]
        unit = f" [{one.unit}]" if one.unit else ""
        cells[name + unit] = one.value
        if one.value is None:
            cells |= {f"{name} min{unit}": one.minimum, f"{name} max{unit}": one.maximum}
    return cells


def _is(name: str, column: str) -> bool:
    return column == name or column.startswith(f"{name} [")
