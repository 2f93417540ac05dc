"""What the steward's desk shows, in SQL: by ranges of the indexes on days, so that it costs what is on the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read
from panmesh.access.requests import Answer, Kind
from panmesh.access.stewarding import WEEK_US, GrantLine, Section, VisitLine
from panmesh.access.terms import AccessClass, State, state
from panmesh.access.viewer import Standing, Viewer
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.permission import readable, state_label, terms_of
from panmesh.adapters.sql.request_tables import embargo, request, terms_grant
from panmesh.adapters.sql.tables import account, dataset, instrument, investigation, terms


class SqlStewardStore:
    """Implements `access.stewarding.StewardStore`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def opening(self, viewer: Viewer, now_us: int, until_us: int, limit: int) -> Section[VisitLine]:
        return self._visits(viewer, now_us, limit, _opening(now_us, until_us), order=terms.c.opens_us)

    def weeks(self, now_us: int, until_us: int) -> Sequence[tuple[int, int]]:
        week = ((terms.c.opens_us - now_us) // WEEK_US).label("week")
        query = select(week, func.count()).select_from(investigation).join(terms, terms.c.id == investigation.c.terms_id)
        with self._db.read() as connection:
            rows = connection.execute(query.where(_opening(now_us, until_us)).group_by(week)).all()
        found = {int(number): int(count) for number, count in rows}
        return [(now_us + n * WEEK_US, found.get(n, 0)) for n in range(-(-(until_us - now_us) // WEEK_US))]

    def holds(self, viewer: Viewer, now_us: int, limit: int) -> Section[VisitLine]:
        held = and_(terms.c.held_us.is_not(None), state_label(now_us) == State.HELD.value)
        return self._visits(viewer, now_us, limit, held, order=terms.c.held_us, because=Kind.HOLD)

    def extensions(self, viewer: Viewer, now_us: int, limit: int) -> Section[VisitLine]:
        longer = or_(embargo.c.extended_to_us.is_not(None), embargo.c.asked_to_us.is_not(None))
        where = and_(
            terms.c.id.in_(select(embargo.c.terms_id).where(longer)), state_label(now_us) == State.EMBARGOED.value
        )  # from the few that were decided about
        return self._visits(viewer, now_us, limit, where, order=terms.c.opens_us, because=Kind.EXTENSION)

    def grants(self, viewer: Viewer, now_us: int, until_us: int, limit: int) -> Section[GrantLine]:
        g = terms_grant.c
        live = and_(g.revoked_us.is_(None), g.expires_us > now_us, g.expires_us <= until_us)
        query = (
            select(g.expires_us, g.standing, g.request_id, account.c.name, request.c.about, request.c.title, *terms.c)
            .join(request, request.c.id == g.request_id)
            .join(account, account.c.id == g.account_id)
            .join(terms, terms.c.id == g.terms_id)
            .where(live)
        )
        with self._db.read() as connection:
            total = connection.execute(select(func.count()).select_from(terms_grant).where(live)).scalar_one()
            rows = connection.execute(query.order_by(g.expires_us).limit(limit)).mappings().all()
        lines = [
            GrantLine(
                who=r[account.c.name],
                pid=r[request.c.about],
                title=r[request.c.title] if _may_name(viewer, r, now_us) else r[request.c.about],
                expires_us=r[g.expires_us],
                request=r[g.request_id],
                emergency=r[g.standing] == Standing.EMERGENCY.value,
            )
            for r in rows
        ]
        return Section(total=total, lines=tuple(lines))

    def runs_opening(self, viewer: Viewer, now_us: int, until_us: int, limit: int) -> Sequence[str]:
        newest = (
            select(func.max(dataset.c.id).label("id"), func.min(terms.c.opens_us).label("opens_us"))
            .join(investigation, investigation.c.id == dataset.c.investigation_id)
            .join(terms, terms.c.id == investigation.c.terms_id)
            .where(_opening(now_us, until_us), readable(viewer, Artefact.FULL_METADATA, now_us))
            .group_by(investigation.c.id)
            .order_by(func.min(terms.c.opens_us))
            .limit(limit)
            .subquery()
        )
        query = select(dataset.c.pid).join(newest, newest.c.id == dataset.c.id).order_by(newest.c.opens_us, dataset.c.id)
        with self._db.read() as connection:
            return list(connection.execute(query).scalars())

    def _visits(
        self, viewer: Viewer, now_us: int, limit: int, where: ColumnElement[bool], *, order: Any, because: Kind | None = None
    ) -> Section[VisitLine]:
        joined = investigation.join(terms, terms.c.id == investigation.c.terms_id)
        joined = joined.outerjoin(embargo, embargo.c.terms_id == terms.c.id)
        columns = (investigation.c.pid, investigation.c.title, instrument.c.name, embargo.c.extended_to_us, embargo.c.asked_to_us)
        query = select(*columns, *terms.c).select_from(
            joined.outerjoin(instrument, instrument.c.id == investigation.c.instrument_id)
        )
        with self._db.read() as connection:
            total = connection.execute(select(func.count()).select_from(joined).where(where)).scalar_one()
            rows = connection.execute(query.where(where).order_by(order, investigation.c.id).limit(limit)).mappings().all()
            causes = _causes(connection, [r[terms.c.id] for r in rows], because) if because is not None and rows else {}
        return Section(total=total, lines=tuple(_line(viewer, r, causes.get(r[terms.c.id]), now_us) for r in rows))


def _opening(now_us: int, until_us: int) -> ColumnElement[bool]:
    public = terms.c.access.in_((AccessClass.PUBLIC.value, AccessClass.PROPRIETARY.value))
    return and_(terms.c.opens_us > now_us, terms.c.opens_us <= until_us, public, state_label(now_us) == State.EMBARGOED.value)


def _causes(connection: Any, ids: Sequence[int], kind: Kind) -> dict[int, Any]:
    """The newest request for it of each, that waits or was granted."""
    said = (Answer.ASKED.value, Answer.GRANTED.value)
    query = select(request).where(request.c.terms_id.in_(ids), request.c.kind == kind.value, request.c.answer.in_(said))
    return {row.terms_id: row for row in connection.execute(query.order_by(request.c.id))}


def _line(viewer: Viewer, row: Any, cause: Any, now_us: int) -> VisitLine:
    facts = terms_of({c.name: row[c] for c in terms.c})
    return VisitLine(
        pid=row[investigation.c.pid],
        title=row[investigation.c.title] if may_read(viewer, facts, Artefact.CORE_METADATA, now_us) else None,
        instrument=row[instrument.c.name],
        state=state(facts, now_us),
        opens_us=facts.opens_us,
        since_us=facts.held_us,
        extended_to_us=row[embargo.c.extended_to_us],
        asked_to_us=row[embargo.c.asked_to_us],
        hold=facts.hold.value if facts.hold is not None else None,
        reason=cause.reason if cause is not None else None,
        request=cause.id if cause is not None else None,
    )


def _may_name(viewer: Viewer, row: Any, now_us: int) -> bool:
    facts = terms_of({c.name: row[c] for c in terms.c})
    return may_read(viewer, facts, Artefact.CORE_METADATA, now_us)
