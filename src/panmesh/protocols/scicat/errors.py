"""Errors as SciCat's backend writes them."""

from __future__ import annotations

import orjson
from starlette.responses import Response

from panmesh.http.problems import headers_of, status_of
from panmesh.kernel import errors

_STATUS: tuple[tuple[type[errors.PanmeshError], int], ...] = (
    (errors.Invalid, 400),
    (errors.Withdrawn, 404),
    (errors.Embargoed, 403),
)
_NAMES = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict", 413: "Payload Too Large",
    429: "Too Many Requests", 503: "Service Unavailable",
}  # fmt: skip


def answer(error: errors.PanmeshError) -> Response:
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), status_of(error)[0])
    message: str | list[str] = error.detail
    if isinstance(error, errors.Invalid) and error.faults:
        message = [f"{f.pointer.lstrip('/')} {f.detail}".strip() for f in error.faults]
    return envelope(status, message, headers_of(error))


def envelope(status: int, message: str | list[str], headers: dict[str, str] | None = None) -> Response:
    body = {"statusCode": status, "message": message, "error": _NAMES.get(status, "Error")}
    return Response(orjson.dumps(body), status, {"Cache-Control": "no-store", **(headers or {})}, "application/json")
