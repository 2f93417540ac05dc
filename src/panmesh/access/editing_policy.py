"""Who may change the metadata of a dataset, and who may say where it belongs."""

from __future__ import annotations

from panmesh.access.artefact import Artefact
from panmesh.access.policy import Owned, may_read, standings
from panmesh.access.terms import Terms
from panmesh.access.viewer import Scope, Standing, Viewer

A_PERSON = "a person"
_COLLEAGUES = frozenset({Standing.PI, Standing.MEMBER, Standing.STAFF, Standing.STEWARD, Standing.ADMIN})
_EDITORS = frozenset({Standing.PI, Standing.STAFF, Standing.STEWARD, Standing.ADMIN})
_HOUSE = frozenset({Standing.STAFF, Standing.STEWARD, Standing.ADMIN})


def sees_editors(viewer: Viewer, terms: Owned) -> bool:
    """Who corrected something is for those who work with them; the world sees that a person did."""
    return viewer.operator or not standings(viewer, terms).isdisjoint(_COLLEAGUES)


def may_edit(viewer: Viewer, terms: Terms, now_us: int) -> bool:
    """The principal investigator, the instrument's staff, the steward and the admin, as far as they may read what they change."""
    if viewer.operator:
        return True
    if viewer.user_id is None or Scope.WRITE not in viewer.scopes:
        return False
    return not standings(viewer, terms).isdisjoint(_EDITORS) and may_read(viewer, terms, Artefact.FULL_METADATA, now_us)


def may_correct(viewer: Viewer, terms: Terms, now_us: int) -> bool:
    """Say that a run belongs elsewhere: the staff of its instrument, the steward and the admin, as far as they may read it."""
    return may_edit(viewer, terms, now_us) and may_place(viewer, terms)


def may_place(viewer: Viewer, terms: Owned) -> bool:
    """Put runs under these terms: the staff of that instrument, the steward and the admin."""
    return viewer.operator or not standings(viewer, terms).isdisjoint(_HOUSE)
