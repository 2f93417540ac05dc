"""Techniques with their broader terms, and years, counted over the rows that fit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise

import numpy as np

from panmesh.adapters.sql.counted import year_edges
from panmesh.adapters.sql.index.generation import NOTHING, Array, Generation
from panmesh.catalogue.technique_tree import with_broader


def technique_counts(g: Generation, mask: Array, panet_of: Mapping[str, str]) -> dict[str, int]:
    """Runs of each technique or a narrower one."""
    pids = tuple(panet_of.get(pid, pid) for pid in g.words["technique"])
    terms, within = _broader_of_sets(pids, tuple(g.words["technique_set"]))
    numbers = _of_sets(g, mask) @ within
    return {term: int(number) for term, number in zip(terms, numbers, strict=True) if number}


def direct_counts(g: Generation, mask: Array) -> list[int]:
    """Runs with each technique itself, by its code."""
    found = [0] * len(g.words["technique"])
    for said, number in zip(g.words["technique_set"], _of_sets(g, mask).tolist(), strict=True):
        if number:
            for code in said.split():
                found[int(code)] += int(number)
    return found


def _of_sets(g: Generation, mask: Array) -> Array:
    """Runs with each set of techniques; as floating numbers, which hold whole ones and are multiplied quicker."""
    numbers = np.bincount(g.array("technique_set")[mask] + 1, minlength=len(g.words["technique_set"]) + 1)
    return numbers[1:].astype(np.float64)


@lru_cache(maxsize=2)
def _broader_of_sets(pids: tuple[str, ...], sets: tuple[str, ...]) -> tuple[list[str], Array]:
    """Terms, and which of them each set is of: [sets, terms]."""
    none: frozenset[str] = frozenset()
    each = [none.union(*(with_broader(pids[int(code)]) for code in one.split())) for one in sets]
    terms = sorted(none.union(*each))
    place = {term: number for number, term in enumerate(terms)}
    found = np.zeros((len(sets), len(terms)))
    for number, one in enumerate(each):
        found[number, [place[term] for term in one]] = 1
    return terms, found


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
