"""How DOIs stand, for people: of one thing to its team, of all to the steward, who retries what failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from panmesh.access.doi_policy import keeps_dois, may_ask_for_doi, sees_doi_state
from panmesh.access.policy import Owned
from panmesh.access.terms import State
from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.model import Page
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from panmesh.publication.dois import Doi, DoiState
from panmesh.publication.record import GONE

MOST_AT_ONCE = 1000
_NEVER = frozenset({State.PROPRIETARY, State.INTERNAL, State.ASIDE})


class Standing(StrEnum):
    """Where a row of the list is."""

    WAITING = "waiting"
    FAILED = "failed"
    DRAFT = "draft"
    REGISTERED = "registered"
    FINDABLE = "findable"
    UNWANTED = "unwanted"  # it may have none as things are


@dataclass(frozen=True, slots=True, kw_only=True)
class DoiFilter:
    standing: Standing | None = None
    kind: str | None = None
    contains: str | None = None  # part of the DOI, the pid or the reason


@dataclass(frozen=True, slots=True, kw_only=True)
class DoiCounts:
    by_standing: dict[Standing, int]
    configured: bool
    paused_until_us: int | None = None
    pause_reason: str | None = None
    last_hour: int = 0  # confirmed
    last_minute: int = 0

    @property
    def waiting(self) -> int:
        return self.by_standing.get(Standing.WAITING, 0)

    @property
    def wanted(self) -> int:
        return sum(count for standing, count in self.by_standing.items() if standing is not Standing.UNWANTED)

    @property
    def done(self) -> int:
        return self.wanted - self.waiting - self.by_standing.get(Standing.FAILED, 0)

    @property
    def left_us(self) -> int | None:
        """How long it takes at the pace of the last minute."""
        return self.waiting * 60_000_000 // self.last_minute if self.waiting and self.last_minute else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoiView:
    kind: str
    pid: str
    title: str | None
    name: str | None
    standing: Standing
    doi: Doi

    @property
    def public(self) -> bool:
        """Whether everybody may know of it."""
        return self.doi.confirmed is DoiState.FINDABLE or (
            self.doi.confirmed is DoiState.REGISTERED and self.doi.standing in GONE
        )

    @property
    def url(self) -> str | None:
        return f"https://doi.org/{self.name}" if self.name else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Something that a viewer may know of, and that can have a DOI."""

    kind: str
    pid: str
    title: str | None
    owned: Owned | None
    state: State | None
    native: bool
    named: bool = True  # False: the instrument of runs that name none


class DoiDesk(Protocol):
    def known(self, viewer: Viewer, pid: str, now_us: int) -> Known | None:
        """By pid, alias or DOI."""
        ...

    def view(self, pid: str, now_us: int) -> DoiView | None: ...

    def pid_of(self, name: str) -> str | None:
        """Of a DOI that everybody may know."""
        ...

    def page(self, viewer: Viewer, wanted: DoiFilter, now_us: int, *, offset: int, limit: int) -> Page[DoiView]: ...

    def counts(self, now_us: int) -> DoiCounts: ...

    def retry(self, viewer: Viewer, pids: Sequence[str] | None, now_us: int) -> int: ...

    def intend(self, viewer: Viewer, known: Known, now_us: int) -> None: ...


class DoiService:
    def __init__(self, desk: DoiDesk, clock: Clock, *, configured: bool) -> None:
        self._desk, self._clock, self.configured = desk, clock, configured

    def of(self, viewer: Viewer, pid: str) -> DoiView | None:
        """Of something on whose page they are: None where there is none, or where they may not know how it stands."""
        if Scope.READ not in viewer.scopes:
            return None
        known = self._desk.known(viewer, pid, self._clock())
        found = self._desk.view(known.pid, self._clock()) if known is not None else None
        if known is None or found is None:
            return None
        return found if found.public or sees_doi_state(viewer, known.owned) else None

    def on_page(self, viewer: Viewer, pid: str) -> tuple[DoiView | None, bool]:
        """Of something that they see: how its DOI stands, where they may know that, and whether they may ask for one."""
        if Scope.READ not in viewer.scopes:
            return None, False
        found = self._desk.view(pid, self._clock())
        if viewer.user_id is None or (found is not None and found.public):
            return (found if found is not None and found.public else None), False
        if found is None and not self.configured:
            return None, False
        known = self._desk.known(viewer, pid, self._clock())
        if known is None:
            return None, False
        if found is not None:
            return (found if sees_doi_state(viewer, known.owned) else None), False
        return None, may_ask_for_doi(viewer, known.owned) and _why_never(known) is None

    def one(self, viewer: Viewer, pid: str) -> DoiView:
        found = self.of(viewer, pid)
        if found is None:
            raise NotFound()
        return found

    def subject_of(self, viewer: Viewer, name: str) -> Known:
        """What a DOI leads to. Raises NotFound also where they may not know of it, or not of its DOI yet."""
        self.one(viewer, name)
        found = self._desk.known(viewer, name, self._clock())
        if found is None:
            raise NotFound()
        return found

    def pid_of(self, name: str) -> str | None:
        """Not yet whether anybody may know of it: its record decides."""
        return self._desk.pid_of(name)

    def mint(self, viewer: Viewer, pid: str) -> DoiView:
        """Said now, sent in a moment. Raises Conflict where it may never have one."""
        known = self._desk.known(viewer, pid, self._clock())
        if known is None:
            raise NotFound()
        if not may_ask_for_doi(viewer, known.owned):
            raise Forbidden("A DOI is asked for by the principal investigator, the data steward or the facility's admin.")
        if not self.configured:
            raise Conflict("This facility has no account of DataCite: see [datacite] in the configuration.")
        if (never := _why_never(known)) is not None:
            raise Conflict(never)
        self._desk.intend(viewer, known, self._clock())
        return self.one(viewer, known.pid)

    def page(self, viewer: Viewer, wanted: DoiFilter, *, offset: int = 0, limit: int = 50) -> Page[DoiView]:
        _keeper(viewer)
        return self._desk.page(viewer, wanted, self._clock(), offset=offset, limit=limit)

    def standing(self, viewer: Viewer) -> DoiCounts:
        _keeper(viewer)
        return self._desk.counts(self._clock())

    def retry(self, viewer: Viewer, pids: Sequence[str] | None) -> int:
        """None: all that failed. How many are tried again."""
        _keeper(viewer, Scope.WRITE)
        if pids is not None and len(pids) > MOST_AT_ONCE:
            raise Invalid(f"At most {MOST_AT_ONCE} at once; without any, all that failed are tried again.")
        return self._desk.retry(viewer, pids, self._clock())


def _keeper(viewer: Viewer, scope: Scope = Scope.READ) -> None:
    if scope not in viewer.scopes:
        raise Forbidden(f"Your token has not the scope '{scope.value}'.")
    if not keeps_dois(viewer):
        raise Forbidden("The list of DOIs is for the data steward and the facility's admin.")


def _why_never(known: Known) -> str | None:
    if not known.native:
        return "This was taken over from another catalogue: its DOI is for that one to give."
    if not known.named:
        return "Runs are gathered here whose files name no instrument: give them theirs, which has a DOI of its own."
    if known.state in _NEVER:
        return (
            f"This is {'proprietary' if known.state is State.PROPRIETARY else 'internal'}: it gets no DOI as long as that holds."
        )
    return None
