"""Words are found in the letters of all tokens wherever they are: across the ends of blocks, longer than these reach, in any alphabet."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panmesh.adapters.sql.index import grams
from panmesh.adapters.sql.index.grams import grams_of, places_of, places_of_short


def _naive(word: bytes, letters: bytes) -> list[int]:
    return [found.start() for found in re.finditer(b"(?=" + re.escape(word) + b")", letters, re.S)]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grams, "BLOCK", 16)
    monkeypatch.setattr(grams, "REACH", 8)


LETTERS = st.text(alphabet="abcé1_", max_size=120).map(str.encode)


@given(LETTERS, st.data())
def test_each_place_is_found_once(letters: bytes, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, max(0, len(letters) - 1)))
    inside = letters[begin : begin + data.draw(st.integers(1, 40))]
    for word in (inside, data.draw(st.text(alphabet="abcé1_", min_size=1, max_size=12)).encode()):
        if len(word) >= grams.PART:
            found = places_of(word, memoryview(letters), grams_of(letters)).tolist()
        elif word:
            found = places_of_short(word, memoryview(letters)).tolist()
        else:
            continue
        assert found == _naive(word, letters)


def test_nothing_is_found_in_nothing() -> None:
    assert places_of(b"abc", memoryview(b""), grams_of(b"")).tolist() == []
    assert places_of_short(b"ab", memoryview(b"a")).tolist() == []
