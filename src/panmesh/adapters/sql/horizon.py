"""When the access to something next changes by the clock alone: an embargo ends, a visit begins."""

from __future__ import annotations

from collections.abc import Hashable

from sqlalchemy import func, select

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.revisions import terms_revision
from panmesh.adapters.sql.tables import terms


class Horizon:
    """Looked up once until terms change or that instant comes. Who leaves a team by the clock is another viewer from then on."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._known: tuple[Hashable, int, int | None] | None = None  # of which terms, from when, until when

    def __call__(self, now_us: int) -> int | None:
        """None: nothing changes any more."""
        with self._db.read() as connection:
            revision, known = terms_revision(connection), self._known
            if known is not None and known[0] == revision and known[1] <= now_us and (known[2] is None or now_us < known[2]):
                return known[2]
            c = terms.c
            times = (c.starts_us, c.ends_us, c.opens_us, c.declassified_us, c.held_us, c.withdrawn_us, c.deleted_us)
            found = connection.execute(select(*(func.min(column).filter(column > now_us) for column in times))).one()
        until = min((at for at in found if at is not None), default=None)
        self._known = revision, now_us, until
        return until
