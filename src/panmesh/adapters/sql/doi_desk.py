"""The list of DOIs as the steward sees it, and what one viewer may know of the things that they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Table, and_, case, cast, func, null, or_, select, update

from panmesh.access.artefact import Artefact
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.audit import write_audit
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.doi_tables import doi, doi_round
from panmesh.adapters.sql.dois import SqlDois, intend_doi, row_of, woken
from panmesh.adapters.sql.permission import readable
from panmesh.adapters.sql.releases import titles_of
from panmesh.adapters.sql.tables import dataset, instrument, investigation, pid, proposal, terms
from panmesh.catalogue.model import Page
from panmesh.kernel.text import storable
from panmesh.publication.doi_service import DoiCounts, DoiFilter, DoiView, Known, Standing
from panmesh.publication.dois import DoiState

_TABLES: dict[str, Table] = {"dataset": dataset, "investigation": investigation, "instrument": instrument, "proposal": proposal}


@dataclass(frozen=True, slots=True)
class _Owned:
    team_id: int | None
    instrument_id: int | None


class SqlDoiDesk:
    """Implements `publication.doi_service.DoiDesk`."""

    def __init__(self, database: Database, dois: SqlDois, *, configured: bool) -> None:
        self._db, self._dois, self._configured = database, dois, configured

    def known(self, viewer: Viewer, wanted: str, now_us: int) -> Known | None:
        named = storable(wanted)
        with self._db.read() as connection:
            by_name = connection.execute(select(doi.c.pid).where(doi.c.name == named.casefold())).scalar() or named
            concept = connection.execute(select(pid.c.concept).where(pid.c.pid == by_name)).scalar() or by_name
            for kind in _TABLES:
                row = connection.execute(_found(viewer, kind, [concept], now_us)).first()
                if row is not None:
                    owned = _Owned(row.team_id, row.instrument_id)
                    found, title = str(row.pid), row.title
                    break
            else:
                return None
        subject = self._dois.subject(kind, found, now_us)
        return Known(
            kind=kind,
            pid=found,
            title=title,
            owned=owned,
            state=subject.state if subject is not None else None,
            native=subject is not None and subject.native,
            named=subject is None or subject.named,
        )

    def view(self, wanted: str, now_us: int) -> DoiView | None:
        with self._db.read() as connection:
            row = connection.execute(select(doi, standing_of(now_us)).where(doi.c.pid == wanted)).first()
        return _view(row, None) if row is not None else None

    def pid_of(self, name: str) -> str | None:
        found = self._dois.pid_of(storable(name))
        return found if found is not None and self._dois.names([found]) else None

    def page(self, viewer: Viewer, wanted: DoiFilter, now_us: int, *, offset: int, limit: int) -> Page[DoiView]:
        which = _fits(wanted, now_us)
        newest = func.coalesce(doi.c.failed_us, doi.c.confirmed_us, doi.c.asked_us).desc()
        query = (
            select(doi, standing_of(now_us))
            .where(which)
            .order_by(doi.c.error.is_(None), newest, doi.c.id)
            .offset(offset)
            .limit(limit)
        )
        with self._db.read() as connection:
            total = connection.execute(select(func.count()).select_from(doi).where(which)).scalar_one()
            rows = connection.execute(query).all()
            titles = _titles(connection, viewer, rows, now_us)
        return Page(items=tuple(_view(row, titles.get(row.pid)) for row in rows), total=total, offset=offset, limit=limit)

    def counts(self, now_us: int) -> DoiCounts:
        c = doi.c
        label = standing_of(now_us)
        with self._db.read() as connection:
            found = {
                Standing(row.stands): row.number
                for row in connection.execute(select(label, func.count().label("number")).select_from(doi).group_by(label))
            }
            lately = [
                connection.execute(select(func.count()).select_from(doi).where(c.confirmed_us > now_us - span)).scalar_one()
                for span in (3_600_000_000, 60_000_000)
            ]
            at = connection.execute(select(doi_round.c.paused_until_us, doi_round.c.pause_reason)).first()
        resting = at is not None and at.paused_until_us is not None and at.paused_until_us > now_us
        return DoiCounts(
            by_standing=found,
            configured=self._configured,
            paused_until_us=at.paused_until_us if resting and at else None,
            pause_reason=at.pause_reason if resting and at else None,
            last_hour=lately[0],
            last_minute=lately[1],
        )

    def retry(self, viewer: Viewer, pids: Sequence[str] | None, now_us: int) -> int:
        which: ColumnElement[bool] = doi.c.error.is_not(None)
        if pids is not None:
            which = and_(which, doi.c.pid.in_([storable(one) for one in pids]))
        with self._db.write() as connection:
            self._db.lock(connection, "doi")
            done = connection.execute(update(doi).where(which).values(**woken(now_us), refused=None)).rowcount
            if done:
                connection.execute(update(doi_round).values(paused_until_us=None))
                write_audit(connection, viewer, "retry DOIs", pids[0] if pids and len(pids) == 1 else None, now_us, count=done)
        return done

    def intend(self, viewer: Viewer, known: Known, now_us: int) -> None:
        with self._db.write() as connection:
            intend_doi(connection, kind=known.kind, pid=known.pid, now_us=now_us)
            write_audit(connection, viewer, "ask for DOI", known.pid, now_us)


def standing_of(now_us: int) -> Any:
    c = doi.c
    return case(
        (or_(c.name.is_(None), c.due_us <= now_us), Standing.WAITING.value),  # also what failed and is tried again now
        (c.error.is_not(None), Standing.FAILED.value),
        (c.confirmed == DoiState.NONE.value, Standing.UNWANTED.value),
        else_=c.confirmed,
    ).label("stands")


def _fits(wanted: DoiFilter, now_us: int) -> ColumnElement[bool]:
    c = doi.c
    found: list[ColumnElement[bool]] = [c.id.is_not(None)]
    if wanted.standing is not None:
        found.append(standing_of(now_us).element == wanted.standing.value)
    if wanted.kind is not None:
        found.append(c.kind == storable(wanted.kind))
    if wanted.contains:
        text = storable(wanted.contains).strip().casefold().removeprefix("https://doi.org/")
        found.append(or_(*(func.lower(one).contains(text, autoescape=True) for one in (c.name, c.pid, c.error))))
    return and_(*found)


def _view(row: Any, title: str | None) -> DoiView:
    values = {name: getattr(row, name) for name in doi.c.keys()}
    one = row_of(values)
    return DoiView(kind=one.kind, pid=one.pid, title=title, name=one.name, standing=Standing(row.stands), doi=one)


def _found(viewer: Viewer, kind: str, wanted: Sequence[str], now_us: int) -> Any:
    """Those of a kind of which the viewer may know that they exist: one statement, hidden or absent."""
    t = _TABLES[kind]
    may = readable(viewer, Artefact.PID_RECORD, now_us)
    core = readable(viewer, Artefact.CORE_METADATA, now_us)
    match kind:
        case "instrument":
            query = select(t.c.pid, t.c.name.label("title"), _none("team_id"), t.c.id.label("instrument_id"))
        case "proposal":
            visits = select(investigation.c.id).join(terms, terms.c.id == investigation.c.terms_id)
            seen = visits.where(investigation.c.proposal_id == t.c.id, may).correlate(t).exists()
            told = visits.where(investigation.c.proposal_id == t.c.id, core).correlate(t).exists()
            title = case((told, t.c.title), else_=None).label("title")
            query = select(t.c.pid, title, t.c.team_id, _none("instrument_id")).where(seen)
        case _:
            title = case((core, t.c.title), else_=None).label("title")
            query = (
                select(t.c.pid, title, terms.c.team_id, terms.c.instrument_id).join(terms, terms.c.id == t.c.terms_id).where(may)
            )
    return query.where(t.c.pid.in_(wanted))


def _none(name: str) -> Any:
    return cast(null(), Integer).label(name)


def _titles(connection: Connection, viewer: Viewer, rows: Sequence[Any], now_us: int) -> dict[str, str]:
    found: dict[str, str] = {}
    for kind in _TABLES:
        wanted = [row.pid for row in rows if row.kind == kind]
        if wanted:
            titled = connection.execute(_found(viewer, kind, wanted, now_us))
            found |= {row.pid: row.title for row in titled if row.title}
    published = [row.pid for row in rows if row.kind == "release"]
    return found | (titles_of(connection, published) if published else {})
