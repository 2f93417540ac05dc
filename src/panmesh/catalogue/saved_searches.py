"""Searches that people keep, and what is new in them: runs that came, and runs that opened for those who could not read them before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.events import LAST, EventService, Position
from panmesh.catalogue.model import DatasetSummary
from panmesh.catalogue.ports import CatalogueReads
from panmesh.catalogue.query import And, Compare, Condition, DatasetQuery, Field, OneOf, Op, Sort, SortKey
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Conflict, Fault, Forbidden, Invalid, NotFound, Unauthenticated
from panmesh.kernel.faults import reach
from panmesh.kernel.text import is_plain

MAX_SEARCHES = 100  # of one account
MAX_NAME = 200
PIECE = 500  # runs that are looked at in one question


class Alert(StrEnum):
    NONE = "none"
    AT_ONCE = "at-once"
    DAILY = "daily"


class MailState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    EMPTY = "empty"  # nothing of it may be read any more
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearch:
    id: int
    owner: int  # account
    name: str
    query: str  # of the search page's address
    alert: Alert
    key: str
    created_us: int
    deleted_us: int | None
    mailed_us: int | None
    position: Position


class SearchStore(Protocol):
    def add(self, owner: int, name: str, query: str, alert: Alert, key: str, start: Position, now_us: int) -> int: ...
    def of(self, owner: int) -> Sequence[SavedSearch]:
        """Without those that were deleted."""
        ...

    def one(self, number: int) -> SavedSearch | None:
        """Also when it was deleted."""
        ...

    def change(self, number: int, **columns: object) -> None: ...
    def listening(self) -> Sequence[SavedSearch]:
        """Those with an alert."""
        ...

    def touched(self, after: Position, upto: Position, limit: int) -> tuple[Sequence[str], int]:
        """Pids of runs in the feed, each once, and the number up to which these are all."""
        ...

    def crossed(self, after: Position, upto: Position, limit: int) -> tuple[Sequence[str], Position]:
        """Pids of runs whose access changed by the clock alone, and how far these are all."""
        ...

    def keep_matches(self, search: SavedSearch, pids: Sequence[str], upto: Position, now_us: int) -> bool:
        """Write down those that are not there yet and move the search on, in one step; False when it is not where it was."""
        ...


Parse = Callable[[str], DatasetQuery]  # raises Invalid


class SavedSearchService:
    """What people do with their searches. Those of others are absent."""

    def __init__(
        self, store: SearchStore, events: EventService, parse: Parse, clock: Clock, chance: Callable[[int], bytes]
    ) -> None:
        self._store = store
        self._events = events
        self._parse = parse
        self._clock = clock
        self._chance = chance

    def save(self, viewer: Viewer, name: str, query: str, alert: Alert = Alert.NONE) -> SavedSearch:
        owner = _owner(viewer, Scope.WRITE)
        named = _named(name)
        if len(query) > 4000 or not is_plain(query):
            raise Invalid("This is no search.", (Fault("/query", "is too long, or no plain text"),))
        self._parse(query)
        if len(self._store.of(owner)) >= MAX_SEARCHES:
            raise Conflict(f"You have {MAX_SEARCHES} saved searches; delete one first.")
        key = self._chance(16).hex()
        return self.one(viewer, self._store.add(owner, named, query, alert, key, self._events.head(), self._clock()))

    def own(self, viewer: Viewer) -> Sequence[SavedSearch]:
        return self._store.of(_owner(viewer, Scope.READ))

    def one(self, viewer: Viewer, number: int) -> SavedSearch:
        owner = _owner(viewer, Scope.READ)
        found = self._store.one(number)
        if found is None or found.owner != owner:
            raise NotFound()
        return found

    def change(self, viewer: Viewer, number: int, *, name: str | None = None, alert: Alert | None = None) -> SavedSearch:
        _owner(viewer, Scope.WRITE)
        found = self._live(viewer, number)
        if name is not None:
            self._store.change(number, name=_named(name))
        if alert is not None and alert is not found.alert:
            self._store.change(number, alert=alert.value)
            if found.alert is Alert.NONE:  # what came before is no news
                start = self._events.head()
                self._store.change(
                    number, sequence=start.sequence, opened_us=start.opened_us, opened_id=start.opened_id, mailed_us=None
                )
        return self.one(viewer, number)

    def delete(self, viewer: Viewer, number: int) -> None:
        _owner(viewer, Scope.WRITE)
        self._store.change(self._live(viewer, number).id, deleted_us=self._clock())

    def undo(self, viewer: Viewer, number: int) -> SavedSearch:
        """Of a deletion."""
        _owner(viewer, Scope.WRITE)
        self._store.change(self.one(viewer, number).id, deleted_us=None)
        return self.one(viewer, number)

    def new_addresses(self, viewer: Viewer, number: int) -> SavedSearch:
        """The feed's address was seen by others: the old one ends."""
        _owner(viewer, Scope.WRITE)
        self._store.change(self._live(viewer, number).id, key=self._chance(16).hex())
        return self.one(viewer, number)

    def by_number(self, number: int) -> SavedSearch | None:
        """For addresses that prove themselves: a feed, a way out of a mail."""
        found = self._store.one(number)
        return None if found is None or found.deleted_us is not None else found

    def unsubscribe(self, number: int) -> None:
        """For such an address."""
        self._store.change(number, alert=Alert.NONE.value)

    def _live(self, viewer: Viewer, number: int) -> SavedSearch:
        found = self.one(viewer, number)
        if found.deleted_us is not None:
            raise NotFound()
        return found


class Owners(Protocol):
    def owner(self, account: int) -> Viewer | None: ...


class Matching:
    """Which runs are new in which searches, by the rights of their owners. Asked of the tables themselves: an index may lag behind."""

    def __init__(
        self, store: SearchStore, events: EventService, reads: CatalogueReads, owners: Owners, parse: Parse, clock: Clock
    ) -> None:
        self._store = store
        self._events = events
        self._reads = reads
        self._owners = owners
        self._parse = parse
        self._clock = clock

    def write_down(self) -> int:
        """Returns how many matches are new."""
        upto = self._events.head()
        return sum(self._write_down(search, upto) for search in self._store.listening())

    def matching(self, viewer: Viewer, query: str, pids: Sequence[str]) -> list[DatasetSummary]:
        """Of these, those that the viewer finds now, the newest arrival first."""
        found: list[DatasetSummary] = []
        where = self._parse(query).where
        for piece in _pieces(pids):
            asked = DatasetQuery(where=_both(where, OneOf(Field.PID, piece)), sort=Sort(SortKey.CREATED), limit=PIECE)
            found += self._reads.search(viewer, asked, self._clock()).items
        return found

    def _write_down(self, search: SavedSearch, upto: Position) -> int:
        made = 0
        while (owner := self._owners.owner(search.owner)) is not None:
            touched, sequence = self._store.touched(search.position, upto, PIECE)
            crossed, opened = self._store.crossed(search.position, upto, PIECE)
            here = Position(sequence=sequence, opened_us=opened.opened_us, opened_id=opened.opened_id)
            found = self._arrived(owner, search, touched) | self._opened(owner, search, crossed)
            if here == search.position or not (found or touched or crossed):
                break
            if not self._store.keep_matches(search, sorted(found), here, self._clock()):
                break
            reach("alert.written")
            made += len(found)
            search = replace(search, position=here)
        return made

    def _arrived(self, owner: Viewer, search: SavedSearch, pids: Sequence[str]) -> set[str]:
        """Changed runs that came after the search was saved: a sample that is named a day later makes a match, too."""
        since = Compare(Field.CREATED, Op.AT_LEAST, search.created_us)
        return self._matched(owner, search, pids, since, self._clock())

    def _opened(self, owner: Viewer, search: SavedSearch, pids: Sequence[str]) -> set[str]:
        """Those that match now and, with the same rights, did not when the search was looked at the last time."""
        now = self._matched(owner, search, pids, None, self._clock())
        last = search.position.opened_us
        halfway = search.position.opened_id != LAST  # through the runs of that instant
        return now - self._matched(owner, search, sorted(now), None, last - 1 if halfway else last)

    def _matched(self, owner: Viewer, search: SavedSearch, pids: Sequence[str], more: Condition | None, at_us: int) -> set[str]:
        found: set[str] = set()
        where = _both(self._parse(search.query).where, more)
        for piece in _pieces(pids):
            query = DatasetQuery(where=_both(where, OneOf(Field.PID, piece)), limit=PIECE)
            found |= {run.pid for run in self._reads.search(owner, query, at_us).items}
        return found


def _both(one: Condition | None, other: Condition | None) -> Condition | None:
    parts = tuple(part for part in (one, other) if part is not None)
    return And(parts) if parts else None


def _pieces(pids: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(pids[i : i + PIECE]) for i in range(0, len(pids), PIECE)]


def _named(name: str) -> str:
    """One line: it becomes the subject of a mail."""
    named = " ".join(name.split())
    if not named or len(named) > MAX_NAME or not is_plain(named) or not named.isprintable():
        detail = f"A name has 1 to {MAX_NAME} signs, on one line."
        raise Invalid(detail, (Fault("/name", detail),))
    return named


def _owner(viewer: Viewer, scope: Scope) -> int:
    if viewer.user_id is None:
        raise Unauthenticated()
    if scope not in viewer.scopes:
        raise Forbidden(f"Your token has not the scope '{scope.value}'.")
    return viewer.user_id
