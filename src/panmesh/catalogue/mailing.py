"""Alerts on their way: matches gathered into a mail, the mail sent until it is taken, with what its owner may read at that moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from panmesh.access.viewer import Viewer
from panmesh.catalogue.model import DatasetSummary
from panmesh.catalogue.saved_searches import Alert, MailState, Matching, SavedSearch
from panmesh.jobs.posting import post_all
from panmesh.kernel.clock import Clock, facility_day, facility_midnight
from panmesh.kernel.errors import PanmeshError

APART_US = 60_000_000  # mails of one search that is told at once


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMail:
    id: int
    search: SavedSearch
    message: str  # Message-ID without the angle brackets: the same at each attempt, so that a second copy is known as one
    attempts: int
    created_us: int

    @property
    def since_us(self) -> int:
        return self.created_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What one mail says."""

    to: str
    message: str
    search: SavedSearch
    runs: tuple[DatasetSummary, ...]
    at_us: int


class MailStore(Protocol):
    def unmailed(self) -> Sequence[SavedSearch]:
        """With matches that are in no mail yet."""
        ...

    def gather(self, search: SavedSearch, message: str, now_us: int) -> None:
        """Put its matches into one new mail; nothing when another process just did."""
        ...

    def take(self, now_us: int, until_us: int) -> AlertMail | None:
        """The mail that waited longest, which nobody else takes until then."""
        ...

    def pids(self, mail: int) -> Sequence[str]: ...
    def finish(self, mail: int, state: MailState, error: str | None, now_us: int) -> None: ...
    def later(self, mail: int, error: str, next_us: int) -> None: ...


class Owners(Protocol):
    def owner(self, account: int) -> Viewer | None: ...
    def email(self, account: int) -> str | None: ...


class Mailing:
    def __init__(
        self,
        store: MailStore,
        matching: Matching,
        owners: Owners,
        send: Callable[[Letter], None],
        clock: Clock,
        *,
        new_message: Callable[[], str],
        zone: str,
        daily_hour: int,
    ) -> None:
        """`send` raises PeerFailed when the server does not take it."""
        self._store = store
        self._matching = matching
        self._owners = owners
        self._send = send
        self._clock = clock
        self._new_message = new_message
        self._zone = zone
        self._hour = daily_hour

    def gather(self) -> None:
        for search in self._store.unmailed():
            now_us = self._clock()
            if now_us >= due_us(search, self._zone, self._hour):
                self._store.gather(search, self._new_message(), now_us)

    def send(self, limit: int = 20) -> int:
        """Returns how many were taken by the mail server."""
        return post_all(_Box(self._store), self._give, self._clock, point="alert.sent", limit=limit)

    def letter(self, mail: AlertMail) -> Letter | None:
        """None: nobody to write to, or nothing to say to them any more."""
        owner, to = self._owners.owner(mail.search.owner), self._owners.email(mail.search.owner)
        if owner is None or to is None or mail.search.alert is Alert.NONE or mail.search.deleted_us is not None:
            return None
        runs = self._matching.matching(owner, mail.search.query, self._store.pids(mail.id))
        if not runs:
            return None
        return Letter(to=to, message=mail.message, search=mail.search, runs=tuple(runs), at_us=mail.created_us)

    def _give(self, mail: AlertMail) -> bool:
        letter = self.letter(mail)
        if letter is not None:
            self._send(letter)
        return letter is not None


@dataclass(frozen=True, slots=True)
class _Box:
    """The store as `jobs.posting.Outbox`."""

    store: MailStore

    def take(self, now_us: int, until_us: int) -> AlertMail | None:
        return self.store.take(now_us, until_us)

    def sent(self, mail: AlertMail, now_us: int) -> None:
        self.store.finish(mail.id, MailState.SENT, None, now_us)

    def void(self, mail: AlertMail, now_us: int) -> None:
        self.store.finish(mail.id, MailState.EMPTY, None, now_us)

    def failed(self, mail: AlertMail, error: PanmeshError, now_us: int) -> None:
        self.store.finish(mail.id, MailState.FAILED, error.detail, now_us)

    def later(self, mail: AlertMail, error: PanmeshError, next_us: int) -> None:
        self.store.later(mail.id, error.detail, next_us)


def due_us(search: SavedSearch, zone: str, hour: int) -> int:
    """When its next mail may go: the first such hour of the facility's day after the last mail, or a minute after it."""
    last = search.mailed_us
    if search.alert is Alert.AT_ONCE:
        return 0 if last is None else last + APART_US
    since = search.created_us if last is None else last
    day = facility_day(since, zone)
    at = facility_midnight(day, zone) + hour * 3_600_000_000
    return at if at > since else facility_midnight(day + timedelta(days=1), zone) + hour * 3_600_000_000
