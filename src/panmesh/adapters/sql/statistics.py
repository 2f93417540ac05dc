"""Numbers about an instrument, each counted over the runs whose artefact it tells of and the viewer may read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select

from panmesh.access.artefact import Artefact
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.conditions import Compiler
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.tables import dataset, dataset_technique, investigation
from panmesh.catalogue.statistics import Gap, Totals
from panmesh.kernel.clock import DAY_US

HOUR_US = DAY_US // 24


class SqlStatistics:
    """Implements `catalogue.statistics.StatisticsStore`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def totals(self, viewer: Viewer, instrument_id: int, now_us: int) -> Totals:
        compiler = Compiler(viewer, now_us)
        core, full = compiler.may(Artefact.CORE_METADATA), compiler.may(Artefact.FULL_METADATA)
        technique = select(dataset_technique.c.dataset_id).where(dataset_technique.c.dataset_id == dataset.c.id).exists()
        query = (
            select(
                func.count().label("runs"),
                func.max(dataset.c.start_us).label("latest"),
                func.sum(case((full, dataset.c.total_bytes), else_=0)).label("size"),
                _count(full).label("described"),
                _count(and_(full, dataset.c.sample_id.is_(None))).label("sample"),
                _count(~technique).label("technique"),
                _count(investigation.c.proposal_id.is_(None)).label("proposal"),
            )
            .select_from(dataset)
            .outerjoin(investigation, investigation.c.id == dataset.c.investigation_id)
            .where(dataset.c.instrument_id == instrument_id, core)
        )
        with self._db.read() as connection:
            row = connection.execute(query).one()
        return Totals(
            runs=row.runs,
            total_bytes=int(row.size or 0),
            latest_us=row.latest,
            without_sample=Gap(missing=row.sample or 0, of=row.described or 0),
            without_technique=Gap(missing=row.technique or 0, of=row.runs),
            without_proposal=Gap(missing=row.proposal or 0, of=row.runs),
        )

    def hours(self, viewer: Viewer, instrument_id: int, since_us: int, now_us: int) -> dict[int, int]:
        hour = ((dataset.c.start_us - dataset.c.start_us % HOUR_US) / HOUR_US).label("hour")
        query = (
            select(hour, func.count().label("runs"))
            .where(
                dataset.c.instrument_id == instrument_id,
                dataset.c.start_us >= since_us,
                dataset.c.start_us <= now_us,
                Compiler(viewer, now_us).may(Artefact.CORE_METADATA),
            )
            .group_by(hour)
        )
        with self._db.read() as connection:
            return {int(row.hour): row.runs for row in connection.execute(query)}


def _count(condition: ColumnElement[bool]) -> Any:
    return func.sum(case((condition, 1), else_=0))
