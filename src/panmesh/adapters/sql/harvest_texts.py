"""Records written ahead for harvesters, in SQL."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

from sqlalchemy import and_, delete, or_, select, update

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.dialects import insert_many
from panmesh.adapters.sql.harvest import items_of
from panmesh.adapters.sql.harvest_tables import harvest_item, harvest_text
from panmesh.publication.harvesting import Condition, Item, Place

PIECE = 1_000  # texts looked at in one transaction


class SqlHarvestTexts:
    """Implements `publication.harvesting.TextStore`."""

    def __init__(self, database: Database, mark: str) -> None:
        """`mark`: of all that is in every record (the facility's name and address, how records are written)."""
        self._db = database
        self._mark = mark

    def forget_others(self, after: int = 0) -> int | None:
        """What was written with another mark than this waits to be written again: one piece, of the items after this one. The last of
        them, or None at the end."""
        c = harvest_text.c
        query = select(c.item_id).where(c.item_id > after, c.prefix.not_like(f"% {self._mark}"))
        with self._db.read() as connection:
            ids = sorted(set(connection.execute(query.order_by(c.item_id).limit(PIECE)).scalars()))
        if not ids:
            return None
        with self._db.write() as connection:
            live = harvest_item.c.condition == Condition.LIVE.value
            connection.execute(update(harvest_item).where(harvest_item.c.id.in_(ids), live).values(unwritten=True))
            connection.execute(delete(harvest_text).where(c.item_id.in_(ids)))
        return int(ids[-1])

    def texts(self, name: str, items: Sequence[Item]) -> Mapping[str, str]:
        by_id = {item.id: item for item in items}
        c = harvest_text.c
        query = select(c.item_id, c.stamp_s, c.body).where(c.item_id.in_(list(by_id)), c.prefix == f"{name} {self._mark}")
        if not by_id:
            return {}
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        return {
            by_id[row.item_id].pid: zlib.decompress(row.body).decode()
            for row in rows
            if row.stamp_s == by_id[row.item_id].changed_s
        }

    def unwritten(self, now_us: int, limit: int) -> Sequence[Item]:
        c = harvest_item.c
        with self._db.read() as connection:
            rows = connection.execute(select(c.id, c.stamp_s).where(c.unwritten.is_(True)).order_by(c.id).limit(limit)).all()
            return items_of(connection, [Place(stamp_s=row.stamp_s, item_id=row.id) for row in rows], now_us)

    def keep(self, items: Sequence[Item], written: Mapping[str, Mapping[str, str]]) -> None:
        rows = [
            {
                "item_id": item.id,
                "prefix": f"{name} {self._mark}",
                "stamp_s": item.changed_s,
                "body": zlib.compress(texts[item.pid].encode(), 6),
            }
            for name, texts in written.items()
            for item in items
            if item.pid in texts
        ]
        c = harvest_item.c
        same = or_(*(and_(c.id == item.id, c.stamp_s == item.changed_s) for item in items))  # else it is written once more
        with self._db.write() as connection:
            self._db.lock(connection, "harvest texts")  # another process may have written the same ones ahead meanwhile
            connection.execute(delete(harvest_text).where(harvest_text.c.item_id.in_([item.id for item in items])))
            insert_many(connection, harvest_text, rows)
            connection.execute(update(harvest_item).where(same).values(unwritten=False))
