"""What is answered, and the forms that values take on the way: h5grove's encoders, for values that may be anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from h5grove import encoders
from h5grove.utils import convert

from panmesh.adapters.hdf5.array_table import NoTable, table


class Refused(Exception):
    """`kind` is one of invalid, missing, outside, failed; the text is a sentence for whoever asked."""

    def __init__(self, kind: str, detail: str, limit: int | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.limit = limit


@dataclass(slots=True)
class Reply:
    media_type: str
    body: bytes = b""
    shared: int = 0  # bytes of the shared memory that are the body
    extents: list[tuple[int, int]] = field(default_factory=list)
    blocks: list[tuple[str, int]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


def converted(values: Any, dtype: str) -> Any:
    try:
        return convert(values, dtype)
    except ValueError as error:
        raise Refused("invalid", str(error)) from error


def encoded(values: Any, form: str) -> Reply:
    """Raises Refused."""
    if form == "json":
        return as_json(values)
    if isinstance(values, h5py.Empty):
        raise Refused("invalid", f"it is empty, and nothing has no form {form}: json says null")
    array = np.asarray(values)
    if form == "csv":
        return _table(array)
    if array.dtype.hasobject:  # its bytes would be addresses in our memory
        raise Refused("invalid", f"what has no fixed length has no form {form}: ask for json, or texts for csv")
    if form == "npy" and array.dtype.kind in "SV":  # h5grove leaves texts and records out
        return Reply("application/octet-stream", encoders.npy_encode(array))
    if form == "tiff":
        _holds_in_tiff(array)
    try:
        encoded = encoders.encode(array, form)
    except (ValueError, TypeError) as error:
        raise Refused("invalid", f"it has no form {form}: {str(error)[:200]}") from error
    return Reply(encoded.headers["Content-Type"], encoded.content)


def _table(array: Any) -> Reply:
    try:
        return Reply("text/csv; charset=utf-8", table(array))
    except NoTable as error:
        raise Refused("invalid", str(error)) from error


def _holds_in_tiff(array: Any) -> None:
    kind = {"c": "complex numbers", "b": "", "i": "", "u": "", "f": ""}.get(array.dtype.kind, "texts or records")
    if kind:
        raise Refused("invalid", f"tiff holds no {kind}: ask for npy")
    if array.ndim < 2 or 0 in array.shape:
        has = f"this has {array.ndim}" if array.size else "this has no numbers"
        raise Refused("invalid", f"tiff holds images, of two dimensions or more, and {has}: ask for npy or csv")


def as_json(content: Any) -> Reply:
    try:
        return Reply("application/json", encoders.orjson_encode(content, _plain))
    except TypeError:  # somewhere in it is text that is no UTF-8, or numbers in another byte order than this machine's
        return Reply("application/json", encoders.orjson_encode(_mended(content), _plain))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "SVO":
        return _mended(value.tolist())
    return encoders.orjson_default(value)


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, dict):
        return {_mended(key): _mended(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_mended(one) for one in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "OSUV":
        return _mended(value.tolist())
    if isinstance(value, np.ndarray) and not value.dtype.isnative:
        return value.astype(value.dtype.newbyteorder("="))
    return value
