"""`/api` as the PaNOSC specification has it: Datasets, Documents, Instruments and their counts and files, and the techniques service."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from anyio import Event, to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from panmesh.access.viewer import Viewer
from panmesh.catalogue.graph import SHAPES, Entity, Node, Selection
from panmesh.catalogue.graph_search import AT_ONCE, GraphService
from panmesh.http.answer_cache import AnswerCache, Kept
from panmesh.http.conditional import matches
from panmesh.http.services import Services
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import NotFound, PanmeshError, TooMany
from panmesh.protocols.panosc import errors
from panmesh.protocols.panosc.routing import Resource, bracketed, resource
from panmesh.protocols.panosc.vocabulary import techniques
from panmesh.wire import panosc

LONG_ANSWERS = 4  # whole catalogues sent to anonymous askers at the same time
_MODEL = {Entity.DATASET: "Dataset", Entity.DOCUMENT: "Document", Entity.INSTRUMENT: "Instrument", Entity.TECHNIQUE: "Technique"}
ROOT = "/api"


@dataclass(frozen=True, slots=True)
class Asked:
    resource: Resource
    pairs: tuple[tuple[str, str], ...]
    url: str  # without the query
    head: bool = False  # only the headers are wanted

    def first(self, name: str) -> str | None:
        return next((value for key, value in self.pairs if key == name), None)

    def selection(self, *, by_id: bool = False) -> Selection:
        entity = Entity.FILE if self.resource.files else self.resource.entity
        found = panosc.selection(self.filter(), entity, by_id=by_id)
        words = self.first("query")
        return found if not words or found.words else replace(found, words=panosc.selection({"query": words}, entity).words)

    def filter(self) -> dict[str, Any]:
        plain = bracketed(self.pairs, "filter")
        return plain if plain is not None else panosc.document(self.first("filter"), "filter")

    def where(self) -> Selection:
        entity = Entity.FILE if self.resource.files else self.resource.entity
        plain = bracketed(self.pairs, "where")
        if plain is not None:
            return Selection(where=panosc.condition(plain, entity))
        return panosc.parse_where(self.first("where") or self.first("filter"), entity)


class SearchApi:
    """Pure ASGI, mounted at /api: routes are matched on the path as it was sent, because pids hold slashes."""

    def __init__(self, services: Services, cache: AnswerCache, started_iso: str) -> None:
        self._graph: GraphService = services.graph
        self._one_state = services.one_state
        self._clock: Clock = services.clock
        self._cache = cache
        self._started = started_iso
        self._began_us = services.clock()
        self._long = threading.BoundedSemaphore(LONG_ANSWERS)
        self._under_way: dict[Hashable, Event] = {}
        self._learning = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def early(self, scope: Scope) -> Response | None:
        """What is kept for this very question of nobody; None: ask."""
        if scope["method"] not in ("GET", "HEAD") or (key := _key(scope)) not in self._cache:
            return None
        stamp = await self._cache.stamp()
        kept = self._cache.get(key, stamp)
        if kept is None:
            return None
        if (found := resource(scope.get("raw_path") or scope["path"].encode(), ROOT)) is not None:
            scope["route"] = SimpleNamespace(path=ROOT + found.path)
        return _sent(Request(scope), kept)

    async def _answer(self, request: Request) -> Response:
        accept = request.headers.get("accept", "")
        if request.method not in ("GET", "HEAD"):
            return errors.envelope(404, f"There is no method to handle {request.method} {request.url.path}", accept)
        viewer: Viewer = request.scope["panmesh.viewer"]
        raw = request.scope.get("raw_path") or request.url.path.encode()
        root = request.scope.get("root_path", "")
        found = resource(raw, root)
        if found is not None:
            request.scope["route"] = found  # what logs and figures call it
        key = _key(request.scope)
        public = viewer.user_id is None and not viewer.operator
        stamp: Hashable = None
        at_us = self._clock()
        if public:
            stamp = await self._cache.stamp()
            kept = self._cache.get(key, stamp)
            if kept is None and (key, stamp) in self._under_way:  # somebody asks the same just now: one look-up is enough
                await self._under_way[key, stamp].wait()
                kept = self._cache.get(key, stamp)
            if kept is not None:
                return _sent(request, kept)
        if found is None:
            if raw.decode("latin-1").rstrip("/").lower() == root.rstrip("/").lower():
                return self._status()
            return errors.envelope(404, f"There is no method to handle {request.method} {request.url.path}", accept)
        pairs = tuple(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
        asked = Asked(found, pairs, request.url.path, request.method == "HEAD")
        if not public:
            return await self._fresh(request, viewer, asked, None)
        done = self._under_way.setdefault((key, stamp), Event())
        try:
            answer = await self._fresh(request, viewer, asked, stamp)
            if isinstance(answer, _sent):
                self._cache.put(key, stamp, at_us, answer.kept, len(answer.kept.body))
                await self._learn(stamp)
            return answer
        finally:
            done.set()
            self._under_way.pop((key, stamp), None)

    async def _fresh(self, request: Request, viewer: Viewer, asked: Asked, stamp: Hashable) -> Response:
        wanted = asked.resource
        try:
            answer = await to_thread.run_sync(self._looked_up, viewer, asked, stamp)
        except PanmeshError as error:
            if wanted.pid is not None and type(error) is NotFound:
                error = errors.Unknown(_MODEL[wanted.entity], wanted.pid)
            return errors.answer(error, request.headers.get("accept", ""))
        return _sent(request, answer) if isinstance(answer, Kept) else answer

    async def _learn(self, stamp: Hashable) -> None:
        """Once for each state of the database, beside the answers."""
        if self._learning or self._cache.knows_horizon(stamp):
            return
        self._learning = True
        try:
            await to_thread.run_sync(self._cache.learn_horizon, stamp)
        finally:
            self._learning = False

    def _status(self) -> Response:
        body = orjson.dumps({"started": self._started, "uptime": (self._clock() - self._began_us) / 1e6})
        return Response(body, media_type="application/json", headers=errors.OPEN)

    def _looked_up(self, viewer: Viewer, asked: Asked, stamp: Hashable) -> Kept | Response:
        """Of one state of the database; the pieces of a long list each of their own."""
        with self._one_state():
            return self._find(viewer, asked, stamp)

    def _find(self, viewer: Viewer, asked: Asked, stamp: Hashable) -> Kept | Response:
        """`stamp`: of the database, where the answer is for everybody; None where it is for this viewer alone."""
        wanted = asked.resource
        if wanted.entity is Entity.TECHNIQUE:
            return _kept(techniques(self._graph, asked.pairs, wanted), {})
        if wanted.files:
            return self._files(viewer, asked)
        if wanted.count:
            return _kept({"count": self._graph.count(viewer, wanted.entity, asked.where())}, {})
        if wanted.pid is not None:
            selection = asked.selection(by_id=True)
            node = self._graph.one(viewer, wanted.entity, wanted.pid, selection)
            return _kept(panosc.rendered(node, selection), {})
        return self._list(viewer, asked, stamp)

    def _list(self, viewer: Viewer, asked: Asked, stamp: Hashable) -> Kept | Response:
        entity, selection = asked.resource.entity, asked.selection()
        cursor = asked.first("cursor")
        if cursor:
            selection = replace(selection, after=cursor, skip=0)
        if selection.limit is None or selection.limit > AT_ONCE:
            return self._long_list(viewer, asked, selection)
        nodes = self._graph.page(viewer, entity, selection)
        headers = {"x-total-count": str(self._total(viewer, entity, selection, len(nodes), stamp))}
        if len(nodes) == selection.limit:
            headers["link"] = _next(asked, selection, nodes)
        return _kept([panosc.rendered(node, selection, listed=True) for node in nodes], headers)

    def _total(self, viewer: Viewer, entity: Entity, selection: Selection, here: int, stamp: Hashable) -> int:
        """The same for all pages of a question: counted once."""
        if selection.after is None and 0 < here < (selection.limit or 0):
            return selection.skip + here
        whole = replace(selection, limit=None, skip=0, after=None, order=(), fields=None)
        key, at_us = ("count", entity, whole), self._clock()
        known = self._cache.get(key, stamp) if stamp is not None else None
        if known is not None:
            return int(known)
        number = self._graph.count(viewer, entity, whole)
        if stamp is not None:
            self._cache.put(key, stamp, at_us, number, 200)
        return number

    def _long_list(self, viewer: Viewer, asked: Asked, selection: Selection) -> Kept | Response:
        """In pieces, memory flat. Who is not known takes turns: a catalogue is no denial of service."""
        entity = asked.resource.entity
        pieces = self._graph.all(viewer, entity, selection)
        first = next(pieces, [])
        second = next(pieces, None) if len(first) < AT_ONCE else None  # a piece is short where something was hidden meanwhile
        if len(first) < AT_ONCE and second is None:
            body = [panosc.rendered(node, selection, listed=True) for node in first]
            return _kept(body, {"x-total-count": str(selection.skip + len(first))} if selection.after is None else {})
        total = self._graph.count(viewer, entity, replace(selection, limit=None, skip=0, after=None))
        headers = {**errors.OPEN, "x-total-count": str(total)}
        if asked.head:
            return StreamingResponse(iter(()), media_type="application/json", headers=headers)
        anonymous = viewer.user_id is None and not viewer.operator
        return _Streamed(
            _pieces(first, chain((second,) if second else (), pieces), selection), headers, self._long if anonymous else None
        )

    def _files(self, viewer: Viewer, asked: Asked) -> Kept:
        pid = asked.resource.pid or ""
        if asked.resource.count:
            everything = replace(asked.where(), limit=2**31)
            return _kept({"count": len(self._graph.files(viewer, pid, everything))}, {})
        selection = asked.selection()
        nodes = self._graph.files(viewer, pid, replace(selection, limit=selection.limit or 2**31))
        return _kept([panosc.rendered(node, selection) for node in nodes], {"x-total-count": str(len(nodes))})


def _pieces(first: list[Node], rest: Iterator[list[Node]], selection: Selection) -> Iterator[bytes]:
    mark = b"["
    for nodes in chain((first,), rest):
        yield mark + b",".join(orjson.dumps(panosc.rendered(node, selection, listed=True)) for node in nodes)
        mark = b","
    yield b"]"


class _Streamed(StreamingResponse):
    """`turns`: taken while it is being sent, given back however that ends."""

    def __init__(self, pieces: Iterator[bytes], headers: dict[str, str], turns: threading.BoundedSemaphore | None) -> None:
        super().__init__(pieces, headers=headers, media_type="application/json")
        self._turns = turns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._turns is None:
            await super().__call__(scope, receive, send)
        elif self._turns.acquire(blocking=False):
            try:
                await super().__call__(scope, receive, send)
            finally:
                self._turns.release()
        else:
            error = TooMany("Too many whole catalogues are being sent now; ask again in a moment, or for pages (limit).", 5)
            await errors.answer(error, Request(scope).headers.get("accept", ""))(scope, receive, send)


def _key(scope: Scope) -> Hashable:
    return scope.get("raw_path") or scope["path"], scope["query_string"]


def _next(asked: Asked, selection: Selection, nodes: list[Node]) -> str:
    """By key where that is the order: pages that stay right while records come and go."""
    pairs = [(key, value) for key, value in asked.pairs if key != "cursor"]
    if not selection.order and not selection.words:
        pairs.append(("cursor", str(nodes[-1].values[SHAPES[nodes[-1].entity].key])))
    else:
        pairs = [(key, value) for key, value in pairs if key != "filter" and not key.startswith("filter[")]
        pairs.append(("filter", json.dumps({**asked.filter(), "skip": selection.skip + len(nodes)}, separators=(",", ":"))))
    return f'<{asked.url}?{urlencode(pairs)}>; rel="next"'


def _kept(body: Any, headers: dict[str, str]) -> Kept:
    data = orjson.dumps(body)
    etag = f'"{hashlib.blake2b(data, digest_size=12).hexdigest()}"'
    all_headers = {
        "content-type": "application/json",
        "content-length": str(len(data)),
        "etag": etag,
        "cache-control": "no-cache",
        **errors.OPEN,
        **headers,
    }
    return Kept(data, tuple((k.encode(), v.encode("latin-1", "replace")) for k, v in all_headers.items()))


class _sent(Response):
    """Bytes that are ready, or 304 when the asker has them."""

    def __init__(self, request: Request, kept: Kept) -> None:
        self.kept = kept
        self._head = request.method == "HEAD"
        etag = next(value for key, value in kept.headers if key == b"etag").decode()
        self._same = matches(request.headers.get("if-none-match"), etag)
        super().__init__()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = list(self.kept.headers)
        if self._same:
            headers = [(key, value) for key, value in headers if key not in (b"content-length", b"content-type")]
        await send({"type": "http.response.start", "status": 304 if self._same else 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if self._same or self._head else self.kept.body})
