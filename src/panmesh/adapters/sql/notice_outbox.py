"""Notices on their way, in SQL: taken by one sender at a time, with the facts of the moment at which they are looked at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, update

from panmesh.access.artefact import Artefact
from panmesh.access.notices import Notice, NoticeKind, opening
from panmesh.access.policy import may_read
from panmesh.access.requests import Answer, Kind, deciders
from panmesh.access.rules import PolicyRules, retained_until
from panmesh.access.viewer import ANONYMOUS, Standing, TeamRole
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.doi_tables import doi
from panmesh.adapters.sql.notices import said_in
from panmesh.adapters.sql.permission import terms_of
from panmesh.adapters.sql.release_shapes import read
from panmesh.adapters.sql.release_tables import release, release_version
from panmesh.adapters.sql.request_tables import notice, request, terms_grant
from panmesh.adapters.sql.rules import rules_in_force, zone_of
from panmesh.adapters.sql.tables import account, dataset, instrument, investigation, team_member, terms
from panmesh.kernel.clock import facility_day
from panmesh.kernel.errors import PanmeshError, Refused
from panmesh.publication.citing import naming
from panmesh.publication.dois import DoiState


class SqlNoticeOutbox:
    """Implements `jobs.posting.Outbox` for notices."""

    def __init__(self, database: Database, rules: PolicyRules) -> None:
        self._db = database
        self._rules = rules

    def take(self, now_us: int, until_us: int) -> Notice | None:
        n = notice.c
        due = select(notice).where(n.state == "waiting", n.next_us <= now_us).order_by(n.next_us, n.id).limit(1)
        with self._db.write() as connection:
            row = connection.execute(due).first()
            if row is None:
                return None
            mine = update(notice).where(
                n.id == row.id, n.attempts == row.attempts, n.next_us == row.next_us, n.state == row.state
            )
            if connection.execute(mine.values(attempts=row.attempts + 1, next_us=until_us)).rowcount != 1:
                return None
            return self._shape(connection, row, now_us)

    def sent(self, mail: Notice, now_us: int) -> None:
        self._finish(mail, "sent", sent_us=now_us, address=mail.to, error=None)

    def void(self, mail: Notice, now_us: int) -> None:
        self._finish(mail, "void", sent_us=now_us)

    def failed(self, mail: Notice, error: PanmeshError, now_us: int) -> None:
        bounced = isinstance(error, Refused) and error.address
        self._finish(mail, "bounced" if bounced else "failed", sent_us=now_us, address=mail.to, error=error.detail)

    def later(self, mail: Notice, error: PanmeshError, next_us: int) -> None:
        self._finish(mail, "waiting", next_us=next_us, address=mail.to, error=error.detail)

    def notice(self, number: int, now_us: int) -> Notice | None:
        """Whatever became of it: to look at."""
        return next(iter(self._found(now_us, notice.c.id == number, limit=1)), None)

    def undelivered(self, now_us: int, limit: int) -> tuple[int, Sequence[tuple[Notice, str, str]]]:
        """How many failed or came back, and the newest of them, each with its state and what was said."""
        where = notice.c.state.in_(("failed", "bounced"))
        with self._db.read() as connection:
            total = connection.execute(select(func.count()).select_from(notice).where(where)).scalar_one()
            rows = connection.execute(select(notice).where(where).order_by(notice.c.id.desc()).limit(limit)).all()
            return total, [(self._shape(connection, row, now_us), row.state, row.error or "") for row in rows]

    def waiting(self) -> int:
        with self._db.read() as connection:
            query = select(func.count()).select_from(notice).where(notice.c.state == "waiting")
            return int(connection.execute(query).scalar_one())

    def again(self, number: int, now_us: int) -> None:
        """Sent once more: somebody mended the address, or the server."""
        tried = (notice.c.id == number, notice.c.state.in_(("failed", "bounced")))
        with self._db.write() as connection:
            connection.execute(update(notice).where(*tried).values(state="waiting", next_us=now_us, due_us=now_us, attempts=0))

    def _found(self, now_us: int, *where: ColumnElement[bool], limit: int) -> list[Notice]:
        with self._db.read() as connection:
            rows = connection.execute(select(notice).where(*where).order_by(notice.c.id).limit(limit)).all()
            return [self._shape(connection, row, now_us) for row in rows]

    def _finish(self, mail: Notice, state: str, **values: Any) -> None:
        with self._db.write() as connection:
            connection.execute(update(notice).where(notice.c.id == mail.id).values(state=state, **values))

    def _shape(self, c: Connection, row: Any, now_us: int) -> Notice:
        asked = c.execute(select(request).where(request.c.id == row.request_id)).first() if row.request_id else None
        terms_id = asked.terms_id if asked is not None else row.terms_id
        found = c.execute(select(terms).where(terms.c.id == terms_id)).mappings().first() if terms_id else None
        to = c.execute(select(account).where(account.c.id == row.account_id)).one()
        zone, said_us = zone_of(c), row.sent_us or now_us
        facts: dict[str, Any] = {}
        if found is not None:
            facts |= self._visit(c, terms_of(found), asked.about if asked is not None else None, row.account_id, now_us)
        if row.kind == NoticeKind.OPENED.value:
            facts["opens"] = facility_day(row.opens_us, zone)
        if asked is not None:
            facts |= _request(c, asked, zone, now_us)
            whose = deciders(facts["terms"], facts["request_kind"], now_us)
            facts["decides"] = facts["leads"] or whose != {Standing.PI} or facts["request_kind"] is Kind.ACCESS
        if row.kind == NoticeKind.PAPER.value:
            facts |= _paper(c, row.key)
        if row.kind == NoticeKind.ARCHIVES_SOON.value:
            facts["archives"] = facility_day(int(said_in(row.key)[1]), zone)
        if row.kind == NoticeKind.ARCHIVED.value:
            facts["archive"] = said_in(row.key)[1]
        return Notice(
            id=row.id,
            kind=NoticeKind(row.kind),
            account=row.account_id,
            to=to.email if not to.disabled else None,
            name=to.name,
            message=row.message,
            attempts=row.attempts,
            due_us=row.due_us,
            said_us=said_us,
            days_left=(facts["opens"] - facility_day(said_us, zone)).days if facts.get("opens") is not None else None,
            opens_us=row.opens_us,
            **facts,
        )

    def _visit(self, c: Connection, facts: Any, about: str | None, account_id: int, now_us: int) -> dict[str, Any]:
        """Its title only where everybody may know it, or who gets the mail is of its team."""
        zone = zone_of(c)
        rules = rules_in_force(c).get(facts.policy_version, self._rules)
        m = team_member.c
        live = m.expires_us.is_(None) | (m.expires_us > now_us)
        role = c.execute(select(m.role).where(m.team_id == facts.team_id, m.account_id == account_id, live)).scalar()
        table = investigation
        row = None
        for table in (investigation, dataset):
            which = table.c.terms_id == facts.id if about is None else table.c.pid == about
            query = select(table.c.pid, table.c.title, instrument.c.name).outerjoin(
                instrument, instrument.c.id == table.c.instrument_id
            )
            row = c.execute(query.where(which).order_by(table.c.id).limit(1)).first()
            if row is not None:
                break
        named = role is not None or may_read(ANONYMOUS, facts, Artefact.CORE_METADATA, now_us)
        opens = opening(facts)
        return {
            "terms": facts,
            "visit": row.pid if row is not None else about,
            "title": row.title if row is not None and named else None,
            "instrument": row.name if row is not None and named else None,
            "opens": facility_day(opens, zone) if opens is not None else None,
            "kept_until": facility_day(retained_until(facts.ends_us, rules, zone), zone) if facts.ends_us is not None else None,
            "leads": role == TeamRole.PI.value,
            "takes_part": role is not None,
            "doi": c.execute(select(doi.c.name).where(doi.c.pid == row.pid, doi.c.confirmed == DoiState.FINDABLE.value)).scalar()
            if row is not None
            else None,
        }


def _paper(c: Connection, key: str) -> dict[str, Any]:
    """As the newest version that is not withdrawn says it."""
    about, doi = said_in(key)
    concept = about.removeprefix("release ")
    query = (
        select(release_version.c.description_json)
        .join(release, release.c.id == release_version.c.release_id)
        .join(terms, terms.c.id == release_version.c.terms_id)
        .where(release.c.pid == concept, terms.c.withdrawn_us.is_(None))
    )
    newest = c.execute(query.order_by(release_version.c.number.desc()).limit(1)).scalar()
    named = newest is not None and doi in naming(read(newest).papers)
    return {"paper": doi if named else None, "release": concept}


def _leader(c: Connection, login: str) -> str:
    known = login.strip().lower()
    name = c.execute(select(account.c.name).where(account.c.login == known, account.c.disabled.is_(False))).scalar()
    return f"{name} ({known})" if name is not None else f"{known}, a login that no open account has"


def _request(c: Connection, row: Any, zone: str, now_us: int) -> dict[str, Any]:
    answer = Answer(row.answer)
    if answer is Answer.ASKED and row.deadline_us <= now_us:
        answer = Answer.EXPIRED
    kind, wanted = Kind(row.kind), json.loads(row.wanted_json)
    grant = c.execute(select(terms_grant).where(terms_grant.c.request_id == row.id)).first()
    live = grant is not None and grant.revoked_us is None
    return {
        "request": row.id,
        "request_kind": kind,
        "answer": answer,
        "asked_by": c.execute(select(account.c.name).where(account.c.id == row.asked_by)).scalar(),
        "reason": row.reason,
        "words": row.words,
        "deadline": facility_day(row.deadline_us, zone),
        "wanted_day": facility_day(wanted["to_us"], zone) if kind is Kind.EXTENSION and wanted["to_us"] is not None else None,
        "wanted_days": wanted["days"] if kind is Kind.ACCESS else None,
        "wanted_leader": _leader(c, wanted["login"]) if kind is Kind.SUCCESSION else None,
        "wanted_hold": wanted["hold"] if kind is Kind.HOLD else None,
        "expires_us": grant.expires_us if live and grant is not None else None,
        "ends": facility_day(grant.expires_us, zone) if live and grant is not None else None,
    }
