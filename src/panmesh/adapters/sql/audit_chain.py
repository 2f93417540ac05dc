"""The chain over the audit log: each link is a digest of one entry and of the link before, made in the background, in order.

On PostgreSQL an entry may become visible after one with a larger number; it is linked when it is seen. The order of the chain is that of
its positions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, func, insert, select

from panmesh.access.audit import START, Break, Chain, link
from panmesh.adapters.sql.audit import chain_of
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.request_tables import audit_link
from panmesh.adapters.sql.tables import audit

PIECE = 1000
LATE = 10_000  # numbers within which an entry may still come
MOST_BREAKS = 100


class SqlAuditChain:
    def __init__(self, database: Database) -> None:
        self._db = database

    def seal(self) -> int:
        """Link all entries that are not linked yet; returns how many."""
        sealed = 0
        while True:
            with self._db.write() as connection:
                self._db.lock(connection, "audit chain")
                new = _link(connection)
            sealed += new
            if new < PIECE:
                return sealed

    def waits(self) -> bool:
        with self._db.read() as connection:
            newest = connection.execute(select(func.max(audit.c.id))).scalar() or 0
            return newest > (connection.execute(select(func.max(audit_link.c.audit_id))).scalar() or 0)

    def verify(self, expected: tuple[int, str] | None = None) -> Chain:
        """Compute every link again. `expected`: a position and its digest as they were written down elsewhere before: what was cut off
        at the end, or written anew as a whole, is found by that alone."""
        breaks: list[Break] = []
        with self._db.read() as connection:
            before, last = START, 0
            for row in _linked(connection):
                what = _fault(row, before, last)
                if (
                    what is None
                    and expected is not None
                    and expected[0] == row.position
                    and expected[1] != bytes(row.digest).hex()
                ):
                    what = "is not the link that was written down elsewhere"
                if what is not None and len(breaks) < MOST_BREAKS:
                    breaks.append(Break(position=row.position, audit_id=row.audit_id, what=what))
                before, last = bytes(row.digest), row.position
            if expected is not None and expected[0] > last:
                breaks.append(Break(position=expected[0], audit_id=0, what="is missing: the chain ends before it"))
            return replace(chain_of(connection), breaks=tuple(breaks))


def _link(connection: Connection) -> int:
    last = connection.execute(select(audit_link).order_by(audit_link.c.position.desc()).limit(1)).first()
    newest = connection.execute(select(func.max(audit_link.c.audit_id))).scalar() or 0
    there = select(audit_link.c.audit_id).where(audit_link.c.audit_id == audit.c.id).exists()
    fresh = select(audit).where(audit.c.id > newest - LATE, ~there).order_by(audit.c.id).limit(PIECE)
    rows = connection.execute(fresh).all()
    before, position = (bytes(last.digest), last.position) if last is not None else (START, 0)
    links = []
    for row in rows:
        before, position = link(before, tuple(row)), position + 1
        links.append({"position": position, "audit_id": row.id, "digest": before})
    if links:
        connection.execute(insert(audit_link), links)
    return len(links)


def _linked(connection: Connection) -> Iterator[Any]:
    joined = select(audit_link.c.position, audit_link.c.audit_id, audit_link.c.digest, *audit.c).outerjoin(
        audit, audit.c.id == audit_link.c.audit_id
    )
    after = 0
    while rows := connection.execute(
        joined.where(audit_link.c.position > after).order_by(audit_link.c.position).limit(PIECE)
    ).all():
        yield from rows
        after = rows[-1].position


def _fault(row: Any, before: bytes, last: int) -> str | None:
    if row.position != last + 1:
        return f"follows position {last}: {row.position - last - 1} link(s) between are missing"
    if row.id is None:
        return "is missing: its link is there, the entry is not"
    if link(before, tuple(row)[3:]) != bytes(row.digest):
        return "was changed: the entry is not the one that was linked here"
    return None
