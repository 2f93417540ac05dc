"""Names of techniques that are no PaNET terms, or have a name of their own."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from panmesh.adapters.sql.tables import technique


def technique_names(connection: Connection, pids: Iterable[str]) -> dict[str, str]:
    wanted = list(dict.fromkeys(pids))
    if not wanted:
        return {}
    query = select(technique.c.pid, technique.c.name).where(technique.c.pid.in_(wanted))
    return {row.pid: row.name for row in connection.execute(query)}
