"""Events to many listeners: one question to the feed for each process, one for each kind of listener, and no queue that can grow.

A listener holds no thread and no list: it has a position, and asks from there when something has happened. Whoever reads slowly
asks later; whoever does not read at all is let go, and comes back with the last `id` that it has.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog
from anyio import CapacityLimiter, to_thread

from panmesh.access.viewer import Viewer
from panmesh.catalogue.events import EventFilter, EventPage, EventService, Position
from panmesh.kernel.errors import TooMany

log = structlog.get_logger("panmesh.events")

T = TypeVar("T")

LOOK_SECONDS = 0.1  # how often a process asks whether anything was committed
CLOCK_SECONDS = 5.0  # how often it asks when nothing was committed: embargoes end by the clock alone
BATCH = 200  # events of one answer
TOTAL = 2000  # listeners of one process
OF_ONE_ADDRESS = 50


class EventHub:
    def __init__(self, events: EventService, stamp: Callable[[], Hashable]) -> None:
        """`stamp`: another value after every commit, cheap to ask."""
        self.events = events
        self._stamp = stamp
        self._news = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._head: Position | None = None
        self._listeners: Counter[str] = Counter()
        self._threads: CapacityLimiter | None = None
        self._answers: dict[Hashable, asyncio.Task[EventPage]] = {}
        self.looked = 0  # questions to the feed
        self.asked = 0  # for events

    @asynccontextmanager
    async def listener(self, address: str) -> AsyncIterator[None]:
        """Raises TooMany when this address, or all together, listen more than is good for others."""
        if self._listeners[address] >= OF_ONE_ADDRESS or self._listeners.total() >= TOTAL:
            raise TooMany("Too many event streams are open from here: close some, or read the pages of JSON.", 30)
        self._listeners[address] += 1
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            self._listeners[address] -= 1
            if self._listeners[address] == 0:
                del self._listeners[address]

    async def head(self) -> Position:
        return await self.run(self.events.head)

    async def page(self, viewer: Viewer, wanted: EventFilter, after: Position, limit: int) -> EventPage:
        return await self.run(lambda: self.events.since(viewer, wanted, after, limit=limit))

    @property
    def news(self) -> asyncio.Event:
        """Set when something has happened after this was asked for."""
        return self._news

    async def since(self, viewer: Viewer, wanted: EventFilter, after: Position) -> EventPage:
        """Listeners who may read the same, ask for the same and stand at the same place share one answer."""
        key = (_rights(viewer), wanted, after, self._head)
        task = self._answers.get(key)
        if task is None:
            self.asked += 1
            task = asyncio.create_task(self.run(lambda: self.events.since(viewer, wanted, after, limit=BATCH)))
            self._answers[key] = task
            task.add_done_callback(lambda _: asyncio.get_running_loop().call_later(LOOK_SECONDS, self._answers.pop, key, None))
        return await asyncio.shield(task)

    async def _watch(self) -> None:
        """While anybody listens."""
        stamp: Hashable = None
        told = 0.0
        while self._listeners:
            try:
                late = time.monotonic() - told > CLOCK_SECONDS
                if (found := await self.run(self._stamp)) != stamp or late:
                    stamp, before = found, self._head
                    self._head = await self.head()
                    self.looked += 1
                    if late or before is None or before.sequence != self._head.sequence:
                        told = time.monotonic()
                        waiting, self._news = self._news, asyncio.Event()
                        waiting.set()
            except Exception as error:
                log.error("the feed cannot be read", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(1.0)
            await asyncio.sleep(LOOK_SECONDS)

    async def run(self, ask: Callable[[], T]) -> T:
        if self._threads is None:
            self._threads = CapacityLimiter(4)  # of its own: pages and downloads do not wait for listeners
        return await to_thread.run_sync(ask, limiter=self._threads)


def _rights(viewer: Viewer) -> Hashable:
    """Equal for viewers who may read the same."""
    return viewer.rights, viewer.scopes, viewer.user_id is None
