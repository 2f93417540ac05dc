"""The one door to the catalogue for every protocol and page: asks the store with the viewer, says NotFound for absent and hidden alike."""

from __future__ import annotations

from typing import TypeVar

from panmesh.access.artefact import Artefact
from panmesh.access.explain import Explanation, explain
from panmesh.access.viewer import Viewer
from panmesh.catalogue.model import (
    DatasetKind,
    DatasetRecord,
    DatasetSummary,
    FacetValue,
    FacilityView,
    FileLocation,
    FilesPage,
    InstrumentView,
    InvestigationView,
    Page,
    SampleView,
)
from panmesh.catalogue.ports import CatalogueReads
from panmesh.catalogue.query import DatasetQuery, Field
from panmesh.kernel.clock import Clock, facility_day
from panmesh.kernel.errors import Embargoed, Invalid, NotFound

T = TypeVar("T")

MAX_LIMIT = 1000


class SearchService:
    def __init__(self, reads: CatalogueReads, clock: Clock) -> None:
        self._reads = reads
        self._clock = clock

    def search(self, viewer: Viewer, query: DatasetQuery) -> Page[DatasetSummary]:
        _check(query)
        return self._reads.search(viewer, query, self._clock())

    def count(self, viewer: Viewer, query: DatasetQuery) -> int:
        return self._reads.count(viewer, query, self._clock())

    def facet(self, viewer: Viewer, query: DatasetQuery, field: Field, limit: int = 50) -> tuple[FacetValue, ...]:
        return self._reads.facet(viewer, query, field, self._clock(), limit)

    def get(self, viewer: Viewer, pid: str) -> DatasetRecord:
        return _found(self._reads.dataset(viewer, pid, self._clock()))

    def files(self, viewer: Viewer, pid: str, *, offset: int = 0, limit: int = 100, contains: str | None = None) -> FilesPage:
        page = self._reads.files(viewer, pid, self._clock(), offset=offset, limit=limit, contains=contains)
        if page is None:
            self._refuse(viewer, pid)
        return _found(page)

    def locate(self, viewer: Viewer, pid: str, name: str) -> FileLocation:
        """Raises NotFound, or Embargoed where the record may be known and its bytes may not be read."""
        location = self._reads.locate(viewer, pid, name, self._clock())
        if location is None:
            self._refuse(viewer, pid)
        return _found(location)

    def explain(self, viewer: Viewer, pid: str) -> Explanation:
        summary = self.get(viewer, pid).summary
        return explain(summary.access, summary.facility_zone, signed_in=viewer.user_id is not None)

    def investigation(self, viewer: Viewer, pid: str) -> InvestigationView:
        return _found(self._reads.investigation(viewer, pid, self._clock()))

    def investigations(
        self, viewer: Viewer, *, offset: int = 0, limit: int = 50, instrument: str | None = None
    ) -> Page[InvestigationView]:
        return self._reads.investigations(viewer, self._clock(), offset=offset, limit=limit, instrument=instrument)

    def instrument(self, viewer: Viewer, pid: str) -> InstrumentView:
        return _found(self._reads.instrument(viewer, pid, self._clock()))

    def instruments(self, viewer: Viewer) -> tuple[InstrumentView, ...]:
        return self._reads.instruments(viewer, self._clock())

    def facilities(self) -> tuple[FacilityView, ...]:
        return self._reads.facilities()

    def sample(self, viewer: Viewer, pid: str) -> SampleView:
        return _found(self._reads.sample(viewer, pid, self._clock()))

    def quantities(self, viewer: Viewer) -> tuple[FacetValue, ...]:
        return self._reads.quantities(viewer, self._clock())

    def _refuse(self, viewer: Viewer, pid: str) -> None:
        """Embargoed when the record is known to the viewer and its files are not; otherwise nothing (the caller says NotFound)."""
        summary = self.get(viewer, pid).summary
        needed = Artefact.RAW if summary.kind is DatasetKind.RAW else Artefact.PROCESSED
        if needed in summary.access.readable:
            return
        opens = summary.access.opens_us
        day = facility_day(opens, summary.facility_zone) if opens is not None else None
        raise Embargoed(explain(summary.access, summary.facility_zone, signed_in=viewer.user_id is not None).sentence, day)


def _check(query: DatasetQuery) -> None:
    if not 0 <= query.limit <= MAX_LIMIT:
        raise Invalid(f"limit is a number from 0 to {MAX_LIMIT}; got {query.limit}.")
    if not 0 <= query.offset < 2**53:
        raise Invalid(f"offset is a number from 0; got {query.offset}.")


def _found(value: T | None) -> T:
    if value is None:
        raise NotFound()
    return value
