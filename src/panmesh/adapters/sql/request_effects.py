"""What follows from asking and from an answer: terms, grants and teams, each change told in the feed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, insert, literal, or_, select, update

from panmesh.access.requests import EMERGENCY_US, Kind
from panmesh.access.rules import PolicyRules
from panmesh.access.steps import Step, take
from panmesh.access.terms import Hold, State, state
from panmesh.access.viewer import MemberSource, Standing, TeamRole
from panmesh.adapters.sql.request_tables import terms_grant
from panmesh.adapters.sql.rules import held_of, keep_held
from panmesh.adapters.sql.tables import account, change, dataset, investigation, team_member, terms
from panmesh.kernel.clock import DAY_US
from panmesh.kernel.errors import Conflict, NotFound

ACCESS = "access"  # what the feed says of a visit or run whose terms changed
_STEPS = {
    Kind.EXTENSION: Step.EXTEND,
    Kind.RELEASE: Step.RELEASE,
    Kind.HOLD: Step.HOLD,
    Kind.UNHOLD: Step.UNHOLD,
    Kind.WITHDRAWAL: Step.WITHDRAW,
    Kind.DELETION: Step.DELETE,
    Kind.DECLASSIFICATION: Step.DECLASSIFY,
}


class Effects:
    def __init__(self, connection: Connection, rules: PolicyRules, now_us: int) -> None:
        self._c = connection
        self._rules = rules
        self._now_us = now_us

    def asked(self, terms_id: int, kind: Kind, to_us: int | None) -> int | None:
        """An extension that is asked for holds the opening back for a while: returns until when, None for other kinds."""
        if kind is not Kind.EXTENSION:
            return None
        held = take(held_of(self._c, terms_id, self._rules), Step.ASK_EXTENSION, self._now_us, to_us=to_us)
        keep_held(self._c, held)
        self._tell(terms_id)
        return held.terms.opens_us

    def granted(self, row: Any, words: str) -> dict[str, Any]:
        """Returns what an undo goes back to."""
        kind, wanted = Kind(row.kind), json.loads(row.wanted_json)
        if kind in (Kind.ACCESS, Kind.EMERGENCY):
            self._grant(row, kind, wanted["days"])
            return {}
        if kind is Kind.SUCCESSION:
            return self._succeed(row.terms_id, wanted["login"])
        held = held_of(self._c, row.terms_id, self._rules)
        before = {"extended_to_us": held.embargo.extended_to_us, "hold": held.terms.hold and held.terms.hold.value}
        after = take(held, _STEPS[kind], self._now_us, to_us=wanted["to_us"], hold=Hold(wanted["hold"]))
        if kind in (Kind.WITHDRAWAL, Kind.DELETION):
            after = replace(after, embargo=replace(after.embargo, tombstone=words or row.reason))
        keep_held(self._c, after)
        self._tell(row.terms_id)
        return before

    def not_granted(self, row: Any) -> dict[str, Any]:
        """The opening waits no longer."""
        if Kind(row.kind) is Kind.EXTENSION:
            held = held_of(self._c, row.terms_id, self._rules)
            keep_held(self._c, take(held, Step.KEEP_DATE, self._now_us, to_us=held.embargo.extended_to_us))
            self._tell(row.terms_id)
        return {}

    def undone(self, row: Any) -> None:
        kind, before = Kind(row.kind), json.loads(row.before_json or "{}")
        if kind is Kind.ACCESS:
            gone = update(terms_grant).where(terms_grant.c.request_id == row.id).values(revoked_us=self._now_us)
            self._c.execute(gone)
            return
        if kind is Kind.SUCCESSION:
            self._restore_roles(before)
            return
        held = held_of(self._c, row.terms_id, self._rules)
        if kind is Kind.EXTENSION:
            if state(held.terms, self._now_us) is not State.EMBARGOED:
                raise Conflict("The data are not under embargo any more.")
            after = take(held, Step.KEEP_DATE, self._now_us, to_us=before["extended_to_us"])
        elif kind is Kind.HOLD:
            after = take(held, Step.UNHOLD, self._now_us)
        else:
            after = take(held, Step.HOLD, self._now_us, hold=Hold(before["hold"] or "legal"))
        keep_held(self._c, after)
        self._tell(row.terms_id)

    def _grant(self, row: Any, kind: Kind, days: int) -> None:
        emergency = kind is Kind.EMERGENCY
        values = {
            "account_id": row.asked_by,
            "terms_id": row.terms_id,
            "standing": (Standing.EMERGENCY if emergency else Standing.GRANTEE).value,
            "expires_us": self._now_us + (EMERGENCY_US if emergency else days * DAY_US),
            "request_id": row.id,
        }
        self._c.execute(terms_grant.insert().values(**values))

    def _succeed(self, terms_id: int, login: str) -> dict[str, Any]:
        """The new one leads, who led before stays a member: what was measured together is read together."""
        c = self._c
        team_id = c.execute(select(terms.c.team_id).where(terms.c.id == terms_id)).scalar()
        new = c.execute(select(account.c.id).where(account.c.login == login.strip().lower(), account.c.disabled.is_(False)))
        account_id = new.scalar()
        if account_id is None or team_id is None:
            raise NotFound(f"There is no account {login!r} that is open, or the visit has no team.")
        concerned = or_(team_member.c.role == TeamRole.PI.value, team_member.c.account_id == account_id)
        before = c.execute(select(team_member).where(team_member.c.team_id == team_id, concerned)).mappings().all()
        c.execute(
            update(team_member)
            .where(team_member.c.team_id == team_id, team_member.c.role == TeamRole.PI.value)
            .values(role=TeamRole.MEMBER.value, source=MemberSource.PERSON.value)
        )
        mine = (team_member.c.team_id == team_id, team_member.c.account_id == account_id)
        lead = {"role": TeamRole.PI.value, "expires_us": None, "source": MemberSource.PERSON.value}
        if c.execute(update(team_member).where(*mine).values(**lead)).rowcount == 0:
            c.execute(team_member.insert().values(team_id=team_id, account_id=account_id, **lead))
        return {"team_id": team_id, "account_id": account_id, "members": [dict(m) for m in before]}

    def _restore_roles(self, before: dict[str, Any]) -> None:
        """Of those two or more whom the succession concerned; who joined since stays."""
        c, team_id = self._c, before["team_id"]
        concerned = [before["account_id"], *(m["account_id"] for m in before["members"])]
        c.execute(team_member.delete().where(team_member.c.team_id == team_id, team_member.c.account_id.in_(concerned)))
        if before["members"]:
            c.execute(team_member.insert(), before["members"])

    def _tell(self, terms_id: int) -> None:
        for table, kind in ((investigation, "investigation"), (dataset, "dataset")):
            rows = select(literal(self._now_us), literal(kind), table.c.pid, literal(ACCESS)).where(table.c.terms_id == terms_id)
            self._c.execute(insert(change).from_select(["at_us", "kind", "pid", "what"], rows))
