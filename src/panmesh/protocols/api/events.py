"""Events in /api/v1: a page of them, or a stream that does not end (Server-Sent Events)."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Query, Request, Response
from starlette.types import Message, Receive, Send
from starlette.types import Scope as AsgiScope

from panmesh.access.viewer import Scope
from panmesh.catalogue.events import Event, EventFilter, EventKind, Position
from panmesh.http.cursors import Cursors
from panmesh.http.identity import viewer_now
from panmesh.http.links import absolute
from panmesh.http.services import Services, services, viewer
from panmesh.kernel.clock import iso
from panmesh.kernel.errors import Fault, Forbidden, Invalid, Unauthenticated
from panmesh.kernel.text import is_plain
from panmesh.protocols.api import event_models as models
from panmesh.protocols.api import views

BEGINNING = "beginning"
HEARTBEAT_SECONDS = 15.0
RIGHTS_SECONDS = 2.0  # how old what a listener may read can be
SEND_SECONDS = 20.0  # a client that takes no bytes for so long is let go
RETRY_MS = 3000
MOST = 100  # values of one filter

Names = Annotated[list[str] | None, Query(max_length=MOST, description="key or pid; repeat for more")]
Pids = Annotated[list[str] | None, Query(max_length=MOST, description="pid of the investigation; repeat for more")]
Kinds = Annotated[list[EventKind] | None, Query(description="repeat for more; without: all")]
After = Annotated[
    str | None, Query(max_length=200, description=f"`next` or `id` of before, or '{BEGINNING}'; without: from now on")
]
_STREAM = {200: {"description": "a page, or a stream", "content": {"text/event-stream": {"schema": {"type": "string"}}}}}


def add_events(api: FastAPI) -> None:
    @api.get("/events", response_model=models.EventPage, tags=["events"], responses=_STREAM)  # type: ignore[arg-type]
    async def events(
        request: Request,
        kind: Kinds = None,
        instrument: Names = None,
        visit: Pids = None,
        after: After = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """What happened to runs that you may read. With `Accept: text/event-stream` it goes on for ever: no need to ask again.

        `Last-Event-ID` (or `after`) resumes without a gap.
        """
        s = services(request)
        names, visits = instrument or [], visit or []
        if not all(map(is_plain, (*names, *visits))):
            raise Invalid("The text has signs that no identifier here has.", (Fault("/", "NUL or undecodable signs"),))
        wanted = EventFilter(kinds=frozenset(kind or ()), instruments=frozenset(names), visits=frozenset(visits))
        if Scope.READ not in viewer(request).scopes:
            raise Forbidden("Your token has not the scope 'read'.")
        streams = "text/event-stream" in request.headers.get("accept", "")
        given = (request.headers.get("last-event-id") if streams else None) or after
        start = _position(s, given)
        if streams:
            return _Stream(s, wanted, start)
        if start is None:
            body: dict[str, Any] = {"items": [], "next": s.cursors.seal(await s.hub.head()), "more": False}
        else:
            page = await s.hub.page(viewer(request), wanted, start, limit)
            items = [event_shape(e, s.cursors, s.public_url, str(request.base_url)) for e in page.items]
            body = {"items": items, "next": s.cursors.seal(page.position), "more": page.more}
        return Response(orjson.dumps(body), media_type="application/json", headers={"Cache-Control": "no-store"})


def event_shape(event: Event, cursors: Cursors, public_url: str | None, base: str) -> dict[str, Any]:
    """One event, as a page, a stream or a webhook shows it."""
    shown = event.into or event.pid
    return {
        "id": cursors.seal(event.position),
        "type": event.kind.value,
        "at": iso(event.at_us),
        "pid": event.pid,
        "into": event.into,
        "link": absolute(public_url, base, "datasets", shown),
        "run": views.dataset(event.run) if event.run is not None else None,
    }


def _position(s: Services, cursor: str | None) -> Position | None:
    if cursor is None or cursor == "":
        return None
    if cursor == BEGINNING:
        return Position(sequence=0, opened_us=0, opened_id=0)
    return s.cursors.open(cursor)


class _Stream(Response):
    """Sends itself until the client goes, the token ends, or the server stops."""

    def __init__(self, s: Services, wanted: EventFilter, start: Position | None) -> None:
        self._services = s
        self._wanted = wanted
        self._start = start
        self.background = None

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        address = scope["client"][0] if scope.get("client") else "unknown"
        scope["panmesh.own_rights"] = True  # asked here, for it says why it ends
        async with self._services.hub.listener(address):
            gone = asyncio.create_task(_until_gone(receive))
            sending = asyncio.create_task(self._send(scope, send))
            try:
                await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
                if sending.done():
                    sending.result()
            except TimeoutError:
                pass  # it takes no bytes: it comes back with the last id that it has
            finally:
                for task in (gone, sending):
                    task.cancel()
                await asyncio.gather(gone, sending, return_exceptions=True)

    async def _send(self, scope: AsgiScope, send: Send) -> None:
        s, hub = self._services, self._services.hub
        base = str(Request(scope).base_url)

        async def put(text: bytes, *, more: bool = True) -> None:
            message: Message = {"type": "http.response.body", "body": text, "more_body": more}
            await asyncio.wait_for(send(message), SEND_SECONDS)

        here = self._start or await hub.head()  # before the first byte: who sees the stream open misses nothing after that
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await put(b"retry: %d\nid: %s\n\n" % (RETRY_MS, s.cursors.seal(here).encode()))
        who, known = scope["panmesh.viewer"], time.monotonic()
        beaten = time.monotonic()
        while True:
            news = hub.news  # before asking: what happens meanwhile is not slept through
            if time.monotonic() - known > RIGHTS_SECONDS:
                try:
                    who, known = await hub.run(lambda: viewer_now(s, scope)), time.monotonic()
                except Unauthenticated as error:
                    await put(b"event: end\ndata: " + orjson.dumps({"detail": error.detail}) + b"\n\n", more=False)
                    return
            page = await hub.since(who, self._wanted, here)
            here = page.position
            if page.items:
                await put(b"".join(_block(event_shape(event, s.cursors, s.public_url, base)) for event in page.items))
            if page.more:
                continue
            if time.monotonic() - beaten > HEARTBEAT_SECONDS:
                beaten = time.monotonic()
                await put(b"id: %s\n: still here\n\n" % s.cursors.seal(here).encode())
            try:
                await asyncio.wait_for(news.wait(), HEARTBEAT_SECONDS - min(time.monotonic() - beaten, HEARTBEAT_SECONDS - 0.1))
            except TimeoutError:
                pass


def _block(body: dict[str, Any]) -> bytes:
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (body["id"].encode(), body["type"].encode(), orjson.dumps(body))


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx passes each event on at once
]
