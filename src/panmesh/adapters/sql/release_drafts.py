"""Drafts of releases in SQL: whose they are, and what was picked. What of that a viewer may know of is asked of the catalogue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, select, update

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.release_shapes import read, written
from panmesh.adapters.sql.release_tables import release, release_draft, release_version
from panmesh.kernel.errors import Stale
from panmesh.kernel.text import storable
from panmesh.publication.release import Description, Draft

_D = release_draft.c


class SqlDrafts:
    def __init__(self, database: Database) -> None:
        self._db = database

    def drafts(self, account_id: int) -> tuple[Draft, ...]:
        there = (_D.account_id == account_id, _D.discarded_us.is_(None), _D.published.is_(None))
        with self._db.read() as connection:
            rows = connection.execute(_select().where(*there).order_by(_D.updated_us.desc(), _D.id.desc()))
            return tuple(draft_of(row) for row in rows)

    def draft(self, account_id: int, key: str) -> Draft | None:
        with self._db.read() as connection:
            row = connection.execute(_select().where(_D.account_id == account_id, _D.key == storable(key))).first()
        return None if row is None else draft_of(row)

    def begin(
        self, account_id: int, key: str, pid: str, concept: str | None, pids: Sequence[str], said: Description, now_us: int
    ) -> Draft:
        with self._db.write() as connection:
            number = connection.execute(select(release.c.id).where(release.c.pid == concept)).scalar() if concept else None
            row = {"key": key, "account_id": account_id, "pid": pid, "release_id": number, "pids_json": json.dumps(list(pids))}
            row |= {"description_json": written(said), "revision": 1, "created_us": now_us, "updated_us": now_us}
            connection.execute(release_draft.insert(), row)
            return draft_of(connection.execute(_select().where(_D.key == key)).one())

    def save(self, draft: Draft, revision: int, pids: Sequence[str], said: Description, now_us: int) -> Draft:
        values = {"pids_json": json.dumps(list(pids)), "description_json": written(said), "updated_us": now_us}
        with self._db.write() as connection:
            take_turn(connection, draft, revision, values)
            return draft_of(connection.execute(_select().where(_D.key == draft.key)).one())

    def set_discarded(self, draft: Draft, discarded: bool, now_us: int) -> None:
        gone = {"discarded_us": now_us if discarded else None, "updated_us": now_us}
        with self._db.write() as connection:
            connection.execute(update(release_draft).where(_D.key == draft.key, _D.published.is_(None)).values(**gone))


def take_turn(connection: Connection, draft: Draft, revision: int, values: dict[str, Any]) -> None:
    """Of two who change it at once, one is told. Raises Stale."""
    here = (_D.key == draft.key, _D.revision == revision, _D.published.is_(None), _D.discarded_us.is_(None))
    if connection.execute(update(release_draft).where(*here).values(revision=revision + 1, **values)).rowcount != 1:
        raise Stale("The draft has changed since you saw it; look at it again.", str(draft.revision))


def draft_of(row: Any) -> Draft:
    return Draft(
        key=row.key,
        pid=row.pid,
        number=row.newest + 1,
        release=row.pid if row.release_id is not None else None,
        pids=tuple(json.loads(row.pids_json)),
        description=read(row.description_json),
        revision=row.revision,
        updated_us=row.updated_us,
        discarded=row.discarded_us is not None,
        published=row.published,
    )


def _select() -> Select[Any]:
    newest = select(func.coalesce(func.max(release_version.c.number), 0)).where(release_version.c.release_id == _D.release_id)
    return select(release_draft, newest.scalar_subquery().label("newest"))
