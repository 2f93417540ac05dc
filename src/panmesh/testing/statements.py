"""What a piece of code asks a database: counted, and explained by the database itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event

from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database

_MANNERS = ("BEGIN", "SET ", "PRAGMA", "SELECT pg_current_snapshot")  # of connections and transactions
_FACILITIES = "FROM facility ORDER BY facility.id"  # asked once a second, whoever asks


@dataclass
class Asked:
    """Statements in the order in which they were asked, with their parameters."""

    statements: list[tuple[str, Any]] = field(default_factory=list)
    transactions: int = 0

    def __len__(self) -> int:
        return len(self.statements)


@contextmanager
def asked_of(database: Database) -> Iterator[Asked]:
    """All that is asked within the block, by whatever thread."""
    found = Asked()

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if not statement.lstrip().startswith(_MANNERS) and not statement.endswith(_FACILITIES):
            found.statements.append((statement, parameters))

    def begun(_connection: Any) -> None:
        found.transactions += 1

    event.listen(database.engine, "before_cursor_execute", note)
    event.listen(database.engine, "begin", begun)
    try:
        yield found
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
        event.remove(database.engine, "begin", begun)


def commit_something(database: Database) -> None:
    """What is kept until something is committed ends, so that the next request asks for all of it, whatever others on the same server do."""
    with database.write() as connection:
        connection.execute(t.facility.update().values(name=t.facility.c.name))


def plans(database: Database, asked: Asked) -> list[str]:
    """How the database goes about each SELECT. PostgreSQL as if the tables were large: it looks through all rows only where no index helps."""
    found = []
    with database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        cursor = driver.cursor()
        if not database.sqlite:
            cursor.execute("SET enable_seqscan = off")
        for statement, parameters in asked.statements:
            if not statement.lstrip().upper().startswith(("SELECT", "WITH")):
                continue
            cursor.execute(("EXPLAIN QUERY PLAN " if database.sqlite else "EXPLAIN ") + statement, parameters)
            rows = cursor.fetchall()
            found.append("\n".join(str(row[3] if database.sqlite else row[0]) for row in rows))
        cursor.close()
        connection.rollback()
    return found
