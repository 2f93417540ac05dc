"""Who may bring datasets and their files in by a script."""

from __future__ import annotations

from panmesh.access.policy import Owned, standings
from panmesh.access.viewer import Scope, Standing, Viewer

_HOUSE = frozenset({Standing.STAFF, Standing.STEWARD, Standing.ADMIN})
_TEAM = frozenset({Standing.PI, Standing.MEMBER})


def may_push(viewer: Viewer, terms: Owned, *, in_visit: bool) -> bool:
    """The staff of its instrument, the steward and the admin; into a visit, its team too. What belongs to no visit is the house's."""
    if viewer.operator:
        return True
    if viewer.user_id is None or Scope.INGEST not in viewer.scopes:
        return False
    return not standings(viewer, terms).isdisjoint(_HOUSE | _TEAM if in_visit else _HOUSE)


def may_list(viewer: Viewer) -> bool:
    """Bring in instruments and proposals: the steward and the admin."""
    return viewer.operator or (Scope.INGEST in viewer.scopes and (viewer.admin or viewer.steward))
