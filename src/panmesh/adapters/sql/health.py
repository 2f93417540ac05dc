"""Signs of life: does the database answer, when did a worker last work, is anything missing on disk."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select, text

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.tables import change, dataset, finding, heartbeat, unit


class SqlHealth:
    def __init__(self, database: Database) -> None:
        self._db = database

    def beat(self, worker: str, now_us: int) -> None:
        with self._db.write() as connection:
            connection.execute(
                heartbeat.delete().where((heartbeat.c.worker == worker) | (heartbeat.c.at_us < now_us - 86_400_000_000))
            )
            connection.execute(heartbeat.insert(), {"worker": worker, "at_us": now_us})

    def report(self, now_us: int) -> dict[str, Any]:
        with self._db.read() as connection:
            connection.execute(text("SELECT 1"))
            last = connection.execute(select(func.max(heartbeat.c.at_us))).scalar()
            waiting = connection.execute(select(func.count()).select_from(unit).where(unit.c.state == "seen")).scalar_one()
            return {
                "database": self._db.engine.dialect.name,
                "worker_seen_seconds_ago": None if last is None else max(0, (now_us - last) // 1_000_000),
                "units_waiting": waiting,
                "datasets": connection.execute(select(func.count()).select_from(dataset)).scalar_one(),
                "files_missing_or_changed": connection.execute(select(func.count()).select_from(finding)).scalar_one(),
                "change": connection.execute(select(func.max(change.c.sequence))).scalar() or 0,
            }
