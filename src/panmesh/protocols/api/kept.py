"""Searches of nobody in particular, kept while nothing was committed and no embargo ended: asked again, they cost no statement."""

from __future__ import annotations

from collections.abc import Hashable
from types import SimpleNamespace

from anyio import to_thread
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from panmesh.access.viewer import ANONYMOUS
from panmesh.http.answer_cache import AnswerCache, Kept
from panmesh.kernel.clock import Clock

PATH = "/api/v1/datasets"
ROUTE = SimpleNamespace(path=PATH)  # the same name in logs and figures as by the long way


class KeptSearches:
    """Around the API."""

    def __init__(self, api: ASGIApp, cache: AnswerCache, clock: Clock) -> None:
        self._api, self._cache, self._clock = api, cache, clock

    async def early(self, scope: Scope) -> Response | None:
        """What is kept for this very question; None: ask. The caller has seen that nobody in particular asks."""
        if scope["method"] != "GET" or scope["path"] != PATH or (key := _key(scope)) not in self._cache:
            return None
        kept = self._cache.get(key, await self._cache.stamp())
        if kept is None:
            return None
        scope["route"] = ROUTE
        answer = Response(kept.body)
        answer.raw_headers = list(kept.headers)
        return answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        public = scope["type"] == "http" and scope["method"] == "GET" and scope["path"] == PATH
        if not public or scope["panmesh.viewer"] is not ANONYMOUS:
            await self._api(scope, receive, send)
            return
        at_us, stamp = self._clock(), await self._cache.stamp()
        status, headers, body = 0, (), bytearray()

        async def seen(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], tuple(message["headers"])
            else:
                body.extend(message.get("body", b""))
            await send(message)

        await self._api(scope, receive, seen)
        if status == 200:
            self._cache.put(_key(scope), stamp, at_us, Kept(bytes(body), headers), len(body))
            if not self._cache.knows_horizon(stamp):
                await to_thread.run_sync(self._cache.learn_horizon, stamp)


def _key(scope: Scope) -> Hashable:
    return PATH, scope["query_string"]
