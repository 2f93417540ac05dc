"""One question to a server for all who ask it at the same time."""

from __future__ import annotations

import asyncio
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
