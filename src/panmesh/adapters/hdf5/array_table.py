"""Numbers, texts and records as CSV that spreadsheets, NumPy and pandas read, each number with no more digits than it has."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np


class NoTable(ValueError):
    """Its text is a sentence for whoever asked."""


def table(values: Any) -> bytes:
    """A scalar as one cell, a line as one column, an image row by row; records as a table with a head. Raises NoTable."""
    out = io.StringIO(newline="")
    write = csv.writer(out, lineterminator="\n")
    if values.dtype.names:
        write.writerow(values.dtype.names)
        columns = [_cells(values[name].ravel() if values[name].ndim == values.ndim else None) for name in values.dtype.names]
        write.writerows(zip(*columns, strict=True))
    else:
        flat = _cells(values.ravel())
        width = values.shape[-1] if values.ndim == 2 else 1
        write.writerows(flat[start : start + width] for start in range(0, len(flat), width or 1))
    return out.getvalue().encode()


def _cells(values: Any) -> list[Any]:
    """As Python writes them: what is read back is the same number."""
    if values is None or values.dtype.kind not in "biufcSUO":
        raise NoTable("it has no form csv: ask for json")
    match values.dtype.kind:
        case "b":
            return list(values.astype(np.uint8).tolist())
        case "i" | "u":
            return list(values.tolist())
        case "f" if values.dtype.itemsize == 8:
            return [repr(one) for one in values.tolist()]
        case "f":  # of fewer digits, or of more
            return [str(one) for one in values]
        case "c":
            return [str(complex(one)) for one in values]
    return [_text(one) for one in values.tolist()]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise NoTable("lists of any length have no form csv: ask for json")
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
