"""How well a run fits the words of a search: from where they stand in what its reader may read, and from nothing else.

No word counts more for being rare: how rare it is would tell of runs that the viewer may not know of.
"""

from __future__ import annotations

from panmesh.catalogue.query import And, Condition, Or, Words
from panmesh.kernel.text import fold

# Points of one word; the best place counts. A word that is only part of another gets none, and the run is found all the same.
TITLE_WORD = 3  # a word of the title
TITLE_START = 2  # a word of the title begins with it
TEXT_WORD = 1  # a word of the other text


def ranked_words(condition: Condition | None) -> tuple[str, ...]:
    """The words that are asked for, folded; of a word in several writings, each."""
    if isinstance(condition, Words):
        return tuple(sorted({fold(word) for word in condition.words} - {""}))
    if isinstance(condition, And | Or):
        return tuple(sorted({word for part in condition.parts for word in ranked_words(part)}))
    return ()


def relevance(words: tuple[str, ...], title: str | None, texts: tuple[str, ...]) -> int:
    """`texts`: those that the viewer may read, folded."""
    return sum(_points(word, fold(title or ""), texts) for word in words)


def _points(word: str, title: str, texts: tuple[str, ...]) -> int:
    if f" {word} " in f" {title} ":
        return TITLE_WORD
    if f" {word}" in f" {title}":
        return TITLE_START
    return TEXT_WORD if any(f" {word} " in f" {text} " for text in texts) else 0
