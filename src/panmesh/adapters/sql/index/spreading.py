"""Values of quantities counted over the index's columns, for `catalogue.quantity_spread` to say."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from panmesh.adapters.sql.index.generation import Array, Generation
from panmesh.catalogue.quantity_spread import Counted, Part, Scale


def datasets_in_index(g: Generation, mask: Array, names: Iterable[str]) -> dict[str, int]:
    """Name → runs of the mask that have it."""
    found = {}
    for name in names:
        values = g.quantity(name)
        if values is not None:
            fits = mask[values.rows]
            found[name] = int(np.count_nonzero(fits)) if values.single else len(np.unique(values.rows[fits]))
    return found


def counted_in_index(g: Generation, mask: Array, name: str, datasets: int) -> Counted:
    values = g.quantity(name)
    if values is None or not datasets:
        return Counted(name=name, datasets=datasets, parts=())
    fits = np.flatnonzero(mask[values.rows])
    kinds = len(g.words["dimension"]) + 1
    codes = (values.unit[fits].astype(np.int32) + 1) * kinds + values.dimension[fits] + 1
    low, high = values.low[fits], values.high[fits]
    numbers = np.bincount(codes)
    parts = []
    there = np.flatnonzero(numbers)
    for code in there:
        mine = slice(None) if len(there) == 1 else codes == code
        lows, highs = low[mine], high[mine]
        known = ~np.isnan(lows)
        unit, dimension = int(code) // kinds - 1, int(code) % kinds - 1
        parts.append(
            Part(
                unit=g.words["unit"][unit] if unit >= 0 else None,
                dimension=g.words["dimension"][dimension] if dimension >= 0 else None,
                values=int(numbers[code]),
                low=float(lows[known].min()) if known.any() else None,
                high=float(highs[known].max()) if known.any() else None,
            )
        )
    return Counted(name=name, datasets=datasets, parts=tuple(parts))


def bars_in_index(g: Generation, mask: Array, name: str, scale: Scale) -> list[int]:
    values = g.quantity(name)
    count = len(scale.edges) - 1
    if values is None or scale.dimension not in g.words["dimension"]:
        return [0] * count
    fits = np.flatnonzero(mask[values.rows[: values.known]])
    fits = fits[values.dimension[fits] == g.words["dimension"].index(scale.dimension)]
    if values.points:  # they lie in order
        ends = np.searchsorted(values.low[fits], np.array(scale.edges[1:-1]), "left")
        return [int(last - first) for first, last in pairwise([0, *ends, len(fits)])]
    middle = (values.low[fits] + values.high[fits]) / 2.0
    places = np.clip(np.searchsorted(np.array(scale.edges), middle, "right") - 1, 0, count - 1)
    return [int(number) for number in np.bincount(places, minlength=count)]
