"""Who is asking: a bearer token, else the session cookie of a same-origin request, else nobody. Pure ASGI, once per request."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import structlog
from anyio import to_thread
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from panmesh.access.viewer import ANONYMOUS, Viewer
from panmesh.http.encoded_slashes import keep_encoded_slashes
from panmesh.http.files import DATA_OF
from panmesh.http.files_at_hand import ManyFiles
from panmesh.http.metrics import observe
from panmesh.http.problems import crashed, problem
from panmesh.http.services import Services
from panmesh.kernel.errors import Forbidden, PanmeshError, TooLarge, Unavailable

log = structlog.get_logger("panmesh.access")

COOKIE = "panmesh_session"
SECURE_COOKIE = "__Host-panmesh_session"
MAX_BODY = 4 << 20  # bytes of any request that is no upload
MAX_UPLOAD = 24 << 20  # of a note with its pictures, or a list of files that a script sends
RIGHTS_SECONDS = 5.0  # so long after a right was taken, nothing more is sent of what was asked for with it
_LARGE = ("/notes", "/pictures", "/origdatablocks", "/attachments")
SECURITY = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
}
_SECURITY = tuple((name.encode(), value.encode()) for name, value in SECURITY.items())
_API_SECURITY = (  # no page, nothing to frame or to run
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
Early = Callable[[Scope], Awaitable[ASGIApp | None]]
Shown = Callable[[Request, Response], Awaitable[Response]]  # what a program is told of an error; as a page for a browser
Use = Callable[[Scope, int, list[tuple[bytes, bytes]]], None]  # request, status, headers of the answer
_EXPOSED = b"ETag, Link, X-Total-Count, Content-Range, Repr-Digest, Accept-Ranges, Location"


class Front:
    """Identity, limits, security headers, CORS of the open API, one log line, one metric: around every route."""

    def __init__(
        self,
        app: ASGIApp,
        services: Services,
        early: Early | None = None,
        files: ManyFiles | None = None,
        use: Use | None = None,
        shown: Shown | None = None,
    ) -> None:
        """`early`: an answer for a request of nobody, when it is there already: then no route is looked for. `files`: one more of the
        many files of a dataset. `use`: where use of the data is noted. `shown`: what browsers see of an error."""
        self._shown = shown
        self._use = use
        self._app = app
        self._services = services
        self._early = early
        self._files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        keep_encoded_slashes(scope)
        headers = Headers(scope=scope)
        scope["panmesh.services"] = self._services
        scope["panmesh.viewer"], scope["panmesh.csrf"] = ANONYMOUS, None
        seen: dict[str, Any] = {"status": 500, "begun": False, "large": 0, "replaced": False}
        rights = _Rights(self._services, scope)
        api = scope["path"].startswith("/api/")

        async def answered(message: Message) -> None:
            if seen["replaced"]:
                return
            if seen["large"] and not seen["begun"]:  # frameworks take what a body raises for a malformed body
                most_bytes, seen["large"] = seen["large"], 0
                await self._refuse(scope, receive, answered, problem(_too_large(most_bytes)))
                seen["replaced"] = True
                return
            if message["type"] == "http.response.start":
                seen["status"], seen["begun"] = message["status"], True
                _finish(message, headers, scope, api)
                if self._use is not None:
                    self._use(scope, message["status"], message["headers"])
            else:
                await rights.check()
            await send(message)

        try:
            most = _most(scope)
            if _length(headers) > most:
                raise _too_large(most)
            if api and self._files is not None and (file := await self._files.early(scope, headers)):
                await file(scope, receive, answered)
                return
            await self._identify(scope, headers)
            if scope["panmesh.viewer"] is ANONYMOUS:
                most = MAX_BODY
            if api and self._early is not None and scope["panmesh.viewer"] is ANONYMOUS and (ready := await self._early(scope)):
                await ready(scope, receive, answered)
            elif api and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
                await _preflight(scope, receive, answered)
            else:
                await self._app(scope, _limited(receive, seen, most), answered)
        except PanmeshError as error:
            if seen["begun"]:
                raise
            await self._refuse(scope, receive, answered, problem(error))
        except Exception as error:
            if rights.ended:
                return  # the server closes the connection: what was sent is not whole
            if seen["begun"]:
                raise
            await self._refuse(scope, receive, answered, crashed(error, scope["path"]))
        finally:
            self._note(scope, seen["status"], time.perf_counter() - started)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, told: Response) -> None:
        answer = told if self._shown is None else await self._shown(Request(scope), told)
        await answer(scope, receive, send)

    async def _identify(self, scope: Scope, headers: Headers) -> None:
        authorization = headers.get("authorization", "")
        kind, _, secret = authorization.partition(" ")
        if kind.lower() == "bearer" and secret:
            scope["panmesh.viewer"] = await to_thread.run_sync(self._services.accounts.of_token, secret.strip())
            scope["panmesh.bearer"] = secret.strip()
            return
        cookie = _cookie(headers)
        if cookie and not cross_origin(scope, headers):
            found = await to_thread.run_sync(self._services.accounts.of_session, cookie)
            if found is not None:
                scope["panmesh.viewer"], scope["panmesh.csrf"] = found
                scope["panmesh.session"] = cookie
                if scope["path"].startswith("/api/") and scope["method"] not in ("GET", "HEAD", "OPTIONS"):
                    _check_token(headers, scope["panmesh.csrf"])

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope.get("route")
        template = (scope.get("root_path") or "") + getattr(route, "path", "unmatched")
        observe(scope["method"], template, status, seconds)
        who: Viewer = scope.get("panmesh.viewer", ANONYMOUS)
        log.info(
            "request",
            who=_hashed(who),
            method=scope["method"],
            route=template,
            pid=(scope.get("path_params") or {}).get("pid"),
            status=status,
            ms=round(seconds * 1000, 1),
        )


class _Rights:
    """Of somebody to whom something long is being sent: an answer does not go on for whoever may not have it any more."""

    def __init__(self, services: Services, scope: Scope) -> None:
        self._services = services
        self._scope = scope
        self._known = time.monotonic()
        self.ended = False

    async def check(self) -> None:
        """Before each piece. Raises OSError, as if the client had gone: then everything on the way to it stops by itself."""
        before: Viewer = self._scope["panmesh.viewer"]
        late = time.monotonic() - self._known > RIGHTS_SECONDS
        open_to_all = before.user_id is None and DATA_OF not in self._scope
        if not self.ended and (not late or open_to_all or "panmesh.own_rights" in self._scope):
            return
        if not self.ended:
            try:
                self.ended = await to_thread.run_sync(self._taken, before)
            except Unavailable:
                return  # a database that does not answer takes nothing from anybody
            except PanmeshError:
                self.ended = True
            self._known = time.monotonic()
        if self.ended:
            log.info("sending ended: the right to it was taken", who=_hashed(before))
            raise ConnectionAbortedError("the right to it was taken")

    def _taken(self, before: Viewer) -> bool:
        """From who asked, or from all: by a hold, or a withdrawal, of the run whose data are sent."""
        now, pid = viewer_now(self._services, self._scope), self._scope.get(DATA_OF)
        return not now.keeps(before) or (pid is not None and self._services.search.opened(now, pid) is None)


def viewer_now(services: Services, scope: Scope) -> Viewer:
    """Who is behind a request that goes on and on. Raises Unauthenticated when its token or its session has ended."""
    if "panmesh.bearer" in scope:
        return services.accounts.of_token(scope["panmesh.bearer"])
    if "panmesh.session" in scope:
        return services.accounts.still_signed_in(scope["panmesh.session"])
    return ANONYMOUS


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text[:20]) if text.isascii() and text.isdigit() else 0


def _most(scope: Scope) -> int:
    """Bytes of the body; pictures and lists of files, which may be larger, are sent to addresses that say so, by somebody who is signed in."""
    return MAX_UPLOAD if scope["path"].lower().endswith(_LARGE) else MAX_BODY


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"A request here has at most {most >> 20} MiB.", most)


def _limited(receive: Receive, seen: dict[str, Any], most: int) -> Receive:
    """Bodies that come in pieces say no length beforehand."""
    taken = 0

    async def piece() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            seen["large"] = most
            raise _too_large(most)
        return message

    return piece


def _check_token(headers: Headers, expected: str) -> None:
    """A change through the API by cookie shows the session's CSRF token; a bearer token is proof by itself."""
    if headers.get("x-csrf-token") != expected:
        raise Forbidden("Send the X-CSRF-Token of your session, or use a bearer token.")


def cross_origin(scope: Scope, headers: Headers) -> bool:
    """Whether a browser says that the request comes from another site: cookies then do not count (law 13)."""
    site = headers.get("sec-fetch-site")
    if site in ("cross-site", "same-site"):
        return not (headers.get("sec-fetch-mode") == "navigate" and scope["method"] in ("GET", "HEAD"))
    origin = headers.get("origin")
    if origin is None:
        return False
    return urlsplit(origin).netloc != headers.get("host", "")


def _finish(message: Message, asked: Headers, scope: Scope, api: bool) -> None:
    """What every answer says, besides its own headers; said on the raw list, for this is done for each request."""
    headers: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
    there = {name for name, _ in headers}
    headers += [pair for pair in (_API_SECURITY if api else _SECURITY) if pair[0] not in there]
    vary = [value for name, value in headers if name == b"vary"] + [b"Authorization, Cookie"]
    if api and "origin" in asked:
        headers.append((b"access-control-allow-origin", asked["origin"].encode("latin-1")))
        headers.append((b"access-control-expose-headers", _EXPOSED))
        vary.append(b"Origin")
    headers = [pair for pair in headers if pair[0] != b"vary"]
    headers.append((b"vary", b", ".join(vary)))
    if scope["panmesh.viewer"].user_id is not None and b"cache-control" not in there:
        headers.append((b"cache-control", b"private, no-cache"))
    message["headers"] = headers


async def _preflight(scope: Scope, receive: Receive, send: Send) -> None:
    allow = {
        "access-control-allow-methods": "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
        "access-control-allow-headers": "Authorization, Content-Type, If-Match, If-None-Match, Range, If-Range",
        "access-control-allow-credentials": "true",  # asked for by portals; a cookie of ours still counts for nothing there
        "access-control-max-age": "86400",
    }
    await Response(status_code=204, headers=allow)(scope, receive, send)


def _cookie(headers: Headers) -> str | None:
    if "cookie" not in headers:
        return None
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except CookieError:
        return None
    for name in (SECURE_COOKIE, COOKIE):
        if name in jar:
            return jar[name].value
    return None


def _hashed(viewer: Viewer) -> str:
    if viewer.user_id is None:
        return "anonymous"
    return hashlib.blake2b(str(viewer.user_id).encode(), digest_size=6, key=_PROCESS_KEY).hexdigest()


_PROCESS_KEY = hashlib.sha256(str(time.time_ns()).encode()).digest()
