"""The policy as a condition: the same table that `access.policy.may_read` evaluates, compiled for one viewer and one instant."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, and_, false, not_, or_, select, true

from panmesh.access.artefact import Artefact
from panmesh.access.policy import CORE_FROM_PROPOSAL_STATES, READERS, RESULTS_SHARED_STATES
from panmesh.access.terms import AccessClass, State
from panmesh.access.viewer import Standing, TeamRole, Viewer
from panmesh.adapters.sql.tables import terms

_CORE = (Artefact.PID_RECORD, Artefact.CORE_METADATA)


def readable_terms(viewer: Viewer, artefact: Artefact, now_us: int) -> Select[tuple[int]]:
    """Ids of the terms under which this viewer may read the artefact: for `x.terms_id IN (…)`, evaluated once per statement."""
    return select(terms.c.id).where(readable(viewer, artefact, now_us))


def readable(viewer: Viewer, artefact: Artefact, now_us: int) -> ColumnElement[bool]:
    if viewer.operator:
        return true()
    by_standing = _standings(viewer)
    parts: list[ColumnElement[bool]] = []
    for state, condition in state_conditions(now_us).items():
        holds = [by_standing[standing] for standing in READERS[state][artefact] if standing in by_standing]
        if artefact in _CORE and state in CORE_FROM_PROPOSAL_STATES:
            holds.append(terms.c.core_from_proposal.is_(True))
        if artefact is Artefact.RESULT and state in RESULTS_SHARED_STATES:
            holds.append(terms.c.results_shared.is_(True))
        if holds:
            parts.append(and_(condition, or_(*holds)))
    return or_(*parts) if parts else false()


def state_conditions(now_us: int) -> dict[State, ColumnElement[bool]]:
    """One condition for each state; for every row exactly one holds. The order is the precedence of `access.terms.state`."""
    t = terms.c

    def past(column: ColumnElement[int | None]) -> ColumnElement[bool]:
        return and_(column.is_not(None), column <= now_us)

    steps: list[tuple[State, ColumnElement[bool]]] = [
        (State.PROPRIETARY, and_(t.access == AccessClass.PROPRIETARY.value, not_(past(t.declassified_us)))),
        (State.DELETED, past(t.deleted_us)),
        (State.WITHDRAWN, past(t.withdrawn_us)),
        (State.HELD, past(t.held_us)),
        (State.INTERNAL, t.access == AccessClass.INTERNAL.value),
        (State.OPEN, or_(t.access == AccessClass.OPEN.value, past(t.opens_us))),
        (State.EMBARGOED, past(t.ends_us)),
        (State.COLLECTING, past(t.starts_us)),
        (State.PLANNED, true()),
    ]
    found: dict[State, ColumnElement[bool]] = {}
    before: list[ColumnElement[bool]] = []
    for state, condition in steps:
        found[state] = and_(condition, *(not_(b) for b in before))
        before.append(condition)
    return found


def _standings(viewer: Viewer) -> dict[Standing, ColumnElement[bool]]:
    """The standings that this viewer can have at all, each with the condition under which they have it."""
    found: dict[Standing, ColumnElement[bool]] = {Standing.ANYONE: true()}
    for role, standing in _ROLES.items():
        teams = [team for team, held in viewer.teams.items() if held is role]
        if teams:
            found[standing] = terms.c.team_id.in_(teams)
    if viewer.instruments:
        found[Standing.STAFF] = terms.c.instrument_id.in_(sorted(viewer.instruments))
    if viewer.admin:
        found[Standing.ADMIN] = true()
    if viewer.steward:
        found[Standing.STEWARD] = true()
    return found


_ROLES = {TeamRole.PI: Standing.PI, TeamRole.MEMBER: Standing.MEMBER, TeamRole.GRANTEE: Standing.GRANTEE}
