"""`/api/v3` and `/api/v4` as SciCat's clients call them. Paths in any case, pids encoded, the token in the header or in the address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import orjson
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from panmesh.access.viewer import Scope as TokenScope
from panmesh.access.viewer import Viewer
from panmesh.http.services import Services
from panmesh.kernel.errors import Fault, Invalid, NotFound, PanmeshError, Unauthenticated
from panmesh.kernel.text import is_plain
from panmesh.protocols.scicat import errors
from panmesh.protocols.scicat.datasets import Datasets, is_valid
from panmesh.protocols.scicat.others import Others
from panmesh.wire import scicat_query

DEEPEST = 100  # levels of a body
TOKEN_DAYS = 1  # a script signs in each time it runs
_SCOPES = frozenset(TokenScope) - {TokenScope.ADMIN}
_ROUTES = {
    name: SimpleNamespace(path=f"/{name}")
    for name in (
        "auth",
        "users",
        "datasets",
        "origdatablocks",
        "attachments",
        "instruments",
        "proposals",
        "samples",
        "publisheddata",
    )
}
_ELSEWHERE = SimpleNamespace(path="/…")
_KINDS = ("datasets", "rawdatasets", "deriveddatasets")


@dataclass(frozen=True, slots=True)
class Call:
    """One request, taken apart."""

    method: str
    path: tuple[str, ...]  # decoded; the first is in lower case
    pairs: tuple[tuple[str, str], ...]
    query: str  # as it was sent
    viewer: Viewer
    address: str
    body: Any = field(default=None)

    def first(self, name: str) -> str | None:
        return next((value for key, value in self.pairs if key == name), None)

    def document(self) -> Mapping[str, Any]:
        if not isinstance(self.body, Mapping):
            raise Invalid("the body must be an object", (Fault("/", "must be an object"),))
        return self.body

    def include(self) -> tuple[str, ...]:
        """?include=a&include=b, include=[…], or filter={"include": …}."""
        said = [value for key, value in self.pairs if key in ("include", "include[]")]
        names = scicat_query.includes(said)
        more = self.first("filter")
        return names or scicat_query.includes(scicat_query.parsed(more, "filter").get("include"))

    def filter(self) -> dict[str, Any]:
        """`filter={…}`, or, as one client sends it, the bare object as the whole query."""
        if (said := self.first("filter")) is not None:
            return scicat_query.parsed(said, "filter")
        plain = unquote_plus(self.query)
        return scicat_query.parsed(plain[: plain.rfind("}") + 1], "filter") if plain.startswith("{") else {}


class ScicatApi:
    def __init__(self, services: Services, before: int = 2) -> None:
        """`before`: parts of the path that come before the resource."""
        self._s = services
        self._before = before
        self._datasets = Datasets(services)
        self._others = Others(services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except PanmeshError as error:
            response = errors.answer(error)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = _path(request.scope, self._before)
        request.scope["route"] = _ROUTES.get(path[0] if path else "", _ELSEWHERE)  # named in logs and figures
        pairs = tuple(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
        viewer: Viewer = request.scope["panmesh.viewer"]
        token = next((value for key, value in pairs if key == "access_token" and value not in ("", "None")), None)
        if viewer.user_id is None and token is not None:
            viewer = await to_thread.run_sync(self._s.accounts.of_token, token)
            request.scope["panmesh.viewer"], request.scope["panmesh.bearer"] = viewer, token
        body = _json(await request.body()) if request.method in ("POST", "PATCH", "PUT") else None
        address = request.client.host if request.client else "unknown"
        query = request.scope["query_string"].decode("latin-1")
        method = "GET" if request.method == "HEAD" else request.method
        call = Call(method, path, pairs, query, viewer, address, body)
        status, made = await to_thread.run_sync(self._route, call)
        data = b"" if made is None else orjson.dumps(made)
        return Response(data, status, {"Cache-Control": "no-store"}, "application/json")

    def _route(self, call: Call) -> tuple[int, Any]:
        match call.path:
            case ("auth" | "users", "login" | "msad" | "ldap") | ("auth", "functional"):
                return self._only(call, POST=lambda: (201, self._sign_in(call)))
            case ("auth", "whoami") | ("users", "my", "self" | "identity"):
                return self._only(call, GET=lambda: (200, self._self(call.viewer)))
            case ("health",):
                return self._only(call, GET=lambda: (200, {"status": "ok"}))
            case (kind, *rest) if kind in _KINDS:
                return self._of_datasets(call, tuple(rest))
            case ("origdatablocks",):
                return self._only(call, POST=lambda: (201, self._datasets.add_block(call.viewer, None, call.document())))
            case ("attachments",):
                return self._only(call, POST=lambda: (201, self._datasets.attach(call.viewer, None, call.document())))
            case ("origdatablocks" | "attachments", "isvalid"):
                return self._only(call, POST=lambda: (200, {"valid": isinstance(call.body, Mapping)}))
            case ("instruments" | "proposals" | "samples" as kind, *rest):
                return self._of_others(call, kind, tuple(rest))
            case ("publisheddata", *rest):
                return self._only(call, GET=lambda: (200, self._others.published(call.viewer, tuple(rest))))
        raise NotFound(f"Cannot {call.method} /{'/'.join(call.path)}")

    def _of_datasets(self, call: Call, rest: tuple[str, ...]) -> tuple[int, Any]:
        one, viewer = self._datasets, call.viewer
        match tuple(part.casefold() for part in rest):
            case ():
                asked = scicat_query.loopback
                return self._only(
                    call,
                    GET=lambda: (200, one.find(viewer, asked(call.filter()))),
                    POST=lambda: (201, one.create(viewer, call.document())),
                )
            case ("isvalid",):
                return self._only(call, POST=lambda: (200, is_valid(call.body)))
            case ("fullquery",):
                return self._only(call, GET=lambda: (200, one.find(viewer, self._full(call))))
            case ("count",):
                return self._only(call, GET=lambda: (200, {"count": one.count(viewer, scicat_query.loopback(call.filter()))}))
            case ("findone",):
                return self._only(call, GET=lambda: (200, self._first(call)))
            case ("public",):
                return self._only(call, GET=lambda: (200, one.find(viewer, scicat_query.loopback(call.filter()))))
            case ("public", _):
                return self._only(call, GET=lambda: (200, one.get(viewer, rest[1], call.include())))
            case (_,):
                return self._only(
                    call,
                    GET=lambda: (200, one.get(viewer, rest[0], call.include())),
                    PATCH=lambda: (200, one.change(viewer, rest[0], call.document())),
                    PUT=lambda: (200, one.change(viewer, rest[0], call.document())),
                    DELETE=lambda: (200, one.delete(viewer, rest[0])),
                )
            case (_, "origdatablocks"):
                return self._only(
                    call,
                    GET=lambda: (200, one.blocks(viewer, rest[0])),
                    POST=lambda: (201, one.add_block(viewer, rest[0], call.document())),
                )
            case (_, "attachments"):
                return self._only(
                    call,
                    GET=lambda: (200, one.attachments(viewer, rest[0])),
                    POST=lambda: (201, one.attach(viewer, rest[0], call.document())),
                )
            case (_, "datablocks"):
                return self._only(call, GET=lambda: (200, one.get(viewer, rest[0]) and []))
        raise NotFound(f"Cannot {call.method} /datasets/…")

    def _of_others(self, call: Call, kind: str, rest: tuple[str, ...]) -> tuple[int, Any]:
        one, viewer = self._others, call.viewer
        match rest:
            case ():
                return self._only(
                    call,
                    GET=lambda: (200, one.find(viewer, kind, call.filter())),
                    POST=lambda: (201, one.create(viewer, kind, call.document())),
                )
            case (word,) if word.casefold() == "findone":
                return self._only(call, GET=lambda: (200, next(iter(one.find(viewer, kind, call.filter())), None)))
            case (pid,):
                return self._only(
                    call,
                    GET=lambda: (200, one.get(viewer, kind, pid)),
                    PATCH=lambda: (200, one.change(viewer, kind, pid, call.document())),
                )
        raise NotFound(f"Cannot {call.method} /{kind}/…")

    def _first(self, call: Call) -> Any:
        found = self._datasets.find(call.viewer, scicat_query.loopback({**call.filter(), "limit": 1}))
        return found[0] if found else None

    def _full(self, call: Call) -> scicat_query.Asked:
        fields = scicat_query.parsed(call.first("fields"), "fields")
        return scicat_query.full_query(fields, scicat_query.parsed(call.first("limits"), "limits"))

    def _only(self, call: Call, **ways: Callable[[], tuple[int, Any]]) -> tuple[int, Any]:
        way = ways.get(call.method)
        if way is None:
            raise NotFound(f"Cannot {call.method} /{'/'.join(call.path)}")
        return way()

    def _sign_in(self, call: Call) -> dict[str, Any]:
        said = call.document()
        name, password = said.get("username"), said.get("password")
        if not isinstance(name, str) or not isinstance(password, str):
            raise Unauthenticated("username and password are strings.")
        session = self._s.accounts.sign_in(name, password, call.address)
        viewer = session.viewer
        secret, _ = self._s.accounts.make_token(viewer, "script", _SCOPES, TOKEN_DAYS)
        self._s.accounts.sign_out(session.secret)
        seconds = TOKEN_DAYS * 86_400
        return {
            "id": secret,
            "access_token": secret,
            "userId": str(viewer.user_id),
            "ttl": seconds,
            "expires_in": seconds,
            "user": self._self(viewer),
        }

    def _self(self, viewer: Viewer) -> dict[str, Any]:
        if viewer.user_id is None:
            raise Unauthenticated()
        return {"id": str(viewer.user_id), "username": viewer.login, "displayName": viewer.name, "authStrategy": "local"}


def _path(scope: Scope, before: int) -> tuple[str, ...]:
    """The parts after /api/v3, each decoded by itself: an encoded slash is a part of its pid. "+" is a blank, as the clients encode."""
    raw = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").split("?")[0]
    parts = [unquote_plus(part) for part in raw.split("/") if part][before:]
    if not all(is_plain(part) for part in parts):
        raise Invalid("the address has signs that no identifier here has")
    if parts and parts[0].casefold() in ("auth", "users"):  # nothing there is a pid
        return tuple(part.casefold() for part in parts)
    return (parts[0].casefold(), *parts[1:]) if parts else ()


def _json(data: bytes) -> Any:
    if not data.strip():
        return None
    try:
        found = orjson.loads(data)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise Invalid(f"the body is no JSON: {error}", (Fault("/", "is no JSON"),)) from error
    if _depth(found) > DEEPEST:
        raise Invalid(f"the body is nested at most {DEEPEST} deep", (Fault("/", f"is nested more than {DEEPEST} deep"),))
    if not is_plain(found):
        raise Invalid("texts have no NUL", (Fault("/", "has a NUL"),))
    return found


def _depth(found: Any) -> int:
    level, inner = 0, [found]
    while inner and level <= DEEPEST:
        level += 1
        inner = [
            part for one in inner if isinstance(one, dict | list) for part in (one.values() if isinstance(one, dict) else one)
        ]
    return level
