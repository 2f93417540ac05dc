"""Values within a range are found without looking at all of them: what is passed over could not have fitted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panmesh.adapters.sql.index import generation
from panmesh.adapters.sql.index.generation import Quantity, reach_of

ENDS = st.integers(0, 30).map(float)
VALUES = st.lists(st.tuples(ENDS, st.one_of(st.just(0.0), ENDS), st.integers(0, 1)), max_size=60)


@pytest.fixture(autouse=True)
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "STEP", 4)


@given(VALUES, st.one_of(st.none(), ENDS), st.one_of(st.none(), ENDS), st.integers(0, 1))
def test_what_reaches_into_a_range_is_found(
    values: list[tuple[float, float, int]], low: float | None, high: float | None, dimension: int
) -> None:
    ordered = sorted(((begin, begin + width, kind) for begin, width, kind in values), key=lambda one: (one[0] < one[1], one))
    exact = sum(begin == end for begin, end, _ in ordered)
    lows, highs = (np.array([one[end] for one in ordered]) for end in (0, 1))
    kinds = np.array([one[2] for one in ordered], np.int16)
    quantity = Quantity(
        rows=np.arange(len(ordered), dtype=np.int32),
        low=lows,
        high=highs,
        dimension=kinds,
        unit=kinds,
        exact=exact,
        known=len(ordered),
        single=True,
        alone=int(kinds[0]) if len(set(kinds.tolist())) == 1 else -1,
        reach=reach_of(highs[exact:]),
    )
    found = list(quantity.between(low, high, dimension))
    fitting = [
        row
        for row, (begin, end, kind) in enumerate(ordered)
        if kind == dimension and (low is None or end >= low) and (high is None or begin <= high)
    ]
    assert [row for rows, _ in found for row in rows.tolist()] == fitting
    assert [begin for _, begins in found for begin in begins.tolist()] == [ordered[row][0] for row in fitting]
