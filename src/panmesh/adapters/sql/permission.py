"""The policy as a condition: the same table that `access.policy.may_read` evaluates, compiled for one viewer and one instant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, false, not_, or_, select, true

from panmesh.access.artefact import Artefact
from panmesh.access.naming_policy import COLLEAGUES
from panmesh.access.policy import CORE_FROM_PROPOSAL_STATES, READERS, RESULTS_SHARED_STATES
from panmesh.access.terms import AccessClass, Hold, State, Terms
from panmesh.access.viewer import Standing, TeamRole, Viewer
from panmesh.adapters.sql.dialects import among
from panmesh.adapters.sql.instant import NOW
from panmesh.adapters.sql.tables import terms

MANY = 50  # teams from which they are one parameter: writing thousands into each statement takes longer than answering it
_CORE = (Artefact.PID_RECORD, Artefact.CORE_METADATA)


def readable_terms(viewer: Viewer, artefact: Artefact, now_us: int) -> Select[tuple[int]]:
    """Ids of the terms under which this viewer may read the artefact: for `x.terms_id IN (…)`, evaluated once per statement."""
    return readable_terms_now(viewer, artefact) if now_us is NOW else select(terms.c.id).where(readable(viewer, artefact, now_us))


@lru_cache(maxsize=256)
def readable_terms_now(viewer: Viewer, artefact: Artefact) -> Select[tuple[int]]:
    return select(terms.c.id).where(readable_now(viewer, artefact))


def readable(viewer: Viewer, artefact: Artefact, now_us: int) -> ColumnElement[bool]:
    """Of a row of `terms`. One CASE over the states, so that its size, and the work for a row, goes with their number."""
    if viewer.operator:
        return terms.c.access != AccessClass.ASIDE.value
    by_standing = _standings(viewer)
    steps: list[tuple[ColumnElement[bool], ColumnElement[bool]]] = []
    for state, condition in state_steps(now_us):
        holds = [by_standing[standing] for standing in READERS[state][artefact] if standing in by_standing]
        if artefact in _CORE and state in CORE_FROM_PROPOSAL_STATES:
            holds.append(terms.c.core_from_proposal.is_(True))
        if artefact is Artefact.RESULT and state in RESULTS_SHARED_STATES:
            holds.append(terms.c.results_shared.is_(True))
        if by_standing[Standing.ANYONE] in holds:
            holds = [by_standing[Standing.ANYONE]]
        steps.append((condition, or_(false(), *holds)))
    *before, (_, last) = steps
    return case(*before, else_=last)


@lru_cache(maxsize=256)
def readable_now(viewer: Viewer, artefact: Artefact) -> ColumnElement[bool]:
    """The same at the instant at which it is asked (`instant.at`): to write it takes longer than to answer it."""
    return readable(viewer, artefact, NOW)


def takes_place() -> ColumnElement[bool]:
    """Of a row of `terms`: no visit that was cancelled. What was deleted without a tombstone is set aside too, and did take place."""
    return or_(terms.c.access != AccessClass.ASIDE.value, terms.c.deleted_us.is_not(None))


def mine(viewer: Viewer) -> ColumnElement[bool]:
    """Of a row of `terms`: whether the viewer is in its team, or was let in. Staff may read much that is not theirs."""
    let_in = sorted(viewer.granted | viewer.emergencies)
    return or_(among(terms.c.team_id, json.dumps(sorted(viewer.teams))), among(terms.c.id, json.dumps(let_in)))


@lru_cache(maxsize=64)
def names_seen(viewer: Viewer) -> ColumnElement[bool]:
    """Of a row of `terms`: whether the viewer sees names that are withheld from the public (`access.naming_policy.sees_names`)."""
    if viewer.operator:
        return true()
    held = _standings(viewer)
    return or_(false(), *(held[standing] for standing in COLLEAGUES if standing in held))


@lru_cache(maxsize=64)  # one answer asks many times for one instant
def state_steps(now_us: int) -> tuple[tuple[State, ColumnElement[bool]], ...]:
    """In the order of precedence of `access.terms.state`: the first whose condition holds is the state; the last one always does."""
    t = terms.c

    def past(column: ColumnElement[int | None]) -> ColumnElement[bool]:
        return and_(column.is_not(None), column <= now_us)

    begun = or_(past(t.starts_us), past(t.ends_us), past(t.opens_us))
    return (
        (State.ASIDE, t.access == AccessClass.ASIDE.value),
        (State.PROPRIETARY, and_(t.access == AccessClass.PROPRIETARY.value, not_(and_(past(t.declassified_us), begun)))),
        (State.DELETED, past(t.deleted_us)),
        (State.WITHDRAWN, past(t.withdrawn_us)),
        (State.HELD, past(t.held_us)),
        (State.INTERNAL, t.access == AccessClass.INTERNAL.value),
        (State.OPEN, or_(t.access == AccessClass.OPEN.value, past(t.opens_us))),
        (State.EMBARGOED, past(t.ends_us)),
        (State.COLLECTING, past(t.starts_us)),
        (State.PLANNED, true()),
    )


def state_label(now_us: int) -> ColumnElement[str]:
    """The access state of a row of `terms` as text."""
    *before, (last, _) = state_steps(now_us)
    return case(*((condition, state.value) for state, condition in before), else_=last.value)


def terms_of(row: Mapping[Any, Any]) -> Terms:
    """A row of `terms` as a value."""
    return Terms(**{**row, "access": AccessClass(row["access"]), "hold": Hold(row["hold"]) if row["hold"] else None})


def _standings(viewer: Viewer) -> dict[Standing, ColumnElement[bool]]:
    """The standings that this viewer can have at all, each with the condition under which they have it."""
    found: dict[Standing, ColumnElement[bool]] = {Standing.ANYONE: true()}
    for role, standing in _ROLES.items():
        teams = viewer.memberships.by_role.get(role, frozenset())
        if len(teams) > MANY:
            found[standing] = among(terms.c.team_id, json.dumps(sorted(teams)))
        elif teams:
            found[standing] = terms.c.team_id.in_(sorted(teams))
    if viewer.granted:
        by_name = terms.c.id.in_(sorted(viewer.granted))
        found[Standing.GRANTEE] = or_(found[Standing.GRANTEE], by_name) if Standing.GRANTEE in found else by_name
    if viewer.emergencies:
        found[Standing.EMERGENCY] = terms.c.id.in_(sorted(viewer.emergencies))
    if viewer.instruments:
        found[Standing.STAFF] = terms.c.instrument_id.in_(sorted(viewer.instruments))
    if viewer.admin:
        found[Standing.ADMIN] = true()
    if viewer.steward:
        found[Standing.STEWARD] = true()
    return found


_ROLES = {TeamRole.PI: Standing.PI, TeamRole.MEMBER: Standing.MEMBER, TeamRole.GRANTEE: Standing.GRANTEE}
