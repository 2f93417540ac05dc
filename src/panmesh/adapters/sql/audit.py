"""The audit log in SQL. Changes write their entry in their own transaction; reads are written here."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, select

from panmesh.access.audit import AuditEntry
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.tables import audit
from panmesh.kernel.clock import Clock


class SqlAudit:
    """Implements `access.audit.AuditLog`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def record(self, viewer: Viewer, action: str, pid: str | None = None, **detail: Any) -> None:
        with self._db.write() as connection:
            write_audit(connection, viewer, action, pid, self._clock(), **detail)

    def entries(self, *, pid: str | None = None, limit: int = 100) -> tuple[AuditEntry, ...]:
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if pid is not None:
            query = query.where(audit.c.pid == pid)
        with self._db.read() as connection:
            return tuple(
                AuditEntry(id=r.id, at_us=r.at_us, actor=r.actor, action=r.action, pid=r.pid, detail=json.loads(r.detail_json))
                for r in connection.execute(query)
            )


def write_audit(connection: Connection, viewer: Viewer, action: str, pid: str | None, now_us: int, **detail: Any) -> None:
    """An entry in the transaction of the change that it tells of."""
    row = {
        "at_us": now_us,
        "account_id": viewer.user_id,
        "actor": viewer.login or viewer.name,
        "action": action,
        "pid": pid,
        "detail_json": json.dumps(detail, default=str),
    }
    connection.execute(audit.insert(), row)
