"""What happened to runs, as values for those who may know of it: from the change feed, and from embargoes that end by the clock alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.model import DatasetSummary
from panmesh.catalogue.query import DatasetQuery, Field, OneOf
from panmesh.catalogue.search import MAX_LIMIT, SearchService
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Forbidden, Invalid


class EventKind(StrEnum):
    CREATED = "run.created"
    UPDATED = "run.updated"
    COMPLETE = "run.complete"  # closed: nothing more is written to it
    DIGESTED = "digests.done"
    FAILED = "read.failed"  # for staff
    OPENED = "opened"  # an embargo ended
    CORRECTED = "run.corrected"  # staff moved it to another visit, or merged it into another run
    WITHDRAWN = "run.withdrawn"  # staff discarded it


# What a row of the feed says → the event. Rows that say anything else are no event.
KIND_OF = {
    "created": EventKind.CREATED,
    "updated": EventKind.UPDATED,
    "version": EventKind.UPDATED,
    "moved on disk": EventKind.UPDATED,
    "closed": EventKind.COMPLETE,
    "digested": EventKind.DIGESTED,
    "read failed": EventKind.FAILED,
    "moved": EventKind.CORRECTED,
    "discarded": EventKind.WITHDRAWN,
}
LAST = 2**63 - 1  # no dataset has this id: a position with it is behind all of its instant
QUIET = frozenset({"verified", "missing", "read failed"})  # of a dataset: nothing of what is told about it is another then
BYTES = frozenset({"digested"})  # only of its files
MERGED = "merged into "  # and a pid


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far somebody has heard: of the feed, and of openings, which are ordered by their instant and then by dataset."""

    sequence: int
    opened_us: int
    opened_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Empty: all."""

    kinds: frozenset[EventKind] = frozenset()
    instruments: frozenset[str] = frozenset()  # keys or pids
    visits: frozenset[str] = frozenset()  # pids


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """Something that one viewer may know of."""

    kind: EventKind
    pid: str
    at_us: int
    position: Position  # right after it
    gone: bool = False  # set aside: there is nothing to show of it but that
    into: str | None = None  # what it was merged into


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    kind: EventKind
    pid: str
    at_us: int
    position: Position
    into: str | None = None
    run: DatasetSummary | None = None  # None: withdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    items: tuple[Event, ...]
    position: Position  # to go on from
    more: bool


class Feed(Protocol):
    def head(self, now_us: int) -> Position:
        """The newest position below which nothing is still to come."""
        ...

    def occurrences(
        self, viewer: Viewer, wanted: EventFilter, after: Position, upto: Position, now_us: int, limit: int
    ) -> Sequence[Occurrence]:
        """Those that the viewer may know of, in order, after one position and up to the other."""
        ...


class EventService:
    def __init__(self, feed: Feed, search: SearchService, clock: Clock) -> None:
        self._feed = feed
        self._search = search
        self._clock = clock

    def head(self) -> Position:
        return self._feed.head(self._clock())

    def since(self, viewer: Viewer, wanted: EventFilter, after: Position, *, limit: int = 100) -> EventPage:
        """What happened since, as far as the viewer may read it now. `more`: there are further ones."""
        if Scope.READ not in viewer.scopes:
            raise Forbidden("Your token has not the scope 'read'.")
        if not 1 <= limit <= MAX_LIMIT:
            raise Invalid(f"limit is a number from 1 to {MAX_LIMIT}; got {limit}.")
        now_us = self._clock()
        upto = self._feed.head(now_us)
        found = list(self._feed.occurrences(viewer, wanted, after, upto, now_us, limit + 1))
        more = len(found) > limit
        found = found[:limit]
        return EventPage(
            items=self._shown(viewer, found), position=found[-1].position if more else _later(upto, after), more=more
        )

    def again(self, viewer: Viewer, kind: EventKind, position: Position) -> Event | None:
        """One event that was found before, for whoever may know of it now."""
        opened = kind is EventKind.OPENED
        before = Position(
            sequence=position.sequence if opened else position.sequence - 1,
            opened_us=position.opened_us,
            opened_id=position.opened_id - 1 if opened else position.opened_id,
        )
        wanted = EventFilter(kinds=frozenset({kind}))
        found = self._feed.occurrences(viewer, wanted, before, position, self._clock(), 1)
        return next((event for event in self._shown(viewer, found) if _same(event.position, position, opened)), None)

    def _shown(self, viewer: Viewer, found: Sequence[Occurrence]) -> tuple[Event, ...]:
        pids = tuple({one.into or one.pid: None for one in found if one.into or not one.gone})
        runs: dict[str, DatasetSummary] = {}
        if pids:
            query = DatasetQuery(where=OneOf(Field.PID, pids), limit=len(pids))
            runs = {run.pid: run for run in self._search.search(viewer, query).items}
        events = []
        for one in found:
            run = runs.get(one.into or one.pid)
            if run is None and not one.gone:
                continue  # hidden since it was looked for
            into = one.into if run is not None else None
            events.append(Event(kind=one.kind, pid=one.pid, at_us=one.at_us, position=one.position, into=into, run=run))
        return tuple(events)


def _same(one: Position, other: Position, opened: bool) -> bool:
    if opened:
        return (one.opened_us, one.opened_id) == (other.opened_us, other.opened_id)
    return one.sequence == other.sequence


def _later(one: Position, other: Position) -> Position:
    """Never back: a clock may have been set back meanwhile."""
    opened = max((one.opened_us, one.opened_id), (other.opened_us, other.opened_id))
    return Position(sequence=max(one.sequence, other.sequence), opened_us=opened[0], opened_id=opened[1])
