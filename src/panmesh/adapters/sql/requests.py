"""Requests in SQL: asked, answered, taken back, undone; what follows from an answer is in the same transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, false, func, literal, or_, select, true, update

from panmesh.access.artefact import Artefact
from panmesh.access.notices import NoticeKind
from panmesh.access.policy import may_read
from panmesh.access.requests import RULES, Answer, Kind, Request, Wanted, at_once, deadline, deciders, may_ask, may_decide
from panmesh.access.rules import PolicyRules
from panmesh.access.steps import Held
from panmesh.access.terms import Hold, Terms, state
from panmesh.access.viewer import Standing, TeamRole, Viewer
from panmesh.adapters.sql.audit import write_audit
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.notices import leaders, stewards, write_notices
from panmesh.adapters.sql.permission import readable, terms_of
from panmesh.adapters.sql.request_effects import Effects
from panmesh.adapters.sql.request_tables import request, terms_grant
from panmesh.adapters.sql.rules import held_of
from panmesh.adapters.sql.tables import account, dataset, investigation, pid, terms
from panmesh.kernel.errors import Conflict, Forbidden, NotFound, Stale
from panmesh.kernel.text import storable

ONE_DAY_EACH = "There is a request like this already, and nobody has decided it yet."


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    about: str
    title: str
    terms: Terms


class SqlRequests:
    """Implements `access.requests.RequestStore`."""

    def __init__(self, database: Database, rules: PolicyRules) -> None:
        self._db = database
        self._rules = rules

    def kinds(self, viewer: Viewer, about: str, now_us: int) -> tuple[Kind, ...]:
        with self._db.read() as connection:
            subject = _subject(connection, viewer, about, now_us)
            return tuple(kind for kind in Kind if may_ask(viewer, subject.terms, kind, now_us))

    def held(self, viewer: Viewer, about: str, now_us: int) -> tuple[str, Held]:
        with self._db.read() as connection:
            subject = _subject(connection, viewer, about, now_us)
            return subject.about, held_of(connection, subject.terms.id, self._rules, writing=False)

    def granted_until(self, viewer: Viewer, terms_id: int, now_us: int) -> int | None:
        """When the access to these terms ends that they were given for a time; None: they have none."""
        g = terms_grant.c
        mine = (g.account_id == viewer.user_id, g.terms_id == terms_id, g.standing == Standing.GRANTEE.value)
        live = (g.revoked_us.is_(None), g.expires_us > now_us)
        with self._db.read() as connection:
            return connection.execute(select(func.max(g.expires_us)).where(*mine, *live)).scalar()

    def ask(self, viewer: Viewer, wanted: Wanted, now_us: int) -> Request:
        with self._db.write() as connection:
            self._db.lock(connection, "requests")
            subject = _subject(connection, viewer, wanted.about, now_us)
            kind = wanted.kind
            if not may_ask(viewer, subject.terms, kind, now_us):
                current = state(subject.terms, now_us).value
                raise Forbidden(f"You cannot ask for this ({kind.value}): the data are {current}, or it is not for you to ask.")
            same = select(request.c.id).where(
                request.c.terms_id == subject.terms.id,
                request.c.kind == kind.value,
                request.c.answer == Answer.ASKED.value,
                request.c.deadline_us > now_us,
                request.c.asked_by == viewer.user_id if kind is Kind.ACCESS else true(),
            )
            if connection.execute(same).first() is not None:
                raise Conflict(ONE_DAY_EACH)
            details = {"to_us": wanted.to_us, "days": wanted.days, "login": wanted.login, "hold": Hold(wanted.hold).value}
            effects = Effects(connection, self._rules, now_us)
            until = effects.asked(subject.terms.id, kind, wanted.to_us)
            row = {
                "kind": kind.value,
                "terms_id": subject.terms.id,
                "about": subject.about,
                "title": subject.title,
                "asked_by": viewer.user_id,
                "asked_us": now_us,
                "reason": wanted.reason.strip(),
                "wanted_json": json.dumps(details),
                "answer": Answer.ASKED.value,
                "deadline_us": until or deadline(kind, now_us),
                "revision": 1,
            }
            number = int(connection.execute(request.insert().values(**row).returning(request.c.id)).scalar_one())
            said = {"request": number, "kind": kind.value, "reason": row["reason"]}
            write_audit(connection, viewer, "request asked", subject.about, now_us, **said)
            if at_once(viewer, subject.terms, kind, now_us):
                found = _row(connection, number)
                self._settle(connection, viewer, found, Answer.GRANTED, "", now_us)
                if kind is Kind.EMERGENCY:
                    write_notices(connection, NoticeKind.ASKED, stewards(connection), due_us=now_us, request_id=number)
            else:
                to = _deciders(connection, subject.terms, kind, now_us)
                write_notices(connection, NoticeKind.ASKED, to, due_us=now_us, request_id=number)
            return _shape(connection, viewer, _row(connection, number), now_us)

    def decide(self, viewer: Viewer, number: int, *, grant: bool, words: str, revision: int, now_us: int) -> Request:
        with self._db.write() as connection:
            self._db.lock(connection, "requests")
            row = _found(connection, viewer, number, now_us)
            if not _may_decide(connection, viewer, row, now_us):
                raise Forbidden("It is not for you to decide this request.")
            if row.revision != revision:
                raise Stale("The request has changed since you read it: somebody else was quicker.")
            if _answer(row, now_us) is not Answer.ASKED:
                raise Conflict(f"The request is {_answer(row, now_us).value} already.")
            self._settle(connection, viewer, row, Answer.GRANTED if grant else Answer.REFUSED, words, now_us)
            write_notices(
                connection,
                NoticeKind.DECIDED,
                [row.asked_by],
                due_us=now_us,
                request_id=number,
                mark=str(revision),
            )
            return _shape(connection, viewer, _row(connection, number), now_us)

    def take_back(self, viewer: Viewer, number: int, now_us: int) -> Request:
        with self._db.write() as connection:
            self._db.lock(connection, "requests")
            row = _found(connection, viewer, number, now_us)
            if row.asked_by != viewer.user_id:
                raise Forbidden("Only who asked can take a request back.")
            if _answer(row, now_us) is not Answer.ASKED:
                raise Conflict(f"The request is {_answer(row, now_us).value} already.")
            self._settle(connection, viewer, row, Answer.TAKEN_BACK, "", now_us)
            return _shape(connection, viewer, _row(connection, number), now_us)

    def undo(self, viewer: Viewer, number: int, now_us: int) -> Request:
        """What was granted is taken away again; what was refused waits again."""
        with self._db.write() as connection:
            self._db.lock(connection, "requests")
            row = _found(connection, viewer, number, now_us)
            if not _may_decide(connection, viewer, row, now_us):
                raise Forbidden("Only who decides can undo a decision.")
            if not _may_undo(row):
                raise Conflict("This cannot be undone.")
            effects = Effects(connection, self._rules, now_us)
            was = Answer(row.answer)
            if was is Answer.GRANTED:
                effects.undone(row)
            elif row.deadline_us > now_us:
                effects.asked(row.terms_id, Kind(row.kind), json.loads(row.wanted_json)["to_us"])
            values = {
                "answer": (Answer.UNDONE if was is Answer.GRANTED else Answer.ASKED).value,
                "decided_us": now_us,
                "decided_by": viewer.user_id,
                "revision": row.revision + 1,
            }
            connection.execute(update(request).where(request.c.id == number).values(**values))
            write_audit(connection, viewer, "decision undone", row.about, now_us, request=number, kind=row.kind, was=row.answer)
            if was is Answer.GRANTED and row.asked_by != viewer.user_id:
                mark = str(values["revision"])
                write_notices(connection, NoticeKind.DECIDED, [row.asked_by], due_us=now_us, request_id=number, mark=mark)
            return _shape(connection, viewer, _row(connection, number), now_us)

    def request(self, viewer: Viewer, number: int, now_us: int) -> Request:
        with self._db.read() as connection:
            return _shape(connection, viewer, _found(connection, viewer, number, now_us), now_us)

    def requests(
        self, viewer: Viewer, now_us: int, *, about: str | None, waiting: bool, offset: int, limit: int
    ) -> Sequence[Request]:
        where = [_concerns(viewer)]
        if about is not None:
            where.append(request.c.about == storable(about))
        if waiting:
            where.append(and_(request.c.answer == Answer.ASKED.value, request.c.deadline_us > now_us))
        query = _select().where(*where).order_by(request.c.id.desc()).offset(offset).limit(limit)
        with self._db.read() as connection:
            return [_shape(connection, viewer, row, now_us) for row in connection.execute(query).all()]

    def _settle(self, c: Connection, viewer: Viewer, row: Any, answer: Answer, words: str, now_us: int) -> None:
        effects = Effects(c, self._rules, now_us)
        before = effects.granted(row, words) if answer is Answer.GRANTED else effects.not_granted(row)
        values = {
            "answer": answer.value,
            "decided_by": viewer.user_id,
            "decided_us": now_us,
            "words": words or None,
            "before_json": json.dumps(before),
            "revision": row.revision + 1,
        }
        c.execute(update(request).where(request.c.id == row.id).values(**values))
        write_audit(c, viewer, f"request {answer.value}", row.about, now_us, request=row.id, kind=row.kind, words=words)


def _subject(connection: Connection, viewer: Viewer, about: str, now_us: int) -> Subject:
    """A visit, or a run by its concept's pid. Raises NotFound for what the viewer may not know of."""
    may = readable(viewer, Artefact.PID_RECORD, now_us)
    concept = select(pid.c.concept).where(pid.c.pid == storable(about)).scalar_subquery()
    wanted = func.coalesce(concept, literal(storable(about)))
    for table in (investigation, dataset):
        query = (
            select(table.c.pid, table.c.title, *terms.c)
            .join(terms, terms.c.id == table.c.terms_id)
            .where(table.c.pid == wanted, may)
        )
        row = connection.execute(query).mappings().first()
        if row is not None:
            held = terms_of({c.name: row[c] for c in terms.c})
            named = may_read(viewer, held, Artefact.CORE_METADATA, now_us)
            return Subject(about=row[table.c.pid], title=(row[table.c.title] if named else None) or row[table.c.pid], terms=held)
    raise NotFound()


def _select() -> Any:
    asker, decider = account.alias("asker"), account.alias("decider")
    return (
        select(
            request,
            asker.c.name.label("asker_name"),
            decider.c.name.label("decider_name"),
            investigation.c.pid.label("visit_pid"),
            *(c.label(f"held_{c.name}") for c in terms.c),
        )
        .join(terms, terms.c.id == request.c.terms_id)
        .join(asker, asker.c.id == request.c.asked_by)
        .outerjoin(decider, decider.c.id == request.c.decided_by)
        .outerjoin(investigation, investigation.c.pid == request.c.about)
    )


def _row(connection: Connection, number: int) -> Row[Any]:
    found: Row[Any] = connection.execute(_select().where(request.c.id == number)).one()
    return found


def _found(connection: Connection, viewer: Viewer, number: int, now_us: int) -> Row[Any]:
    row: Row[Any] | None = connection.execute(_select().where(request.c.id == number, _concerns(viewer))).first()
    if row is None:
        raise NotFound()
    return row


def _concerns(viewer: Viewer) -> ColumnElement[bool]:
    """Who asked, who leads the team that it is about, and the steward and admin, who answer for everything here."""
    if viewer.operator or viewer.steward or viewer.admin:
        return true()
    led = [team for team, role in viewer.teams.items() if role is TeamRole.PI]
    return or_(request.c.asked_by == viewer.user_id, terms.c.team_id.in_(led) if led else false())


def _terms(row: Row[Any]) -> Terms:
    return terms_of({c.name: row._mapping[f"held_{c.name}"] for c in terms.c})


def _may_decide(connection: Connection, viewer: Viewer, row: Any, now_us: int) -> bool:
    held = _terms(row)
    has_pi = bool(leaders(connection, held.team_id, now_us))
    asked = {"asked_us": row.asked_us, "asked_by": row.asked_by, "has_pi": has_pi}
    return may_decide(viewer, held, Kind(row.kind), now_us, **asked)


def _deciders(connection: Connection, held: Terms, kind: Kind, now_us: int) -> list[int]:
    led = leaders(connection, held.team_id, now_us)
    return led if Standing.PI in deciders(held, kind, now_us) and led else stewards(connection)


def _answer(row: Any, now_us: int) -> Answer:
    """What nobody answered expires by the clock."""
    answer = Answer(row.answer)
    return Answer.EXPIRED if answer is Answer.ASKED and row.deadline_us <= now_us else answer


def _may_undo(row: Any) -> bool:
    answer = Answer(row.answer)
    return answer is Answer.REFUSED or (answer is Answer.GRANTED and RULES[Kind(row.kind)].undo)


def _shape(connection: Connection, viewer: Viewer, row: Any, now_us: int) -> Request:
    held = _terms(row)
    may = _may_decide(connection, viewer, row, now_us)
    answer = _answer(row, now_us)
    named = may_read(viewer, held, Artefact.CORE_METADATA, now_us)
    return Request(
        id=row.id,
        kind=Kind(row.kind),
        about=row.about,
        title=row.title if named else row.about,
        visit=row.visit_pid,
        asked_by=row.asker_name,
        asked_us=row.asked_us,
        reason=row.reason,
        wanted=json.loads(row.wanted_json),
        answer=answer,
        deadline_us=row.deadline_us,
        decided_by=row.decider_name,
        decided_us=row.decided_us,
        words=row.words,
        revision=row.revision,
        state=state(held, now_us),
        opens_us=held.opens_us,
        may_decide=may and answer is Answer.ASKED,
        may_undo=may and _may_undo(row),
        mine=row.asked_by == viewer.user_id,
    )
