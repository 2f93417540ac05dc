"""What is answered, and the forms that values take on the way: h5grove's encoders, for values that may be anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from h5grove import encoders
from h5grove.utils import convert


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
    if form == "json":
        return as_json(values)
    array = np.asarray(values)
    if array.dtype.hasobject:  # its bytes would be addresses in our memory
        raise Refused("invalid", f"what has no fixed length has no form {form}: ask for json")
    if form == "tiff" and array.dtype.kind == "c":
        raise Refused("invalid", "tiff holds no complex numbers")
    try:
        encoded = encoders.encode(array, form)
    except (ValueError, TypeError) as error:
        raise Refused("invalid", f"it has no form {form}: {str(error)[:200]}") from error
    return Reply(encoded.headers["Content-Type"], encoded.content)


def as_json(content: Any) -> Reply:
    try:
        return Reply("application/json", encoders.orjson_encode(content, _plain))
    except TypeError:  # text that is no UTF-8 somewhere in it
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
    return value
