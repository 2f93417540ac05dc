"""Webhooks and their deliveries in SQL. What is sent next is decided by `next_us`: taking a delivery moves it on, whoever dies meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, select, update

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.event_tables import webhook, webhook_delivery
from panmesh.catalogue.events import EventFilter, EventKind, Position
from panmesh.catalogue.webhooks import Delivery, DeliveryState, Webhook


class SqlWebhooks:
    """Implements `catalogue.webhooks.WebhookStore` and `catalogue.delivering.Outbox`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- what people do -----------------------------------------------------------------------------------------------

    def add(self, owner: int, url: str, wanted: EventFilter, secret: str, start: Position, now_us: int) -> int:
        row = {
            "account_id": owner,
            "url": url,
            "kinds": " ".join(sorted(wanted.kinds)),
            "instruments": " ".join(sorted(wanted.instruments)),
            "visits": " ".join(sorted(wanted.visits)),
            "secret": secret,
            "created_us": now_us,
            **_columns(start),
        }
        with self._db.write() as connection:
            return int(connection.execute(webhook.insert().values(**row).returning(webhook.c.id)).scalar_one())

    def of(self, owner: int) -> Sequence[Webhook]:
        with self._db.read() as connection:
            rows = connection.execute(select(webhook).where(webhook.c.account_id == owner).order_by(webhook.c.id))
            return [_webhook(row) for row in rows]

    def one(self, owner: int, number: int) -> Webhook | None:
        with self._db.read() as connection:
            row = connection.execute(select(webhook).where(webhook.c.id == number, webhook.c.account_id == owner)).first()
        return None if row is None else _webhook(row)

    def remove(self, owner: int, number: int) -> bool:
        with self._db.write() as connection:
            mine = select(webhook.c.id).where(webhook.c.id == number, webhook.c.account_id == owner)
            connection.execute(delete(webhook_delivery).where(webhook_delivery.c.webhook_id.in_(mine)))
            return connection.execute(delete(webhook).where(webhook.c.id.in_(mine))).rowcount == 1

    def enable(self, owner: int, number: int, start: Position) -> bool:
        with self._db.write() as connection:
            statement = update(webhook).where(webhook.c.id == number, webhook.c.account_id == owner)
            there = connection.execute(
                statement.where(webhook.c.disabled_us.is_not(None)).values(
                    disabled_us=None, disabled_why=None, failing_us=None, **_columns(start)
                )
            )
            return there.rowcount == 1 or connection.execute(statement.values(url=webhook.c.url)).rowcount == 1

    def deliveries(self, number: int, limit: int) -> Sequence[Delivery]:
        d = webhook_delivery
        with self._db.read() as connection:
            rows = connection.execute(select(d).where(d.c.webhook_id == number).order_by(d.c.id.desc()).limit(limit))
            return [_delivery(row) for row in rows]

    def delivery(self, number: int, delivery: int) -> Delivery | None:
        d = webhook_delivery
        with self._db.read() as connection:
            row = connection.execute(select(d).where(d.c.webhook_id == number, d.c.id == delivery)).first()
        return None if row is None else _delivery(row)

    def queue_test(self, number: int, message: str, position: Position, now_us: int) -> None:
        with self._db.write() as connection:
            connection.execute(webhook_delivery.insert(), _waiting(number, message, "", "", now_us, position, now_us))

    def again(self, delivery: int, now_us: int) -> None:
        d = webhook_delivery
        fresh = {"state": DeliveryState.WAITING.value, "attempts": 0, "next_us": now_us, "created_us": now_us, "done_us": None}
        with self._db.write() as connection:
            connection.execute(update(d).where(d.c.id == delivery).values(**fresh))

    # --- the work -------------------------------------------------------------------------------------------------------

    def live(self) -> Sequence[Webhook]:
        with self._db.read() as connection:
            rows = connection.execute(select(webhook).where(webhook.c.disabled_us.is_(None)).order_by(webhook.c.id))
            return [_webhook(row) for row in rows]

    def queue(
        self, hook: Webhook, found: Sequence[tuple[str, EventKind, str, int, Position]], upto: Position, now_us: int
    ) -> bool:
        w = webhook.c
        before = (
            w.sequence == hook.position.sequence,
            w.opened_us == hook.position.opened_us,
            w.opened_id == hook.position.opened_id,
        )
        with self._db.write() as connection:
            moved = connection.execute(
                update(webhook).where(w.id == hook.id, w.disabled_us.is_(None), *before).values(**_columns(upto))
            )
            if moved.rowcount != 1:
                return False  # another process did it, or it is gone
            rows = [
                _waiting(hook.id, message, kind.value, pid, at_us, position, now_us)
                for message, kind, pid, at_us, position in found
            ]
            if rows:
                connection.execute(webhook_delivery.insert(), rows)
        return True

    def due(self, now_us: int, limit: int) -> Sequence[int]:
        d = webhook_delivery.c
        query = (
            select(d.webhook_id)
            .where(d.state == DeliveryState.WAITING.value, d.next_us <= now_us)
            .group_by(d.webhook_id)
            .order_by(func.min(d.next_us))
            .limit(limit)
        )
        with self._db.read() as connection:
            return list(connection.execute(query).scalars())

    def take(self, number: int, now_us: int, until_us: int) -> tuple[Webhook, str, Delivery] | None:
        d = webhook_delivery.c
        oldest = (
            select(webhook_delivery)
            .where(d.webhook_id == number, d.state == DeliveryState.WAITING.value, d.next_us <= now_us)
            .order_by(d.id)
            .limit(1)
        )
        with self._db.write() as connection:
            hook = connection.execute(select(webhook).where(webhook.c.id == number, webhook.c.disabled_us.is_(None))).first()
            row = connection.execute(oldest).first() if hook is not None else None
            if hook is None or row is None:
                return None
            taken = connection.execute(
                update(webhook_delivery)
                .where(d.id == row.id, d.attempts == row.attempts, d.next_us == row.next_us, d.state == row.state)
                .values(attempts=row.attempts + 1, next_us=until_us)
            )
            return (_webhook(hook), hook.secret, _delivery(row)) if taken.rowcount == 1 else None

    def done(self, delivery: Delivery, state: DeliveryState, status: int | None, error: str | None, now_us: int) -> None:
        d = webhook_delivery
        with self._db.write() as connection:
            connection.execute(
                update(d).where(d.c.id == delivery.id).values(state=state.value, status=status, error=error, done_us=now_us)
            )
            if state is DeliveryState.DELIVERED:
                connection.execute(update(webhook).where(webhook.c.id == delivery.webhook).values(failing_us=None))

    def failed(self, delivery: Delivery, status: int | None, error: str | None, next_us: int, now_us: int) -> None:
        d = webhook_delivery
        with self._db.write() as connection:
            connection.execute(update(d).where(d.c.id == delivery.id).values(status=status, error=error, next_us=next_us))
            connection.execute(
                update(webhook).where(webhook.c.id == delivery.webhook, webhook.c.failing_us.is_(None)).values(failing_us=now_us)
            )

    def disable(self, number: int, why: str, now_us: int) -> None:
        d = webhook_delivery
        with self._db.write() as connection:
            connection.execute(update(webhook).where(webhook.c.id == number).values(disabled_us=now_us, disabled_why=why))
            connection.execute(
                update(d)
                .where(d.c.webhook_id == number, d.c.state == DeliveryState.WAITING.value)
                .values(state=DeliveryState.FAILED.value, done_us=now_us)
            )

    def forget(self, before_us: int) -> int:
        """Deliveries that were done with before then."""
        d = webhook_delivery.c
        with self._db.write() as connection:
            return connection.execute(delete(webhook_delivery).where(d.done_us < before_us)).rowcount


def _waiting(number: int, message: str, kind: str, pid: str, at_us: int, position: Position, now_us: int) -> dict[str, object]:
    return {
        "webhook_id": number,
        "message": message,
        "kind": kind,
        "pid": pid,
        "at_us": at_us,
        **_columns(position),
        "state": DeliveryState.WAITING.value,
        "attempts": 0,
        "next_us": now_us,
        "created_us": now_us,
    }


def _columns(position: Position) -> dict[str, int]:
    return {"sequence": position.sequence, "opened_us": position.opened_us, "opened_id": position.opened_id}


def position_of(row: Any) -> Position:
    return Position(sequence=row.sequence, opened_us=row.opened_us, opened_id=row.opened_id)


def _webhook(row: Any) -> Webhook:
    return Webhook(
        id=row.id,
        owner=row.account_id,
        url=row.url,
        wanted=EventFilter(
            kinds=frozenset(EventKind(kind) for kind in row.kinds.split()),
            instruments=frozenset(row.instruments.split()),
            visits=frozenset(row.visits.split()),
        ),
        created_us=row.created_us,
        position=position_of(row),
        failing_us=row.failing_us,
        disabled_us=row.disabled_us,
        disabled_why=row.disabled_why,
    )


def _delivery(row: Any) -> Delivery:
    return Delivery(
        id=row.id,
        webhook=row.webhook_id,
        message=row.message,
        kind=EventKind(row.kind) if row.kind else None,
        pid=row.pid,
        at_us=row.at_us,
        position=position_of(row),
        state=DeliveryState(row.state),
        attempts=row.attempts,
        next_us=row.next_us,
        created_us=row.created_us,
        done_us=row.done_us,
        status=row.status,
        error=row.error,
    )
