"""Sentences that the core makes of facts (why somebody may read, what was wrong), as messages for translators and back.

The core speaks English and knows no reader. Its sentences are read out of its source, with `{1}`, `{2}` … where a value stands;
a sentence that comes to a page is found again by that pattern. English costs nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable

from panmesh.kernel import errors
from panmesh.portal import strings

WHOLE = (
    "access/explain.py",
    "access/why.py",
    "publication/fair.py",
    "http/problems.py",
    "kernel/errors.py",
    "portal/pages.py",
    "portal/timeline.py",
)  # all that they say may reach a page
ROOMS = ("access", "adapters", "app", "catalogue", "http", "ingest", "kernel", "portal", "publication")  # whose errors do
DEEP = 3  # sentences within values
_ERRORS = frozenset(name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, Exception))
_PLACE = re.compile(r"\{\d+\}")
_WORDS = re.compile(r"[A-Za-z]{2,}")
_LEAST = 4  # letters of a message with values, from which it is one and no accident
_END = re.compile(r"(?<=[.!?]) (?=[A-Z])")
_LIST = re.compile(r"(, | and )")
_DATE = re.compile(r"\b(\d{1,2}) ([A-Z][a-z]{2,8}) (\d{4})\b")


def catalogue() -> list[str]:
    """Every sentence, once, in the order of reading."""
    found: dict[str, None] = {}
    home = resources.files("panmesh")
    for path in WHOLE:
        found |= dict.fromkeys(_all(ast.parse(home.joinpath(path).read_text("utf-8"))))
    for room in ROOMS:
        for source in _sources(home.joinpath(room)):
            found |= dict.fromkeys(_of_errors(ast.parse(source.read_text("utf-8"))))
    return list(found)


def say(text: str) -> str:
    """In the language of the reader whose request this is; what is no sentence of ours stays as it is."""
    said = strings.messages_of_reader()
    return _said(text, said, _patterns(_Held(said)), DEEP) if said and text else text


class _Held:
    """A mapping as a key: by what it is, not by what it holds."""

    def __init__(self, said: Mapping[str, str]) -> None:
        self.said = said

    def __hash__(self) -> int:
        return id(self.said)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.said is self.said


@lru_cache(maxsize=32)  # languages
def _patterns(held: _Held) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Those that say the most of themselves first."""
    found = [(len("".join(_WORDS.findall(_PLACE.sub(" ", one)))), one) for one in held.said if _PLACE.search(one)]
    return tuple(
        (re.compile(_PLACE.sub("(.+?)", re.escape(one).replace(r"\{", "{").replace(r"\}", "}")), re.S), held.said[one])
        for length, one in sorted(found, reverse=True)
        if length >= _LEAST
    )


def _said(text: str, said: Mapping[str, str], patterns: tuple[tuple[re.Pattern[str], str], ...], deep: int) -> str:
    known = said.get(" ".join(text.split()))
    if known is not None:
        return known
    sentences = _END.split(text)
    if len(sentences) == 1 or deep == DEEP:
        for pattern, translation in patterns:
            if (found := pattern.fullmatch(text)) is not None and deep:
                values = [_said(value, said, patterns, deep - 1) for value in found.groups()]
                return _PLACE.sub(lambda place, values=values: values[int(place[0][1:-1]) - 1], translation)  # type: ignore[misc]
    if len(sentences) > 1:
        return " ".join(_said(one, said, patterns, deep) if one != text else one for one in sentences)
    pieces = _LIST.split(text)
    if len(pieces) > 1 and all(piece in said for piece in pieces[::2]):
        return "".join(
            said[piece] if place % 2 == 0 else f" {said.get('and', 'and')} " if "and" in piece else piece
            for place, piece in enumerate(pieces)
        )
    return _DATE.sub(lambda day: f"{day[1]} {said.get(day[2], day[2])} {day[3]}", text)


def _sources(folder: Traversable) -> Iterator[Traversable]:
    for one in sorted(folder.iterdir(), key=lambda found: found.name):
        if one.is_dir():
            yield from _sources(one)
        elif one.name.endswith(".py"):
            yield one


def _all(tree: ast.AST) -> Iterator[str]:
    quiet = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    parts = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node) if part is not node
    }
    for node in ast.walk(tree):
        if id(node) not in quiet and id(node) not in parts and (text := _text(node)) and (" " in text or text.istitle()):
            yield text


def _of_errors(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and getattr(node.func, "id", "") in _ERRORS and (text := _text(node.args[0])):
            yield text


def _text(node: ast.AST) -> str | None:
    """A text with its values as places; None for what says nothing."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        whole = node.value
    elif isinstance(node, ast.JoinedStr):
        whole, place = "", 0
        for part in node.values:
            place += isinstance(part, ast.FormattedValue)
            whole += str(part.value) if isinstance(part, ast.Constant) else f"{{{place}}}"
    else:
        return None
    whole = " ".join(whole.split())
    return whole if _WORDS.search(_PLACE.sub(" ", whole)) else None
