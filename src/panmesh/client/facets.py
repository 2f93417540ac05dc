"""What the runs of a search have in common, and how many have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from panmesh.client import display, values
from panmesh.client.science import library
from panmesh.client.values import Facet

FACETS = ("facility", "instrument", "technique", "state", "kind", "proposal", "sample")
SHOWN = 10  # of each


class Facets(Mapping[str, Sequence[Facet]]):
    """By name of the condition; the most frequent first. A Facet is a value of that condition: `search(technique=facets["technique"][0])`."""

    def __init__(self, found: Mapping[str, Sequence[Facet]]) -> None:
        self._found = dict(found)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Facets:
        return cls({name: [values.facet(one) for one in some] for name, some in told["facets"].items()})

    def __getitem__(self, name: str) -> Sequence[Facet]:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._found)

    def __repr__(self) -> str:
        return "\n".join(f"{name:12} {_list(some)}" for name, some in self._found.items())

    def _repr_html_(self) -> str:
        return display.facts({name: _list(some) for name, some in self._found.items()})

    def to_pandas(self) -> Any:
        """A data frame with a row for each: facet and value (index), label, count."""
        rows = [(name, one.value, one.label, one.count) for name, some in self._found.items() for one in some]
        frame = library("pandas", "to_pandas()").DataFrame(rows, columns=["facet", "value", "label", "count"])
        return frame.set_index(["facet", "value"])


def _list(some: Sequence[Facet]) -> str:
    more = f", … {len(some) - SHOWN} more" if len(some) > SHOWN else ""
    return ", ".join(map(str, some[:SHOWN])) + more
