"""Baskets in SQL: whose they are and what was put into them. What of that a viewer may know of is asked of the catalogue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, false, func, or_, select, update

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.note_tables import basket, basket_version
from panmesh.adapters.sql.tables import pid
from panmesh.catalogue.basket import Basket, Keeper
from panmesh.kernel.errors import NotFound, Stale
from panmesh.kernel.text import storable

VERSIONS = 50  # kept of each basket


class SqlBaskets:
    """Implements `catalogue.basket.BasketStore`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def baskets(self, keeper: Keeper) -> tuple[Basket, ...]:
        query = select(basket).where(_kept_by(keeper), basket.c.deleted_us.is_(None))
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(basket.c.used_us.desc(), basket.c.id.desc())).all()
        first, rest = rows[:1], sorted(rows[1:], key=lambda row: (-row.updated_us, -row.id))
        return tuple(_basket(row, mine=True, current=row in first) for row in (*first, *rest))

    def find(self, keeper: Keeper, key: str) -> Basket | None:
        own = and_(basket.c.key == storable(key), _kept_by(keeper))
        shared = and_(basket.c.share_key == storable(key), basket.c.deleted_us.is_(None))
        newest = select(func.max(basket.c.used_us)).where(_kept_by(keeper), basket.c.deleted_us.is_(None)).scalar_subquery()
        with self._db.read() as connection:
            row = connection.execute(select(basket, newest.label("newest_us")).where(or_(own, shared))).first()
        if row is None:
            return None
        return _basket(row, mine=row.key == key, current=row.key == key and row.used_us == row.newest_us)

    def create(self, keeper: Keeper, key: str, name: str, now_us: int) -> Basket:
        row = {"key": key, "name": name, "account_id": keeper.account_id, "visitor_hash": keeper.visitor_hash, "pids_json": "[]"}
        row |= {"revision": 1, "created_us": now_us, "updated_us": now_us, "used_us": now_us}
        with self._db.write() as connection:
            number = connection.execute(basket.insert().returning(basket.c.id), row).scalar_one()
            _keep_version(connection, number, 1, name, "[]", now_us)
            made = connection.execute(select(basket).where(basket.c.id == number)).one()
        return _basket(made, mine=True, current=True)

    def save(self, one: Basket, revision: int, name: str, pids: Sequence[str], now_us: int) -> Basket:
        listed = json.dumps(list(pids))
        values = {"name": name, "pids_json": listed, "revision": revision + 1, "updated_us": now_us}
        with self._db.write() as connection:
            here = and_(basket.c.id == one.id, basket.c.revision == revision)
            if connection.execute(update(basket).where(here).values(**values)).rowcount != 1:
                raise Stale("The basket has changed since you saw it; look at it again.", str(one.revision))
            _keep_version(connection, one.id, revision + 1, name, listed, now_us)
            old = and_(basket_version.c.basket_id == one.id, basket_version.c.number <= revision + 1 - VERSIONS)
            connection.execute(delete(basket_version).where(old))
            row = connection.execute(select(basket).where(basket.c.id == one.id)).one()
        return _basket(row, mine=True, current=one.current)

    def version(self, one: Basket, number: int) -> tuple[str, tuple[str, ...]] | None:
        query = select(basket_version).where(basket_version.c.basket_id == one.id, basket_version.c.number == number)
        with self._db.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row.name, tuple(json.loads(row.pids_json)))

    def set_shared(self, one: Basket, share_key: str | None, now_us: int) -> None:
        self._set(one, share_key=share_key, updated_us=now_us)

    def set_deleted(self, one: Basket, deleted: bool, now_us: int) -> None:
        """With it, its link ends for good."""
        self._set(one, deleted_us=now_us if deleted else None, share_key=None, updated_us=now_us)

    def use(self, one: Basket, now_us: int) -> None:
        self._set(one, used_us=now_us)

    def take_over(self, account_id: int, visitor_hash: bytes, now_us: int) -> None:
        with self._db.write() as connection:
            connection.execute(
                update(basket)
                .where(basket.c.visitor_hash == visitor_hash)
                .values(account_id=account_id, visitor_hash=None, used_us=now_us)
            )

    def forget_before(self, us: int) -> None:
        old = and_(basket.c.account_id.is_(None), basket.c.updated_us < us)
        with self._db.write() as connection:
            connection.execute(delete(basket_version).where(basket_version.c.basket_id.in_(select(basket.c.id).where(old))))
            connection.execute(delete(basket).where(old))

    def present(self, pids: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        with self._db.read() as connection:
            for begin in range(0, len(pids), 500):
                some = [storable(one) for one in pids[begin : begin + 500]]
                found |= {
                    r.pid: r.concept for r in connection.execute(select(pid.c.pid, pid.c.concept).where(pid.c.pid.in_(some)))
                }
        return found

    def _set(self, one: Basket, **values: Any) -> None:
        with self._db.write() as connection:
            if connection.execute(update(basket).where(basket.c.id == one.id).values(**values)).rowcount != 1:
                raise NotFound()


def _kept_by(keeper: Keeper) -> ColumnElement[bool]:
    if keeper.account_id is not None:
        return basket.c.account_id == keeper.account_id
    return basket.c.visitor_hash == keeper.visitor_hash if keeper.visitor_hash is not None else false()


def _keep_version(connection: Connection, number: int, revision: int, name: str, listed: str, now_us: int) -> None:
    row = {"basket_id": number, "number": revision, "name": name, "pids_json": listed, "at_us": now_us}
    connection.execute(basket_version.insert(), row)


def _basket(row: Any, *, mine: bool, current: bool) -> Basket:
    return Basket(
        id=row.id,
        key=row.key if mine else row.share_key,
        share_key=row.share_key if mine else None,
        name=row.name,
        pids=tuple(json.loads(row.pids_json)),
        revision=row.revision,
        updated_us=row.updated_us,
        mine=mine,
        current=current,
        deleted=row.deleted_us is not None,
    )
