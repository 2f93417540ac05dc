"""Webhooks called: each event written down once, sent until it arrives or a day has passed, to owners who may know of it at that moment."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from panmesh.access.viewer import Viewer
from panmesh.catalogue.events import Event, EventKind, EventService, Position
from panmesh.catalogue.webhooks import Delivery, DeliveryState, Webhook, new_message, sign
from panmesh.kernel.clock import DAY_US, Clock
from panmesh.kernel.errors import Invalid, PanmeshError
from panmesh.kernel.faults import reach

PAUSES_S = (
    5,
    30,
    120,
    600,
    1800,
    3600,
    7200,
    10_800,
    14_400,
)  # after the first failure, the second …; the last one again and again
LEASE_US = 60_000_000  # somebody who took a delivery and died is waited for so long; longer than a call may take
LONGEST_US = DAY_US  # then it is given up, and the webhook disabled
BATCH = 200
IDLE = 500  # changes that concern nobody are not worth a commit each
GONE = 410  # the receiver says that it wants no more


class Outbox(Protocol):
    def live(self) -> Sequence[Webhook]: ...
    def queue(
        self, hook: Webhook, found: Sequence[tuple[str, EventKind, str, int, Position]], upto: Position, now_us: int
    ) -> bool:
        """Write deliveries down and move the webhook on, in one step; False when it is not where it was."""
        ...

    def due(self, now_us: int, limit: int) -> Sequence[int]:
        """Webhooks with something to send now."""
        ...

    def take(self, number: int, now_us: int, until_us: int) -> tuple[Webhook, str, Delivery] | None:
        """(webhook, secret, oldest delivery that is due), which nobody else takes until then."""
        ...

    def done(self, delivery: Delivery, state: DeliveryState, status: int | None, error: str | None, now_us: int) -> None: ...
    def failed(self, delivery: Delivery, status: int | None, error: str | None, next_us: int, now_us: int) -> None: ...
    def disable(self, number: int, why: str, now_us: int) -> None: ...


class Owners(Protocol):
    def owner(self, account: int) -> Viewer | None:
        """With the rights of this moment; None: the account is closed."""
        ...


class Caller(Protocol):
    def post(self, url: str, headers: dict[str, str], body: bytes) -> int:
        """The status of the answer. Raises PeerFailed when there is none, Invalid for an address that is not called."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the work is made of."""

    outbox: Outbox
    events: EventService
    owners: Owners
    caller: Caller
    body: Callable[[Delivery, Event | None], bytes]  # the payload of a delivery; the event, or None for a test
    clock: Clock
    chance: Callable[[int], bytes]


class Delivering:
    def __init__(self, parts: Parts) -> None:
        self._p = parts

    def write_down(self) -> int:
        """What happened since, for each webhook; returns how many deliveries that makes."""
        return sum(self._write_down(hook) for hook in self._p.outbox.live())

    def _write_down(self, hook: Webhook) -> int:
        made = 0
        while (owner := self._p.owners.owner(hook.owner)) is not None:
            page = self._p.events.since(owner, hook.wanted, hook.position, limit=BATCH)
            if not page.items and page.position.sequence - hook.position.sequence < IDLE:
                break
            found = [(new_message(self._p.chance), e.kind, e.pid, e.at_us, e.position) for e in page.items]
            if not self._p.outbox.queue(hook, found, page.position, self._p.clock()):
                break
            reach("webhook.written")
            made += len(found)
            if not page.more:
                break
            hook = replace(hook, position=page.position)
        return made

    def send(self, number: int, limit: int = 50) -> int:
        """What is due of one webhook, the oldest first, until something fails; returns how many arrived."""
        arrived = 0
        for _ in range(limit):
            now_us = self._p.clock()
            taken = self._p.outbox.take(number, now_us, now_us + LEASE_US)
            if taken is None or not self._one(*taken):
                break
            arrived += 1
        return arrived

    def _one(self, hook: Webhook, secret: str, delivery: Delivery) -> bool:
        owner = self._p.owners.owner(hook.owner)
        event = None
        if owner is not None and delivery.kind is not None:
            event = self._p.events.again(owner, delivery.kind, delivery.position)
        if owner is None or (event is None and delivery.kind is not None):
            self._p.outbox.done(delivery, DeliveryState.SILENCED, None, None, self._p.clock())
            return True
        body = self._p.body(delivery, event)
        at_s = self._p.clock() // 1_000_000
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "panmesh",
            "webhook-id": delivery.message,
            "webhook-timestamp": str(at_s),
            "webhook-signature": sign(secret, delivery.message, at_s, body),
        }
        status, error = None, None
        try:
            status = self._p.caller.post(hook.url, headers, body)
        except PanmeshError as failure:
            error = failure.detail
            if isinstance(failure, Invalid):
                error = f"Not called: {failure.detail}"
        reach("webhook.sent")
        if status is not None and 200 <= status < 300:
            self._p.outbox.done(delivery, DeliveryState.DELIVERED, status, None, self._p.clock())
            return True
        self._again(delivery, status, error)
        return False

    def _again(self, delivery: Delivery, status: int | None, error: str | None) -> None:
        now_us = self._p.clock()
        if status == GONE:
            self._p.outbox.disable(delivery.webhook, "The receiver said that it wants no more (410).", now_us)
        elif now_us - delivery.created_us >= LONGEST_US:
            said = error or f"it answered {status}"
            self._p.outbox.disable(delivery.webhook, f"Nothing arrived there for a day: {said}", now_us)
        else:
            pause = PAUSES_S[min(delivery.attempts, len(PAUSES_S) - 1)] * random.uniform(0.8, 1.2)  # not all at the same moment
            self._p.outbox.failed(delivery, status, error, now_us + int(pause * 1e6), now_us)
