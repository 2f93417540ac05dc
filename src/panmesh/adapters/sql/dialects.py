"""The same words on both databases: containing, order and lower case, letter by letter, whatever collation the server was made with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    Connection,
    Dialect,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    text,
)
from sqlalchemy.dialects.sqlite import insert as on_sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, once: str | None = None) -> int:
    """All with the same columns; how many are new, which with `once` are those whose value of that column was not there.

    PostgreSQL takes one array for each column: a statement for each row, or one with a place for each value, costs several times as much.
    """
    if not rows:
        return 0
    if connection.dialect.name != "postgresql":
        plain = on_sqlite(table)
        if once is None:
            connection.execute(plain, rows)
            return len(rows)
        new = plain.on_conflict_do_nothing(index_elements=[once]).returning(table.c[once])
        return len(connection.execute(new, rows).all())
    return _by_columns(connection, table, rows, f"ON CONFLICT ({once}) DO NOTHING" if once is not None else "")


def add_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, key: Sequence[str]) -> None:
    """Numbers are added to those of the row with this key, or are those of a new one."""
    if not rows:
        return
    adding = ", ".join(f"{name} = {table.name}.{name} + excluded.{name}" for name in rows[0] if name not in key)
    there = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {adding}"
    if connection.dialect.name == "postgresql":
        _by_columns(connection, table, rows, there)
        return
    places = ", ".join(f":{name}" for name in rows[0])
    connection.execute(text(f"INSERT INTO {table.name} ({', '.join(rows[0])}) VALUES ({places}) {there}"), rows)


def update_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, key: str) -> None:
    """Of each row, found by its key, the other columns."""
    if not rows:
        return
    names = [name for name in rows[0] if name != key]
    if connection.dialect.name == "postgresql":
        new = ", ".join(f"{name} = x.{name}" for name in names)
        said = f"UPDATE {table.name} SET {new} FROM {_rows(connection, table, rows[0])} WHERE {table.name}.{key} = x.{key}"
        connection.execute(text(said), columns_of(rows))
        return
    new = ", ".join(f"{name} = :{name}" for name in names)
    connection.execute(text(f"UPDATE {table.name} SET {new} WHERE {key} = :{key}"), rows)


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """One array for each column."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def _rows(connection: Connection, table: Table, names: Iterable[str]) -> str:
    """The rows whose columns are given as arrays, as `x`."""
    arrays = ", ".join(f"CAST(:{name} AS {table.c[name].type.compile(connection.dialect)}[])" for name in names)
    return f"unnest({arrays}) AS x({', '.join(names)})"


def _by_columns(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], there: str) -> int:
    quoted = connection.dialect.identifier_preparer.quote
    into = f"INSERT INTO {quoted(table.name)} ({', '.join(quoted(name) for name in rows[0])})"
    return connection.execute(
        text(f"{into} SELECT x.* FROM {_rows(connection, table, rows[0])} {there}"), columns_of(rows)
    ).rowcount


class contains(FunctionElement[bool]):
    """`contains(column, text)`: exact letters, no wildcards. SQLite's LIKE ignores ASCII case and refuses long patterns."""

    inherit_cache = True
    type = Boolean()
    _is_implicitly_boolean = True  # SQLite is not asked whether it is 1, which no index answers


class code_points(FunctionElement[str]):
    """`code_points(column)`: compared and sorted by code point, as SQLite and Python do."""

    inherit_cache = True
    type = Text()


class among(FunctionElement[bool]):
    """`among(column, numbers or texts as a JSON list)`: IN, for more of them than a statement may have parameters."""

    inherit_cache = True
    type = Boolean()
    _is_implicitly_boolean = True  # SQLite is not asked whether it is 1, which no index answers


USUAL = 10  # values of an array that PostgreSQL expects when it does not know them


class _Few(TypeDecorator[Any]):
    """An array for `one_of`, filled up with its last value: what PostgreSQL expects of a shorter one costs less than what it expects
    of one that it does not know, and so it would plan the statement anew for each, which takes longer than to answer it."""

    impl = ARRAY
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> list[Any]:
        values = list(value)
        return values + values[-1:] * (USUAL - len(values))


class _one_of(FunctionElement[bool]):
    inherit_cache = True
    type = Boolean()
    _is_implicitly_boolean = True  # SQLite is not asked whether it is 1, which no index answers


def one_of(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """IN, for the few that are given as the parameter of this name. PostgreSQL takes them as one array: so it is one statement
    however few they are, which is written and planned once. For hundreds and more there is `among`."""
    return _one_of(column, bindparam(name, type_=_Few(column.type)))


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
    value = "value" if isinstance(column.type, Text) else "value::bigint"
    listed = f"SELECT {value} FROM jsonb_array_elements_text(CAST({compiler.process(numbers, **options)} AS jsonb))"
    return f"({compiler.process(column, **options)} IN ({listed}))"


@compiles(_one_of, "sqlite")
def _one_of_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    """A place for each: of a list in one parameter it expects so many that it looks through all rows."""
    column, wanted = element.clauses
    return f"({compiler.process(column.in_(bindparam(wanted.key, expanding=True)), **options)})"


@compiles(_one_of, "postgresql")
def _one_of_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    column, wanted = element.clauses
    return f"({compiler.process(column, **options)} = ANY ({compiler.process(wanted, **options)}))"


@compiles(ascii_lower, "sqlite")
def _ascii_lower_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


@compiles(ascii_lower, "postgresql")
def _ascii_lower_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f'lower(({compiler.process(element.clauses, **options)}) COLLATE "C")'
