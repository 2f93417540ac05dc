"""A file of entities in the Search API's JSON, read as a stream: its size does not matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import ijson

from panmesh.adapters.catalogues.json_stream import Guarded, elements
from panmesh.catalogue.imported import Imported, Rejected
from panmesh.kernel.errors import Invalid
from panmesh.wire.panosc_import import ENTITIES, SearchApiReader

PASSES = len(ENTITIES)


def read_search_api_file(path: Path, advance: Callable[[int], object] = lambda _: None) -> Iterator[Imported | Rejected]:
    """Instruments first, then datasets, then documents, in whatever order the file has them. Raises Invalid when it is no such file."""
    reader = SearchApiReader()
    empty = True
    for entity in ENTITIES:
        for raw in elements(path, f"{entity}.item", advance=advance):
            empty = False
            yield from reader.read(entity, raw)
    if empty:
        _expect_entities(path)


def _expect_entities(path: Path) -> None:
    with path.open("rb") as file:
        found = [value for prefix, event, value in ijson.parse(Guarded(file)) if prefix == "" and event == "map_key"]
    if not set(found) & set(ENTITIES):
        raise Invalid(
            f'{path.name} has none of "documents", "datasets" and "instruments": '
            'the file is one JSON object with lists, as in {"documents": […], "datasets": […], "instruments": […]}.'
        )
