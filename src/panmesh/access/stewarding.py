"""What a data steward looks at on a Monday: what opens, what is held, extended or given for a time; in the policy's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from panmesh.access.notices import Notice
from panmesh.access.terms import State
from panmesh.access.viewer import Viewer
from panmesh.kernel.clock import DAY_US, Clock
from panmesh.kernel.errors import Forbidden

AHEAD_US = 90 * DAY_US
WEEK_US = 7 * DAY_US
Line = TypeVar("Line")
MOST = 25  # lines of a section


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitLine:
    pid: str
    title: str | None  # None: not for this viewer
    instrument: str | None
    state: State
    opens_us: int | None
    since_us: int | None = None  # of the hold, or the extension
    extended_to_us: int | None = None
    asked_to_us: int | None = None
    hold: str | None = None
    reason: str | None = None
    request: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantLine:
    who: str
    pid: str
    title: str
    expires_us: int
    request: int
    emergency: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Section(Generic[Line]):
    """The first of them, and how many there are."""

    total: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    opening: Section[VisitLine]
    weeks: tuple[tuple[int, int], ...]  # (start, visits that open in it), from today on
    holds: Section[VisitLine]
    extensions: Section[VisitLine]
    grants: Section[GrantLine]


class StewardStore(Protocol):
    def opening(self, viewer: Viewer, now_us: int, until_us: int, limit: int) -> Section[VisitLine]: ...
    def weeks(self, now_us: int, until_us: int) -> Sequence[tuple[int, int]]: ...
    def holds(self, viewer: Viewer, now_us: int, limit: int) -> Section[VisitLine]: ...
    def extensions(self, viewer: Viewer, now_us: int, limit: int) -> Section[VisitLine]: ...
    def grants(self, viewer: Viewer, now_us: int, until_us: int, limit: int) -> Section[GrantLine]: ...
    def runs_opening(self, viewer: Viewer, now_us: int, until_us: int, limit: int) -> Sequence[str]:
        """Pids of the newest run of each visit that opens until then, the nearest first."""
        ...


class NoticeDesk(Protocol):
    def undelivered(self, now_us: int, limit: int) -> tuple[int, Sequence[tuple[Notice, str, str]]]:
        """How many failed or came back, and the newest: with the state and what the server said."""
        ...

    def waiting(self) -> int: ...
    def again(self, number: int, now_us: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Mails:
    waiting: int
    undelivered: int
    newest: tuple[tuple[Notice, str, str], ...]


class StewardService:
    def __init__(self, store: StewardStore, notices: NoticeDesk, clock: Clock) -> None:
        self._store = store
        self._notices = notices
        self._clock = clock

    def mails(self, viewer: Viewer) -> Mails:
        _for_stewards(viewer)
        total, newest = self._notices.undelivered(self._clock(), MOST)
        return Mails(waiting=self._notices.waiting(), undelivered=total, newest=tuple(newest))

    def send_again(self, viewer: Viewer, number: int) -> None:
        _for_stewards(viewer)
        self._notices.again(number, self._clock())

    def overview(self, viewer: Viewer) -> Overview:
        """Raises Forbidden."""
        _for_stewards(viewer)
        now_us = self._clock()
        until = now_us + AHEAD_US
        return Overview(
            opening=self._store.opening(viewer, now_us, until, MOST),
            weeks=tuple(self._store.weeks(now_us, until)),
            holds=self._store.holds(viewer, now_us, MOST),
            extensions=self._store.extensions(viewer, now_us, MOST),
            grants=self._store.grants(viewer, now_us, until, MOST),
        )

    def runs_opening(self, viewer: Viewer, limit: int) -> Sequence[str]:
        _for_stewards(viewer)
        now_us = self._clock()
        return self._store.runs_opening(viewer, now_us, now_us + AHEAD_US, limit)


def _for_stewards(viewer: Viewer) -> None:
    if not (viewer.steward or viewer.admin or viewer.operator):
        raise Forbidden("The desk is for data stewards and administrators: sign in with such an account.")
