"""The libraries of scientists: used where they are, and named where they are missing. None of them is loaded before it is needed."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from panmesh.client.values import Quantity


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


def frame_of_parameters(quantities: Iterable[Quantity]) -> Any:
    """A row for each: name (index), value, unit, minimum, maximum."""
    rows = [(one.name, one.value, one.unit, one.minimum, one.maximum) for one in quantities]
    columns = ["name", "value", "unit", "minimum", "maximum"]
    return library("pandas", "to_pandas()").DataFrame(rows, columns=columns).set_index("name")
