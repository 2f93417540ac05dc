"""Where in a long text a word may be: looked up, so that not all of the text is searched for each new word.

The text is cut into blocks. Of each block it is known which of `KINDS` hashes its three-letter parts have: most words have a part that hardly
any block has. Blocks reach `REACH` letters into the next one, so that a word that begins in a block has its parts there.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

BLOCK = 4096  # bytes
REACH = 64
KINDS = 4096
PART = 3  # bytes

Array = npt.NDArray[Any]


def grams_of(letters: bytes) -> Array:
    """(`KINDS`, blocks / 8): bit b of row k says whether block b has a part with the hash k."""
    blocks = max(1, -(-len(letters) // BLOCK))
    found = np.zeros((KINDS, blocks), np.bool_)
    values = np.frombuffer(letters, np.uint8)
    for block in range(blocks):
        found[_hashes(values[block * BLOCK : (block + 1) * BLOCK + REACH]), block] = True
    return np.packbits(found, axis=1)


def places_of(word: bytes, letters: memoryview, grams: Array) -> Array:
    """Where it begins, each time; it has at least `PART` bytes."""
    parts = _hashes(np.frombuffer(word[:REACH], np.uint8))
    blocks = np.flatnonzero(np.unpackbits(np.bitwise_and.reduce(grams[parts], axis=0), count=-(-len(letters) // BLOCK)))
    search, most = re.compile(re.escape(word)).search, len(letters)
    begins: list[int] = []
    for block in blocks.tolist():
        at, end = block * BLOCK, (block + 1) * BLOCK
        while (hit := search(letters, at, min(most, end + len(word) - 1))) is not None:
            begins.append(hit.start())
            at = hit.start() + 1
    return np.array(begins, np.int64)


def places_of_short(word: bytes, letters: memoryview) -> Array:
    """Of one or two bytes: they are nearly everywhere."""
    values = np.frombuffer(letters, np.uint8)
    found = values[: len(values) - len(word) + 1] == word[0]
    for offset in range(1, len(word)):
        found &= values[offset : len(values) - len(word) + 1 + offset] == word[offset]
    return np.flatnonzero(found)


def _hashes(values: Array) -> Array:
    """Of each three letters that follow one another."""
    if len(values) < PART:
        return np.empty(0, np.int64)
    wide = values.astype(np.uint32)
    mixed = (wide[:-2] * np.uint32(0x9E3779B1)) ^ (wide[1:-1] * np.uint32(0x85EBCA6B)) ^ (wide[2:] * np.uint32(0xC2B2AE35))
    return np.asarray((mixed >> np.uint32(12)) % np.uint32(KINDS)).astype(np.int64)
