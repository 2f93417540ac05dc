"""Who sees a name that is withheld from the public: whoever works with its owner, and those who answer for the records."""

from __future__ import annotations

from panmesh.access.editing_policy import sees_editors
from panmesh.access.policy import Owned
from panmesh.access.viewer import Standing, Viewer

COLLEAGUES = frozenset({Standing.PI, Standing.MEMBER, Standing.STAFF, Standing.STEWARD, Standing.ADMIN})


def sees_names(viewer: Viewer, terms: Owned) -> bool:
    """`adapters.sql.permission.names_seen` is the same as a condition."""
    return sees_editors(viewer, terms)
