"""One team as its page shows it: a fixed number of statements, whatever the number of members."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, case, func, or_, select

from panmesh.access.team_policy import may_name_leaders
from panmesh.access.teams import Former, Grant, Invitation, InvitationState, Member, Team, TeamChange, What, member_etag
from panmesh.access.viewer import MemberSource, Standing, TeamRole, Viewer
from panmesh.adapters.sql.people_tables import former_member, invitation, team_change
from panmesh.adapters.sql.permission import takes_place
from panmesh.adapters.sql.request_tables import terms_grant
from panmesh.adapters.sql.tables import account, investigation, team_member, terms
from panmesh.adapters.sql.team_rows import FoundTeam, colleagues

OPERATOR = "the facility"
RECENT = 20  # changes and invitations that are shown


def read_team(
    c: Connection,
    viewer: Viewer,
    found: FoundTeam,
    now_us: int,
    *,
    offset: int,
    limit: int,
    contains: str | None,
    keeps: bool,
    schedule_returns: bool,
) -> Team:
    m, who, by = team_member.c, account, account.alias("putter")
    where = [m.team_id == found.id]
    if contains:
        where.append(func.lower(who.c.name).contains(contains.lower(), autoescape=True))
    joined = team_member.join(who, who.c.id == m.account_id).outerjoin(by, by.c.id == m.by_id)
    total = c.execute(select(func.count()).select_from(joined).where(*where)).scalar_one()
    ended = case((m.expires_us <= now_us, 1), else_=0)
    first = case((m.role == TeamRole.PI.value, 0), (m.role == TeamRole.MEMBER.value, 1), else_=2)
    rows = c.execute(
        select(team_member, who.c.name, who.c.orcid, by.c.name.label("by_name"))
        .select_from(joined)
        .where(*where)
        .order_by(ended, first, func.lower(who.c.name), who.c.id)
        .offset(offset)
        .limit(limit)
    )
    members = tuple(_member(row, viewer, now_us) for row in rows)
    visits = c.execute(
        select(investigation.c.pid, terms.c.opens_us)
        .join(terms, terms.c.id == investigation.c.terms_id)
        .where(terms.c.team_id == found.id, takes_place())
        .order_by(investigation.c.starts_us.desc().nulls_last(), investigation.c.id.desc())
    ).all()
    opens = [v.opens_us for v in visits]
    return Team(
        about=found.about,
        number=found.number,
        title=found.title,
        visits=tuple(v.pid for v in visits[:10]),
        members=members,
        total=total,
        offset=offset,
        grants=_grants(c, found.id, now_us),
        invitations=_invitations(c, found.id, now_us) if keeps else (),
        changes=_changes(c, viewer, found.id) if keeps else (),
        former=_former(c, found.id),
        known=tuple(colleagues(c, viewer, found.id, now_us)) if keeps and viewer.user_id is not None else (),
        may_keep=keeps,
        may_name_leaders=may_name_leaders(viewer),
        schedule_returns=schedule_returns,
        opens_us=max((o for o in opens if o is not None), default=None) if None not in opens else None,
    )


def invitation_of(row: Any, now_us: int) -> Invitation:
    """`row`: of `invitation_query`."""
    return Invitation(
        id=row.id,
        team_id=row.team_id,
        about=row.about,
        about_pid=row.about_pid,
        address=row.address,
        role=TeamRole(row.role),
        until_us=row.expires_us,
        invited_by=row.inviter or OPERATOR,
        at_us=row.at_us,
        valid_until_us=row.valid_until_us,
        state=_state(row, now_us),
        taken_by=row.taker,
        mail=row.mail_state,
        key=row.key,
    )


def invitation_query() -> Any:
    inviter, taker = account.alias("inviter"), account.alias("taker")
    return (
        select(invitation, inviter.c.name.label("inviter"), taker.c.name.label("taker"))
        .outerjoin(inviter, inviter.c.id == invitation.c.invited_by_id)
        .outerjoin(taker, taker.c.id == invitation.c.taken_by_id)
    )


def _state(row: Any, now_us: int) -> InvitationState:
    if row.taken_us is not None:
        return InvitationState.TAKEN
    if row.revoked_us is not None:
        return InvitationState.REVOKED
    return InvitationState.EXPIRED if row.valid_until_us <= now_us else InvitationState.OPEN


def _member(row: Any, viewer: Viewer, now_us: int) -> Member:
    return Member(
        number=row.account_id,
        name=row.name,
        orcid=row.orcid,
        role=TeamRole(row.role),
        since_us=row.since_us,
        until_us=row.expires_us,
        source=MemberSource(row.source),
        by=row.by_name,
        ended=row.expires_us is not None and row.expires_us <= now_us,
        you=row.account_id == viewer.user_id,
        etag=member_etag(row.role, row.expires_us, row.since_us, row.source),
    )


def _grants(c: Connection, team_id: int, now_us: int) -> tuple[Grant, ...]:
    g = terms_grant.c
    query = (
        select(terms_grant, account.c.name, investigation.c.pid)
        .join(terms, terms.c.id == g.terms_id)
        .join(account, account.c.id == g.account_id)
        .outerjoin(investigation, investigation.c.terms_id == terms.c.id)
        .where(terms.c.team_id == team_id, g.revoked_us.is_(None), g.expires_us > now_us)
        .order_by(g.id.desc())
        .limit(200)
    )
    return tuple(
        Grant(
            request=r.request_id,
            name=r.name,
            visit=r.pid,
            until_us=r.expires_us,
            emergency=r.standing == Standing.EMERGENCY.value,
        )
        for r in c.execute(query)
    )


def _invitations(c: Connection, team_id: int, now_us: int) -> tuple[Invitation, ...]:
    i = invitation.c
    waiting = case((or_(i.taken_us.is_not(None), i.revoked_us.is_not(None), i.valid_until_us <= now_us), 1), else_=0)
    query = invitation_query().where(i.team_id == team_id).order_by(waiting, i.id.desc()).limit(RECENT)
    return tuple(invitation_of(row, now_us) for row in c.execute(query))


def _changes(c: Connection, viewer: Viewer, team_id: int) -> tuple[TeamChange, ...]:
    by = account.alias("changer")
    query = (
        select(team_change, account.c.name, by.c.name.label("by_name"))
        .join(account, account.c.id == team_change.c.account_id)
        .outerjoin(by, by.c.id == team_change.c.by_id)
        .where(team_change.c.team_id == team_id)
        .order_by(team_change.c.id.desc())
        .limit(RECENT)
    )
    rows = c.execute(query).all()
    return tuple(_change(row, viewer, row.account_id not in _since(rows[:n])) for n, row in enumerate(rows))


def _since(newer: Sequence[Any]) -> set[int]:
    """Of whom something was changed after that, and still holds."""
    return {row.account_id for row in newer if row.undone_us is None}


def _change(row: Any, viewer: Viewer, newest: bool) -> TeamChange:
    before, after, what = json.loads(row.before_json), json.loads(row.after_json), What(row.what)
    said = before if what in (What.REMOVED, What.LEFT) else after
    leads = TeamRole.PI.value in (before.get("role"), after.get("role")) and before.get("role") != after.get("role")
    return TeamChange(
        id=row.id,
        at_us=row.at_us,
        by=row.by_name or OPERATOR,
        who=row.name,
        what=what,
        role=TeamRole(said["role"]) if "role" in said else None,
        until_us=said.get("expires_us"),
        undone_us=row.undone_us,
        may_undo=newest and row.undone_us is None and what is not What.LEFT and (not leads or may_name_leaders(viewer)),
    )


def _former(c: Connection, team_id: int) -> tuple[Former, ...]:
    f = former_member.c
    query = (
        select(former_member, account.c.name.label("known_name"))
        .outerjoin(account, account.c.id == f.account_id)
        .where(f.team_id == team_id)
        .order_by(f.id)
        .limit(500)
    )
    return tuple(
        Former(number=r.id, name=r.known_name or r.name, role=TeamRole(r.role), until_us=r.until_us) for r in c.execute(query)
    )
