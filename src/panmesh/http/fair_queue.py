"""A few things at once, the rest in turn: of those who wait, each is served as often as the others, however many questions they ask."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from panmesh.kernel.errors import Unavailable


class FairQueue:
    """For one event loop at a time."""

    def __init__(self, slots: int, *, each: int, waiting: int, patience: float) -> None:
        """`slots` under way at once, `each` of them for one asker; `waiting` of one asker, who waits `patience` seconds at most."""
        self._free = slots
        self._each = each
        self._most = waiting
        self._patience = patience
        self._running: dict[Hashable, int] = {}
        self._waiting: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, who: Hashable) -> AsyncIterator[None]:
        """Raises Unavailable when too many are waiting."""
        if self._free and self._running.get(who, 0) < self._each and who not in self._waiting:
            self._start(who)
        else:
            await self._wait(who)
        try:
            yield
        finally:
            self._end(who)

    async def _wait(self, who: Hashable) -> None:
        line = self._waiting.setdefault(who, deque())
        if len(line) >= self._most:
            raise _busy()
        mine = asyncio.get_running_loop().create_future()
        line.append(mine)
        try:
            async with asyncio.timeout(self._patience):
                await mine
        except BaseException as error:
            if mine.done() and not mine.cancelled():
                self._end(who)  # the turn had just come
            else:
                self._leave(who, mine)
            if isinstance(error, TimeoutError):
                raise _busy() from None
            raise

    def _leave(self, who: Hashable, mine: asyncio.Future[None]) -> None:
        line = self._waiting.get(who, deque())
        if mine in line:
            line.remove(mine)
        if not line:
            self._waiting.pop(who, None)

    def _start(self, who: Hashable) -> None:
        self._free -= 1
        self._running[who] = self._running.get(who, 0) + 1

    def _end(self, who: Hashable) -> None:
        self._free += 1
        self._running[who] -= 1
        if not self._running[who]:
            del self._running[who]
        self._next()

    def _next(self) -> None:
        for who in list(self._waiting):
            if not self._free:
                return
            if self._running.get(who, 0) >= self._each:
                continue
            line = self._waiting[who]
            turn = line.popleft()
            self._waiting.move_to_end(who)
            if not line:
                del self._waiting[who]
            if not turn.done():
                self._start(who)
                turn.set_result(None)


def _busy() -> Unavailable:
    return Unavailable("Too many are reading at once: try again in a moment.", 2)
