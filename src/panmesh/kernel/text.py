"""Text made comparable: how the same name is recognised under different writing."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_NOT_WORD = re.compile(r"[\W_]+")
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")
_STROKES = str.maketrans("øØłŁđĐ", "oOlLdD")  # which are no letter and an accent
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def fold(text: str) -> str:
    """Case folded, runs of white space as one blank: what text conditions compare."""
    return " ".join(text.replace("\x00", " ").casefold().split())


def typed(word: str) -> str:
    """As keyboards write it: "CeO₂" is CeO2, a letter and its accent are one character (Unicode's NFKC)."""
    return word if word.isascii() else unicodedata.normalize("NFKC", word)


def unaccented(word: str) -> str:
    """As people write it whose keyboard lacks the letter: "Müller" is Muller, "Łódź" Lodz."""
    if word.isascii():
        return word
    apart = unicodedata.normalize("NFKD", word.translate(_STROKES))
    return unicodedata.normalize("NFC", "".join(letter for letter in apart if not unicodedata.combining(letter)))


def typed_otherwise(text: str) -> list[str]:
    """Of the words of a text those that are typed in another way than they stand there, as they are typed; each once, none that stands there."""
    words = dict.fromkeys(text.split())
    return list(dict.fromkeys(plain for word in words for plain in (typed(word), unaccented(word)) if plain not in words))


def key_of(text: str) -> str:
    """Letters and digits only, case folded: "MM36462-1", "mm 36462 1" and "mm36462_1" are one key."""
    return _NOT_WORD.sub("", text.casefold())


def storable(text: str) -> str:
    """What no database can hold (NUL, lone surrogates) as U+FFFD: such text is looked for and not found, instead of failing."""
    return _NOT_STORABLE.sub("\ufffd", text)


def counted(count: int, one: str, many: str | None = None) -> str:
    """1 run, 2 runs, 1,000 runs."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def ascii_lower(text: str) -> str:
    """A-Z as a-z and nothing else: what both databases' lower() agree on, for names that machines write."""
    return text.translate(_ASCII_LOWER)


def is_plain(value: Any) -> bool:
    """Whether all text in a value (also within lists and mappings) can be kept by every database: no NUL, no lone surrogates."""
    if isinstance(value, str):
        return "\x00" not in value and not any(0xD800 <= ord(c) <= 0xDFFF for c in value)
    if isinstance(value, dict):
        return all(is_plain(part) for pair in value.items() for part in pair)
    return not isinstance(value, list | tuple) or all(is_plain(part) for part in value)
