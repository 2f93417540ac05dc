"""A file of entities in the Search API's JSON, read as a stream: its size does not matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import ijson

from panmesh.catalogue.imported import Imported, Rejected
from panmesh.kernel.errors import Invalid
from panmesh.wire.panosc_import import ENTITIES, SearchApiReader

PASSES = len(ENTITIES)


class Counted:
    """A file that tells how far it was read."""

    def __init__(self, file: IO[bytes], advance: Callable[[int], object]) -> None:
        self._file = file
        self._advance = advance

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._advance(len(piece))
        return piece


def read_search_api_file(path: Path, advance: Callable[[int], object] = lambda _: None) -> Iterator[Imported | Rejected]:
    """Instruments first, then datasets, then documents, in whatever order the file has them. Raises Invalid when it is no such file."""
    reader = SearchApiReader()
    empty = True
    for entity in ENTITIES:
        for raw in _elements(path, entity, advance):
            empty = False
            yield from reader.read(entity, raw)
    if empty:
        _expect_entities(path)


def _elements(path: Path, entity: str, advance: Callable[[int], object]) -> Iterator[Any]:
    try:
        with path.open("rb") as file:
            yield from ijson.items(Counted(file, advance), f"{entity}.item", use_float=True)
    except (ijson.JSONError, UnicodeDecodeError, RecursionError, ValueError, OverflowError) as error:
        raise Invalid(
            f"{path.name} is no whole JSON: {str(error).splitlines()[0][:200]}. What came before that is brought in."
        ) from error


def _expect_entities(path: Path) -> None:
    with path.open("rb") as file:
        found = [value for prefix, event, value in ijson.parse(file) if prefix == "" and event == "map_key"]
    if not set(found) & set(ENTITIES):
        raise Invalid(
            f'{path.name} has none of "documents", "datasets" and "instruments": '
            'the file is one JSON object with lists, as in {"documents": […], "datasets": […], "instruments": […]}.'
        )
