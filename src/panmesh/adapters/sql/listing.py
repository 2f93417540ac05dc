"""A whole result in parts, each found by the id that the last one ended with: as cheap at the end as at the beginning."""

from __future__ import annotations

from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.reads import SqlReads
from panmesh.adapters.sql.records import shown
from panmesh.catalogue.model import DatasetSummary
from panmesh.catalogue.query import Condition


class SqlListing:
    """Implements `catalogue.listing.ListingReads`."""

    def __init__(self, database: Database, reads: SqlReads) -> None:
        self._db = database
        self._reads = reads

    def after(
        self, viewer: Viewer, where: Condition | None, before_id: int | None, now_us: int, limit: int
    ) -> tuple[DatasetSummary, ...]:
        ids = self._reads.latest(viewer, where, before_id, now_us, limit)
        with self._db.read() as connection:
            return shown(connection, viewer, ids, now_us)
