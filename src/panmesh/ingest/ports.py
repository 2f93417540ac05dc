"""What the portal, the API and the command line ask of ingest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from panmesh.access.viewer import Viewer
from panmesh.catalogue.model import Page
from panmesh.ingest.units import DerivedRun, IngestCounts, PushResult, QuarantinedView, UnitState, UnitView


class IngestDesk(Protocol):
    """All of these need staff (or a token of scope INGEST for `push` and `register_derived`): Forbidden else, NotFound for outsiders."""

    def push(self, viewer: Viewer, path: str, *, wait_seconds: float = 2.0) -> PushResult:
        """Read a file or folder now. `path`: absolute or "storage:path". Invalid when it lies in no configured storage."""
        ...

    def register_derived(self, viewer: Viewer, run: DerivedRun) -> str:
        """Returns the pid of the new (or same, when registered again) processed dataset."""
        ...

    def units(
        self, viewer: Viewer, *, states: Sequence[UnitState] = (), contains: str | None = None, offset: int = 0, limit: int = 50
    ) -> Page[UnitView]:
        """Newest first; an instrument scientist sees all units (files carry no terms before they are read)."""
        ...

    def counts(self, viewer: Viewer) -> IngestCounts: ...

    def retry(self, viewer: Viewer, unit_ids: Sequence[int]) -> int:
        """Queue failed or stored units again; returns how many."""
        ...

    def quarantined(self, viewer: Viewer, *, offset: int = 0, limit: int = 50) -> Page[QuarantinedView]: ...
