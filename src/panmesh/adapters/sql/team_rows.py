"""A team found by its proposal or visit, and the rows of those who are in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, insert, literal, or_, select

from panmesh.access.team_policy import may_keep_team, may_see_team
from panmesh.access.viewer import TeamRole, Viewer
from panmesh.adapters.sql.people_tables import former_member
from panmesh.adapters.sql.tables import account, change, investigation, proposal, team_member, terms
from panmesh.kernel.errors import Forbidden, NotFound
from panmesh.kernel.text import storable

KEPT = ("role", "expires_us", "source", "since_us", "by_id")  # of a membership


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTeam:
    id: int
    about: str
    number: str
    title: str | None


def find_team(connection: Connection, viewer: Viewer, about: str) -> FoundTeam:
    """By the pid or number of a proposal, or the pid of a visit. Raises NotFound also for what the viewer may not see."""
    found = _named(connection, storable(about))
    if found is None or not may_see_team(viewer, found.id, instruments_of(connection, found.id)):
        raise NotFound()
    return found


def keep_team(connection: Connection, viewer: Viewer, about: str, now_us: int) -> FoundTeam:
    """The same, for a change: Forbidden for those who see it and do not keep it, as things are at this moment."""
    found = find_team(connection, viewer, about)
    if not may_keep_team(viewer, role_now(connection, found.id, viewer.user_id, now_us)):
        raise Forbidden("The principal investigator says who is in the team, or the data steward for them.")
    return found


def instruments_of(connection: Connection, team_id: int) -> list[int]:
    where = (terms.c.team_id == team_id, terms.c.instrument_id.is_not(None))
    return [int(n) for n in connection.execute(select(terms.c.instrument_id).where(*where).distinct()).scalars()]


def role_now(connection: Connection, team_id: int, account_id: int | None, now_us: int) -> TeamRole | None:
    row = membership(connection, team_id, account_id) if account_id is not None else None
    return TeamRole(row["role"]) if row is not None and is_live(row, now_us) else None


def membership(connection: Connection, team_id: int, account_id: int) -> Mapping[str, Any] | None:
    c = team_member.c
    row = connection.execute(select(team_member).where(c.team_id == team_id, c.account_id == account_id)).mappings().first()
    return None if row is None else {name: row[name] for name in KEPT}


def is_live(row: Mapping[str, Any], now_us: int) -> bool:
    return row["expires_us"] is None or int(row["expires_us"]) > now_us


def live(now_us: int) -> ColumnElement[bool]:
    return or_(team_member.c.expires_us.is_(None), team_member.c.expires_us > now_us)


def leaders_left(connection: Connection, team_id: int, without: int, now_us: int) -> int:
    others = _leaders(without, now_us).where(team_member.c.team_id == team_id).subquery()
    return int(connection.execute(select(func.count()).select_from(others)).scalar_one())


def led_alone(connection: Connection, account_id: int, now_us: int) -> int:
    """Teams of which this account is principal investigator, and nobody else is."""
    mine = team_member.alias("mine")
    others = _leaders(account_id, now_us).where(team_member.c.team_id == mine.c.team_id).correlate(mine)
    led = (mine.c.account_id == account_id, mine.c.role == TeamRole.PI.value)
    return int(connection.execute(select(func.count()).select_from(mine).where(*led, ~others.exists())).scalar_one())


def _leaders(without: int, now_us: int) -> Select[Any]:
    c = team_member.c
    return (
        select(c.team_id)
        .join(account, account.c.id == c.account_id)
        .where(c.role == TeamRole.PI.value, c.account_id != without, live(now_us), ~account.c.disabled)
    )


def measured_while(connection: Connection, team_id: int, since_us: int | None, until_us: int) -> bool:
    """Whether a visit of the team took place, or goes on, in that time."""
    where = [terms.c.team_id == team_id, terms.c.starts_us < until_us]
    if since_us is not None:
        where.append(or_(terms.c.ends_us.is_(None), terms.c.ends_us > since_us))
    return connection.execute(select(terms.c.id).where(and_(*where)).limit(1)).first() is not None


def keep_named(connection: Connection, team_id: int, account_id: int, was: Mapping[str, Any], now_us: int) -> int | None:
    """Who took part stays named with what was measured then: the number of that row, or None where nothing was."""
    since = was["since_us"] if was["source"] == "person" else None
    until = min(now_us, was["expires_us"] or now_us)
    if was["role"] == TeamRole.GRANTEE.value or not measured_while(connection, team_id, since, until):
        return None
    row = {"team_id": team_id, "account_id": account_id, "role": was["role"], "since_us": since, "until_us": until}
    made = connection.execute(former_member.insert().values(**row).returning(former_member.c.id)).scalar_one()
    return int(made)


def tell_team(connection: Connection, team_id: int, now_us: int) -> None:
    """The people of a visit are told with it: of each visit of the team, that it changed."""
    visits = select(literal(now_us), literal("investigation"), investigation.c.pid, literal("updated"))
    of = visits.join(terms, terms.c.id == investigation.c.terms_id).where(terms.c.team_id == team_id)
    connection.execute(insert(change).from_select(["at_us", "kind", "pid", "what"], of))


def colleagues(c: Connection, viewer: Viewer, team_id: int, now_us: int) -> list[tuple[int, str]]:
    """Who is or was in a team that the viewer leads, and not in this one: they know each other's names."""
    led = select(team_member.c.team_id).where(
        team_member.c.account_id == viewer.user_id, team_member.c.role == TeamRole.PI.value, live(now_us)
    )
    here = select(team_member.c.account_id).where(team_member.c.team_id == team_id, live(now_us))
    there = select(team_member.c.account_id).where(team_member.c.team_id.in_(led))
    before = select(former_member.c.account_id).where(former_member.c.team_id.in_(led), former_member.c.account_id.is_not(None))
    query = (
        select(account.c.id, account.c.name)
        .where(or_(account.c.id.in_(there), account.c.id.in_(before)), account.c.id.not_in(here))
        .where(account.c.disabled.is_(False), account.c.erased_us.is_(None))
        .order_by(func.lower(account.c.name))
        .limit(500)
    )
    return [(r.id, r.name) for r in c.execute(query)]


def _named(connection: Connection, about: str) -> FoundTeam | None:
    p = proposal.c
    query = select(proposal).where(or_(p.pid == about, p.number == about), p.team_id.is_not(None))
    row = connection.execute(query.order_by((p.pid == about).desc(), p.id)).first()
    if row is not None:
        return FoundTeam(id=row.team_id, about=row.pid, number=row.number, title=row.title)
    visits = (
        select(investigation, terms.c.team_id, p.pid.label("proposal_pid"), p.number, p.title.label("proposal_title"))
        .join(terms, terms.c.id == investigation.c.terms_id)
        .outerjoin(proposal, and_(proposal.c.id == investigation.c.proposal_id, p.team_id == terms.c.team_id))
        .where(investigation.c.pid == about, terms.c.team_id.is_not(None))
    )
    row = connection.execute(visits).first()
    if row is None:
        return None
    if row.proposal_pid is not None:
        return FoundTeam(id=row.team_id, about=row.proposal_pid, number=row.number, title=row.proposal_title)
    return FoundTeam(id=row.team_id, about=row.pid, number=row.visit_id, title=row.title)
