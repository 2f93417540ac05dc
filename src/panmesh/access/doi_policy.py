"""Who sees how the DOI of something stands before everybody may, and who may ask for one."""

from __future__ import annotations

from panmesh.access.policy import Owned, standings
from panmesh.access.viewer import Scope, Standing, Viewer

_TEAM = frozenset({Standing.PI, Standing.MEMBER, Standing.STAFF, Standing.STEWARD, Standing.ADMIN})
_ASKERS = frozenset({Standing.PI, Standing.STEWARD, Standing.ADMIN})


def keeps_dois(viewer: Viewer) -> bool:
    """The whole list, its failures, and the button that tries again."""
    return viewer.operator or viewer.steward or viewer.admin


def sees_doi_state(viewer: Viewer, owned: Owned | None) -> bool:
    """Of something that they may know of: that a name is reserved, or why it failed. `owned`: None for what nobody owns."""
    if keeps_dois(viewer):
        return True
    return owned is not None and not standings(viewer, owned).isdisjoint(_TEAM)


def may_ask_for_doi(viewer: Viewer, owned: Owned | None) -> bool:
    if viewer.operator:
        return True
    if viewer.user_id is None or Scope.WRITE not in viewer.scopes:
        return False
    if owned is None:
        return viewer.steward or viewer.admin
    return not standings(viewer, owned).isdisjoint(_ASKERS)
