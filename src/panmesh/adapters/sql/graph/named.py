"""What an index is asked for on behalf of the graph: datasets by their quantities and techniques, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from panmesh.access.viewer import Viewer


@dataclass(frozen=True, slots=True)
class Span:
    """Values of quantities of these names between two ends, in base units; None: no end.

    `photons`: energy for wavelength or the other way round, which neutrons do not have by the same number.
    """

    names: frozenset[str]
    dimension: str
    low: float | None
    high: float | None
    photons: bool = False


@dataclass(frozen=True, slots=True)
class Sought:
    """Some value in one of the spans. SQL decides about values that are texts, or in a unit that we do not know."""

    spans: tuple[Span, ...]
    unit: str

    @property
    def names(self) -> frozenset[str]:
        return frozenset().union(*(span.names for span in self.spans))


@dataclass(frozen=True, slots=True)
class Wanted:
    """All of these. `everything`: there is no condition besides."""

    quantities: tuple[Sought, ...]
    tags: tuple[frozenset[str], ...]
    everything: bool


@dataclass(frozen=True, slots=True)
class Named:
    """`ids`: the first in the order of pids that satisfy it, or may where it is not everything. `doubtful`: of these SQL decides.

    `more`: whether there are more ids. `number`: how many satisfy it for certain.
    """

    ids: list[int]
    doubtful: list[int]
    more: bool
    number: int


Candidates = Callable[
    [Viewer, Wanted, str | None, int, int], Named | None
]  # (viewer, wanted, after which pid, how many, instant)
