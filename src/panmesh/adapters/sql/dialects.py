"""The same words on both databases: containing, order and lower case, letter by letter, whatever collation the server was made with."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class contains(FunctionElement[bool]):
    """`contains(column, text)`: exact letters, no wildcards. SQLite's LIKE ignores ASCII case and refuses long patterns."""

    inherit_cache = True
    type = Boolean()


class code_points(FunctionElement[str]):
    """`code_points(column)`: compared and sorted by code point, as SQLite and Python do."""

    inherit_cache = True
    type = Text()


class among(FunctionElement[bool]):
    """`among(column, numbers as a JSON list)`: IN, for more numbers than a statement may have parameters."""

    inherit_cache = True
    type = Boolean()


class joined_numbers(FunctionElement[str]):
    """`joined_numbers(column)`: all numbers of a column as one text, with commas between; an aggregate."""

    inherit_cache = True
    type = Text()


class ascii_lower(FunctionElement[str]):
    """`ascii_lower(column)`: see `kernel.text.ascii_lower`."""

    inherit_cache = True
    type = Text()


@compiles(contains, "sqlite")
def _contains_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"(instr({compiler.process(element.clauses, **options)}) > 0)"


@compiles(contains, "postgresql")
def _contains_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"(strpos({compiler.process(element.clauses, **options)}) > 0)"


@compiles(code_points, "sqlite")
def _code_points_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)})"


@compiles(code_points, "postgresql")
def _code_points_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f'(({compiler.process(element.clauses, **options)}) COLLATE "C")'


@compiles(joined_numbers, "sqlite")
def _joined_numbers_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"group_concat({compiler.process(element.clauses, **options)})"


@compiles(joined_numbers, "postgresql")
def _joined_numbers_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"string_agg(({compiler.process(element.clauses, **options)})::text, ',')"


@compiles(among, "sqlite")
def _among_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    column, numbers = element.clauses
    return f"({compiler.process(column, **options)} IN (SELECT value FROM json_each({compiler.process(numbers, **options)})))"


@compiles(among, "postgresql")
def _among_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    column, numbers = element.clauses
    listed = f"SELECT value::bigint FROM jsonb_array_elements_text(CAST({compiler.process(numbers, **options)} AS jsonb))"
    return f"({compiler.process(column, **options)} IN ({listed}))"


@compiles(ascii_lower, "sqlite")
def _ascii_lower_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


@compiles(ascii_lower, "postgresql")
def _ascii_lower_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f'lower(({compiler.process(element.clauses, **options)}) COLLATE "C")'
