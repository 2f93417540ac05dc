"""The ledger of ingest at a glance: by time, by reason, by storage; only of files that the viewer may know of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, case, func, select

from panmesh.access.artefact import Artefact
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.conditions import Compiler
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.desk import SqlDesk, may_know
from panmesh.adapters.sql.records import shown
from panmesh.adapters.sql.tables import dataset, unit
from panmesh.catalogue.model import DatasetSummary
from panmesh.ingest.dashboard import BIN_US, BINS, SOON_US, Activity, Failed, Kept, Read
from panmesh.ingest.units import IngestCounts, UnitState

UNNAMED = "no reason was written down"


class SqlDashboard:
    """Implements `ingest.dashboard.DashboardStore`."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._desk = SqlDesk(database)

    def counts(self, viewer: Viewer, now_us: int) -> IngestCounts:
        return self._desk.counts(viewer, now_us)

    def reads(self, viewer: Viewer, now_us: int) -> Sequence[Read]:
        since = now_us - BINS * BIN_US
        u = unit.c
        number = ((u.read_us - since - 1) // BIN_US).label("number")
        fresh = and_(u.modified_us > since, u.modified_us <= u.read_us)
        lag = u.read_us - u.modified_us
        query = (
            select(
                number,
                func.count().label("files"),
                _count(u.state == UnitState.FAILED.value).label("failed"),
                _count(fresh).label("fresh"),
                _count(and_(fresh, lag <= SOON_US)).label("soon"),
                func.sum(case((fresh, lag), else_=0)).label("lag"),
                func.max(case((fresh, lag), else_=0)).label("most"),
            )
            .where(u.read_us > since, u.read_us <= now_us, may_know(viewer, now_us))
            .group_by(number)
        )
        with self._db.read() as connection:
            return [
                Read(
                    number=int(row.number),
                    files=row.files,
                    failed=int(row.failed),
                    fresh=int(row.fresh),
                    soon=int(row.soon),
                    lag_us=int(row.lag) // int(row.fresh) if row.fresh else 0,
                    most_lag_us=int(row.most),
                )
                for row in connection.execute(query)
            ]

    def failed(self, viewer: Viewer, now_us: int, limit: int) -> Sequence[Failed]:
        u = unit.c
        query = (
            select(u.id, u.storage, u.path, u.reason, u.read_us)
            .where(u.state == UnitState.FAILED.value, may_know(viewer, now_us))
            .order_by(u.read_us.desc().nulls_last(), u.id.desc())
            .limit(limit)
        )
        with self._db.read() as connection:
            return [
                Failed(id=row.id, storage=row.storage, path=row.path, reason=row.reason or UNNAMED, read_us=row.read_us)
                for row in connection.execute(query)
            ]

    def kept(self, viewer: Viewer, now_us: int) -> Sequence[Kept]:
        u, number = unit.c, func.count().label("files")
        query = (
            select(u.format, u.advice, number)
            .where(u.state == UnitState.STORED.value, may_know(viewer, now_us))
            .group_by(u.format, u.advice)
            .order_by(number.desc(), u.format)
            .limit(12)
        )
        with self._db.read() as connection:
            return [Kept(**row._mapping) for row in connection.execute(query)]

    def growing(self, viewer: Viewer, now_us: int, limit: int) -> tuple[DatasetSummary, ...]:
        may = Compiler(viewer, now_us, few=True).may(Artefact.FULL_METADATA)
        found = select(dataset.c.id).where(dataset.c.growing.is_(True), may).order_by(dataset.c.updated_us.desc()).limit(limit)
        with self._db.read() as connection:
            ids = list(connection.execute(found).scalars())
            return shown(connection, viewer, ids, now_us)

    def activity(self, viewer: Viewer, now_us: int) -> Sequence[Activity]:
        u = unit.c
        query = (
            select(
                u.storage,
                func.count().label("files"),
                _count(u.state == UnitState.SEEN.value).label("waiting"),
                _count(u.state == UnitState.FAILED.value).label("failed"),
                func.max(u.seen_us).label("seen_us"),
                func.max(u.read_us).label("read_us"),
            )
            .where(may_know(viewer, now_us))
            .group_by(u.storage)
        )
        with self._db.read() as connection:
            return [
                Activity(**{**row._mapping, "waiting": int(row.waiting), "failed": int(row.failed)})
                for row in connection.execute(query)
            ]

    def retry(self, viewer: Viewer, unit_ids: Sequence[int], now_us: int) -> int:
        return self._desk.retry(viewer, unit_ids, now_us)


def _count(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))
