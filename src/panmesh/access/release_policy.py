"""Who may put a run into a release, and what of a release follows from the terms of its runs at one instant."""

from __future__ import annotations

from collections.abc import Iterable

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read, standings
from panmesh.access.terms import State, Terms, state
from panmesh.access.viewer import ANONYMOUS, Scope, Standing, Viewer

_AUTHORS = frozenset({Standing.PI, Standing.MEMBER})
_OFFICE = frozenset({Standing.STAFF, Standing.STEWARD, Standing.ADMIN})
RELEASABLE = frozenset({State.OPEN, State.EMBARGOED})
_WAITING = frozenset({State.PLANNED, State.COLLECTING, State.EMBARGOED})


def may_release(viewer: Viewer, terms: Terms) -> bool:
    """Its team: whoever led or took part. What has no team is the facility's own, and its staff's to release."""
    if viewer.user_id is None or Scope.WRITE not in viewer.scopes:
        return False
    return not standings(viewer, terms).isdisjoint(_OFFICE if terms.team_id is None else _AUTHORS)


def may_change_release(viewer: Viewer, published_by: int | None, runs: Iterable[Terms]) -> bool:
    """To add papers and funders, and to make a next version: who published it, the teams of all its runs, the steward."""
    if viewer.user_id is None or Scope.WRITE not in viewer.scopes:
        return False
    found = list(runs)
    team = bool(found) and all(may_release(viewer, one) for one in found)
    return viewer.steward or viewer.user_id == published_by or team


def may_withdraw_release(viewer: Viewer) -> bool:
    return viewer.user_id is not None and Scope.WRITE in viewer.scopes and (viewer.steward or viewer.admin)


def release_state(runs: Iterable[Terms], withdrawn: bool, now_us: int) -> tuple[State, int | None]:
    """And when all of it is open, where that is known. Of runs that nobody outside may know of, nothing follows."""
    if withdrawn:
        return State.WITHDRAWN, None
    known = [one for one in runs if may_read(ANONYMOUS, one, Artefact.CORE_METADATA, now_us)]
    states = {state(one, now_us) for one in known}
    if states & _WAITING:
        days = [one.opens_us for one in known if state(one, now_us) in _WAITING]
        return State.EMBARGOED, None if None in days else max(day for day in days if day is not None)
    if State.HELD in states:
        return State.HELD, None
    if State.OPEN in states:
        return State.OPEN, None
    return (State.WITHDRAWN if states else State.HELD), None
