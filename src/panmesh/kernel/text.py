"""Text made comparable: how the same name is recognised under different writing."""

from __future__ import annotations

import re

_NOT_WORD = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """Case folded, runs of white space as one blank: what text conditions compare."""
    return " ".join(text.replace("\x00", " ").casefold().split())


def key_of(text: str) -> str:
    """Letters and digits only, case folded: "MM36462-1", "mm 36462 1" and "mm36462_1" are one key."""
    return _NOT_WORD.sub("", text.casefold())
