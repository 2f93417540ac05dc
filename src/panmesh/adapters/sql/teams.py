"""Teams in SQL: put in, taken out, given an end, taken back; each change with its audit entry in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, select, update

from panmesh.access.team_policy import GIVEN_BY_LEADERS, may_keep_team, may_name_leaders
from panmesh.access.teams import Team, What, member_etag
from panmesh.access.viewer import MemberSource, TeamRole, Viewer
from panmesh.adapters.sql.audit import write_audit
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.people_tables import former_member, team_change, team_removal
from panmesh.adapters.sql.tables import account, proposal, team_member
from panmesh.adapters.sql.team_reading import read_team
from panmesh.adapters.sql.team_rows import (
    FoundTeam,
    colleagues,
    find_team,
    is_live,
    keep_named,
    keep_team,
    leaders_left,
    live,
    membership,
    role_now,
    tell_team,
)
from panmesh.kernel.errors import Conflict, Forbidden, NotFound, Stale

GONE = "is not in this team, or not any more: reload the page."


class SqlTeams:
    """Implements `access.teams.TeamStore`."""

    def __init__(self, database: Database, *, schedule_returns: bool) -> None:
        self._db = database
        self._schedule_returns = schedule_returns

    def about(self, viewer: Viewer, about: str) -> str | None:
        with self._db.read() as c:
            try:
                return find_team(c, viewer, about).about
            except NotFound:
                return None

    def team(self, viewer: Viewer, about: str, now_us: int, *, offset: int, limit: int, contains: str | None) -> Team:
        with self._db.read() as c:
            found = find_team(c, viewer, about)
            role = role_now(c, found.id, viewer.user_id, now_us)
            keeps = may_keep_team(viewer, role)
            return read_team(
                c,
                viewer,
                found,
                now_us,
                offset=offset,
                limit=limit,
                contains=contains,
                keeps=keeps,
                schedule_returns=self._schedule_returns,
            )

    def teams(self, viewer: Viewer, now_us: int, *, offset: int, limit: int) -> Sequence[tuple[str, str, str | None]]:
        query = select(proposal.c.pid, proposal.c.number, proposal.c.title).where(proposal.c.team_id.is_not(None))
        if not (viewer.operator or viewer.steward or viewer.admin):
            mine = select(team_member.c.team_id).where(
                team_member.c.account_id == viewer.user_id, team_member.c.role != TeamRole.GRANTEE.value, live(now_us)
            )
            query = query.where(proposal.c.team_id.in_(mine))
        with self._db.read() as c:
            rows = c.execute(query.order_by(proposal.c.id.desc()).offset(offset).limit(limit))
            return [(r.pid, r.number, r.title) for r in rows]

    def add(self, viewer: Viewer, about: str, *, account: int | str, role: TeamRole, until_us: int | None, now_us: int) -> None:
        with self._db.write() as c:
            found = self._kept(c, viewer, about, now_us)
            number = _somebody(c, viewer, found.id, account, now_us)
            if role_now(c, found.id, number, now_us) is not None:
                raise Conflict("They are in this team already.")
            _may_give(viewer, role)
            put_in(c, viewer, found, number, What.ADDED, role, until_us, now_us)

    def change(
        self, viewer: Viewer, about: str, account: int, *, role: TeamRole, until_us: int | None, seen: str | None, now_us: int
    ) -> None:
        with self._db.write() as c:
            found = self._kept(c, viewer, about, now_us)
            was = membership(c, found.id, account)
            if was is None:
                raise NotFound(f"This person {GONE}")
            now = member_etag(was["role"], was["expires_us"], was["since_us"], was["source"])
            if seen is not None and seen != now:
                raise Stale(
                    "Somebody else changed this person since you read the page. Look at what it says now, and set it again.", now
                )
            if role.value != was["role"]:
                _may_give(viewer, role)
                self._may_lose(c, viewer, found, account, was, now_us)
            if role.value == was["role"] and until_us == was["expires_us"]:
                return
            after = dict(was) | {"role": role.value, "expires_us": until_us, "source": MemberSource.PERSON.value}
            _write(c, found.id, account, after)
            _note(c, viewer, found, account, What.CHANGED, was, after, now_us)

    def remove(self, viewer: Viewer, about: str, account: int, now_us: int) -> None:
        with self._db.write() as c:
            found = _mine(c, viewer, about) if viewer.user_id == account else None
            leaving = found is not None
            if found is not None:
                self._db.lock(c, f"team {found.id}")
            else:
                found = self._kept(c, viewer, about, now_us)
            was = membership(c, found.id, account)
            if was is None:
                raise NotFound(f"This person {GONE}")
            self._may_lose(c, viewer, found, account, was, now_us)
            _write(c, found.id, account, None)
            c.execute(delete(team_removal).where(team_removal.c.team_id == found.id, team_removal.c.account_id == account))
            c.execute(team_removal.insert().values(team_id=found.id, account_id=account, at_us=now_us))
            after = {"former": keep_named(c, found.id, account, was, now_us)}
            _note(c, viewer, found, account, What.LEFT if leaving else What.REMOVED, was, after, now_us)

    def not_an_author(self, viewer: Viewer, about: str, former: int, now_us: int) -> None:
        with self._db.write() as c:
            found = self._kept(c, viewer, about, now_us)
            gone = c.execute(delete(former_member).where(former_member.c.id == former, former_member.c.team_id == found.id))
            if gone.rowcount == 0:
                raise NotFound()
            write_audit(c, viewer, "no author of the team's visits", found.about, now_us, former=former)
            tell_team(c, found.id, now_us)

    def undo(self, viewer: Viewer, about: str, change: int, now_us: int) -> None:
        with self._db.write() as c:
            found = self._kept(c, viewer, about, now_us)
            query = select(team_change).where(team_change.c.id == change, team_change.c.team_id == found.id)
            row = c.execute(query).first()
            if row is None:
                raise NotFound()
            if row.undone_us is not None or row.what == What.LEFT.value:
                raise Conflict("This cannot be taken back: it was already, or they left by themselves.")
            before, after = json.loads(row.before_json), json.loads(row.after_json)
            was = membership(c, found.id, row.account_id)
            if dict(was or {}) != {k: v for k, v in after.items() if k != "former"}:
                raise Conflict("Something was changed of this person since; change that instead.")
            if TeamRole.PI.value in (before.get("role"), after.get("role")) and before.get("role") != after.get("role"):
                _may_give(viewer, TeamRole.PI)
            if was is not None and not before:
                self._may_lose(c, viewer, found, row.account_id, was, now_us)
            _write(c, found.id, row.account_id, before or None)
            if after.get("former") is not None:
                c.execute(delete(former_member).where(former_member.c.id == after["former"]))
            mine = and_(team_removal.c.team_id == found.id, team_removal.c.account_id == row.account_id)
            c.execute(delete(team_removal).where(mine))
            done = {"undone_us": now_us, "undone_by_id": viewer.user_id}
            c.execute(update(team_change).where(team_change.c.id == change).values(**done))
            write_audit(c, viewer, "team change undone", found.about, now_us, change=change, account=row.account_id)
            tell_team(c, found.id, now_us)

    def _kept(self, c: Connection, viewer: Viewer, about: str, now_us: int) -> FoundTeam:
        """Locked first, then decided: two leaders at once cannot both be the last one to go."""
        self._db.lock(c, f"team {find_team(c, viewer, about).id}")
        return keep_team(c, viewer, about, now_us)

    def _may_lose(
        self, c: Connection, viewer: Viewer, found: FoundTeam, number: int, was: Mapping[str, Any], now_us: int
    ) -> None:
        if was["role"] != TeamRole.PI.value:
            return
        if not may_name_leaders(viewer):
            raise Forbidden("Who leads the team is the facility's to say: ask for a succession on the page of a visit.")
        if is_live(was, now_us) and leaders_left(c, found.id, number, now_us) == 0:
            raise Conflict("Somebody must lead the team: name another principal investigator first.")


def put_in(
    c: Connection,
    viewer: Viewer,
    found: FoundTeam,
    number: int,
    what: What,
    role: TeamRole,
    until_us: int | None,
    now_us: int,
    by_id: int | None = None,
) -> None:
    """`by_id`: who put them in, where that is not the viewer."""
    was = membership(c, found.id, number)
    after = {
        "role": role.value,
        "expires_us": until_us,
        "source": MemberSource.PERSON.value,
        "since_us": now_us,
        "by_id": by_id if by_id is not None else viewer.user_id,
    }
    if was is not None:  # it had ended
        keep_named(c, found.id, number, was, now_us)
    _write(c, found.id, number, after)
    c.execute(delete(team_removal).where(team_removal.c.team_id == found.id, team_removal.c.account_id == number))
    _note(c, viewer, found, number, what, was or {}, after, now_us)


def _write(c: Connection, team_id: int, number: int, row: Mapping[str, Any] | None) -> None:
    mine = and_(team_member.c.team_id == team_id, team_member.c.account_id == number)
    c.execute(delete(team_member).where(mine))
    if row is not None:
        c.execute(team_member.insert().values(team_id=team_id, account_id=number, **row))


def _note(
    c: Connection,
    viewer: Viewer,
    found: FoundTeam,
    number: int,
    what: What,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    now_us: int,
) -> None:
    row = {"team_id": found.id, "account_id": number, "by_id": viewer.user_id, "at_us": now_us, "what": what.value}
    c.execute(team_change.insert().values(**row, before_json=json.dumps(dict(before)), after_json=json.dumps(dict(after))))
    told = {"account": number, "role": after.get("role") or before.get("role"), "until": after.get("expires_us")}
    write_audit(c, viewer, f"team member {what.value}", found.about, now_us, **told)
    tell_team(c, found.id, now_us)


def _mine(c: Connection, viewer: Viewer, about: str) -> FoundTeam | None:
    """A team that the viewer is in themselves, also only to look."""
    try:
        return find_team(c, Viewer(operator=True), about) if _is_in(c, viewer, about) else None
    except NotFound:
        return None


def _is_in(c: Connection, viewer: Viewer, about: str) -> bool:
    found = find_team(c, Viewer(operator=True), about)
    return viewer.user_id is not None and membership(c, found.id, viewer.user_id) is not None


def _may_give(viewer: Viewer, role: TeamRole) -> None:
    if role not in GIVEN_BY_LEADERS and not may_name_leaders(viewer):
        raise Forbidden("Who leads the team is the facility's to say: ask for a succession on the page of a visit.")


def _somebody(c: Connection, viewer: Viewer, team_id: int, wanted: int | str, now_us: int) -> int:
    """An account that the viewer may put in without asking it. The same answer for one that is not there and one they do not know."""
    by = account.c.id == wanted if isinstance(wanted, int) else account.c.login == wanted.strip().lower()
    query = select(account.c.id).where(by, account.c.disabled.is_(False), account.c.erased_us.is_(None))
    number = c.execute(query).scalar()
    if number is not None and (may_name_leaders(viewer) or number in [n for n, _ in colleagues(c, viewer, team_id, now_us)]):
        return int(number)
    raise NotFound("None of the people you work with has this login; invite them by mail.")
