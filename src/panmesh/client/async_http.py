"""Flows over the line, awaiting: the same flows as `http` drives. May be cancelled at every wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import httpx

from panmesh.client.flow import Answer, Ask, Begin, Flow, Pause, Piece, Step, Together
from panmesh.client.line import REFUSAL, Line
from panmesh.kernel.errors import PanmeshError

T = TypeVar("T")
_Ended = tuple[Any]


class AsyncHttp:
    """Raises the errors of `kernel.errors` with the server's own sentences. Of one event loop."""

    def __init__(self, url: str, token: str | None = None, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._line = Line(url, token)
        self.url = self._line.url
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def run(self, flow: Flow[T], *, aside: bool = False) -> T:
        """To its end. `aside`: it does work of its own between its waits (disk, digests, large copies), in a thread."""
        driving = _Driving(self, aside)
        advance = _aside if aside else _at_once
        try:
            step, ended = await advance(partial(flow.send, None))
            while ended is None:
                try:
                    answer = await driving.do(step)
                except PanmeshError as error:
                    step, ended = await advance(partial(flow.throw, error))
                else:
                    step, ended = await advance(partial(flow.send, answer))
            result: T = ended[0]
            return result
        finally:
            flow.close()
            await driving.end()

    @asynccontextmanager
    async def answer(self, ask: Ask | Begin) -> AsyncIterator[httpx.Response]:
        """Asked once; the body is not read yet."""
        with self._line.breaking():
            async with self._opened().stream(**self._line.arguments(ask.request)) as answer:
                also = ask.also if isinstance(ask, Ask) else ()
                if self._line.refused(answer, also):
                    raise self._line.error(answer, await self._body(answer, REFUSAL))
                yield answer

    async def whole(self, ask: Ask) -> Answer:
        async with self.answer(ask) as answer:
            wanted = ask.bodies is None or answer.status_code in ask.bodies
            body = await self._body(answer, ask.most) if wanted else b""
            return Answer(answer.status_code, answer.headers, body)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def _body(self, answer: httpx.Response, most: int) -> bytes:
        kept = bytearray()
        async for piece in answer.aiter_bytes():
            kept += piece
            self._line.check(len(kept), most)
        return bytes(kept)

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(transport=self._transport, **self._line.settings())
        return self._client


class _Driving:
    """One flow, and the answer that it has begun."""

    def __init__(self, http: AsyncHttp, aside: bool) -> None:
        self._http = http
        self._aside = aside
        self._begun: Any = None
        self._pieces: AsyncIterator[bytes] | None = None

    async def do(self, step: Step) -> Any:
        match step:
            case Ask():
                return await self._http.whole(step)
            case Pause():
                return await asyncio.sleep(step.seconds)
            case Together():
                return await self._together(step)
            case Begin():
                return await self._begin(step)
            case Piece():
                return await self._piece()

    async def end(self) -> None:
        begun, self._begun = self._begun, None
        if begun is not None:
            await begun.__aexit__(None, None, None)

    async def _begin(self, step: Begin) -> Answer:
        await self.end()
        opened = self._http.answer(step)
        answer = await opened.__aenter__()
        self._begun, self._pieces = opened, answer.aiter_raw(1 << 20)
        return Answer(answer.status_code, answer.headers)

    async def _piece(self) -> bytes | None:
        with self._http._line.breaking():
            piece = None if self._pieces is None else await anext(self._pieces, None)
        if piece is None:
            await self.end()
        return piece

    async def _together(self, step: Together) -> list[Any]:
        room, waiting = asyncio.Semaphore(step.at_once), True

        async def one(flow: Flow[Any]) -> Any:
            nonlocal waiting
            async with room:
                if not waiting:  # another failed: nothing more is begun
                    return None
                try:
                    return await self._http.run(flow, aside=self._aside)
                except BaseException:
                    waiting = False
                    raise

        try:
            async with asyncio.TaskGroup() as group:
                working = [group.create_task(one(flow)) for flow in step.flows]
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from several.exceptions[0].__cause__
        finally:
            if step.stop is not None:
                step.stop.set()
        return [task.result() for task in working]


def _advanced(call: Callable[[], Step]) -> tuple[Any, _Ended | None]:
    """The next step, or the result: an end that is raised could not leave a thread."""
    try:
        return call(), None
    except StopIteration as end:
        return None, (end.value,)


async def _at_once(call: Callable[[], Step]) -> tuple[Any, _Ended | None]:
    return _advanced(call)


async def _aside(call: Callable[[], Step]) -> tuple[Any, _Ended | None]:
    """A flow that is at work in a thread cannot be left in the middle: who is cancelled waits until it comes to its next step."""
    working = asyncio.ensure_future(asyncio.to_thread(_advanced, call))
    cancelled = False
    while not working.done():
        try:
            await asyncio.wait([working])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        working.exception()
        raise asyncio.CancelledError
    return working.result()
