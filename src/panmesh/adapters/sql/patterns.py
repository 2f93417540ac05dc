"""Patterns on both databases: a part of a text with % and _, with and without case, and regular expressions in linear time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Boolean, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from panmesh.kernel.errors import Invalid
from panmesh.kernel.text import fold

MAX_PATTERN = 500


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
    if sqlite:
        special = {"*": "[*]", "?": "[?]", "[": "[[]", "%": "*", "_": "?"}
        return "*" + "".join(special.get(sign, sign) for sign in pattern) + "*"
    return "%" + pattern.replace("\\", "\\\\") + "%"


def regular(pattern: str) -> str:
    """The expression, checked: "^L" or "/^l/i". Raises Invalid on what takes more than linear time, or is none."""
    import re2

    flags = ""
    if pattern.startswith("/") and pattern.rfind("/") > 0:
        pattern, _, flags = pattern[1:].rpartition("/")
    if len(pattern) > MAX_PATTERN:
        raise Invalid(f"A regular expression has at most {MAX_PATTERN} signs.")
    whole = f"(?i){pattern}" if "i" in flags else pattern
    try:
        re2.compile(whole, _quiet())
    except re2.error as error:
        raise Invalid(f"{pattern!r} is no regular expression: {error}.") from error
    return whole


def fits(text: str | None, pattern: str) -> int | None:
    """For SQLite, and for records that are compared in Python."""
    return None if text is None else int(_compiled(pattern).search(text) is not None)


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
