"""Numbers about an instrument and the facility, each counted over the runs whose artefact it tells of and the viewer may read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select, true

from panmesh.access.artefact import Artefact
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.conditions import Compiler
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.records import shown
from panmesh.adapters.sql.tables import dataset, dataset_technique, investigation, parameter
from panmesh.catalogue.model import DatasetSummary, Origin, Page
from panmesh.catalogue.statistics import Gap, Lack, Measured, Totals
from panmesh.kernel.clock import DAY_US

HOUR_US = DAY_US // 24
# Quantities whose number means nothing without a unit.
WITH_UNIT = (
    "incident_energy", "incident_wavelength", "temperature", "pressure", "magnetic_field", "electric_field", "count_time", "exposure_time",
    "detector_distance", "beam_current", "duration", "two_theta",
)  # fmt: skip


class SqlStatistics:
    """Implements `catalogue.statistics.StatisticsStore`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def totals(self, viewer: Viewer, instrument_id: int, now_us: int) -> Totals:
        compiler = Compiler(viewer, now_us, few=True)
        core, full = compiler.may(Artefact.CORE_METADATA), compiler.may(Artefact.FULL_METADATA)
        query = (
            select(
                func.count().label("runs"),
                func.max(dataset.c.start_us).label("latest"),
                func.sum(case((full, dataset.c.total_bytes), else_=0)).label("size"),
                _count(full).label("described"),
                *(_count(_lacks(compiler, lack)).label(f"no_{lack.value}") for lack in Lack),
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
            lacks={
                lack: Gap(missing=getattr(row, f"no_{lack.value}") or 0, of=row.runs if lack in _CORE else row.described or 0)
                for lack in Lack
            },
        )

    def lacking(
        self, viewer: Viewer, instrument_id: int, lack: Lack, offset: int, limit: int, now_us: int
    ) -> Page[DatasetSummary]:
        compiler = Compiler(viewer, now_us, few=True)
        joined = dataset.outerjoin(investigation, investigation.c.id == dataset.c.investigation_id)
        where = and_(dataset.c.instrument_id == instrument_id, compiler.may(Artefact.CORE_METADATA), _lacks(compiler, lack))
        found = select(dataset.c.id).select_from(joined).where(where)
        newest = found.order_by(dataset.c.start_us.desc().nulls_last(), dataset.c.id.desc()).offset(offset).limit(limit)
        with self._db.read() as connection:
            total = connection.execute(select(func.count()).select_from(joined).where(where)).scalar_one()
            ids = list(connection.execute(newest).scalars())
            items = shown(connection, viewer, ids, now_us)
        return Page(items=items, total=total, offset=offset, limit=limit)

    def hours(self, viewer: Viewer, instrument_id: int, since_us: int, now_us: int) -> dict[int, int]:
        hour = ((dataset.c.start_us - dataset.c.start_us % HOUR_US) / HOUR_US).label("hour")
        query = (
            select(hour, func.count().label("runs"))
            .where(
                dataset.c.instrument_id == instrument_id,
                dataset.c.start_us >= since_us,
                dataset.c.start_us <= now_us,
                Compiler(viewer, now_us, few=True).may(Artefact.CORE_METADATA),
            )
            .group_by(hour)
        )
        with self._db.read() as connection:
            return {int(row.hour): row.runs for row in connection.execute(query)}

    def days(self, viewer: Viewer, instrument_id: int | None, now_us: int) -> dict[int | None, Measured]:
        compiler = Compiler(viewer, now_us, few=instrument_id is not None)
        full = compiler.may(Artefact.FULL_METADATA)
        since = dataset.c.start_us % DAY_US  # of what is before 1970, negative: taken to the day before
        day = ((dataset.c.start_us - since) // DAY_US - case((since < 0, 1), else_=0)).label("day")
        of = dataset.c.origin != Origin.MIRRORED.value if instrument_id is None else dataset.c.instrument_id == instrument_id
        query = (
            select(
                day,
                func.count().label("runs"),
                _count(full).label("readable"),
                func.sum(case((full, dataset.c.total_bytes), else_=0)).label("size"),
            )
            .where(of, compiler.may(Artefact.CORE_METADATA))
            .group_by(day)
        )
        with self._db.read() as connection:
            return {
                None if row.day is None else int(row.day): Measured(
                    runs=row.runs, readable=int(row.readable), size=int(row.size or 0)
                )
                for row in connection.execute(query)
            }


_CORE = (Lack.TECHNIQUE, Lack.PROPOSAL, Lack.TIME)  # everybody who knows of the run knows whether it has these


def _lacks(compiler: Compiler, lack: Lack) -> ColumnElement[bool]:
    """Of rows of `dataset`, joined with their `investigation`; what the viewer may not read is not said to be missing."""
    full = true() if lack in _CORE else compiler.may(Artefact.FULL_METADATA)
    return and_(full, _missing(lack))


def _missing(lack: Lack) -> ColumnElement[bool]:
    p = parameter.c
    match lack:
        case Lack.SAMPLE:
            return dataset.c.sample_id.is_(None)
        case Lack.TECHNIQUE:
            return ~select(dataset_technique.c.dataset_id).where(dataset_technique.c.dataset_id == dataset.c.id).exists()
        case Lack.PROPOSAL:
            return investigation.c.proposal_id.is_(None)
        case Lack.TIME:
            return dataset.c.start_us.is_(None)
        case Lack.UNIT:
            bare = and_(p.unit.is_(None), p.text.is_(None), or_(p.value.is_not(None), p.minimum.is_not(None)))
            return select(p.id).where(p.dataset_id == dataset.c.id, p.name.in_(WITH_UNIT), bare).exists()
    return dataset.c.read_state.in_(("partly-read", "failed"))


def _count(condition: ColumnElement[bool]) -> Any:
    return func.sum(case((condition, 1), else_=0))
