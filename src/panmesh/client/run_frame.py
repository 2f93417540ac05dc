"""Many runs as one data frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from panmesh.client.run import Run
from panmesh.client.science import library

_CORE = ("pid", "title", "start", "end", "access", "instrument", "proposal", "sample", "techniques", "bytes")


def frame_of_runs(runs: Iterable[Run], parameters: str | Sequence[str] | None = None) -> Any:
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
