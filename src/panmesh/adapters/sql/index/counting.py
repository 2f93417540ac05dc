"""Techniques with their broader terms, years, and what instruments hold, counted over the rows that fit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise

import numpy as np

from panmesh.adapters.sql.counted import Held, year_edges
from panmesh.adapters.sql.index.generation import NOTHING, Array, Generation
from panmesh.catalogue.technique_tree import with_broader


def technique_counts(g: Generation, mask: Array, panet_of: Mapping[str, str]) -> dict[str, int]:
    """Runs of each technique or a narrower one."""
    terms, within = _broader_of_sets(
        tuple(panet_of.get(pid, pid) for pid in g.words["technique"]), tuple(g.words["technique_set"])
    )
    counts = within.summed(_of_sets(g, mask), len(terms))
    return {term: number for term, number in zip(terms, counts, strict=True) if number}


def held_counts(g: Generation, mask: Array) -> dict[int, Held]:
    """By the number of the instrument; 0 is none."""
    rows = np.flatnonzero(mask)
    instruments = g.array("instrument")[rows]
    numbers = np.bincount(instruments)
    latest = np.full(len(numbers), NOTHING)
    latest[instruments[::-1]] = g.array("start")[rows[::-1]]  # the newest stand first, and are written last
    there = [number for number in np.flatnonzero(numbers).tolist() if number]
    return {n: Held(int(numbers[n]), None if latest[n] == NOTHING else int(latest[n])) for n in there}


def direct_counts(g: Generation, mask: Array) -> list[int]:
    """Runs with each technique itself, by its code."""
    return _codes_of_sets(tuple(g.words["technique_set"])).summed(_of_sets(g, mask), len(g.words["technique"]))


def _of_sets(g: Generation, mask: Array) -> Array:
    """Runs with each set of techniques."""
    return np.bincount(g.array("technique_set")[mask] + 1, minlength=len(g.words["technique_set"]) + 1)[1:]


@dataclass(frozen=True, slots=True)
class _Members:
    """Numbers of the members of each set, one set behind the other, and how many each has."""

    numbers: Array
    sizes: Array

    def summed(self, runs: Array, kinds: int) -> list[int]:
        """`runs` of each set → runs of each member."""
        return np.bincount(self.numbers, np.repeat(runs, self.sizes), kinds).astype(np.int64).tolist()  # type: ignore[no-any-return]


def _members(sets: Iterable[Collection[int]]) -> _Members:
    held = list(sets)
    sizes = np.fromiter(map(len, held), np.int64, len(held))
    return _Members(np.fromiter(chain.from_iterable(held), np.int32, int(sizes.sum())), sizes)


@lru_cache(maxsize=2)
def _codes_of_sets(sets: tuple[str, ...]) -> _Members:
    return _members([list(map(int, one.split())) for one in sets])


@lru_cache(maxsize=2)
def _broader_of_sets(pids: tuple[str, ...], sets: tuple[str, ...]) -> tuple[list[str], _Members]:
    """Terms, and those that each set is of."""
    terms = sorted(frozenset().union(*map(with_broader, pids)))
    place = {term: number for number, term in enumerate(terms)}
    of = [frozenset(place[term] for term in with_broader(pid)) for pid in pids]
    none: frozenset[int] = frozenset()
    return terms, _members(none.union(*(of[int(code)] for code in one.split())) for one in sets)


def year_counts(g: Generation, mask: Array, zone: str) -> dict[int, int]:
    """Rows are in the order of their starts, the newest first: each year is a stretch of them."""
    starts = g.array("start")

    def since(instant: int) -> int:
        """How many rows begin at it or later."""
        return bisect_right(range(g.size), -instant, key=lambda row: -int(starts[row]))

    dated = since(NOTHING + 1)
    if not dated:
        return {}
    first, edges = year_edges(int(starts[dated - 1]), int(starts[0]), zone)
    stretches = pairwise(since(edge) for edge in edges)
    numbers = [int(np.count_nonzero(mask[end:begin])) for begin, end in stretches]
    return {first + place: number for place, number in enumerate(numbers) if number}
