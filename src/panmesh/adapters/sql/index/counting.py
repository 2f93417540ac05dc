"""Techniques with their broader terms, and years, counted over the rows that fit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from panmesh.adapters.sql.counted import year_edges
from panmesh.adapters.sql.index.generation import NOTHING, Array, Generation
from panmesh.catalogue.technique_tree import add_up, with_broader


def technique_counts(g: Generation, mask: Array, panet_of: Mapping[str, str]) -> dict[str, int]:
    """Rows with one technique by their number; those with several, few in most catalogues, per broader term."""
    pids = [panet_of.get(pid, pid) for pid in g.words["technique"]]
    rows, codes = g.array("technique_rows"), g.array("technique_codes")
    fits = mask[rows]
    rows, codes = rows[fits], codes[fits]
    alone = np.bincount(rows, minlength=g.size)[rows] == 1
    direct: dict[str, int] = {}
    for code in np.flatnonzero(numbers := np.bincount(codes[alone], minlength=len(pids))):
        direct[pids[code]] = direct.get(pids[code], 0) + int(numbers[code])
    found = add_up(direct)
    rows, codes = rows[~alone], codes[~alone]
    if len(rows):
        order = np.argsort(rows, kind="stable")
        rows, codes = rows[order], codes[order]
        broader = [with_broader(pid) for pid in pids]
        for term in sorted(frozenset().union(*(broader[code] for code in np.unique(codes)))):
            hit = rows[np.fromiter((term in one for one in broader), np.bool_, len(broader))[codes]]
            found[term] = found.get(term, 0) + 1 + int(np.count_nonzero(hit[1:] != hit[:-1]))
    return found


def year_counts(g: Generation, mask: Array, zone: str) -> dict[int, int]:
    starts = g.array("start")[mask]
    starts = starts[starts != NOTHING]
    if not len(starts):
        return {}
    first, edges = year_edges(int(starts.min()), int(starts.max()), zone)
    numbers = np.bincount(np.searchsorted(np.array(edges), starts, "right") - 1)
    return {first + place: int(number) for place, number in enumerate(numbers) if number}
