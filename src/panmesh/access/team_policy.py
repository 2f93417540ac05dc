"""Who may see a team, and who may change it, decided from values alone."""

from __future__ import annotations

from collections.abc import Iterable

from panmesh.access.viewer import Scope, TeamRole, Viewer

_INSIDE = frozenset({TeamRole.PI, TeamRole.MEMBER})
GIVEN_BY_LEADERS = frozenset({TeamRole.MEMBER, TeamRole.GRANTEE})


def may_see_team(viewer: Viewer, team_id: int, instruments: Iterable[int]) -> bool:
    """The team itself, the staff of the instruments where it measures, the steward and the admin. Whoever was only let in to look
    does not see who else is in."""
    if viewer.operator or viewer.steward or viewer.admin:
        return True
    return viewer.teams.get(team_id) in _INSIDE or not viewer.instruments.isdisjoint(instruments)


def may_keep_team(viewer: Viewer, role: TeamRole | None) -> bool:
    """Invite, remove, set an end. `role`: that the viewer has in the team at this moment, not at the beginning of the request."""
    if viewer.operator:
        return True
    return may_write(viewer) and (viewer.steward or viewer.admin or role is TeamRole.PI)


def may_name_leaders(viewer: Viewer) -> bool:
    """Who leads a team is the facility's to say: the team asks for a succession."""
    return viewer.operator or (may_write(viewer) and (viewer.steward or viewer.admin))


def may_write(viewer: Viewer) -> bool:
    return viewer.user_id is not None and Scope.WRITE in viewer.scopes
