"""The people that a visit names: who is in its team, and who was in it when it measured. Leaving takes rights, never authorship."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select, union_all

from panmesh.access.names import NAME_WITHHELD
from panmesh.access.viewer import TeamRole, Viewer
from panmesh.adapters.sql.dialects import one_of
from panmesh.adapters.sql.people_tables import former_member
from panmesh.adapters.sql.permission import names_seen
from panmesh.adapters.sql.tables import account, team_member, terms
from panmesh.catalogue.model import PersonView

NAMED = (TeamRole.PI.value, TeamRole.MEMBER.value)  # whoever was only let in to look took no part


def people_of(connection: Connection, viewer: Viewer, terms_id: int) -> tuple[PersonView, ...]:
    """As this viewer sees them: names that are withheld from them last, all alike."""
    return people_of_many(connection, viewer, [terms_id]).get(terms_id, ())


def people_of_many(connection: Connection, viewer: Viewer, terms_ids: Sequence[int]) -> dict[int, tuple[PersonView, ...]]:
    rows = connection.execute(_people_as_seen(viewer), {"of": list(terms_ids)}).all() if terms_ids else ()
    return {one: _told(list(found)) for one, found in groupby(rows, lambda row: int(row.terms_id))}


def _told(rows: Sequence[Any]) -> tuple[PersonView, ...]:
    shown = [r for r in rows if r.seen or not r.withheld]
    hidden = [
        PersonView(name=NAME_WITHHELD, role=r.role, orcid=None, affiliation=None) for r in rows if r.withheld and not r.seen
    ]
    return (*(PersonView(name=r.name, role=r.role, orcid=r.orcid, affiliation=r.affiliation) for r in shown), *hidden)


@lru_cache(maxsize=64)
def _people_as_seen(viewer: Viewer) -> Select[Any]:
    """Of the terms that are given as `of`."""
    seen, mine = case((names_seen(viewer), 1), else_=0).label("seen"), one_of(terms.c.id, "of")
    found = union_all(
        members().where(mine).add_columns(account.c.name, account.c.orcid, account.c.affiliation, account.c.withheld, seen),
        former()
        .where(mine)
        .add_columns(former_name().label("name"), former_orcid().label("orcid"), account.c.affiliation, former_withheld(), seen),
    )
    people = found.subquery()
    return select(people).order_by(people.c.terms_id, people.c.role.desc(), func.lower(people.c.name))


def members() -> Select[Any]:
    """(terms, role) of each visit and each person in its team, joined with `account`."""
    m = team_member.c
    in_time = or_(m.expires_us.is_(None), terms.c.starts_us.is_(None), m.expires_us > terms.c.starts_us)
    return (
        select(terms.c.id.label("terms_id"), m.role.label("role"))
        .select_from(terms)
        .join(team_member, m.team_id == terms.c.team_id)
        .join(account, account.c.id == m.account_id)
        .where(m.role.in_(NAMED), in_time)
    )


def former() -> Select[Any]:
    """The same of those who took part and are not in it any more; `account` may be nobody's any more."""
    f, again, twice = former_member.c, team_member.alias("again"), former_member.alias("twice")
    while_in = and_(
        or_(terms.c.starts_us.is_(None), f.until_us > terms.c.starts_us),
        or_(f.since_us.is_(None), terms.c.ends_us.is_(None), f.since_us < terms.c.ends_us),
    )
    back = select(again.c.team_id).where(again.c.team_id == f.team_id, again.c.account_id == f.account_id)
    newer = select(twice.c.id).where(twice.c.team_id == f.team_id, twice.c.account_id == f.account_id, twice.c.id > f.id)
    return (
        select(terms.c.id.label("terms_id"), f.role.label("role"))
        .select_from(terms)
        .join(former_member, f.team_id == terms.c.team_id)
        .outerjoin(account, account.c.id == f.account_id)
        .where(while_in, ~back.exists(), ~newer.exists())
    )


def former_name() -> ColumnElement[str]:
    return func.coalesce(account.c.name, former_member.c.name)


def former_orcid() -> ColumnElement[str]:
    return func.coalesce(account.c.orcid, former_member.c.orcid)


def former_withheld() -> ColumnElement[bool]:
    return func.coalesce(account.c.withheld, former_member.c.withheld).label("withheld")
