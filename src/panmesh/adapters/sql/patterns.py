"""Patterns on both databases: a part of a text with % and _, with and without case, and regular expressions in linear time."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from sqlalchemy import Boolean, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from panmesh.kernel.errors import Invalid
from panmesh.kernel.text import fold, storable

MAX_PATTERN = 500
MAX_PROGRAM = 700  # RE2's steps: what is larger takes PostgreSQL too long to prepare
MAX_LIKE = 5000  # SQLite's own limit is 50,000 bytes, after our escapes


class like(FunctionElement[bool]):
    """`like(column, pattern)`, case and all; the pattern as `like_pattern` wrote it for that database."""

    inherit_cache = True
    type = Boolean()


class folded(FunctionElement[str]):
    """`folded(column)`: case folded as the database can."""

    inherit_cache = True
    type = Text()


class matching(FunctionElement[bool]):
    """`matching(column, pattern)`: a part of it fits the regular expression."""

    inherit_cache = True
    type = Boolean()


def like_pattern(pattern: str, *, sqlite: bool) -> str:
    """Anywhere in the text; % stands for any letters, _ for any letter."""
    if len(pattern) > MAX_LIKE:
        raise Invalid(f"A pattern has at most {MAX_LIKE} signs.")
    if sqlite:
        special = {"*": "[*]", "?": "[?]", "[": "[[]", "%": "*", "_": "?"}
        return "*" + "".join(special.get(sign, sign) for sign in pattern) + "*"
    return "%" + pattern.replace("\\", "\\\\") + "%"


def regular(pattern: str) -> str:
    """The expression, checked: "^L" or "/^l/i". Raises Invalid on what takes more than linear time, or is none.

    It means the same to RE2 (SQLite, and records compared in Python) and to PostgreSQL: what these read in two ways is refused.
    """
    import re2

    flags = ""
    if pattern.startswith("/") and pattern.rfind("/") > 0:
        pattern, _, flags = pattern[1:].rpartition("/")
    if len(pattern) > MAX_PATTERN:
        raise Invalid(f"A regular expression has at most {MAX_PATTERN} signs.")
    whole = f"(?i){pattern}" if "i" in flags else pattern
    for part in _SPECIAL.findall(pattern):
        if not _PLAIN.fullmatch(part):
            raise Invalid(
                f"{part!r} is not understood in regular expressions here; write letters, classes, groups and repetitions."
            )
    try:
        size = re2.compile(whole, _quiet()).programsize
    except re2.error as error:
        raise Invalid(f"{pattern!r} is no regular expression: {error}.") from error
    if size > MAX_PROGRAM:
        raise Invalid("This regular expression is too large; repeat less in it.")
    return whole


def for_postgresql(pattern: str) -> str:
    """What `regular` let through, in PostgreSQL's words: there \b is a backspace."""
    return _SPECIAL.sub(lambda part: {"\\b": "\\y", "\\B": "\\Y"}.get(part[0], part[0]), pattern)


def fits(text: str | None, pattern: str) -> int | None:
    """For SQLite: the pattern as `regular` gave it."""
    return None if text is None else int(_compiled(pattern).search(text) is not None)


def fits_expression(text: str, pattern: str) -> bool:
    """For records that are compared in Python: the pattern as it was asked. Raises Invalid."""
    return _compiled(_regular(storable(pattern))).search(storable(text)) is not None


@lru_cache(maxsize=64)
def _regular(pattern: str) -> str:
    return regular(pattern)


def fold_or_none(text: str | None) -> str | None:
    return None if text is None else fold(str(text))


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> Any:
    import re2

    return re2.compile(pattern, _quiet())


def _quiet() -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    return options


_SPECIAL = re.compile(r"\\.|\(\?.?|\[:\w*:?\]?|\[\.|\[=", re.DOTALL)
_PLAIN = re.compile(
    r"\\[dDwWsSbB]|\\[^\w]|\((\?:)?|\[:(alpha|digit|alnum|upper|lower|space|punct|blank|xdigit|cntrl|print|graph):\]", re.DOTALL
)


@compiles(like, "sqlite")
def _like_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    column, pattern = element.clauses
    return f"({compiler.process(column, **options)} GLOB {compiler.process(pattern, **options)})"


@compiles(like, "postgresql")
def _like_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    column, pattern = element.clauses
    return f"({compiler.process(column, **options)} LIKE {compiler.process(pattern, **options)})"


@compiles(folded, "sqlite")
def _folded_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"panmesh_fold({compiler.process(element.clauses, **options)})"


@compiles(folded, "postgresql")
def _folded_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


@compiles(matching, "sqlite")
def _matching_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"panmesh_fits({compiler.process(element.clauses, **options)})"


@compiles(matching, "postgresql")
def _matching_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    column, pattern = element.clauses
    return f"({compiler.process(column, **options)} ~ {compiler.process(pattern, **options)})"
