"""Who may write into the logbook of a run or a visit."""

from __future__ import annotations

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read, standings
from panmesh.access.terms import Terms
from panmesh.access.viewer import Scope, Standing, Viewer

_WRITERS = frozenset({Standing.PI, Standing.MEMBER, Standing.STAFF, Standing.STEWARD, Standing.ADMIN})
_KEEPERS = frozenset({Standing.PI, Standing.STAFF, Standing.STEWARD, Standing.ADMIN})


def may_write_logbook(viewer: Viewer, terms: Terms, now_us: int) -> bool:
    """The team and the instrument's staff, as far as they may read it; whoever was only let in to look does not write."""
    if viewer.operator:
        return True
    if viewer.user_id is None or Scope.WRITE not in viewer.scopes:
        return False
    return not standings(viewer, terms).isdisjoint(_WRITERS) and may_read(viewer, terms, Artefact.LOGBOOK, now_us)


def may_change_note(viewer: Viewer, terms: Terms, author: str, now_us: int) -> bool:
    """What they wrote themselves; the principal investigator and the staff, also what others wrote. `author`: a login."""
    if not may_write_logbook(viewer, terms, now_us):
        return False
    return viewer.operator or viewer.login == author or not standings(viewer, terms).isdisjoint(_KEEPERS)
