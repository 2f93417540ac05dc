"""Webhooks: who asked to be called at which address about what; and the signature by which the receiver knows us (Standard Webhooks)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.events import Event, EventFilter, EventKind, EventService, Position
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Conflict, Fault, Forbidden, Invalid, NotFound, Unauthenticated

SECRET_PREFIX = "whsec_"
MAX_HOOKS = 20  # of one account
SHOWN = 200  # newest deliveries that are listed


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"  # a day long
    SILENCED = "silenced"  # the owner may not know of it any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    id: int
    owner: int  # account
    url: str
    wanted: EventFilter
    created_us: int
    position: Position
    failing_us: int | None = None
    disabled_us: int | None = None
    disabled_why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    id: int
    webhook: int
    message: str  # webhook-id
    kind: EventKind | None  # None: a test
    pid: str
    at_us: int
    position: Position
    state: DeliveryState
    attempts: int
    next_us: int
    created_us: int
    done_us: int | None
    status: int | None
    error: str | None


class WebhookStore(Protocol):
    def add(self, owner: int, url: str, wanted: EventFilter, secret: str, start: Position, now_us: int) -> int: ...
    def of(self, owner: int) -> Sequence[Webhook]: ...
    def one(self, owner: int, number: int) -> Webhook | None: ...
    def remove(self, owner: int, number: int) -> bool: ...
    def enable(self, owner: int, number: int, start: Position) -> bool: ...
    def deliveries(self, number: int, limit: int) -> Sequence[Delivery]: ...
    def delivery(self, number: int, delivery: int) -> Delivery | None: ...
    def queue_test(self, number: int, message: str, position: Position, now_us: int) -> None: ...
    def again(self, delivery: int, now_us: int) -> None: ...


class Destinations(Protocol):
    def check(self, url: str) -> None:
        """Raises Invalid for an address that we do not call."""
        ...


class WebhookService:
    """What people do with their webhooks. Those of others are absent, for staff too: they carry what their owners may read."""

    def __init__(
        self, store: WebhookStore, events: EventService, destinations: Destinations, clock: Clock, chance: Callable[[int], bytes]
    ) -> None:
        self._store = store
        self._events = events
        self._destinations = destinations
        self._clock = clock
        self._chance = chance

    def make(self, viewer: Viewer, url: str, wanted: EventFilter) -> tuple[Webhook, str]:
        """(the webhook, its secret, which is shown this once). It hears of what happens from now on."""
        owner = _owner(viewer, Scope.WRITE)
        self._destinations.check(url)
        if len(self._store.of(owner)) >= MAX_HOOKS:
            raise Conflict(f"You have {MAX_HOOKS} webhooks; remove one first.")
        if any(" " in name for name in (*wanted.instruments, *wanted.visits)):
            raise Invalid("An instrument or a visit is named by its key or pid.", (Fault("/instruments", "has a blank"),))
        secret = SECRET_PREFIX + base64.b64encode(self._chance(32)).decode("ascii")
        number = self._store.add(owner, url, wanted, secret, self._events.head(), self._clock())
        return self.one(viewer, number), secret

    def own(self, viewer: Viewer) -> Sequence[Webhook]:
        return self._store.of(_owner(viewer, Scope.READ))

    def one(self, viewer: Viewer, number: int) -> Webhook:
        found = self._store.one(_owner(viewer, Scope.READ), number)
        if found is None:
            raise NotFound()
        return found

    def remove(self, viewer: Viewer, number: int) -> None:
        if not self._store.remove(_owner(viewer, Scope.WRITE), number):
            raise NotFound()

    def enable(self, viewer: Viewer, number: int) -> Webhook:
        """From now on: what happened while it was disabled is read from the pages of events."""
        if not self._store.enable(_owner(viewer, Scope.WRITE), number, self._events.head()):
            raise NotFound()
        return self.one(viewer, number)

    def deliveries(self, viewer: Viewer, number: int) -> Sequence[Delivery]:
        """The newest first; without those about what the owner may not know of now."""
        found = self._store.deliveries(self.one(viewer, number).id, SHOWN)
        return [one for one in found if one.kind is None or self._events.again(viewer, one.kind, one.position) is not None]

    def redeliver(self, viewer: Viewer, number: int, delivery: int) -> None:
        hook = self._live(viewer, number)
        found = self._store.delivery(hook.id, delivery)
        if found is None:
            raise NotFound()
        self._store.again(found.id, self._clock())

    def test(self, viewer: Viewer, number: int) -> None:
        """A delivery about nothing, to see whether it arrives."""
        hook = self._live(viewer, number)
        self._store.queue_test(hook.id, new_message(self._chance), hook.position, self._clock())

    def _live(self, viewer: Viewer, number: int) -> Webhook:
        _owner(viewer, Scope.WRITE)
        hook = self.one(viewer, number)
        if hook.disabled_us is not None:
            raise Conflict("This webhook is disabled; enable it first.")
        return hook


Shape = Callable[[Event], dict[str, object]]


def sign(secret: str, message: str, at_s: int, body: bytes) -> str:
    """The header `webhook-signature`. Raises ValueError on a secret that is none."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    proof = hmac.new(key, b"%s.%d.%s" % (message.encode(), at_s, body), hashlib.sha256).digest()
    return "v1," + base64.b64encode(proof).decode("ascii")


def new_message(chance: Callable[[int], bytes]) -> str:
    return "msg_" + chance(16).hex()


def _owner(viewer: Viewer, scope: Scope) -> int:
    if viewer.user_id is None:
        raise Unauthenticated()
    if scope not in viewer.scopes:
        raise Forbidden(f"Your token has not the scope '{scope.value}'.")
    return viewer.user_id
