"""A JSON file as a stream that tells how far it was read, and refuses what nests so deeply that the parser would crash."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import ijson
import numpy as np

from panmesh.kernel.errors import Invalid

DEEPEST = 500  # levels; records have a dozen

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_WHOLE = re.compile(rb'(?:[^"]+|' + _STRING.pattern + rb")*", re.DOTALL)  # until a string that goes on in the next piece
_REST_OF_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = np.zeros(256, np.int32)
_STEP[list(b"[{")], _STEP[list(b"]}")] = 1, -1


def elements(path: Path, prefix: str, *, many: bool = False, advance: Callable[[int], object] = lambda _: None) -> Iterator[Any]:
    """What stands at this place in the file ("datasets.item"). `many`: the file may hold several JSON values. Raises Invalid."""
    try:
        with path.open("rb") as file:
            yield from ijson.items(Guarded(file, advance), prefix, use_float=True, multiple_values=many)
    except (ijson.JSONError, UnicodeDecodeError, RecursionError, ValueError, OverflowError) as error:
        said = (str(error).splitlines() or [""])[0][:200]
        raise Invalid(f"{path.name} is no whole JSON: {said}. What came before that is brought in.") from error


class Guarded:
    def __init__(self, file: IO[bytes], advance: Callable[[int], object] = lambda _: None) -> None:
        self._file = file
        self._advance = advance
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._advance(len(piece))
        self._look(piece)
        return piece

    def _look(self, piece: bytes) -> None:
        """Raises Invalid. Brackets within strings do not count; a string may go over many pieces."""
        if self._in_string:
            end = _REST_OF_STRING.match(piece, 1 if self._escaped and piece else 0)
            if end is None:
                self._enter_string(piece, 1 if self._escaped else 0)
                return
            self._in_string, piece = False, piece[end.end() :]
        opened = whole.end() if (whole := _WHOLE.match(piece)) else 0
        if opened < len(piece):
            self._enter_string(piece, opened + 1)
        brackets = _STRING.sub(b"", piece[:opened]).translate(None, _NO_BRACKETS)
        if brackets:
            depths = np.cumsum(_STEP[np.frombuffer(brackets, np.uint8)]) + self._depth
            if int(depths.max()) > DEEPEST:
                raise Invalid(f"the JSON is nested more than {DEEPEST} deep: no record is.")
            self._depth = int(depths[-1])

    def _enter_string(self, piece: bytes, start: int) -> None:
        inside = piece[start:]
        self._in_string = True
        self._escaped = bool((len(inside) - len(inside.rstrip(b"\\"))) % 2)
