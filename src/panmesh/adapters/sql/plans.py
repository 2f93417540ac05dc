"""Data management plans in SQL: a proposal with its visits and what they left, as far as one viewer may know."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, Select, and_, case, false, func, literal_column, or_, select
from sqlalchemy.exc import IntegrityError

from panmesh.access.artefact import Artefact
from panmesh.access.plan_policy import may_answer_plan, may_read_plan
from panmesh.access.policy import may_read
from panmesh.access.terms import Terms, state
from panmesh.access.viewer import TeamRole, Viewer
from panmesh.adapters.sql.conditions import Compiler
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.permission import readable, takes_place, terms_of
from panmesh.adapters.sql.plan_tables import plan_answers
from panmesh.adapters.sql.tables import (
    account,
    change,
    dataset,
    dataset_technique,
    facility,
    instrument,
    investigation,
    proposal,
    team_member,
    terms,
)
from panmesh.adapters.sql.technique_names import technique_names
from panmesh.catalogue.model import Origin
from panmesh.kernel import techniques
from panmesh.kernel.errors import Stale
from panmesh.kernel.text import storable
from panmesh.publication.plan import Answers, InstrumentProfile, Known, Measured, Participant, ProposalFacts, Visit
from panmesh.publication.planning import Found

_NAMED = 12  # techniques that a plan names


class SqlPlans:
    """Implements `publication.planning.PlanStore`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def proposal(self, viewer: Viewer, pid: str, now_us: int) -> Found | None:
        with self._db.read() as connection:
            read = _read(connection, viewer, pid, now_us)
            if read is None:
                return None
            row, visits, terms_by_id = read
            told = [terms_by_id[v.terms_id] for v in visits]
            known = [v for v in visits if may_read(viewer, terms_by_id[v.terms_id], Artefact.CORE_METADATA, now_us)]
            measured = _measured(connection, viewer, [v.id for v in known], now_us)
            changed = _changed(connection, [v.pid for v in known])
            facts = ProposalFacts(
                pid=row.pid,
                number=row.number,
                title=row.title,
                abstract=row.proposal_text,
                kind=row.kind,
                policy_version=row.policy_version,
                zone=row.time_zone,
                created_us=_created(changed, measured, now_us),
                participants=_participants(connection, row.team_id, now_us),
                visits=tuple(_visit(v, terms_by_id[v.terms_id], measured, changed, now_us) for v in known),
            )
        return Found(
            facts,
            {v.pid: v.instrument_key for v in known if v.instrument_key},
            may_answer_plan(viewer, row.team_id, told, now_us),
        )

    def readable(self, viewer: Viewer, pid: str, now_us: int) -> str | None:
        with self._db.read() as connection:
            found = _read(connection, viewer, pid, now_us)
        return None if found is None else str(found[0].pid)

    def answers(self, pid: str) -> tuple[Answers, ...]:
        query = select(plan_answers).where(plan_answers.c.proposal_pid == pid).order_by(plan_answers.c.revision.desc())
        with self._db.read() as connection:
            return tuple(_answers(row) for row in connection.execute(query))

    def answer(self, pid: str, revision: int, answers: Answers, by: str, now_us: int) -> Answers:
        said = {key: value for key, value in asdict(answers).items() if key not in ("revision", "at_us", "by")}
        row = {"proposal_pid": pid, "revision": revision + 1, "answers_json": json.dumps(said), "by": by, "at_us": now_us}
        newest = select(func.coalesce(func.max(plan_answers.c.revision), 0)).where(plan_answers.c.proposal_pid == pid)
        try:
            with self._db.write() as connection:
                if connection.execute(newest).scalar_one() != revision:
                    raise _stale(revision)
                connection.execute(plan_answers.insert(), row)
        except IntegrityError as error:  # somebody answered between the two
            raise _stale(revision) from error
        return self.answers(pid)[0]

    def plans(self, viewer: Viewer, now_us: int, *, offset: int, limit: int) -> tuple[tuple[str, str, str | None], ...]:
        visited = select(investigation.c.id).where(investigation.c.proposal_id == proposal.c.id)
        open_to = (
            visited.join(terms, terms.c.id == investigation.c.terms_id)
            .where(readable(viewer, Artefact.PROPOSAL_TEXT, now_us))
            .exists()
        )
        everywhere = viewer.operator or viewer.steward or viewer.admin
        planned = and_(~visited.exists(), literal_column("1") == literal_column("1") if everywhere else _of(viewer))
        query = select(proposal.c.pid, proposal.c.number, proposal.c.title).where(or_(open_to, planned))
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(proposal.c.id.desc()).offset(offset).limit(limit))
            return tuple((r.pid, r.number, r.title) for r in rows)


def _read(connection: Connection, viewer: Viewer, pid: str, now_us: int) -> tuple[Any, Sequence[Any], dict[int, Terms]] | None:
    """The proposal with its visits and their terms, when the viewer may read its plan."""
    named = or_(proposal.c.pid == storable(pid), proposal.c.number == storable(pid))
    query = select(proposal, facility.c.time_zone).join(facility, facility.c.id == proposal.c.facility_id).where(named)
    row = connection.execute(query.order_by((proposal.c.pid == storable(pid)).desc(), proposal.c.id)).first()
    if row is None:
        return None
    visits = connection.execute(_visits(row.id)).all()
    terms_by_id = _terms(connection, [v.terms_id for v in visits])
    told = [terms_by_id[v.terms_id] for v in visits]
    return (row, visits, terms_by_id) if may_read_plan(viewer, row.team_id, told, now_us) else None


def _of(viewer: Viewer) -> Any:
    return proposal.c.team_id.in_(list(viewer.teams)) if viewer.teams else false()


def _stale(revision: int) -> Stale:
    return Stale("Somebody has answered since you looked at the plan; look at it again.", str(revision))


def _visits(proposal_id: int) -> Select[Any]:
    return (
        select(
            investigation,
            instrument.c.pid.label("instrument_pid"),
            instrument.c.instrument_key,
            instrument.c.name.label("instrument_name"),
        )
        .outerjoin(instrument, instrument.c.id == investigation.c.instrument_id)
        .join(terms, terms.c.id == investigation.c.terms_id)
        .where(takes_place(), investigation.c.proposal_id == proposal_id, investigation.c.natural_key.not_like("%|quarantine"))
        .order_by(investigation.c.starts_us, investigation.c.id)
    )


def _terms(connection: Connection, ids: list[int]) -> dict[int, Terms]:
    rows = connection.execute(select(terms).where(terms.c.id.in_(ids))).mappings()
    return {row["id"]: terms_of(row) for row in rows}


def _visit(row: Any, under: Terms, measured: dict[int, Measured], changed: dict[str, tuple[int, int]], now_us: int) -> Visit:
    profile = InstrumentProfile(pid=row.instrument_pid, name=row.instrument_name) if row.instrument_pid else None
    return Visit(
        pid=row.pid,
        visit_id=row.visit_id,
        title=row.title,
        instrument=profile,
        starts_us=row.starts_us,
        ends_us=row.ends_us,
        opens_us=under.opens_us,
        state=state(under, now_us),
        access=under.access,
        changed_us=changed[row.pid][1] if row.pid in changed else None,
        measured=measured.get(row.id, Measured()),
    )


def _measured(connection: Connection, viewer: Viewer, ids: list[int], now_us: int) -> dict[int, Measured]:
    """Of each visit, over the native runs whose files and quantities this viewer may know."""
    may = Compiler(viewer, now_us).may(Artefact.FULL_METADATA)
    here = and_(dataset.c.investigation_id.in_(ids), may, dataset.c.origin != Origin.MIRRORED.value)
    number = dataset.c.investigation_id.label("visit")
    sums = select(
        number,
        func.count().label("runs"),
        func.sum(dataset.c.file_count).label("files"),
        func.sum(dataset.c.total_bytes).label("size"),
        func.max(dataset.c.updated_us).label("updated"),
    )
    forms: dict[int, list[str]] = {}
    for visit, form in connection.execute(select(number, dataset.c.format).where(here, dataset.c.format.is_not(None)).distinct()):
        forms.setdefault(visit, []).append(form)
    named = _techniques(connection, here)
    return {
        row.visit: Measured(
            datasets=row.runs,
            files=int(row.files or 0),
            size=int(row.size or 0),
            formats=tuple(sorted(forms.get(row.visit, ()))),
            techniques=tuple(sorted(named.get(row.visit, ()))[:_NAMED]),
            updated_us=row.updated,
        )
        for row in connection.execute(sums.where(here).group_by(dataset.c.investigation_id))
    }


def _techniques(connection: Connection, here: Any) -> dict[int, set[str]]:
    found = connection.execute(
        select(dataset.c.investigation_id, dataset_technique.c.technique_pid)
        .join(dataset_technique, dataset_technique.c.dataset_id == dataset.c.id)
        .where(here)
        .distinct()
    ).all()
    own = technique_names(connection, sorted({r.technique_pid for r in found}))
    named: dict[int, set[str]] = {}
    for row in found:
        label = own.get(row.technique_pid) or techniques.label(row.technique_pid) or row.technique_pid
        named.setdefault(row.investigation_id, set()).add(label)
    return named


def _changed(connection: Connection, pids: list[str]) -> dict[str, tuple[int, int]]:
    """When each visit was first and last written, as far as the change feed goes back."""
    query = select(change.c.pid, func.min(change.c.at_us).label("first"), func.max(change.c.at_us).label("last"))
    rows = connection.execute(query.where(change.c.kind == "investigation", change.c.pid.in_(pids)).group_by(change.c.pid))
    return {row.pid: (row.first, row.last) for row in rows}


def _created(changed: dict[str, tuple[int, int]], measured: dict[int, Measured], now_us: int) -> int:
    known = [first for first, _ in changed.values()] + [m.updated_us for m in measured.values() if m.updated_us is not None]
    return min(known, default=now_us)


def _participants(connection: Connection, team_id: int | None, now_us: int) -> tuple[Participant, ...]:
    live = or_(team_member.c.expires_us.is_(None), team_member.c.expires_us > now_us)
    first = case((team_member.c.role == TeamRole.PI.value, 0), else_=1)
    query = (
        select(account.c.name, account.c.orcid, account.c.email, team_member.c.role)
        .join(account, account.c.id == team_member.c.account_id)
        .where(team_member.c.team_id == team_id, live, team_member.c.role != TeamRole.GRANTEE.value)
        .order_by(first, account.c.name)
    )
    return tuple(Participant(name=r.name, role=r.role, orcid=r.orcid, email=r.email) for r in connection.execute(query))


def _answers(row: Any) -> Answers:
    said = json.loads(row.answers_json)
    known = {field.name for field in fields(Answers)}
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in said.items() if k in known}
    for name in ("ethical_issues", "personal_data", "sensitive_data"):
        values[name] = Known(values.get(name, Known.UNKNOWN))
    return Answers(**values, revision=row.revision, at_us=row.at_us, by=row.by)
