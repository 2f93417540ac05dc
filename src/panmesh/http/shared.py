"""One question to a server for all who ask it at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """`next()` is the answer to a question that was asked after the call: never one that was under way already."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._waiting: asyncio.Future[T] | None = None
        self._runner: asyncio.Task[None] | None = None

    async def next(self) -> T:
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_future()
        mine = self._waiting
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await asyncio.shield(mine)

    async def _run(self) -> None:
        while self._waiting is not None:
            mine, self._waiting = self._waiting, None
            try:
                answer = await asyncio.to_thread(self._ask)
            except Exception as error:
                mine.set_exception(error)
            else:
                mine.set_result(answer)


class Recent(Generic[T]):
    """The answer of at most `most_s` seconds ago, counted from before it was asked, if `changed()` is what it was then; else a new one.

    While it is wanted it is renewed ahead of time, so that nobody waits.
    """

    def __init__(self, ask: Callable[[], T], changed: Callable[[], object], most_s: float) -> None:
        self._ask = ask
        self._shared = Shared(self._renew)
        self._changed = changed
        self._most_s = most_s
        self._known: tuple[T, float, object] | None = None  # the answer, and before it was asked: the instant, the change
        self._renewing = False

    async def get(self) -> T:
        known = self._known
        if known is not None and known[2] is self._changed() and (age := time.monotonic() - known[1]) <= self._most_s:
            if age > self._most_s / 3 and not self._renewing:
                self._renewing = True
                asyncio.get_running_loop().run_in_executor(None, self._renew).add_done_callback(_heard)
            return known[0]
        return await self._shared.next()

    def _renew(self) -> T:
        at, change = time.monotonic(), self._changed()
        try:
            answer = self._ask()
            if self._known is None or at >= self._known[1]:
                self._known = (answer, at, change)
            return answer
        finally:
            self._renewing = False


def _heard(renewed: asyncio.Future[T]) -> None:
    """Who asks next asks anew, and is told of the error."""
    if not renewed.cancelled():
        renewed.exception()
