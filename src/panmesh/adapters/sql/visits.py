"""One visit in SQL: its runs over time, what varies over them, its table. Each statement carries the predicate of what it tells of."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, delete, func, select

from panmesh.access.artefact import Artefact
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.conditions import Compiler
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.dialects import code_points
from panmesh.adapters.sql.note_tables import mark
from panmesh.adapters.sql.records import shown
from panmesh.adapters.sql.tables import dataset, dataset_person, dataset_technique, investigation, parameter, pid, sample
from panmesh.adapters.sql.view_tables import shown_columns
from panmesh.catalogue.model import DatasetSummary, Page
from panmesh.catalogue.notes import Flag
from panmesh.catalogue.visit_table import Fact, Quantity, Said, TableQuery
from panmesh.catalogue.visiting import Among, Bin, Flagged, Moment, Named, Span

KEPT = 128  # summaries of quantities


class SqlVisits:
    """Implements `catalogue.visiting.VisitStore`."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._said: OrderedDict[tuple[Among, tuple[int, ...]], tuple[Hashable, tuple[Said, ...]]] = OrderedDict()
        self._lock = threading.Lock()

    def span(self, viewer: Viewer, among: Among, now_us: int) -> Span:
        compiler = Compiler(viewer, now_us, few=True)
        full = compiler.may(Artefact.FULL_METADATA)
        query = select(
            func.count().label("runs"),
            func.count(dataset.c.start_us).label("timed"),
            func.min(dataset.c.start_us).label("first"),
            func.max(_end()).label("last"),
            func.sum(case((full, 1), else_=0)).label("readable"),
            func.sum(case((full, dataset.c.total_bytes), else_=0)).label("size"),
        ).where(_of(compiler, among))
        with self._db.read() as connection:
            row = connection.execute(query).one()
        return Span(
            runs=row.runs,
            timed=row.timed,
            first_us=row.first,
            last_us=row.last,
            readable=int(row.readable or 0),
            total_bytes=int(row.size or 0),
        )

    def moments(self, viewer: Viewer, among: Among, limit: int, now_us: int) -> tuple[Moment, ...]:
        query = (
            select(dataset.c.pid, dataset.c.title, dataset.c.start_us, dataset.c.end_us, _technique().label("technique"))
            .where(_of(Compiler(viewer, now_us, few=True), among), dataset.c.start_us.is_not(None))
            .order_by(dataset.c.start_us, dataset.c.id)
            .limit(limit)
        )
        with self._db.read() as connection:
            return tuple(Moment(**row._mapping) for row in connection.execute(query))

    def bins(self, viewer: Viewer, among: Among, first_us: int, width_us: int, now_us: int) -> tuple[Bin, ...]:
        compiler = Compiler(viewer, now_us, few=True)
        since = dataset.c.start_us - first_us
        of_run = (
            select(
                (since // width_us).label("number"),
                _technique().label("technique"),
                case((compiler.may(Artefact.FULL_METADATA), dataset.c.total_bytes), else_=0).label("size"),
            )
            .where(_of(compiler, among), dataset.c.start_us.is_not(None))
            .subquery()
        )
        c = of_run.c
        query = (
            select(c.number, c.technique, func.count().label("runs"), func.sum(c.size).label("size"))
            .group_by(c.number, c.technique)
            .order_by(c.number, c.technique)
        )
        with self._db.read() as connection:
            return tuple(
                Bin(number=int(row.number), technique=row.technique, runs=row.runs, size=int(row.size))
                for row in connection.execute(query)
            )

    def flagged(self, viewer: Viewer, among: Among, now_us: int) -> tuple[Flagged, ...]:
        """Of a run that has no mark of its own, the newest of what was merged into it."""
        may = Compiler(viewer, now_us, few=True)
        query = (
            select(dataset.c.pid, dataset.c.start_us, mark.c.flag)
            .select_from(dataset)
            .join(pid, pid.c.concept == dataset.c.pid)
            .join(mark, mark.c.about == pid.c.pid)
            .where(_of(may, among), may.may(Artefact.LOGBOOK))
            .order_by(dataset.c.start_us, dataset.c.id, (mark.c.about == dataset.c.pid).desc(), mark.c.at_us.desc())
        )
        found: dict[str, Any] = {}
        with self._db.read() as connection:
            for row in connection.execute(query):
                found.setdefault(row.pid, row)
        return tuple(Flagged(pid=r.pid, flag=Flag(r.flag), start_us=r.start_us) for r in found.values() if r.flag)

    def named(self, viewer: Viewer, among: Among, limit: int, now_us: int) -> tuple[Named, ...]:
        may = Compiler(viewer, now_us, few=True)
        number = func.count(func.distinct(dataset.c.id)).label("runs")
        query = (
            select(func.min(dataset_person.c.name).label("name"), func.max(dataset_person.c.orcid).label("orcid"), number)
            .select_from(dataset)
            .join(dataset_person, dataset_person.c.dataset_id == dataset.c.id)
            .where(_of(may, among), may.may(Artefact.FULL_METADATA), may.named())
            .group_by(dataset_person.c.name_folded)
            .order_by(number.desc(), func.min(dataset_person.c.name))
            .limit(limit)
        )
        with self._db.read() as connection:
            return tuple(Named(**row._mapping) for row in connection.execute(query))

    def quantities(self, viewer: Viewer, among: Among, now_us: int) -> tuple[Said, ...]:
        """Kept until something is committed, for all who may read the same terms of this visit: a long one has 10⁵ values."""
        compiler = Compiler(viewer, now_us, few=True)
        may = and_(_of(compiler, among), compiler.may(Artefact.FULL_METADATA))
        stamp = self._db.stamp()  # before it is read: what is kept is never older than it says
        with self._db.read() as connection:
            readable = tuple(sorted(connection.execute(select(dataset.c.terms_id).where(may).distinct()).scalars()))
            with self._lock:
                kept = self._said.get((among, readable))
            if kept is not None and kept[0] == stamp:
                return kept[1]
            found = tuple(Said(**row._mapping) for row in connection.execute(_said(may)))
        with self._lock:
            self._said[among, readable] = (stamp, found)
            self._said.move_to_end((among, readable))
            while len(self._said) > KEPT:
                self._said.popitem(last=False)
        return found

    def page(self, viewer: Viewer, among: Among, query: TableQuery, by: Quantity | None, now_us: int) -> Page[DatasetSummary]:
        compiler = Compiler(viewer, now_us, few=True)
        where = and_(compiler.where(query.where), _belongs(among))
        found: Select[Any] = select(dataset.c.id).where(where).order_by(*_order(compiler, query, by))
        with self._db.read() as connection:
            total = connection.execute(select(func.count()).select_from(dataset).where(where)).scalar_one()
            ids = list(connection.execute(found.offset(query.offset).limit(query.limit)).scalars())
            items = shown(connection, viewer, ids, now_us)
        return Page(items=items, total=total, offset=query.offset, limit=query.limit)

    def remembered(self, account_id: int, place: str) -> str | None:
        c = shown_columns.c
        with self._db.read() as connection:
            return connection.execute(select(c.columns).where(c.account_id == account_id, c.place == place)).scalar()

    def remember(self, account_id: int, place: str, columns: str, now_us: int) -> None:
        c = shown_columns.c
        with self._db.write() as connection:
            self._db.lock(connection, f"columns {account_id}")
            connection.execute(delete(shown_columns).where(c.account_id == account_id, c.place == place))
            if columns:
                row = {"account_id": account_id, "place": place, "columns": columns, "at_us": now_us}
                connection.execute(shown_columns.insert(), row)


def _of(compiler: Compiler, among: Among) -> ColumnElement[bool]:
    """Runs of the visit that the viewer may know of."""
    return and_(_belongs(among), compiler.may(Artefact.CORE_METADATA))


def _belongs(among: Among) -> ColumnElement[bool]:
    if among.proposal is None:
        return dataset.c.investigation_id == among.visit
    return dataset.c.investigation_id.in_(select(investigation.c.id).where(investigation.c.proposal_id == among.proposal))


def _end() -> ColumnElement[int]:
    return case((dataset.c.end_us > dataset.c.start_us, dataset.c.end_us), else_=dataset.c.start_us)


def _technique() -> Any:
    t = dataset_technique.c
    return select(func.min(t.technique_pid)).where(t.dataset_id == dataset.c.id).correlate(dataset).scalar_subquery()


def _said(may: ColumnElement[bool]) -> Select[Any]:
    p = parameter.c
    return (
        select(
            p.name,
            p.unit,
            func.min(p.dimension).label("dimension"),
            func.count().label("runs"),
            func.min(func.coalesce(p.value, p.minimum)).label("low"),
            func.max(func.coalesce(p.value, p.maximum)).label("high"),
            func.min(p.text).label("first_text"),
            func.max(p.text).label("last_text"),
            func.count(case((p.value.is_(None), p.minimum), else_=None)).label("scanned"),
        )
        .select_from(dataset)
        .join(parameter, p.dataset_id == dataset.c.id)
        .where(may)
        .group_by(p.name, p.unit)
        .order_by(p.name, p.unit)
    )


def _order(compiler: Compiler, query: TableQuery, by: Quantity | None) -> list[ColumnElement[Any]]:
    """What is missing, or not for this viewer, comes last in both directions; then in the order of time."""
    value = _sorted(query, by)
    if by is not None or query.sort not in (Fact.START, "title", Fact.LASTED):
        artefact = Artefact.LOGBOOK if query.sort == Fact.FLAG and by is None else Artefact.FULL_METADATA
        value = case((compiler.may(artefact), value), else_=None)
    if (by is not None and by.textual) or (by is None and query.sort in _TEXTS):
        value = code_points(value)
    ways = [value]
    if by is None and query.sort == Fact.RUN:  # 9 before 10
        ways = [case((compiler.may(Artefact.FULL_METADATA), func.length(dataset.c.run)), else_=None), value]
    ordered = [way.desc().nulls_last() if query.descending else way.asc().nulls_last() for way in ways]
    return [*ordered, dataset.c.start_us.asc().nulls_last(), dataset.c.id.asc()]


def _sorted(query: TableQuery, by: Quantity | None) -> Any:
    if by is None:
        return _FACTS[query.sort]
    p, end = parameter.c, func.max if query.descending else func.min
    if by.textual:
        value: Any = p.text
    elif by.dimension is not None:
        base = p.high if query.descending else p.low
        value = case((p.dimension == by.dimension, base), else_=None)
    else:
        value = func.coalesce(p.value, p.maximum if query.descending else p.minimum)
    return select(end(value)).where(p.dataset_id == dataset.c.id, p.name == by.name).correlate(dataset).scalar_subquery()


_TEXTS = ("title", Fact.SAMPLE, Fact.RUN, Fact.FLAG)
_FACTS: dict[str, Any] = {
    "title": dataset.c.title_folded,
    Fact.START: dataset.c.start_us,
    Fact.LASTED: dataset.c.end_us - dataset.c.start_us,
    Fact.SAMPLE: select(sample.c.name_folded).where(sample.c.id == dataset.c.sample_id).correlate(dataset).scalar_subquery(),
    Fact.RUN: dataset.c.run,
    Fact.FILES: dataset.c.file_count,
    Fact.BYTES: dataset.c.total_bytes,
    Fact.FLAG: select(func.min(mark.c.flag)).where(mark.c.about == dataset.c.pid).correlate(dataset).scalar_subquery(),
}
