"""Core errors as problem+json (RFC 9457): one table, one place."""

from __future__ import annotations

import secrets
from typing import Any

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from panmesh.access.explain import whom_to_ask
from panmesh.http.services import services
from panmesh.kernel import errors

log = structlog.get_logger("panmesh.http")

# The most special first.
STATUS: tuple[tuple[type[errors.PanmeshError], int, str], ...] = (
    (errors.Embargoed, 403, "Under embargo"),
    (errors.Forbidden, 403, "Not allowed"),
    (errors.Unauthenticated, 401, "Not signed in"),
    (errors.Withdrawn, 410, "Withdrawn"),
    (errors.NotFound, 404, "Not found"),
    (errors.Stale, 412, "It has changed meanwhile"),
    (errors.Conflict, 409, "Not possible now"),
    (errors.QuotaExceeded, 507, "Quota used up"),
    (errors.TooLarge, 413, "Too large"),
    (errors.Unsupported, 406, "Form not offered"),
    (errors.TooMany, 429, "Too many requests"),
    (errors.DeadlineExceeded, 504, "A peer did not answer in time"),
    (errors.PeerFailed, 502, "A peer failed"),
    (errors.Unavailable, 503, "Not available now"),
    (errors.Invalid, 422, "Not well formed"),
)


def status_of(error: errors.PanmeshError) -> tuple[int, str]:
    return next(((status, title) for kind, status, title in STATUS if isinstance(error, kind)), (500, "Failed"))


def body_of(error: errors.PanmeshError, contact: str | None = None) -> dict[str, Any]:
    status, title = status_of(error)
    body: dict[str, Any] = {
        "type": f"urn:panmesh:error:{_slug(type(error).__name__)}",
        "title": title,
        "status": status,
        "detail": error.detail,
    }
    if isinstance(error, errors.Invalid) and error.faults:
        body["faults"] = [{"pointer": f.pointer, "detail": f.detail} for f in error.faults]
    if isinstance(error, errors.Embargoed):
        body["embargo_until"] = error.release_date.isoformat() if error.release_date else None
        body["request_access"] = f"Ask {whom_to_ask(contact)}."
    for name in ("retry_after", "limit", "etag", "offered"):
        value = getattr(error, name, None)
        if value not in (None, ()):
            body[name] = value
    return body


def headers_of(error: errors.PanmeshError) -> dict[str, str]:
    headers: dict[str, str] = {}
    retry = getattr(error, "retry_after", None)
    if retry is not None:
        headers["Retry-After"] = str(retry)
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="panmesh"'
    return headers


def problem(error: errors.PanmeshError, contact: str | None = None) -> Response:
    status, _ = status_of(error)
    headers = headers_of(error) | {"Cache-Control": "no-store"}
    return Response(orjson.dumps(body_of(error, contact)), status, headers, "application/problem+json")


async def on_panmesh_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.PanmeshError)
    return problem(error, services(request).facility_contact)


async def on_http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return problem(errors.NotFound())
    body = {"type": "about:blank", "title": error.detail, "status": error.status_code, "detail": error.detail}
    return Response(orjson.dumps(body), error.status_code, dict(error.headers or {}), "application/problem+json")


def crashed(error: BaseException, request_path: str) -> Response:
    """An error that nobody meant: told under a number, logged under the same, detail hidden."""
    incident = secrets.token_hex(6)
    log.error("crashed", incident=incident, path=request_path, error=f"{type(error).__name__}: {error}", exc_info=error)
    body = {
        "type": "urn:panmesh:error:internal",
        "title": "Something broke here",
        "status": 500,
        "detail": f"This is our fault. The facility's staff find the cause under incident {incident}.",
        "incident": incident,
    }
    return Response(orjson.dumps(body), 500, {"Cache-Control": "no-store"}, "application/problem+json")


async def on_crash(request: Request, error: Exception) -> Response:
    """For an application inside ours: its framework would answer in plain text, without a number."""
    return crashed(error, request.url.path)


def _slug(name: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")
