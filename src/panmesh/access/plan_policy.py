"""Who may read and answer the data management plan of a proposal. It tells of the proposal's text, so it is read by whoever reads that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read, standings
from panmesh.access.terms import Terms
from panmesh.access.viewer import Scope, Standing, Viewer

_TEAM = frozenset({Standing.PI, Standing.MEMBER, Standing.GRANTEE})
_HOUSE = frozenset({Standing.STEWARD, Standing.ADMIN})
_AUTHORS = frozenset({Standing.PI, Standing.MEMBER, Standing.STEWARD, Standing.ADMIN})


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal that has no visit yet, as something that somebody owns."""

    team_id: int | None
    instrument_id: int | None = None


def may_read_plan(viewer: Viewer, team_id: int | None, visits: Sequence[Terms], now_us: int) -> bool:
    """`visits`: the terms of the proposal's visits. Before the first, its team, the steward and the admin."""
    if viewer.operator:
        return True
    if not visits:
        return not standings(viewer, Proposed(team_id)).isdisjoint(_TEAM | _HOUSE)
    return any(may_read(viewer, terms, Artefact.PROPOSAL_TEXT, now_us) for terms in visits)


def may_answer_plan(viewer: Viewer, team_id: int | None, visits: Sequence[Terms], now_us: int) -> bool:
    """The team, and the steward for them; whoever was only let in to look does not."""
    if viewer.operator:
        return True
    if viewer.user_id is None or Scope.WRITE not in viewer.scopes or not may_read_plan(viewer, team_id, visits, now_us):
        return False
    owned = [Proposed(team_id), *(Proposed(t.team_id) for t in visits)]
    return any(not standings(viewer, one).isdisjoint(_AUTHORS) for one in owned)
