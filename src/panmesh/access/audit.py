"""Who read or changed what: a record that only grows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from panmesh.access.artefact import Artefact
from panmesh.access.terms import State
from panmesh.access.viewer import Viewer


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    id: int
    at_us: int
    actor: str
    action: str
    pid: str | None
    detail: Mapping[str, Any]


class AuditLog(Protocol):
    def record(self, viewer: Viewer, action: str, pid: str | None = None, **detail: Any) -> None: ...

    def entries(self, *, pid: str | None = None, limit: int = 100) -> tuple[AuditEntry, ...]:
        """Newest first."""
        ...


def is_staff_read(viewer: Viewer, state: State, readable: frozenset[Artefact], in_team: bool) -> bool:
    """A read of what is not open, by virtue of an office and not of the team: it is recorded."""
    return viewer.staff and not viewer.operator and state is not State.OPEN and not in_team and Artefact.FULL_METADATA in readable
