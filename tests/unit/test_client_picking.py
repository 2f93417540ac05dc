"""Indices as NumPy has them, and how a large selection is cut: laws over random shapes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panmesh.client.picking import counts, pick, pieces, shape_of, words

SHAPES = st.lists(st.integers(0, 7), max_size=4).map(tuple)
ENDS = st.none() | st.integers(-10, 10)
SLICES = st.builds(slice, ENDS, ENDS, st.none() | st.integers(-4, 4).filter(bool))


@st.composite
def _picked(draw: st.DrawFn) -> tuple[tuple[int, ...], Any]:
    shape = draw(SHAPES)
    members: list[Any] = [draw(SLICES | st.integers(-8, 8)) for _ in range(draw(st.integers(0, len(shape))))]
    if draw(st.booleans()):
        members.insert(draw(st.integers(0, len(members))), ...)
    return shape, members[0] if len(members) == 1 and draw(st.booleans()) else tuple(members)


def _asked(text: str | None) -> Any:
    """What the server makes of the words."""
    if text is None:
        return ()
    members = [[int(part) for part in member.split(":")] for member in text.split(",")]
    return tuple(member[0] if len(member) == 1 else slice(*member) for member in members)


@given(_picked())
def test_an_index_means_what_it_means_to_numpy(picked: tuple[tuple[int, ...], Any]) -> None:
    shape, key = picked
    array = np.arange(math.prod(shape)).reshape(shape)
    try:
        expected = array[key]
    except IndexError:
        with pytest.raises(IndexError):
            pick(key, shape)
        return
    spans = pick(key, shape)
    assert shape_of(spans) == expected.shape
    came = np.asarray(array[_asked(words(spans))]).reshape(counts(spans))
    turned = came[tuple(slice(None, None, -1 if span.backwards else 1) for span in spans)]
    np.testing.assert_array_equal(turned.reshape(shape_of(spans)), expected)


@given(_picked(), st.integers(1, 100), st.lists(st.integers(1, 4), min_size=4, max_size=4))
def test_the_pieces_are_small_and_together_the_whole(picked: tuple[tuple[int, ...], Any], most: int, chunks: list[int]) -> None:
    shape, key = picked
    array = np.arange(math.prod(shape)).reshape(shape)
    try:
        spans = pick(key, shape)
    except IndexError:
        return
    whole = np.full(counts(spans), -1)
    for at, part in pieces(spans, 4, chunks[: len(shape)], most):
        size = math.prod(counts(part))
        assert size * 4 <= max(most, 4)
        place = tuple(slice(first, first + span.count) for first, span in zip(at, part, strict=True))
        assert (whole[place] == -1).all(), "nothing is asked for twice"
        whole[place] = np.asarray(array[_asked(words(part))]).reshape(counts(part))
    np.testing.assert_array_equal(whole, np.asarray(array[_asked(words(spans))]).reshape(counts(spans)))


def test_cuts_are_between_chunks() -> None:
    spans = pick(slice(3, 100), (100, 10))
    starts = [part[0].start for _, part in pieces(spans, 1, (8, 10), 200)]
    assert starts == [3, 16, 32, 48, 64, 80]
