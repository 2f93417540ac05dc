"""Who may change the metadata of a dataset."""

from __future__ import annotations

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read, standings
from panmesh.access.terms import Terms
from panmesh.access.viewer import Scope, Standing, Viewer

_EDITORS = frozenset({Standing.PI, Standing.STAFF, Standing.STEWARD, Standing.ADMIN})


def may_edit(viewer: Viewer, terms: Terms, now_us: int) -> bool:
    """The principal investigator, the instrument's staff, the steward and the admin, as far as they may read what they change."""
    if viewer.operator:
        return True
    if viewer.user_id is None or Scope.WRITE not in viewer.scopes:
        return False
    return not standings(viewer, terms).isdisjoint(_EDITORS) and may_read(viewer, terms, Artefact.FULL_METADATA, now_us)
