"""Selections: what NumPy makes of them, for any array; and where their bytes lie, when they lie in one piece."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panmesh.adapters.hdf5.selection import BadSelection, select

SHAPES = st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple)
ENDS = st.one_of(st.just(""), st.integers(-7, 7).map(str))
SLICES = st.builds(lambda a, b, c: f"{a}:{b}" + (f":{c}" if c else ""), ENDS, ENDS, st.sampled_from(["", "1", "2", "3"]))
MEMBERS = st.one_of(st.integers(-5, 5).map(str), SLICES, st.just("..."))


def _as_numpy(text: str) -> tuple[Any, ...]:
    return tuple(Ellipsis if member == "..." else _index(member) for member in text.split(","))


def _index(member: str) -> int | slice:
    return slice(*(int(n) if n else None for n in member.split(":"))) if ":" in member else int(member)


@given(shape=SHAPES, members=st.lists(MEMBERS, min_size=1, max_size=5))
def test_a_selection_is_what_numpy_makes_of_it(shape: tuple[int, ...], members: list[str]) -> None:
    array, text = np.arange(int(np.prod(shape))).reshape(shape), ",".join(members)
    try:
        expected = array[_as_numpy(text)]
    except IndexError:
        with pytest.raises(BadSelection):
            select(text, shape)
        return
    picked = select(text, shape)
    assert picked.shape == expected.shape
    assert picked.size == expected.size
    assert np.array_equal(array[picked.index()], expected)


@given(shape=SHAPES, members=st.lists(MEMBERS, min_size=1, max_size=4))
def test_what_is_said_to_lie_in_one_piece_does(shape: tuple[int, ...], members: list[str]) -> None:
    array = np.arange(int(np.prod(shape))).reshape(shape)
    try:
        picked = select(",".join(members), shape)
    except BadSelection:
        return
    place, chosen = picked.run(shape), array[picked.index()].ravel()
    if picked.size == 0:
        return
    in_one = np.array_equal(chosen, np.arange(chosen[0], chosen[0] + chosen.size))
    assert (place is not None) == in_one
    if place is not None:
        assert place == chosen[0]


@pytest.mark.parametrize("text", ["a", "1.5", "1e3", "0x1", ":::", "::0", "::-1", "[1]", "1;2", "--1", "9" * 30, "٣", "1," * 600])
def test_what_is_no_selection_is_refused(text: str) -> None:
    with pytest.raises(BadSelection):
        select(text, (10, 10))


def test_arrays_of_any_length_take_no_time_and_no_memory() -> None:
    picked = select("::2,5:", (2**63, 2**60))
    assert picked.size == 2**62 * (2**60 - 5)
