"""What the catalogue's services need of a store. Every read takes the viewer and the instant: the predicate is in the query."""

from __future__ import annotations

from typing import Protocol

from panmesh.access.viewer import Viewer
from panmesh.catalogue.graph import Entity, GraphCondition, Node, Selection
from panmesh.catalogue.model import (
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
from panmesh.catalogue.query import DatasetQuery, Field


class CatalogueReads(Protocol):
    """`None` means absent or hidden: nothing in timing, form or message tells the two apart."""

    def search(self, viewer: Viewer, query: DatasetQuery, now_us: int) -> Page[DatasetSummary]: ...

    def count(self, viewer: Viewer, query: DatasetQuery, now_us: int) -> int: ...

    def facet(self, viewer: Viewer, query: DatasetQuery, field: Field, now_us: int, limit: int = 50) -> tuple[FacetValue, ...]:
        """Values of one field over the result, most frequent first (ties by value). Only rows whose field the viewer may read count."""
        ...

    def dataset(self, viewer: Viewer, pid: str, now_us: int) -> DatasetRecord | None:
        """By concept pid, version pid or alias."""
        ...

    def files(
        self, viewer: Viewer, pid: str, now_us: int, *, offset: int, limit: int, contains: str | None
    ) -> FilesPage | None: ...

    def locate(self, viewer: Viewer, pid: str, name: str, now_us: int) -> FileLocation | None:
        """Where a file's bytes are, if the viewer may read RAW (or PROCESSED, for derived data)."""
        ...

    def investigation(self, viewer: Viewer, pid: str, now_us: int) -> InvestigationView | None: ...

    def investigations(
        self, viewer: Viewer, now_us: int, *, offset: int, limit: int, instrument: str | None = None
    ) -> Page[InvestigationView]: ...

    def instrument(self, viewer: Viewer, pid: str, now_us: int) -> InstrumentView | None: ...

    def instruments(self, viewer: Viewer, now_us: int) -> tuple[InstrumentView, ...]: ...

    def facilities(self) -> tuple[FacilityView, ...]: ...

    def sample(self, viewer: Viewer, pid: str, now_us: int) -> SampleView | None:
        """Known only through a dataset whose full metadata the viewer may read."""
        ...

    def quantities(self, viewer: Viewer, now_us: int, *, limit: int = 200) -> tuple[FacetValue, ...]:
        """Names of the searchable quantities in what the viewer may read, with the most frequent unit as label."""
        ...


class GraphReads(Protocol):
    """The catalogue as records that refer to one another. Hidden and absent are one, as above."""

    def select(self, viewer: Viewer, entity: Entity, selection: Selection, now_us: int) -> list[Node]: ...

    def count(self, viewer: Viewer, entity: Entity, selection: Selection, now_us: int) -> int: ...

    def one(self, viewer: Viewer, entity: Entity, pid: str, selection: Selection, now_us: int) -> Node | None:
        """By pid, a version's pid, or an alias. The selection's condition and required includes do not count here."""
        ...

    def files(self, viewer: Viewer, pid: str, selection: Selection, now_us: int) -> list[Node] | None:
        """Files of one dataset, in the order of their names; none where the viewer may not read them. None: no such dataset."""
        ...

    def horizon(self, now_us: int) -> int | None:
        """When the access to something next changes by the clock alone; None: it does not."""
        ...

    def techniques(self, where: GraphCondition | None) -> list[Node]:
        """Terms: PaNET's, and those that other catalogues brought."""
        ...
