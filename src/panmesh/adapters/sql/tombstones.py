"""Tombstones of visits and runs, in SQL: from their terms, and the reason that was written down beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import func, or_, select

from panmesh.access.artefact import Artefact
from panmesh.access.tombstone import Tombstone
from panmesh.access.viewer import ANONYMOUS
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.permission import readable
from panmesh.adapters.sql.request_tables import embargo
from panmesh.adapters.sql.tables import dataset, investigation, terms
from panmesh.kernel.clock import Clock

PIECE = 500


class SqlTombstones:
    """Implements `access.tombstone.Tombstones`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def __call__(self, pids: Sequence[str]) -> Mapping[str, Tombstone]:
        found: dict[str, Tombstone] = {}
        for begin in range(0, len(pids), PIECE):
            found |= self._of(pids[begin : begin + PIECE])
        return found

    def _of(self, pids: Sequence[str]) -> dict[str, Tombstone]:
        now_us = self._clock()
        gone = or_(terms.c.withdrawn_us <= now_us, terms.c.deleted_us <= now_us)
        public = readable(ANONYMOUS, Artefact.CORE_METADATA, now_us)
        found: dict[str, Tombstone] = {}
        with self._db.read() as connection:
            for table in (investigation, dataset):
                query = (
                    select(
                        table.c.pid, func.coalesce(terms.c.deleted_us, terms.c.withdrawn_us).label("at_us"), embargo.c.tombstone
                    )
                    .join(terms, terms.c.id == table.c.terms_id)
                    .outerjoin(embargo, embargo.c.terms_id == terms.c.id)
                    .where(table.c.pid.in_(pids), gone, public)
                )
                for row in connection.execute(query):
                    found[row.pid] = Tombstone(at_us=row.at_us, reason=row.tombstone)
        return found
