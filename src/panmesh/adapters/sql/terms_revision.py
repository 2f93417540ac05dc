"""Whether any terms have changed: rights are found anew then, and are kept over all other commits, of which there are many more."""

from __future__ import annotations

from collections.abc import Hashable

from sqlalchemy import Connection, delete, func, select

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.tables import terms_change

_NUMBER = terms_change.c.id
_SEEN = select(func.count(), func.max(_NUMBER), func.sum(_NUMBER))
KEPT = 100
MANY = 1_000


def terms_revision(connection: Connection) -> Hashable:
    """Another one after each commit that changed terms, as this transaction sees them. A lower number may be committed after a
    higher one: so it is not the highest alone."""
    return tuple(connection.execute(_SEEN).one())


def forget_terms_changes(database: Database) -> None:
    """All but the newest, where there are many: what is kept of rights is found anew once."""
    with database.read() as connection:
        number, newest, _ = connection.execute(_SEEN).one()
    if number > MANY:
        with database.write() as connection:
            connection.execute(delete(terms_change).where(newest - KEPT >= _NUMBER))
