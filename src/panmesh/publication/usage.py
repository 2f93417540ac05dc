"""Counted use, by the COUNTER Code of Practice for Research Data: what counts, once, and for whom nobody can tell any more."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

import counter_robots

from panmesh.kernel.clock import DAY_US, Clock, from_us

DOUBLE_CLICK_US = 30_000_000
SESSION_US = 3_600_000_000
WAITING = 100_000  # uses noted and not written yet; more are not counted


class Action(StrEnum):
    INVESTIGATION = "investigation"  # somebody looked at what is told of it
    REQUEST = "request"  # somebody took data


class Method(StrEnum):
    REGULAR = "regular"  # a person at a browser
    MACHINE = "machine"  # a tool, a mount, a notebook


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """As it is kept for a day."""

    day: str
    at_us: int
    pid: str
    action: Action
    method: Method
    visitor: bytes
    target: bytes
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    pid: str
    month: str  # YYYY-MM
    method: Method
    investigations: int
    unique_investigations: int
    requests: int
    unique_requests: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Noted:
    """As a request leaves it; for seconds only, in memory."""

    at_us: int
    action: Action
    pid: str
    path: str
    bytes: int
    address: str
    agent: str
    account: int | None
    browser: bool


class UsageStore(Protocol):
    def salt(self, day: str, new: bytes) -> bytes:
        """Of that day: this one, if there is none yet."""
        ...

    def keep(self, uses: Sequence[Use]) -> None: ...

    def days_before(self, day: str) -> Sequence[str]: ...

    def uses(self, day: str) -> Iterable[Sequence[Use]]:
        """Those of each pid together."""
        ...

    def counted(self, day: str, counts: Sequence[Count]) -> None:
        """Add to the months, and forget the day and its salt: at once."""
        ...


# What is a use: pages and API calls about one record, and its bytes. Groups: pid.
_LOOKED = re.compile(
    r"/(?:datasets|investigations|releases)/([^/]+)|/api/v1/(?:datasets|investigations|releases)/([^/]+)|/api/h5/([^/]+)/(?:meta|attr|paths)/?"
)
_TAKEN = re.compile(r"/datasets/([^/]+)/files/.+|/api/v1/datasets/([^/]+)/files/.+|/api/h5/([^/]+)/(?:data|export)/?")


def what(path: str) -> tuple[Action, str] | None:
    """The action and the pid; None: no use of a record."""
    if (found := _TAKEN.fullmatch(path)) is not None:
        return Action.REQUEST, next(filter(None, found.groups()))
    if (found := _LOOKED.fullmatch(path)) is not None:
        return Action.INVESTIGATION, next(filter(None, found.groups()))
    return None


_BROWSERS = ("Mozilla/", "Opera/")  # all of them say so; not all say how they came to ask


@lru_cache(4096)
def is_robot(agent: str) -> bool:
    """COUNTER's list of robots has the tools with which people take data too; for research data these are machines, and count."""
    return bool(counter_robots.is_robot(agent)) and not is_machine(agent)


@lru_cache(4096)
def is_machine(agent: str) -> bool:
    return bool(counter_robots.is_machine(agent))


class Recorder:
    """Notes on the way of a request cost next to nothing: all else is done when they are written, every now and then."""

    def __init__(self, store: UsageStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: deque[Noted] = deque(maxlen=WAITING)
        self._writing = threading.Lock()
        self._salts: dict[str, bytes] = {}

    def note(self, noted: Noted) -> None:
        self._waiting.append(noted)

    def now_us(self) -> int:
        return self._clock()

    def write(self) -> int:
        """What waits, without addresses; how many uses that were."""
        with self._writing:
            uses = []
            while self._waiting:
                use = self._use(self._waiting.popleft())
                if use is not None:
                    uses.append(use)
            if uses:
                self._store.keep(uses)
            return len(uses)

    def _use(self, noted: Noted) -> Use | None:
        if is_robot(noted.agent):
            return None
        day = from_us(noted.at_us).date().isoformat()
        who = f"account {noted.account}" if noted.account is not None else f"{_address(noted.address)} {noted.agent}"
        by_hand = noted.browser or (noted.agent.startswith(_BROWSERS) and not noted.path.startswith("/api/"))
        return Use(
            day=day,
            at_us=noted.at_us,
            pid=noted.pid,
            action=noted.action,
            method=Method.REGULAR if by_hand and not is_machine(noted.agent) else Method.MACHINE,
            visitor=hashlib.blake2b(who.encode("utf-8", "replace"), digest_size=8, key=self._salt(day)).digest(),
            target=hashlib.blake2b(noted.path.encode("utf-8", "replace"), digest_size=8).digest(),
            bytes=noted.bytes if noted.action is Action.REQUEST else 0,
        )

    def _salt(self, day: str) -> bytes:
        if day not in self._salts:
            self._salts = {day: self._store.salt(day, secrets.token_bytes(32))}
        return self._salts[day]


def count_days(store: UsageStore, now_us: int) -> int:
    """Every day that is over becomes counts of its month; how many days that were. Doing it again changes nothing."""
    today = from_us(now_us - DAY_US // 24).date().isoformat()  # an hour later: the last notes of the day are written
    days = store.days_before(today)
    for day in days:
        store.counted(day, [count for uses in store.uses(day) for count in counts_of(uses)])
    return len(days)


def counts_of(uses: Sequence[Use]) -> list[Count]:
    """Of one record on one day."""
    by_method: dict[Method, list[Use]] = defaultdict(list)
    for use in _once(uses):
        by_method[use.method].append(use)
    found = []
    for method, some in sorted(by_method.items()):
        taken = [use for use in some if use.action is Action.REQUEST]
        found.append(
            Count(
                pid=some[0].pid,
                month=some[0].day[:7],
                method=method,
                investigations=len(some),  # who takes data has looked at them as well
                unique_investigations=_sessions(some),
                requests=len(taken),
                unique_requests=_sessions(taken),
                bytes=sum(use.bytes for use in taken),
            )
        )
    return found


def _once(uses: Sequence[Use]) -> list[Use]:
    """Of clicks of one visitor on the same within half a minute, the last."""
    last: dict[tuple[bytes, bytes], Use] = {}
    kept = []
    for use in sorted(uses, key=lambda one: one.at_us):
        key = (use.visitor, use.target)
        before = last.get(key)
        if before is not None and use.at_us - before.at_us > DOUBLE_CLICK_US:
            kept.append(before)
        last[key] = use
    return kept + list(last.values())


def _sessions(uses: Sequence[Use]) -> int:
    return len({(use.visitor, use.at_us // SESSION_US) for use in uses})


def _address(text: str) -> str:
    """Of IPv6 the network: one visitor has many addresses in it."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else text


# --- what is told of it -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthOfUse:
    month: str
    regular: Count | None
    machine: Count | None

    def sum(self, name: str) -> int:
        return sum(getattr(one, name) for one in (self.regular, self.machine) if one is not None)


def months(counts: Iterable[Count], last: date, many: int = 12) -> list[MonthOfUse]:
    """The last `many` months, those without use too, oldest first."""
    by: dict[tuple[str, Method], Count] = {(one.month, one.method): one for one in counts}
    found = []
    for back in range(many - 1, -1, -1):
        number = last.year * 12 + last.month - 1 - back
        month = f"{number // 12:04d}-{number % 12 + 1:02d}"
        found.append(MonthOfUse(month=month, regular=by.get((month, Method.REGULAR)), machine=by.get((month, Method.MACHINE))))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What the facility holds at the end of a month, of its own."""

    month: str
    datasets: int
    bytes: int
    open_datasets: int
    open_bytes: int
    doi_datasets: int  # under a DOI: their own, that of their visit, or that of a publication


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A dataset in a report, with its counts."""

    pid: str
    doi: str | None = None
    title: str
    published: date  # the first open day, else when it came
    counts: tuple[Count, ...]

    @property
    def year(self) -> int:
        return self.published.year


class UsageReads(Protocol):
    def of_record(self, pid: str) -> Sequence[Count]: ...

    def of_instrument(self, instrument_pid: str, now_us: int) -> Sequence[Count]:
        """Summed over what of it anybody may know of."""
        ...

    def of_facility(self) -> Sequence[Count]: ...

    def holdings(self) -> Sequence[Holding]: ...

    def hold(self, now_us: int) -> None:
        """Write down what there is now, as that of this month; months before it, of which nothing is written, from the dates of the records."""
        ...

    def report(self, first: str, last: str, now_us: int, limit: int) -> Sequence[Reported]:
        """Public datasets with use in these months, the most requested first."""
        ...


class UsageService:
    def __init__(self, reads: UsageReads, dois: Callable[[Sequence[str]], Mapping[str, str]], clock: Clock) -> None:
        """`dois`: pid → DOI, of those that have one that everybody may know of."""
        self._reads = reads
        self._dois = dois
        self._clock = clock

    def of_record(self, pid: str) -> list[MonthOfUse]:
        """The caller has asked whether the viewer may know of it."""
        return months(self._reads.of_record(pid), from_us(self._clock()).date())

    def of_instrument(self, pid: str) -> list[MonthOfUse]:
        return months(self._reads.of_instrument(pid, self._clock()), from_us(self._clock()).date())

    def of_facility(self, many: int = 36) -> list[MonthOfUse]:
        return months(self._reads.of_facility(), from_us(self._clock()).date(), many)

    def holdings(self) -> list[Holding]:
        return list(self._reads.holdings())

    def report(self, first: str, last: str, limit: int = 50_000) -> list[Reported]:
        found = self._reads.report(first, last, self._clock(), limit)
        dois = self._dois([one.pid for one in found])
        return [replace(one, doi=dois.get(one.pid)) for one in found]
