"""h5grove's routes below /api/h5/{pid}, by names of the catalogue and under its access check."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import replace

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panmesh.catalogue.arrays import ArrayAnswer, ArrayQuestion, Ask
from panmesh.http.fair_queue import FairQueue
from panmesh.http.services import services, viewer
from panmesh.kernel.errors import PanmeshError, Unavailable
from panmesh.protocols.h5.answer import ArrayResponse, export_name, headers_for, not_modified, packed, refusal, tag
from panmesh.protocols.h5.blocks import Blocks
from panmesh.protocols.h5.kept import KeptAnswers
from panmesh.protocols.h5.opening import Neighbours, Opened, Opener
from panmesh.protocols.h5.parameters import export, question

AT_ONCE = max(4, 2 * (os.cpu_count() or 1))  # questions that are being read: some of them wait for the disk
WAITING = 64  # of one asker
PATIENCE = 15.0  # seconds to wait for one's turn
KEPT = 64 << 20  # bytes of answers
MOST_UNDER_WAY = 512 << 20  # bytes of answers that are being sent
UNCOUNTED = 1 << 20  # bytes of one that is always sent

Stamp = Callable[[], Awaitable[Hashable]]
Endpoint = Callable[[Request], Awaitable[Response]]


class _Reading:
    """What all routes share."""

    def __init__(self, stamp: Stamp | None) -> None:
        self._stamp = stamp
        self._opener = Opener()
        self.queue = FairQueue(AT_ONCE, each=max(1, AT_ONCE // 2), waiting=WAITING, patience=PATIENCE)
        self.threads = CapacityLimiter(AT_ONCE)
        self.kept = KeptAnswers(KEPT)
        self._under_way = 0  # bytes

    async def open(self, request: Request) -> Opened:
        given = services(request), viewer(request), request.path_params["pid"], request.query_params.get("file")
        stamp = await self._stamp() if self._stamp is not None else None
        ready = self._opener.at_hand(*given, stamp)
        return ready if ready is not None else await to_thread.run_sync(self._opener.open, *given, stamp)

    async def answer(self, request: Request, opened: Opened, asked: ArrayQuestion, key: str) -> ArrayAnswer:
        answer = self.kept.get(key)
        if answer is None:
            answer = await self.ask(request, opened, asked)
            if opened.unchanged():
                self.kept.keep(key, answer)
        return answer

    async def ask(self, request: Request, opened: Opened, asked: ArrayQuestion) -> ArrayAnswer:
        find, arrays = Neighbours(services(request), viewer(request), opened), services(request).arrays()
        async with self.queue.turn(_asker(request)):
            return await to_thread.run_sync(arrays.ask, opened.pid, opened.file, asked, find, limiter=self.threads)

    def blocks(self, request: Request, opened: Opened, asked: ArrayQuestion, answer: ArrayAnswer) -> Blocks:
        """Each of them takes its turn: a large answer does not keep small ones waiting."""

        async def fetch(selection: str) -> ArrayAnswer:
            return await self.ask(request, opened, replace(asked, selection=selection, block=True))

        return Blocks(opened.handle, answer, fetch)

    def under_way(self, size: int) -> Callable[[], None]:
        """Counts what waits in memory for clients to take it, until the returned function is called. Raises Unavailable when it is too
        much: slow lines must not fill the memory."""
        if size > UNCOUNTED and self._under_way + size > MOST_UNDER_WAY:
            raise Unavailable("Too many large answers are on their way to others: try again in a moment.", 5)
        self._under_way += size

        def done() -> None:
            self._under_way -= size

        return done


def h5_routes(stamp: Stamp | None = None) -> list[Route]:
    """Each with and without a slash at its end: clients of h5grove write one. `stamp` changes with every commit to the database; without
    one every request is decided anew."""
    reading = _Reading(stamp)
    named: list[tuple[str, Endpoint]] = [("", _alive(reading))]
    named += [(f"/{what}", _route(reading, what)) for what in (Ask.META, Ask.ATTR, Ask.DATA, Ask.STATS, Ask.PATHS)]
    named += [("/plot.png", _route(reading, Ask.PICTURE)), ("/export", _route(reading, None))]
    return [Route(f"/{{pid}}{path}{end}", endpoint) for path, endpoint in named for end in ("", "/")]


def _alive(reading: _Reading) -> Endpoint:
    async def answer(request: Request) -> Response:
        opened = await reading.open(request)
        os.close(opened.handle)
        return Response("ok", media_type="text/plain")

    return _refusing(answer)


def _route(reading: _Reading, what: Ask | None) -> Endpoint:
    async def answer(request: Request) -> Response:
        asked = question(what, request.query_params) if what is not None else export(request.query_params)
        opened = await reading.open(request)
        try:
            key = tag(opened, asked)
            found = await reading.answer(request, opened, asked, key)
            unchanged = not_modified(request, key, found)
            if unchanged is not None:
                os.close(opened.handle)
                return unchanged
            blocks = reading.blocks(request, opened, asked, found) if found.blocks else None
            if blocks is not None:
                sent, encoding = found, await blocks.begin(request.headers.get("accept-encoding"))
            else:
                sent, encoding = await packed(request, opened, found)
            name = export_name(opened.name, asked) if what is None or asked.format in ("csv", "npy", "tiff") else None
            headers = headers_for(request, key, found, encoding, name)
            return ArrayResponse(opened, sent, headers, reading.under_way(len(sent.body)), blocks)
        except BaseException:
            os.close(opened.handle)
            raise

    return _refusing(answer)


def _refusing(endpoint: Endpoint) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except PanmeshError as error:
            return refusal(request, error)

    return answer


def _asker(request: Request) -> Hashable:
    who = viewer(request)
    return who.user_id or who.login or (request.client.host if request.client else None)
