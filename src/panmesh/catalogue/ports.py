"""What the catalogue's services need of a store. Every read takes the viewer and the instant: the predicate is in the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from panmesh.access.viewer import Viewer
from panmesh.catalogue.correction import Correction, Discarded, Preview, Wanted
from panmesh.catalogue.graph import Entity, GraphCondition, Node, Places, Selection
from panmesh.catalogue.model import (
    Beside,
    DatasetRecord,
    DatasetSummary,
    FacetValue,
    FacilityView,
    FileLocation,
    FilesAtHand,
    FilesPage,
    InstrumentView,
    InvestigationView,
    Page,
    ProposalView,
    RecordWithFiles,
    SampleView,
    VisitParts,
    VisitTeam,
)
from panmesh.catalogue.quantity_spread import Spread
from panmesh.catalogue.query import EVERY_VISIT, DatasetQuery, Field, VisitQuery
from panmesh.catalogue.suggestion import Suggestion


class CatalogueReads(Protocol):
    """`None` means absent or hidden: nothing in timing, form or message tells the two apart."""

    def search(self, viewer: Viewer, query: DatasetQuery, now_us: int, *, brief: bool = False) -> Page[DatasetSummary]:
        """`brief`: without techniques and quantities."""
        ...

    def count(self, viewer: Viewer, query: DatasetQuery, now_us: int) -> int: ...

    def facet(self, viewer: Viewer, query: DatasetQuery, field: Field, now_us: int, limit: int = 50) -> tuple[FacetValue, ...]:
        """Values of one field over the result, most frequent first (ties by value). Only rows whose field the viewer may read count."""
        ...

    def techniques(self, viewer: Viewer, query: DatasetQuery, now_us: int) -> dict[str, int]:
        """PaNET pid → runs of the result by it or by a narrower one, each run counted once. Own techniques count as the term they are."""
        ...

    def years(self, viewer: Viewer, query: DatasetQuery, zone: str, now_us: int) -> dict[int, int]:
        """Civil year of the start → runs of the result."""
        ...

    def dataset(self, viewer: Viewer, pid: str, now_us: int) -> DatasetRecord | None:
        """By concept pid, version pid or alias."""
        ...

    def datasets(self, viewer: Viewer, pids: Sequence[str], now_us: int, *, files: int) -> Mapping[str, RecordWithFiles]:
        """Of those among them that there are, with the first so many files, and without what the files say."""
        ...

    def beside(self, viewer: Viewer, summary: DatasetSummary, now_us: int) -> Beside: ...

    def set_aside(self, viewer: Viewer, pid: str, now_us: int) -> str | None:
        """Why a discarded dataset is gone, for those who could know of it when it was there."""
        ...

    def files(
        self, viewer: Viewer, pid: str, now_us: int, *, offset: int, limit: int, contains: str | None
    ) -> FilesPage | None: ...

    def files_of(self, record: DatasetRecord, *, offset: int, limit: int, contains: str | None) -> FilesPage | None:
        """Of a run that was read; None where its reader may not read its files."""
        ...

    def locate(self, viewer: Viewer, pid: str, name: str, now_us: int) -> FileLocation | None:
        """Where a file's bytes are, if the viewer may read RAW (or PROCESSED, for derived data)."""
        ...

    def opened(self, viewer: Viewer, pid: str, now_us: int) -> FilesAtHand | None:
        """As `locate`, for somebody who takes many files of one dataset: decided once, for the moment."""
        ...

    def investigation(self, viewer: Viewer, pid: str, now_us: int) -> InvestigationView | None: ...

    def visits(self, viewer: Viewer, pids: Sequence[str], now_us: int) -> Mapping[str, InvestigationView]: ...

    def parts(
        self, viewer: Viewer, visits: Sequence[int], now_us: int, *, runs: int, techniques: int
    ) -> Mapping[int, VisitParts]:
        """Of each visit, by its number: so many of the newest runs and of the most frequent techniques."""
        ...

    def teams(self, viewer: Viewer, pids: Sequence[str], now_us: int) -> Mapping[str, VisitTeam]:
        """Of these visits, without looking at their runs."""
        ...

    def investigations(
        self, viewer: Viewer, now_us: int, *, offset: int, limit: int, wanted: VisitQuery = EVERY_VISIT
    ) -> Page[InvestigationView]:
        """The newest first."""
        ...

    def proposal(self, viewer: Viewer, pid: str, now_us: int) -> ProposalView | None:
        """By pid or number; known through a visit that the viewer may know of."""
        ...

    def instrument(self, viewer: Viewer, pid: str, now_us: int) -> InstrumentView | None: ...

    def instruments(self, viewer: Viewer, now_us: int) -> tuple[InstrumentView, ...]: ...

    def facilities(self) -> tuple[FacilityView, ...]: ...

    def sample(self, viewer: Viewer, pid: str, now_us: int) -> SampleView | None:
        """Known only through a dataset whose full metadata the viewer may read."""
        ...

    def quantities(self, viewer: Viewer, now_us: int, *, limit: int = 200) -> tuple[FacetValue, ...]:
        """Names of the searchable quantities in what the viewer may read, with the most frequent unit as label."""
        ...

    def spreads(self, viewer: Viewer, query: DatasetQuery, typed: str, now_us: int) -> tuple[Spread, ...]:
        """Quantities with all that was typed in their name, over the runs of the result whose quantities the viewer may read; most runs first."""
        ...


class GraphReads(Protocol):
    """The catalogue as records that refer to one another. Hidden and absent are one, as above."""

    def select(self, viewer: Viewer, entity: Entity, selection: Selection, now_us: int) -> list[Node]: ...

    def count(self, viewer: Viewer, entity: Entity, selection: Selection, now_us: int) -> int: ...

    def places(self, viewer: Viewer, entity: Entity, selection: Selection, now_us: int) -> Places:
        """Which records `select` would give, in its order."""
        ...

    def these(self, viewer: Viewer, entity: Entity, places: Places, selection: Selection, now_us: int) -> list[Node]:
        """What the viewer may still know of these, as `select` would give it."""
        ...

    def one(self, viewer: Viewer, entity: Entity, pid: str, selection: Selection, now_us: int) -> Node | None:
        """By pid, a version's pid, or an alias. The selection's condition and required includes do not count here."""
        ...

    def files(self, viewer: Viewer, pid: str, selection: Selection, now_us: int) -> list[Node] | None:
        """Files of one dataset, in the order of their names; none where the viewer may not read them. None: no such dataset."""
        ...

    def horizon(self, now_us: int) -> int | None:
        """When the access to something next changes by the clock alone; None: it does not."""
        ...

    def last_commit(self) -> object:
        """Another one after each change by this process."""
        ...

    def techniques(self, where: GraphCondition | None) -> list[Node]:
        """Terms: PaNET's, and those that other catalogues brought."""
        ...


class CorrectionStore(Protocol):
    """Every call decides itself what the viewer may know of and may correct: NotFound, Forbidden; Conflict where it stands fast."""

    def preview(self, viewer: Viewer, wanted: Wanted, now_us: int) -> Preview: ...

    def begin(self, viewer: Viewer, wanted: Wanted, now_us: int) -> int:
        """Write down what is to be done, and nothing else; returns its number."""
        ...

    def begin_undo(self, viewer: Viewer, number: int, now_us: int) -> None: ...

    def step(self, number: int, now_us: int) -> tuple[int, int]:
        """Do, or undo, the next piece in one transaction; (how many are through, of how many)."""
        ...

    def hand_over(self, number: int) -> None:
        """To whoever asks for stopped ones next."""
        ...

    def stopped(self, before_us: int) -> list[int]:
        """Corrections begun and not finished, with which nothing happened since then."""
        ...

    def one(self, viewer: Viewer, number: int, now_us: int) -> Correction: ...

    def history(self, viewer: Viewer, now_us: int, *, pid: str | None, offset: int, limit: int) -> Page[Correction]: ...

    def discarded(self, viewer: Viewer, now_us: int, *, offset: int, limit: int) -> Page[Discarded]: ...

    def suggestions(self, viewer: Viewer, pids: Sequence[str], now_us: int) -> Mapping[str, tuple[Suggestion, ...]]: ...

    def chosen(self, viewer: Viewer, query: DatasetQuery, *, waiting: bool, most: int, now_us: int) -> tuple[str, ...]: ...
