"""One visit as one viewer may know it: when its runs were, what varied over them, and its runs as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from panmesh.access.viewer import Viewer
from panmesh.catalogue.model import DatasetSummary, InvestigationView, Page
from panmesh.catalogue.notes import Flag
from panmesh.catalogue.query import DatasetQuery
from panmesh.catalogue.search import MAX_LIMIT, SearchService, check_query
from panmesh.catalogue.visit_table import SORTED_BY, Column, Quantity, Said, TableQuery, columns_of, quantities
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Forbidden, Invalid

BINS = 120  # pieces of a timeline, and of a curve of growth
DRAWN = 300  # runs that a timeline shows one by one
PIECE = 500  # runs of a table that are read at once, for who takes all of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Among:
    """Runs of one visit, or of all visits of one proposal, by their ids."""

    visit: int | None = None
    proposal: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Over the runs of a visit that the viewer may know of."""

    runs: int
    timed: int  # that say when they began
    first_us: int | None  # start of the first
    last_us: int | None  # end of the last, or its start
    readable: int  # whose full metadata the viewer may read
    total_bytes: int  # of those


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One run on a timeline."""

    pid: str
    title: str | None
    start_us: int
    end_us: int | None
    technique: str | None  # pid; the first of several


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Runs of one technique that began in one piece of time."""

    number: int  # from 0
    technique: str | None
    runs: int
    size: int  # bytes of those whose files the viewer may know


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    pid: str
    flag: Flag
    start_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Somebody whom files of the visit name."""

    name: str
    orcid: str | None
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    span: Span
    first_us: int  # of the drawing: that of the visit or of its runs, whichever is earlier
    width_us: int  # of a piece
    bins: tuple[Bin, ...]
    moments: tuple[Moment, ...]  # in the order of their starts; () where there are more than `DRAWN`
    flagged: tuple[Flagged, ...]


class VisitStore(Protocol):
    """The visit or proposal is one that the viewer may know of. Each value counts over the runs whose artefact they may read."""

    def span(self, viewer: Viewer, among: Among, now_us: int) -> Span: ...
    def moments(self, viewer: Viewer, among: Among, limit: int, now_us: int) -> tuple[Moment, ...]: ...
    def bins(self, viewer: Viewer, among: Among, first_us: int, width_us: int, now_us: int) -> tuple[Bin, ...]: ...
    def flagged(self, viewer: Viewer, among: Among, now_us: int) -> tuple[Flagged, ...]: ...
    def named(self, viewer: Viewer, among: Among, limit: int, now_us: int) -> tuple[Named, ...]: ...
    def quantities(self, viewer: Viewer, among: Among, now_us: int) -> tuple[Said, ...]: ...
    def page(self, viewer: Viewer, among: Among, query: TableQuery, by: Quantity | None, now_us: int) -> Page[DatasetSummary]:
        """`by`: the quantity that it is sorted by, if it is one."""
        ...

    def remembered(self, account_id: int, place: str) -> str | None: ...
    def remember(self, account_id: int, place: str, columns: str, now_us: int) -> None: ...


class VisitService:
    def __init__(self, store: VisitStore, search: SearchService, clock: Clock) -> None:
        self._store, self._search, self._clock = store, search, clock

    def timeline(self, viewer: Viewer, visit: InvestigationView) -> Timeline:
        return self.times(viewer, Among(visit=visit.id), visit.starts_us, visit.ends_us)

    def times(self, viewer: Viewer, among: Among, starts_us: int | None = None, ends_us: int | None = None) -> Timeline:
        """`starts_us`, `ends_us`: of the beam time."""
        now = self._clock()
        span = self._store.span(viewer, among, now)
        first, last = _ends(starts_us, ends_us, span)
        width = max(1, -(-(last - first + 1) // BINS))
        few = 0 < span.timed <= DRAWN
        return Timeline(
            span=span,
            first_us=first,
            width_us=width,
            bins=self._store.bins(viewer, among, first, width, now) if span.timed else (),
            moments=self._store.moments(viewer, among, DRAWN, now) if few else (),
            flagged=self._store.flagged(viewer, among, now),
        )

    def named(self, viewer: Viewer, visit: InvestigationView, limit: int = 12) -> tuple[Named, ...]:
        return self._store.named(viewer, Among(visit=visit.id), limit, self._clock())

    def quantities(self, viewer: Viewer, visit: InvestigationView) -> tuple[Quantity, ...]:
        return quantities(self._store.quantities(viewer, Among(visit=visit.id), self._clock()))

    def page(
        self, viewer: Viewer, visit: InvestigationView, query: TableQuery, known: Sequence[Quantity]
    ) -> Page[DatasetSummary]:
        """`known`: what `quantities` said. Raises Invalid where nothing is called as the sort says."""
        if not 0 < query.limit <= MAX_LIMIT:
            raise Invalid(f"A page has 1 to {MAX_LIMIT} runs; {query.limit} are asked for.")
        check_query(DatasetQuery(where=query.where, offset=query.offset, limit=query.limit))
        by = None if query.sort in SORTED_BY else next((one for one in known if one.name == query.sort), None)
        if by is None and query.sort not in SORTED_BY:
            raise Invalid(f"No run of this visit says {query.sort!r} to you: sort by one of the columns, or by start.")
        return self._store.page(viewer, Among(visit=visit.id), query, by, self._clock())

    def runs(
        self, viewer: Viewer, visit: InvestigationView, query: TableQuery, known: Sequence[Quantity]
    ) -> Iterator[DatasetSummary]:
        """All of the table, a piece after the other."""
        offset = 0
        while True:
            part = TableQuery(where=query.where, sort=query.sort, descending=query.descending, offset=offset, limit=PIECE)
            found = self.page(viewer, visit, part, known)
            yield from found.items
            offset += PIECE
            if offset >= found.total:
                return

    def flags(self, timeline: Timeline) -> Mapping[str, Flag]:
        return {one.pid: one.flag for one in timeline.flagged}

    def flags_of(self, viewer: Viewer, visit: InvestigationView) -> Mapping[str, Flag]:
        return {one.pid: one.flag for one in self._store.flagged(viewer, Among(visit=visit.id), self._clock())}

    def remembered(self, viewer: Viewer, visit: InvestigationView) -> tuple[Column, ...] | None:
        """The columns that they chose last at this instrument; None: they never did."""
        if viewer.user_id is None:
            return None
        kept = self._store.remembered(viewer.user_id, _place(visit))
        return None if kept is None else columns_of(kept.split("\n"))

    def remember(self, viewer: Viewer, visit: InvestigationView, columns: Sequence[Column]) -> None:
        """No columns: forgotten, the table shows again what varies."""
        if viewer.user_id is None:
            raise Forbidden("Columns are remembered for those who are signed in; the address of the page says them too.")
        self._store.remember(viewer.user_id, _place(visit), "\n".join(map(str, columns)), self._clock())


def _place(visit: InvestigationView) -> str:
    return str(visit.instrument.pid if visit.instrument is not None else visit.pid)


def _ends(starts_us: int | None, ends_us: int | None, span: Span) -> tuple[int, int]:
    """Of the drawing. Beam time that was not used shows as a gap; a visit of weeks of which hours were used does not hide the hours."""
    if span.first_us is None or span.last_us is None:
        return 0, 0
    first, last = span.first_us, max(span.last_us, span.first_us)
    if starts_us is not None and ends_us is not None and ends_us - starts_us < 8 * (last - first):
        return min(first, starts_us), max(last, ends_us)
    return first, last
