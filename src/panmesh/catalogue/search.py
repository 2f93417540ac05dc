"""The one door to the catalogue for every protocol and page: asks the store with the viewer, says NotFound for absent and hidden alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from panmesh.access.artefact import Artefact
from panmesh.access.explain import Explanation, explain
from panmesh.access.terms import State
from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.model import (
    Beside,
    DatasetKind,
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
from panmesh.catalogue.ports import CatalogueReads
from panmesh.catalogue.quantity_spread import Spread
from panmesh.catalogue.query import EVERY_VISIT, And, Condition, DatasetQuery, Field, OneOf, Or, VisitQuery, Words
from panmesh.catalogue.technique_tree import Branch, tree
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Embargoed, Forbidden, Invalid, NotFound, Unavailable, Withdrawn

T = TypeVar("T")

MAX_LIMIT = 1000
MAX_CONDITIONS = 200  # words count one each
MAX_DEPTH = 30
MAX_TYPED = 200
MAX_WORDS = 20  # of a list of visits
MAX_VALUES = 10_000  # of one choice


class SearchService:
    def __init__(self, reads: CatalogueReads, clock: Clock, contact: str | None = None) -> None:
        """`contact`: of the facility, for whoever may not read something."""
        self._reads = reads
        self._clock = clock
        self._contact = contact

    def search(self, viewer: Viewer, query: DatasetQuery, *, brief: bool = False) -> Page[DatasetSummary]:
        """`brief`: without techniques and quantities."""
        _need_read(viewer)
        check_query(query)
        return self._reads.search(viewer, query, self._clock(), brief=brief)

    def count(self, viewer: Viewer, query: DatasetQuery) -> int:
        _need_read(viewer)
        check_query(query)
        return self._reads.count(viewer, query, self._clock())

    def facet(self, viewer: Viewer, query: DatasetQuery, field: Field, limit: int = 50) -> tuple[FacetValue, ...]:
        _need_read(viewer)
        check_query(query)
        return self._reads.facet(viewer, query, field, self._clock(), limit)

    def technique_tree(self, viewer: Viewer, query: DatasetQuery) -> tuple[Branch, ...]:
        _need_read(viewer)
        check_query(query)
        return tree(self._reads.techniques(viewer, query, self._clock()), {})

    def years(self, viewer: Viewer, query: DatasetQuery, zone: str) -> dict[int, int]:
        """The newest first."""
        _need_read(viewer)
        check_query(query)
        found = self._reads.years(viewer, query, zone, self._clock())
        return dict(sorted(found.items(), reverse=True))

    def get(self, viewer: Viewer, pid: str) -> DatasetRecord:
        """Raises NotFound; Withdrawn, with the reason, for those who could know of it before it was discarded."""
        _need_read(viewer)
        found = self._reads.dataset(viewer, pid, self._clock())
        if found is None and (why := self._reads.set_aside(viewer, pid, self._clock())) is not None:
            raise Withdrawn(why)
        return _found(found)

    def many(self, viewer: Viewer, pids: Sequence[str], *, files: int) -> Mapping[str, RecordWithFiles]:
        """As `get`, without what the files say, and with the first so many files: of those that the viewer may know of."""
        _need_read(viewer)
        return self._reads.datasets(viewer, pids, self._clock(), files=files) if pids else {}

    def beside(self, viewer: Viewer, summary: DatasetSummary) -> Beside:
        _need_read(viewer)
        return self._reads.beside(viewer, summary, self._clock())

    def files(self, viewer: Viewer, pid: str, *, offset: int = 0, limit: int = 100, contains: str | None = None) -> FilesPage:
        _need_read(viewer)
        page = self._reads.files(viewer, pid, self._clock(), offset=offset, limit=limit, contains=contains)
        if page is None:
            self._refuse(viewer, pid)
        return _found(page)

    def files_of(
        self, record: DatasetRecord, *, offset: int = 0, limit: int = 100, contains: str | None = None
    ) -> FilesPage | None:
        """Of a run that was just read by `get`; None where its reader may not read its files."""
        return self._reads.files_of(record, offset=offset, limit=limit, contains=contains)

    def locate(self, viewer: Viewer, pid: str, name: str) -> FileLocation:
        """Raises NotFound; Embargoed where the record may be known and its bytes may not be read; Unavailable where they are not here."""
        location = self._reads.locate(viewer, pid, name, self._clock())
        if location is None:
            self._refuse(viewer, pid)
        found = _found(location)
        if found.storage == "":
            raise Unavailable(f"The bytes of {name} are not here: this record was brought from another catalogue{_where(found)}.")
        return found

    def opened(self, viewer: Viewer, pid: str) -> FilesAtHand | None:
        """The files that `locate` would find, as they are at this moment; None where it would refuse."""
        return self._reads.opened(viewer, pid, self._clock()) if Scope.READ in viewer.scopes else None

    def explain(self, viewer: Viewer, pid: str) -> Explanation:
        summary = self.get(viewer, pid).summary
        return explain(summary.access, summary.facility_zone, signed_in=viewer.user_id is not None, contact=self._contact)

    def investigation(self, viewer: Viewer, pid: str) -> InvestigationView:
        _need_read(viewer)
        return _found(self._reads.investigation(viewer, pid, self._clock()))

    def visits(self, viewer: Viewer, pids: Sequence[str]) -> Mapping[str, InvestigationView]:
        """Of those that the viewer may know of."""
        _need_read(viewer)
        return self._reads.visits(viewer, pids, self._clock()) if pids else {}

    def parts(self, viewer: Viewer, visits: Sequence[int], *, runs: int, techniques: int) -> Mapping[int, VisitParts]:
        """Of each visit, by its number: so many of the newest runs and of the most frequent techniques."""
        _need_read(viewer)
        return self._reads.parts(viewer, visits, self._clock(), runs=runs, techniques=techniques) if visits else {}

    def teams(self, viewer: Viewer, pids: Sequence[str]) -> Mapping[str, VisitTeam]:
        """Of those that the viewer may know of, without looking at their runs."""
        _need_read(viewer)
        return self._reads.teams(viewer, pids, self._clock()) if pids else {}

    def investigations(
        self, viewer: Viewer, wanted: VisitQuery = EVERY_VISIT, *, offset: int = 0, limit: int = 50
    ) -> Page[InvestigationView]:
        """Raises Invalid for too many words."""
        _need_read(viewer)
        now = self._clock()
        if len(wanted.words) > MAX_TYPED or len(wanted.words.split()) > MAX_WORDS:
            raise Invalid(f"Visits are found by at most {MAX_WORDS} words: leave some out.")
        return self._reads.investigations(viewer, now, offset=offset, limit=limit, wanted=wanted)

    def proposal(self, viewer: Viewer, pid: str) -> ProposalView:
        """By pid or number."""
        _need_read(viewer)
        return _found(self._reads.proposal(viewer, pid, self._clock()))

    def instrument(self, viewer: Viewer, pid: str) -> InstrumentView:
        return _found(self._reads.instrument(viewer, pid, self._clock()))

    def instruments(self, viewer: Viewer) -> tuple[InstrumentView, ...]:
        return self._reads.instruments(viewer, self._clock())

    def facilities(self) -> tuple[FacilityView, ...]:
        return self._reads.facilities()

    def sample(self, viewer: Viewer, pid: str) -> SampleView:
        _need_read(viewer)
        return _found(self._reads.sample(viewer, pid, self._clock()))

    def quantities(self, viewer: Viewer) -> tuple[FacetValue, ...]:
        _need_read(viewer)
        return self._reads.quantities(viewer, self._clock())

    def spreads(self, viewer: Viewer, query: DatasetQuery, typed: str) -> tuple[Spread, ...]:
        """What quantities there are in the result, as somebody types."""
        _need_read(viewer)
        check_query(query)
        if len(typed) > MAX_TYPED:
            raise Invalid(f"a name of a quantity has at most {MAX_TYPED} signs.")
        return self._reads.spreads(viewer, query, typed, self._clock())

    def _refuse(self, viewer: Viewer, pid: str) -> None:
        """Says why, when the record is known to the viewer and its files are not; otherwise nothing (the caller says NotFound)."""
        summary = _found(self._reads.dataset(viewer, pid, self._clock())).summary
        needed = Artefact.RAW if summary.kind is DatasetKind.RAW else Artefact.PROCESSED
        if needed in summary.access.readable:
            return
        why = explain(summary.access, summary.facility_zone, signed_in=viewer.user_id is not None)
        match summary.access.state:
            case State.PLANNED | State.COLLECTING | State.EMBARGOED:
                raise Embargoed(why.sentence, why.opens)
            case State.WITHDRAWN | State.DELETED:
                raise Withdrawn(why.sentence)
        raise Forbidden(why.sentence)


def _need_read(viewer: Viewer) -> None:
    """Said before anything is looked up: a token that was made for something else learns nothing here."""
    if Scope.READ not in viewer.scopes:
        raise Forbidden("Your token has not the scope 'read'.")


def check_query(query: DatasetQuery) -> None:
    if not 0 <= query.limit <= MAX_LIMIT:
        raise Invalid(f"limit is a number from 0 to {MAX_LIMIT}; got {query.limit}.")
    if not 0 <= query.offset < 2**53:
        raise Invalid(f"offset is a number from 0; got {query.offset}.")
    if query.where is not None and _size(query.where) > MAX_CONDITIONS:
        raise Invalid(f"a query has at most {MAX_CONDITIONS} conditions and words; ask in several queries.")


def _size(condition: Condition, depth: int = 0) -> int:
    """How many comparisons it takes. Raises Invalid on one that is nested too deeply, or a choice that is too long."""
    if depth > MAX_DEPTH:
        raise Invalid(f"conditions are nested at most {MAX_DEPTH} deep.")
    if isinstance(condition, And | Or):
        return 1 + sum(_size(part, depth + 1) for part in condition.parts)
    if isinstance(condition, OneOf) and len(condition.values) > MAX_VALUES:
        raise Invalid(f"a choice has at most {MAX_VALUES} values; got {len(condition.values)}.")
    return max(1, len(condition.words)) if isinstance(condition, Words) else 1


def _found(value: T | None) -> T:
    if value is None:
        raise NotFound()
    return value


def _where(found: FileLocation) -> str:
    return f", which says that they are at {found.path}" if found.path else ""
