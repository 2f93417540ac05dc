"""Values that stand in files and mean nothing. They must never become a proposal, a sample or a title."""

from __future__ import annotations

import re

_NOTHING = frozenset(
    [
        "unknown",
        "undefined",
        "undef",
        "none",
        "null",
        "nil",
        "nan",
        "n/a",
        "na",
        "not_available",
        "not",
        "available",
        "tbd",
        "tba",
        "todo",
        "xxx",
        "xx",
        "x",
        "-",
        "--",
        "---",
        ".",
        "_",
        "?",
        "??",
        "default",
        "unnamed",
        "untitled",
        "test_title",
        "no",
        "title",
        "no_title",
        "no",
        "name",
        "noname",
        "empty",
        "unspecified",
        "not",
        "set",
        "notset",
        "4294967295",  # all bits set: an unset number of 32 bits
        "0-0",
        "00-0",
        "0_0",
        "-1",
        "0",
        "00",
        "000",
        "0000",
        "00000",
        "000000",
    ]
) | {
    "not available",
    "no title",
    "not set",
    "no name",
    "n.a.",
    "unnamed sample",
    "your name",
    "sample name",
    "not specified",
    "no sample",
}
_TEMPLATE = re.compile(r"\{[\w .-]*\}|<[\w .-]*>|\$\{?[\w.]*\}?|%\(?\w+\)?s?")
_IDENTIFIER_ONLY = frozenset({"setup", "test", "demo", "dummy", "commissioning", "none", "user", "blank", "tmp", "temp", "nexus"})


def is_placeholder(text: str) -> bool:
    """Blank, a word for nothing, or a template that nobody filled in."""
    bare = " ".join(text.split()).strip(" .,;:'\"").casefold()
    if re.fullmatch(
        r"(unknown|undefined)( (unknown|undefined))*|\d*-?(undefined|unknown)-?\d*|default sample|i feel uncommented|exp-id", bare
    ):
        return True
    return not bare or bare in _NOTHING or _TEMPLATE.fullmatch(text.strip()) is not None or not any(c.isalnum() for c in bare)


def is_placeholder_id(text: str) -> bool:
    """For identifiers of proposals and visits, where also words without any digit that people type to get on mean nothing."""
    bare = text.strip().casefold()
    return (
        is_placeholder(text) or bare in _IDENTIFIER_ONLY or set(bare) <= set("0-_/. ") or re.fullmatch(r"-\d+", bare) is not None
    )
