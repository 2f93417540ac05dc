"""Signs of life, and what stands still: does the database answer, when did a worker last work, what waits, what failed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, text
from sqlalchemy.exc import OperationalError

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.doi_tables import doi
from panmesh.adapters.sql.event_tables import alert_mail, webhook, webhook_delivery
from panmesh.adapters.sql.request_tables import notice
from panmesh.adapters.sql.tables import change, dataset, finding, heartbeat, unit
from panmesh.catalogue.saved_searches import MailState
from panmesh.catalogue.webhooks import DeliveryState
from panmesh.ingest.units import UnitState
from panmesh.kernel.errors import Unavailable


class SqlHealth:
    def __init__(self, database: Database) -> None:
        self._db = database

    def beat(self, worker: str, now_us: int) -> None:
        with self._db.write() as connection:
            connection.execute(
                heartbeat.delete().where((heartbeat.c.worker == worker) | (heartbeat.c.at_us < now_us - 86_400_000_000))
            )
            connection.execute(heartbeat.insert(), {"worker": worker, "at_us": now_us})

    def signs(self, now_us: int) -> dict[str, Any]:
        """What anybody may ask as often as they like: cheap. Raises Unavailable when the database does not answer."""
        try:
            with self._db.read() as connection:
                connection.execute(text("SELECT 1"))
                last = connection.execute(select(func.max(heartbeat.c.at_us))).scalar()
        except OperationalError as error:
            raise Unavailable("The database does not answer.") from error
        return {
            "database": self._db.engine.dialect.name,
            "worker_seen_seconds_ago": None if last is None else max(0, (now_us - last) // 1_000_000),
        }

    def figures(self, now_us: int) -> dict[str, int]:
        """For whoever runs the facility: how much there is, what waits (and is due), what failed."""
        oldest = select(func.min(unit.c.seen_us)).where(unit.c.state == UnitState.SEEN.value)
        asked = {
            "units_waiting": _number(unit.c.state == UnitState.SEEN.value),
            "units_failed": _number(unit.c.state == UnitState.FAILED.value),
            "datasets": select(func.count()).select_from(dataset),
            "files_missing_or_changed": select(func.count()).select_from(finding),
            "change": select(func.coalesce(func.max(change.c.sequence), 0)),
            "alerts_waiting": _number(alert_mail.c.state == MailState.WAITING.value, alert_mail.c.next_us <= now_us),
            "alerts_failed": _number(alert_mail.c.state == MailState.FAILED.value),
            "notices_waiting": _number(notice.c.state == "waiting", notice.c.next_us <= now_us, notice.c.due_us <= now_us),
            "notices_failed": _number(notice.c.state.in_(("failed", "bounced"))),
            "webhooks_failing": _number(webhook.c.failing_us.is_not(None), webhook.c.disabled_us.is_(None)),
            "deliveries_waiting": _number(
                webhook_delivery.c.state == DeliveryState.WAITING.value, webhook_delivery.c.next_us <= now_us
            ),
            "dois_waiting": _number(doi.c.due_us <= now_us),
            "dois_failed": _number(doi.c.error.is_not(None)),
        }
        with self._db.read() as connection:
            seen = connection.execute(oldest).scalar()
            found = {name: int(connection.execute(query).scalar_one()) for name, query in asked.items()}
        return found | {"oldest_waiting_seconds": 0 if seen is None else max(0, (now_us - seen) // 1_000_000)}


def _number(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(func.count()).where(*conditions)
