"""What is wanted is made true at DataCite: a few requests at a time and one for each DOI, begun in writing and confirmed in writing.

A process that dies between two of these lines leaves a row that says that a request began: the next one asks DataCite first what
came of it. The name was written down before, so the same DOI cannot be made twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from threading import Lock
from typing import Any

from panmesh.kernel.clock import DAY_US, Clock
from panmesh.kernel.errors import NotFound
from panmesh.kernel.faults import reach
from panmesh.publication.dois import (
    BY_HAND,
    FOR_ALL,
    FOR_EVER,
    SECOND_US,
    UNKNOWN,
    Act,
    Doi,
    DoiState,
    Look,
    Outbox,
    Registered,
    Registry,
    RegistryFailed,
    Step,
    Trouble,
    digest_of,
    step_to,
    wanted_state,
)
from panmesh.publication.record import Kind, PublicRecord
from panmesh.publication.records import RecordService

LEASE_US = 180 * SECOND_US  # longer than one request may take
MOST_BROKEN = 3  # in a row: then it is not about the one DOI
MOST_FILES = 20  # of a record, for its formats
Describe = Callable[[PublicRecord], Mapping[str, Any]]


@dataclass(slots=True)
class Sent:
    looked: int = 0
    requests: int = 0  # that were confirmed
    failed: int = 0


class _Turn:
    """What came of a round so far, told by several threads; whether it goes on."""

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self.sent = Sent()
        self.rest: RegistryFailed | None = None  # why DataCite is left alone for a while
        self._stopped, self._broken, self._lock = stopped, 0, Lock()

    def goes_on(self) -> bool:
        with self._lock:
            if self.rest is not None or self._stopped():
                return False
            self.sent.looked += 1
            return True

    def done(self, requested: bool) -> None:
        with self._lock:
            self.sent.requests += requested
            self._broken = 0

    def failed(self, error: RegistryFailed) -> None:
        with self._lock:
            self.sent.failed += 1
            self._broken += error.trouble is Trouble.BROKEN
            if error.trouble in FOR_ALL or self._broken == MOST_BROKEN:
                longer = self.rest is None or (error.retry_after or 0) > (self.rest.retry_after or 0)
                self.rest = error if longer else self.rest


class DoiSender:
    def __init__(
        self,
        outbox: Outbox,
        records: RecordService,
        describe: Describe,
        registry: Registry,
        clock: Clock,
        holder: str,
        at_once: int = 1,
    ) -> None:
        self._outbox, self._records, self._describe = outbox, records, describe
        self._registry, self._clock, self._holder, self._at_once = registry, clock, holder, at_once

    def round(self, limit: int = 100, stopped: Callable[[], bool] = lambda: False) -> Sent:
        """What is due, unless another one sends or DataCite asked for a pause. The first goes alone: it tells whether DataCite answers."""
        now_us = self._clock()
        if self._outbox.paused(now_us) or not self._outbox.lease(self._holder, now_us, now_us + LEASE_US):
            return Sent()
        turn = _Turn(stopped)
        with ThreadPoolExecutor(self._at_once, "dois") as threads:
            for wave in _waves(self._outbox.due(now_us, limit)):
                deque(threads.map(partial(self._attempt, turn), wave), maxlen=0)
        if turn.rest is not None:
            self._outbox.rest(turn.rest.detail, self._clock(), turn.rest.retry_after)
        self._outbox.release(self._holder)
        return turn.sent

    def _attempt(self, turn: _Turn, row: Doi) -> None:
        if not turn.goes_on():
            return
        try:
            turn.done(self.send(row))
        except RegistryFailed as error:
            turn.failed(error)

    def send(self, row: Doi) -> bool:
        """Whether something was to be said to DataCite, and it confirmed that. Raises RegistryFailed, which is written down too."""
        look, attributes = self.look(row)
        if row.sent_us is not None:  # a request whose answer nobody heard
            known = self._ask(row, look, attributes)
            row = replace(row, confirmed=known.state if known else DoiState.NONE, digest=None)
            look, attributes = self.look(row)
        digest = digest_of(attributes)
        step = step_to(look.wanted, row.confirmed, same=row.digest == digest)
        refused = row.trouble in BY_HAND and row.refused == digest
        if step.act is Act.NOTHING or refused:
            self._outbox.settle(row, look, mended=not refused)
            return False
        if not self._begin(row, look):
            return False
        reach("doi.begun")
        try:
            self._do(row, step, attributes)
        except RegistryFailed as error:
            self._failed(row, error, digest, unknown=error.trouble in UNKNOWN)
            raise
        reach("doi.answered")
        state = DoiState.NONE if step.act is Act.DELETE else look.wanted
        kept = None if step.act is Act.DELETE else digest
        done = self._outbox.confirm(row, self._holder, look, state, kept, self._clock())
        reach("doi.confirmed")
        return done

    def look(self, row: Doi) -> tuple[Look, Mapping[str, Any]]:
        """Which state it should have now, and what should be told in it."""
        now_us = self._clock()
        subject = self._outbox.subject(row.kind, row.pid, now_us)
        record = self._record(row)
        wanted = wanted_state(subject, told=record is not None, gone=record is not None and record.gone, confirmed=row.confirmed)
        due_us = None if subject is None else subject.next_us
        if subject is not None and subject.state is None and wanted is not DoiState.NONE:
            due_us = now_us + DAY_US  # nothing tells when it changes
        told = self._describe(replace(record, doi=row.name)) if record is not None and wanted in FOR_EVER else self._named(row)
        return Look(standing=subject.state if subject is not None else None, wanted=wanted, due_us=due_us), told

    def _record(self, row: Doi) -> PublicRecord | None:
        try:
            return self._records.record(row.pid, Kind(row.kind), MOST_FILES)
        except (NotFound, ValueError, KeyError):  # nobody may know of it, or there are no records of that kind here
            return None

    def _named(self, row: Doi) -> Mapping[str, Any]:
        """All that is told of what nobody may know of yet: that the name is ours, and where it will lead."""
        folder = f"{row.kind}s"
        identifier = {"alternateIdentifier": row.pid, "alternateIdentifierType": "panmesh"}
        return {"doi": row.name, "url": self._records.address(folder, row.pid), "alternateIdentifiers": [identifier]}

    def _do(self, row: Doi, step: Step, attributes: Mapping[str, Any]) -> None:
        assert row.name is not None
        match step.act:
            case Act.DELETE:
                self._registry.delete(row.name)
            case Act.CHANGE:
                self._registry.change(row.name, attributes, step.event)
            case Act.CREATE:
                try:
                    self._registry.create(row.name, attributes, step.event)
                except RegistryFailed as error:
                    if error.trouble is not Trouble.TAKEN:
                        raise
                    mine(row, self._registry.look(row.name))
                    self._registry.change(row.name, attributes, step.event)

    def _ask(self, row: Doi, look: Look, attributes: Mapping[str, Any]) -> Registered | None:
        assert row.name is not None
        try:
            found = self._registry.look(row.name)
            return found and mine(row, found)
        except RegistryFailed as error:
            if self._begin(row, look):
                self._failed(row, error, digest_of(attributes), unknown=True)
            raise
        finally:
            reach("doi.asked")

    def _begin(self, row: Doi, look: Look) -> bool:
        now_us = self._clock()
        return self._outbox.begin(row, self._holder, look, now_us, now_us + LEASE_US)

    def _failed(self, row: Doi, error: RegistryFailed, digest: bytes, *, unknown: bool) -> None:
        self._outbox.fail(row, self._holder, error, unknown=unknown, digest=digest, now_us=self._clock())


_FIRST = (Kind.INSTRUMENT, Kind.PROPOSAL, Kind.INVESTIGATION, Kind.DATASET)  # the others name these by their DOIs


def _waves(rows: Sequence[Doi]) -> Iterator[Sequence[Doi]]:
    """The first alone, then kind by kind: what names another is told when that one's DOI is there, and so once."""
    place = {kind.value: number for number, kind in enumerate(_FIRST)}
    ordered = sorted(rows, key=lambda row: place.get(row.kind, len(_FIRST)))
    yield ordered[:1]
    for _, wave in groupby(ordered[1:], key=lambda row: row.kind):
        yield list(wave)


def mine(row: Doi, found: Registered | None) -> Registered:
    if found is not None and found.names(row.pid):
        return found
    leads = f"; it leads to {found.url}" if found is not None and found.url else ""
    raise RegistryFailed(
        Trouble.TAKEN,
        f"DataCite has a DOI {row.name} already that was not made for {row.pid}{leads}. "
        "Find out who made it (another installation with the same account?) before you retry.",
    )
