"""Counted use in SQL: a day's uses while it lasts, then months; what the facility held."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, insert, or_, select, update

from panmesh.access.artefact import Artefact
from panmesh.access.terms import State
from panmesh.access.viewer import ANONYMOUS
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.doi_tables import doi
from panmesh.adapters.sql.feed import opening
from panmesh.adapters.sql.permission import readable, state_label
from panmesh.adapters.sql.release_tables import release_run, release_version
from panmesh.adapters.sql.tables import dataset, instrument, investigation, terms
from panmesh.adapters.sql.tables import pid as pids
from panmesh.adapters.sql.usage_tables import holding_month, usage_event, usage_month, usage_salt
from panmesh.catalogue.model import Origin
from panmesh.kernel.clock import from_us, to_us
from panmesh.publication.dois import FOR_EVER
from panmesh.publication.usage import Action, Count, Holding, Method, Reported, Use

_SUMS = ("investigations", "unique_investigations", "requests", "unique_requests", "bytes")
PIECE = 500
_CONFIRMED = [one.value for one in FOR_EVER]  # DataCite said so: a DOI that is only wanted is none
MONTHS = 36  # of which the holdings are told


class SqlUsage:
    """Implements `publication.usage.UsageStore` and `UsageReads`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- noted and counted ------------------------------------------------------------------------------------------

    def salt(self, day: str, new: bytes) -> bytes:
        with self._db.write() as connection:
            self._db.lock(connection, f"usage {day}")
            known = connection.execute(select(usage_salt.c.salt).where(usage_salt.c.day == day)).scalar()
            if known is None:
                connection.execute(insert(usage_salt).values(day=day, salt=new))
            return known or new

    def keep(self, uses: Sequence[Use]) -> None:
        with self._db.write() as connection:
            concept = _concepts(connection, {use.pid for use in uses})
            rows = [{name: getattr(use, name) for name in Use.__slots__} for use in uses if use.pid in concept]
            if rows:
                connection.execute(insert(usage_event), [row | {"pid": concept[row["pid"]]} for row in rows])

    def days_before(self, day: str) -> Sequence[str]:
        with self._db.read() as connection:
            found = select(usage_event.c.day).where(usage_event.c.day < day).distinct()
            salts = select(usage_salt.c.day).where(usage_salt.c.day < day)
            return sorted({*connection.execute(found).scalars(), *connection.execute(salts).scalars()})

    def uses(self, day: str) -> Iterator[Sequence[Use]]:
        c = usage_event.c
        with self._db.read() as connection:
            rows = connection.execution_options(stream_results=True).execute(
                select(usage_event).where(c.day == day).order_by(c.day, c.pid)
            )
            for _, some in groupby(rows, key=lambda row: row.pid):
                yield [_use(row) for row in some]

    def counted(self, day: str, counts: Sequence[Count]) -> None:
        with self._db.write() as connection:
            self._db.lock(connection, "usage count")
            gone = connection.execute(delete(usage_salt).where(usage_salt.c.day == day)).rowcount
            events = connection.execute(delete(usage_event).where(usage_event.c.day == day)).rowcount
            if gone or events:  # else another process has counted it meanwhile
                for begin in range(0, len(counts), PIECE):
                    _add(connection, counts[begin : begin + PIECE])

    # --- told -------------------------------------------------------------------------------------------------------

    def of_record(self, pid: str) -> Sequence[Count]:
        with self._db.read() as connection:
            rows = connection.execute(select(usage_month).where(usage_month.c.pid == pid).order_by(usage_month.c.month))
            return [_count(row) for row in rows]

    def of_instrument(self, instrument_pid: str, now_us: int) -> Sequence[Count]:
        query = (
            _summed()
            .join(dataset, dataset.c.pid == usage_month.c.pid)
            .join(instrument, instrument.c.id == dataset.c.instrument_id)
            .join(terms, terms.c.id == dataset.c.terms_id)
            .where(instrument.c.pid == instrument_pid, readable(ANONYMOUS, Artefact.CORE_METADATA, now_us))
        )
        return self._totals(query, instrument_pid)

    def of_facility(self) -> Sequence[Count]:
        return self._totals(_summed().join(dataset, dataset.c.pid == usage_month.c.pid), "")

    def holdings(self) -> Sequence[Holding]:
        with self._db.read() as connection:
            rows = connection.execute(select(holding_month).order_by(holding_month.c.month))
            return [Holding(**row._mapping) for row in rows]

    def hold(self, now_us: int) -> None:
        this = from_us(now_us).strftime("%Y-%m")
        with self._db.read() as connection:
            known = set(connection.execute(select(holding_month.c.month)).scalars())
            rows = [
                {"month": month, **_held(connection, min(end_us, now_us), now_us)}
                for month, end_us in _months(now_us, MONTHS)
                if month == this or month not in known
            ]
        with self._db.write() as connection:
            connection.execute(delete(holding_month).where(holding_month.c.month.in_([row["month"] for row in rows])))
            connection.execute(insert(holding_month), rows)

    def report(self, first: str, last: str, now_us: int, limit: int) -> Sequence[Reported]:
        u, d = usage_month.c, dataset.c
        within = and_(u.month >= first, u.month <= last)
        most = (
            select(d.pid, d.title, d.run, d.created_us, terms.c.opens_us)
            .select_from(usage_month)
            .join(dataset, d.pid == u.pid)
            .join(terms, terms.c.id == d.terms_id)
            .where(within, d.origin != Origin.MIRRORED.value, readable(ANONYMOUS, Artefact.CORE_METADATA, now_us))
            .group_by(d.id, d.pid, d.title, d.run, d.created_us, terms.c.opens_us)
            .order_by(func.sum(u.requests).desc(), func.sum(u.investigations).desc(), d.id)
            .limit(limit)
        )
        with self._db.read() as connection:
            rows = connection.execute(most).all()
            counts: dict[str, list[Count]] = defaultdict(list)
            for begin in range(0, len(rows), PIECE):
                some = [row.pid for row in rows[begin : begin + PIECE]]
                query = select(usage_month).where(u.pid.in_(some), within).order_by(u.month, u.method)
                for row in connection.execute(query):
                    counts[row.pid].append(_count(row))
        return [
            Reported(
                pid=row.pid,
                title=row.title or row.run or row.pid,
                published=from_us(row.opens_us or row.created_us).date(),
                counts=tuple(counts[row.pid]),
            )
            for row in rows
        ]

    def _totals(self, query: Any, pid: str) -> Sequence[Count]:
        with self._db.read() as connection:
            return [
                Count(pid=pid, month=row.month, method=Method(row.method), **{name: int(getattr(row, name)) for name in _SUMS})
                for row in connection.execute(query)
            ]


def _concepts(connection: Connection, wanted: set[str]) -> dict[str, str]:
    """What each of these is known by now; strangers' inventions are not there."""
    found: dict[str, str] = {}
    texts = sorted(wanted)
    for begin in range(0, len(texts), PIECE):
        some = texts[begin : begin + PIECE]
        found |= {r.pid: r.concept for r in connection.execute(select(pids.c.pid, pids.c.concept).where(pids.c.pid.in_(some)))}
    return found


def _add(connection: Connection, counts: Sequence[Count]) -> None:
    c = usage_month.c
    for one in counts:
        mine = and_(c.pid == one.pid, c.month == one.month, c.method == one.method.value)
        more = {name: c[name] + getattr(one, name) for name in _SUMS}
        if not connection.execute(update(usage_month).where(mine).values(**more)).rowcount:
            row = {name: getattr(one, name) for name in Count.__slots__}
            connection.execute(insert(usage_month).values(row))


def _summed() -> Any:
    u = usage_month.c
    sums = [func.sum(u[name]).label(name) for name in _SUMS]
    return select(u.month, u.method, *sums).select_from(usage_month).group_by(u.month, u.method).order_by(u.month)


def _held(connection: Connection, at_us: int, now_us: int) -> dict[str, int]:
    """What came by then, of it what was open then; holds and withdrawals as they are now."""
    d = dataset.c
    open_then = and_(state_label(now_us) == State.OPEN.value, or_(opening().is_(None), opening() <= at_us))
    if at_us == now_us:
        open_then = state_label(now_us) == State.OPEN.value
    cited = _under_a_doi(at_us)
    row = connection.execute(
        select(
            func.count().label("datasets"),
            func.coalesce(func.sum(d.total_bytes), 0).label("bytes"),
            func.coalesce(func.sum(case((open_then, 1), else_=0)), 0).label("open_datasets"),
            func.coalesce(func.sum(case((open_then, d.total_bytes), else_=0)), 0).label("open_bytes"),
            func.coalesce(func.sum(case((cited, 1), else_=0)), 0).label("doi_datasets"),
        )
        .select_from(dataset)
        .join(terms, terms.c.id == d.terms_id)
        .where(d.origin != Origin.MIRRORED.value, d.created_us <= at_us, terms.c.access != "aside")
    ).one()
    return {name: int(value) for name, value in row._mapping.items()}


def _under_a_doi(at_us: int) -> ColumnElement[bool]:
    """Whether the dataset was then cited by a DOI: its own, that of its visit, or that of a publication that holds it."""
    there = and_(doi.c.confirmed.in_(_CONFIRMED), or_(doi.c.confirmed_us.is_(None), doi.c.confirmed_us <= at_us))
    own = select(doi.c.id).where(doi.c.pid == dataset.c.pid, there)
    visit = select(doi.c.id).join(investigation, investigation.c.pid == doi.c.pid)
    visit = visit.where(investigation.c.id == dataset.c.investigation_id, there)
    held = select(doi.c.id).join(release_version, release_version.c.pid == doi.c.pid)
    held = held.join(release_run, release_run.c.version_id == release_version.c.id)
    held = held.where(release_run.c.dataset_id == dataset.c.id, there)
    return or_(own.exists(), visit.exists(), held.exists())


def _months(now_us: int, many: int) -> Iterable[tuple[str, int]]:
    """Months up to this one, each with the instant at which it ends."""
    now = from_us(now_us)
    number = now.year * 12 + now.month - 1
    for one in range(number - many + 1, number + 1):
        begins = now.replace(year=(one + 1) // 12, month=(one + 1) % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0)
        yield f"{one // 12:04d}-{one % 12 + 1:02d}", to_us(begins) - 1


def _use(row: Any) -> Use:
    return Use(
        day=row.day,
        at_us=row.at_us,
        pid=row.pid,
        action=Action(row.action),
        method=Method(row.method),
        visitor=bytes(row.visitor),
        target=bytes(row.target),
        bytes=row.bytes,
    )


def _count(row: Any) -> Count:
    return Count(pid=row.pid, month=row.month, method=Method(row.method), **{name: int(getattr(row, name)) for name in _SUMS})
