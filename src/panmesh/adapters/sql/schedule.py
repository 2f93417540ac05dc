"""The schedule in SQL: proposals, visits with their terms, teams, instruments; what was in quarantine is placed again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, false, or_, select, update

from panmesh.access.rules import PolicyRules
from panmesh.access.terms import AccessClass
from panmesh.access.viewer import MemberSource, TeamRole, Viewer
from panmesh.adapters.sql.audit import write_audit
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.dialects import insert_many
from panmesh.adapters.sql.documents import keep_document
from panmesh.adapters.sql.materialise import materialise_many
from panmesh.adapters.sql.people_tables import team_removal
from panmesh.adapters.sql.rules import keep_plain, pin, planned_opening, rules_of
from panmesh.adapters.sql.tables import (
    account,
    account_instrument,
    change,
    dataset,
    facility,
    instrument,
    investigation,
    pid,
    proposal,
    team,
    team_member,
    terms,
    unit,
    unit_dataset,
)
from panmesh.catalogue.model import ProposalKind
from panmesh.ingest.schedule import Difference, PlannedVisit
from panmesh.kernel.clock import DAY_US, iso
from panmesh.kernel.pid import mint

AS_A_PERSON_SAID = "stays as the team's leader said"


class _DryRun(Exception):
    pass


class SqlSchedule:
    """Implements `ingest.schedule.ScheduleStore`."""

    def __init__(self, database: Database, facility_key: str, *, returning: bool = False) -> None:
        """`returning`: whom a person took out of a team comes back when the schedule still names them."""
        self._db = database
        self._returning = returning
        self._facility_key = facility_key

    def apply(
        self,
        viewer: Viewer,
        visits: Sequence[PlannedVisit],
        *,
        rules: PolicyRules,
        correct_ended: bool,
        dry_run: bool,
        now_us: int,
    ) -> list[Difference]:
        """A dry run does everything and takes it back: the difference it shows is the one that would be made."""
        found: list[Difference] = []
        try:
            with self._db.write() as connection:
                self._db.lock(connection, "directory")
                import_ = _Import(
                    connection,
                    self._facility_key,
                    pin(connection, rules, now_us),
                    correct_ended=correct_ended,
                    now_us=now_us,
                    found=found,
                    returning=self._returning,
                )
                for visit in visits:
                    import_.visit(visit)
                import_.settle_teams()
                import_.place_again()
                if dry_run:
                    raise _DryRun
                made = [d for d in found if d.change not in ("same", AS_A_PERSON_SAID)]
                write_audit(connection, viewer, "schedule imported", None, now_us, visits=len(visits), changes=len(made))
                if made:
                    connection.execute(change.insert(), {"at_us": now_us, "kind": "schedule", "pid": "", "what": "imported"})
        except _DryRun:
            pass
        return found


class _Import:
    def __init__(
        self,
        connection: Connection,
        facility_key: str,
        rules: PolicyRules,
        *,
        correct_ended: bool,
        now_us: int,
        found: list[Difference],
        returning: bool,
    ) -> None:
        self._connection = connection
        self._returning = returning
        self._accepted: dict[int, PolicyRules] = {}  # proposal → what it was accepted under
        self._rules = rules
        self._correct_ended = correct_ended
        self._now_us = now_us
        self._found = found
        self._facility_key = facility_key
        self._facility_id = connection.execute(select(facility.c.id).where(facility.c.facility_key == facility_key)).scalar_one()
        self._said: set[tuple[str, str]] = set()
        self._wanted: dict[int, dict[int, tuple[str, TeamRole]]] = {}  # team → account → login, role
        self._team_names: dict[int, str] = {}
        self._new_teams: set[int] = set()
        self._times: dict[int, tuple[int, int]] = {}  # instrument → from when to when its visits are new or changed

    def visit(self, visit: PlannedVisit) -> None:
        instrument_id = self._instrument(visit.instrument)
        team_id = self._team(visit)
        proposal_id = self._proposal(visit, team_id)
        for login in visit.local_contacts:
            self._local_contact(self._account(login, None), instrument_id)
        self._investigation(visit, proposal_id, instrument_id, team_id)

    def place_again(self) -> None:
        """Runs in quarantine, and those of instruments that had no schedule about then, are read again and may now join a visit."""
        scheduled = select(instrument.c.id).where(instrument.c.scheduled.is_(True), instrument.c.facility_id == self._facility_id)
        start, number = dataset.c.start_us, dataset.c.instrument_id
        concerned = [
            and_(number == i, start >= first - DAY_US, start < last + DAY_US) for i, (first, last) in self._times.items()
        ]
        unscheduled = and_(investigation.c.kind == ProposalKind.UNSCHEDULED.value, or_(false(), *concerned))
        waiting = (
            select(unit_dataset.c.unit_id)
            .join(dataset, dataset.c.id == unit_dataset.c.dataset_id)
            .outerjoin(investigation, investigation.c.id == dataset.c.investigation_id)
            .where(number.in_(scheduled), or_(dataset.c.quarantine.is_not(None), unscheduled))
        )
        done = self._connection.execute(
            update(unit)
            .where(unit.c.id.in_(waiting))
            .values(state="seen", claimed_by=None, claimed_until_us=None, seen_us=self._now_us)
        )
        if done.rowcount:
            name = f"{done.rowcount} file{'' if done.rowcount == 1 else 's'}"
            self._note("placement", name, "in quarantine or not scheduled until now: read again, and placed by this schedule")

    def _note(self, what: str, name: str, change_: str) -> None:
        if (what, name) not in self._said:
            self._said.add((what, name))
            self._found.append(Difference(what=what, name=name, change=change_))

    def _instrument(self, key: str) -> int:
        c = self._connection
        row = c.execute(
            select(instrument).where(instrument.c.facility_id == self._facility_id, instrument.c.instrument_key == key)
        ).first()
        if row is None:
            new = self._pid("instrument")
            values = {
                "pid": new,
                "facility_id": self._facility_id,
                "instrument_key": key,
                "name": key,
                "aliases_json": "[]",
                "scheduled": True,
            }
            self._note("instrument", key, "new")
            return int(c.execute(instrument.insert().values(**values).returning(instrument.c.id)).scalar_one())
        if not row.scheduled:
            c.execute(update(instrument).where(instrument.c.id == row.id).values(scheduled=True))
            self._note("instrument", key, "has a schedule from now on")
        return int(row.id)

    def _account(self, login: str, name: str | None) -> int:
        c = self._connection
        found = c.execute(select(account.c.id).where(account.c.login == login)).scalar()
        if found is not None:
            return int(found)
        self._note("account", login, "new, without a password")
        values = {
            "login": login,
            "name": name or login,
            "admin": False,
            "steward": False,
            "disabled": False,
            "created_us": self._now_us,
        }
        return int(c.execute(account.insert().values(**values).returning(account.c.id)).scalar_one())

    def _local_contact(self, account_id: int, instrument_id: int) -> None:
        row = {"account_id": account_id, "instrument_id": instrument_id}
        known = select(account_instrument).filter_by(**row)
        if self._connection.execute(known).first() is None:
            self._connection.execute(account_instrument.insert(), row)

    def _team(self, visit: PlannedVisit) -> int:
        """Of the proposal: whoever is named with any of its visits in this schedule belongs to it (`settle_teams`)."""
        c = self._connection
        name = f"{self._facility_key}:{visit.proposal}"
        team_id = c.execute(select(team.c.id).where(team.c.name == name)).scalar()
        if team_id is None:
            team_id = c.execute(team.insert().values(name=name).returning(team.c.id)).scalar_one()
            self._note("team", name, "new")
            self._new_teams.add(team_id)
        self._team_names[team_id] = name
        wanted = self._wanted.setdefault(team_id, {})
        for login in visit.members:
            wanted.setdefault(self._account(login, None), (login, TeamRole.MEMBER))
        if visit.pi is not None:
            wanted[self._account(visit.pi, visit.pi_name)] = (visit.pi, TeamRole.PI)
        return int(team_id)

    def settle_teams(self) -> None:
        """Teams become what the schedule says. Whom another schedule put in and this one does not name leaves; whom a person put in stays.
        Of a proposal without any name nothing is said: the export may not have the column."""
        for team_id, wanted in self._wanted.items():
            if wanted:
                self._settle(team_id, wanted)

    def _settle(self, team_id: int, wanted: dict[int, tuple[str, TeamRole]]) -> None:
        c = self._connection
        known = {r.account_id: r for r in c.execute(select(team_member).where(team_member.c.team_id == team_id))}
        if any(r.role == TeamRole.PI.value and r.source == MemberSource.PERSON.value for r in known.values()):
            wanted = _as_succeeded(wanted, known)
        removed = set() if self._returning else self._removed(team_id)
        for account_id, (login, role) in wanted.items():
            kept = known.get(account_id)
            if account_id in removed or (kept is not None and not self._returning and _said_by_a_person(kept, role)):
                self._note("team", f"{self._team_names[team_id]} {login}", AS_A_PERSON_SAID)
                continue
            mine = (team_member.c.team_id == team_id, team_member.c.account_id == account_id)
            was = known.get(account_id)
            if was is None:
                row = {
                    "team_id": team_id,
                    "account_id": account_id,
                    "role": role.value,
                    "expires_us": None,
                    "since_us": self._now_us,
                }
                c.execute(team_member.insert(), row | {"source": MemberSource.SCHEDULE.value})
            elif was.role != role.value or was.expires_us is not None or was.source != MemberSource.SCHEDULE.value:
                values = {"role": role.value, "expires_us": None, "source": MemberSource.SCHEDULE.value}
                c.execute(update(team_member).where(*mine).values(**values))
            if team_id not in self._new_teams and (was is None or was.role != role.value):
                self._note("team", f"{self._team_names[team_id]} {login}", f"{was.role if was else 'nobody'} → {role.value}")
        gone = [r for r in known.values() if r.account_id not in wanted and r.source == MemberSource.SCHEDULE.value]
        for left in gone:
            c.execute(delete(team_member).where(team_member.c.team_id == team_id, team_member.c.account_id == left.account_id))
            login = c.execute(select(account.c.login).where(account.c.id == left.account_id)).scalar_one()
            self._note("team", f"{self._team_names[team_id]} {login}", f"{left.role} → nobody")

    def _removed(self, team_id: int) -> set[int]:
        query = select(team_removal.c.account_id).where(team_removal.c.team_id == team_id)
        return set(self._connection.execute(query).scalars())

    def _proposal(self, visit: PlannedVisit, team_id: int) -> int:
        c = self._connection
        where = (proposal.c.facility_id == self._facility_id, proposal.c.number_folded == visit.proposal_key)
        row = c.execute(select(proposal).where(*where)).first()
        if row is None:
            values = {
                "pid": self._pid("proposal"),
                "facility_id": self._facility_id,
                "number": visit.proposal,
                "number_folded": visit.proposal_key,
                "title": visit.title,
                "kind": visit.kind.value,
                "policy_version": self._rules.version,
                "team_id": team_id,
            }
            self._note("proposal", visit.proposal, "new")
            number = int(c.execute(proposal.insert().values(**values).returning(proposal.c.id)).scalar_one())
            self._accepted[number] = self._rules
            return number
        if row.id not in self._accepted:
            self._accepted[row.id] = rules_of(c, row.policy_version, self._rules)
        if visit.title is not None and row.title != visit.title:
            c.execute(update(proposal).where(proposal.c.id == row.id).values(title=visit.title))
            self._note("proposal", visit.proposal, f"title {row.title!r} → {visit.title!r}")
        else:
            self._note("proposal", visit.proposal, "same")
        return int(row.id)

    def _investigation(self, visit: PlannedVisit, proposal_id: int, instrument_id: int, team_id: int) -> None:
        c = self._connection
        key = f"{self._facility_key}|{visit.proposal_key}|{visit.visit_id}"
        row = c.execute(select(investigation).where(investigation.c.natural_key == key)).first()
        rules = self._accepted[proposal_id]
        planned: dict[str, Any] = {
            "access": _access(visit).value,
            "team_id": team_id,
            "instrument_id": instrument_id,
            "starts_us": visit.starts_us,
            "ends_us": visit.ends_us,
        }
        planned["opens_us"] = planned_opening(c, row.terms_id if row is not None else None, planned, rules)
        name = f"{visit.proposal} {visit.visit_id}"
        if row is None and visit.cancelled:
            self._note("visit", name, "cancelled, and never was here")
            return
        if row is None:
            terms_id = c.execute(
                terms.insert()
                .values(policy_version=rules.version, core_from_proposal=rules.core_from_proposal, **planned)
                .returning(terms.c.id)
            ).scalar_one()
            new = self._pid("investigation")
            values = {
                "pid": new,
                "facility_id": self._facility_id,
                "proposal_id": proposal_id,
                "instrument_id": instrument_id,
                "terms_id": terms_id,
                "natural_key": key,
                "visit_id": visit.visit_id,
                "title": visit.title,
                "kind": visit.kind.value,
                "starts_us": visit.starts_us,
                "ends_us": visit.ends_us,
            }
            keep_document(c, c.execute(investigation.insert().values(**values).returning(investigation.c.id)).scalar_one())
            c.execute(change.insert(), {"at_us": self._now_us, "kind": "investigation", "pid": new, "what": "created"})
            self._note("visit", name, "new")
            self._concern(visit, instrument_id)
            return
        self._renew(row, visit, planned, name)

    def _concern(self, visit: PlannedVisit, instrument_id: int) -> None:
        first, last = self._times.get(instrument_id, (visit.starts_us, visit.ends_us))
        self._times[instrument_id] = min(first, visit.starts_us), max(last, visit.ends_us)

    def _is_over(self, row: Any) -> bool:
        """It ended and has runs: what counts from its end has begun to run."""
        return row.ends_us is not None and row.ends_us <= self._now_us and self._has_runs(row)

    def _has_runs(self, row: Any) -> bool:
        runs = select(dataset.c.id).where(dataset.c.investigation_id == row.id).limit(1)
        return self._connection.execute(runs).first() is not None

    def _renew(self, row: Any, visit: PlannedVisit, planned: dict[str, Any], name: str) -> None:
        """A visit that is over keeps its dates, and with them its embargo (law 7), unless they are expressly corrected; its policy
        version never changes."""
        c = self._connection
        old = c.execute(select(terms).where(terms.c.id == row.terms_id)).one()
        if visit.cancelled and self._has_runs(row):
            self._note("visit", name, "is cancelled in this schedule, but has runs: it stays until they are moved or discarded")
            return
        differs = {k: v for k, v in planned.items() if getattr(old, k) != v}
        keeps = (self._is_over(row) and not self._correct_ended) or old.deleted_us is not None
        pinned = {k: differs[k] for k in _PINNED if k in differs} if keeps else {}
        differs = {k: v for k, v in differs.items() if k not in pinned}
        ours = {"title": visit.title or row.title, "kind": row.kind if pinned else visit.kind.value}
        renamed = {k: v for k, v in ours.items() if getattr(row, k) != v}
        said = [f"{_WORDS.get(k, k)} {_said(k, getattr(old, k))} → {_said(k, v)}" for k, v in differs.items()]
        said += [f"{k} {getattr(row, k)!r} → {v!r}" for k, v in renamed.items()]
        why = "was deleted" if old.deleted_us is not None else "is over"
        said += [f"{why} and keeps its {_WORDS[k]} {_said(k, getattr(old, k))}, not {_said(k, v)}" for k, v in pinned.items()]
        self._note("visit", name, "; ".join(said) or "same")
        if not differs and not renamed:
            return
        if differs:
            c.execute(update(terms).where(terms.c.id == row.terms_id).values(**differs))
            if "opens_us" in differs:
                keep_plain(c, row.terms_id, planned, rules_of(c, old.policy_version, self._rules))
            self._concern(visit, planned["instrument_id"])
        own = {k: v for k, v in differs.items() if k in ("instrument_id", "starts_us", "ends_us")}
        if own or renamed:
            c.execute(update(investigation).where(investigation.c.id == row.id).values(**own, **renamed))
        if "title" in renamed:
            self._find_by_title(row.id)
        keep_document(c, row.id)
        c.execute(change.insert(), {"at_us": self._now_us, "kind": "investigation", "pid": row.pid, "what": "updated"})

    def _find_by_title(self, investigation_id: int) -> None:
        """Runs are found by the words of their visit's title: by those of the new one from now on."""
        c = self._connection
        runs = c.execute(select(dataset.c.id, dataset.c.pid).where(dataset.c.investigation_id == investigation_id)).all()
        materialise_many(c, [run.id for run in runs], self._now_us)
        insert_many(c, change, [{"at_us": self._now_us, "kind": "dataset", "pid": run.pid, "what": "updated"} for run in runs])

    def _pid(self, kind: str) -> str:
        new = mint(os.urandom)
        self._connection.execute(pid.insert(), {"pid": new, "kind": kind, "concept": new, "version": None, "origin": "native"})
        return new


def _as_succeeded(wanted: dict[int, tuple[str, TeamRole]], known: Mapping[int, Any]) -> dict[int, tuple[str, TeamRole]]:
    """A person said who leads the team now: a schedule that still names the one before makes nobody else lead it."""
    leads = {n for n, r in known.items() if r.role == TeamRole.PI.value and r.source == MemberSource.PERSON.value}
    return {number: (login, TeamRole.MEMBER) for number, (login, _) in wanted.items() if number not in leads}


def _said_by_a_person(row: Any, role: TeamRole) -> bool:
    """An end, or only to look: that a schedule knows nothing of. Who leads is told apart before (`_as_succeeded`)."""
    by_person = row.source == MemberSource.PERSON.value and row.role != TeamRole.PI.value and role is not TeamRole.PI
    return by_person and (row.expires_us is not None or row.role != role.value)


_PINNED = ("starts_us", "ends_us", "opens_us", "access")
_WORDS = {
    "starts_us": "start",
    "ends_us": "end",
    "opens_us": "opening",
    "access": "access",
    "team_id": "team",
    "instrument_id": "instrument",
}


def _access(visit: PlannedVisit) -> AccessClass:
    """A visit that does not take place is set aside: nobody hears of it, and it gets no DOI."""
    if visit.cancelled:
        return AccessClass.ASIDE
    return AccessClass.PROPRIETARY if visit.kind is ProposalKind.PROPRIETARY else AccessClass.PUBLIC


def _said(column: str, value: Any) -> str:
    if column == "access":
        return "cancelled" if value == AccessClass.ASIDE.value else str(value)
    return iso(value) or "none" if column.endswith("_us") else str(value)
