"""Whether any terms, or anybody's teams, have changed: what was found from them is found anew then, and is kept over all other commits, of
which there are many more.

A row of `terms_change` or `belonging_change` is written by triggers with each change, whoever makes it.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Table, delete, func, select

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.tables import belonging_change, terms_change

KEPT = 100
MANY = 1_000


@cache
def seen(changes: Table) -> Select[Any, Any, Any]:
    """(how many, the highest, their sum): the revision, within one transaction. Another one after each commit that noted a change:
    a lower number may be committed after a higher one, so it is not the highest alone."""
    number = changes.c.id
    return select(func.count().label("noted"), func.max(number).label("newest"), func.sum(number).label("together"))


def terms_revision(connection: Connection) -> Hashable:
    """Of all terms, as this transaction sees them."""
    return tuple(connection.execute(seen(terms_change)).one())


def forget_changes(database: Database) -> None:
    """All but the newest, where there are many: what is kept is found anew once."""
    for changes in (terms_change, belonging_change):
        with database.read() as connection:
            number, newest, _ = connection.execute(seen(changes)).one()
        if number > MANY:
            with database.write() as connection:
                connection.execute(delete(changes).where(changes.c.id <= newest - KEPT))
