"""Who sees how well the runs of an instrument are described: a sum over all of them, so those who look after them, and nobody else."""

from __future__ import annotations

from panmesh.access.viewer import Viewer


def may_see_scores(viewer: Viewer, instrument_id: int | None) -> bool:
    """None: of the whole facility."""
    if viewer.operator or viewer.admin or viewer.steward:
        return True
    return instrument_id is not None and instrument_id in viewer.instruments
