"""Named points at which a test may kill, stop or fail the process, to prove that nothing is lost there. Free when none is armed."""

from __future__ import annotations

import os
import signal

_ARMED = os.environ.get("PANMESH_FAULT", "")  # "point:kill", "point:kill:3" (at the third passage)
_passages: dict[str, int] = {}

POINTS = (
    "ingest.sighted",
    "ingest.claimed",
    "ingest.read",
    "ingest.before-commit",
    "ingest.after-commit",
    "manifest.before-rename",
    "manifest.written",
    "digest.computed",
    "digest.before-commit",
    "digest.after-commit",
    "import.before-commit",
    "import.after-commit",
    "correction.before-commit",
    "correction.after-commit",
    "webhook.written",
    "webhook.sent",
    "alert.written",
    "alert.sent",
    "doi.intended",
    "doi.asked",
    "doi.begun",
    "doi.answered",
    "doi.confirmed",
    "notice.written",
    "notice.sent",
    "invitation.sent",
    "fair.before-commit",
    "fair.scored",
    "fair.month",
    "retention.before-commit",
    "retention.forgot",
    "disk-rights.set",
    "disk-rights.before-commit",
)


def reach(point: str) -> None:
    """Kill this process here with SIGKILL if the environment says so. Names are those in POINTS."""
    if not _ARMED:
        return
    name, _, rest = _ARMED.partition(":")
    if name != point:
        return
    action, _, count = rest.partition(":")
    _passages[point] = _passages.get(point, 0) + 1
    if action == "kill" and _passages[point] == int(count or 1):
        os.kill(os.getpid(), signal.SIGKILL)
