"""A whole result in parts, each found by the id that the last one ended with: as cheap at the end as at the beginning."""

from __future__ import annotations

from sqlalchemy import select

from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.conditions import Compiler
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.records import shown
from panmesh.adapters.sql.tables import dataset
from panmesh.catalogue.model import DatasetSummary
from panmesh.catalogue.query import Condition


class SqlListing:
    """Implements `catalogue.listing.ListingReads`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def after(
        self, viewer: Viewer, where: Condition | None, before_id: int | None, now_us: int, limit: int
    ) -> tuple[DatasetSummary, ...]:
        found = select(dataset.c.id).where(Compiler(viewer, now_us).where(where)).order_by(dataset.c.id.desc()).limit(limit)
        if before_id is not None:
            found = found.where(dataset.c.id < before_id)
        with self._db.read() as connection:
            return shown(connection, viewer, list(connection.execute(found).scalars()), now_us)
