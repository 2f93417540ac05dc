"""A whole result, run after run: what exports and feeds of files read, however long it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.model import DatasetSummary
from panmesh.catalogue.query import Condition, DatasetQuery
from panmesh.catalogue.search import check_query
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Forbidden

AT_ONCE = 500


class ListingReads(Protocol):
    def after(
        self, viewer: Viewer, where: Condition | None, before_id: int | None, now_us: int, limit: int
    ) -> tuple[DatasetSummary, ...]:
        """The latest arrivals first, from below that id on: the same statement wherever one is."""
        ...


class ListingService:
    def __init__(self, reads: ListingReads, clock: Clock) -> None:
        self._reads = reads
        self._clock = clock

    def runs(self, viewer: Viewer, query: DatasetQuery) -> Iterator[DatasetSummary]:
        """All that fit, the latest arrivals first; what a viewer may know of is asked anew for each part. Raises at once."""
        if Scope.READ not in viewer.scopes:
            raise Forbidden("Your token has not the scope 'read'.")
        check_query(query)
        return self._parts(viewer, query.where, self._reads.after(viewer, query.where, None, self._clock(), AT_ONCE))

    def _parts(self, viewer: Viewer, where: Condition | None, part: tuple[DatasetSummary, ...]) -> Iterator[DatasetSummary]:
        while part:
            yield from part
            if len(part) < AT_ONCE:
                return
            part = self._reads.after(viewer, where, part[-1].id, self._clock(), AT_ONCE)
