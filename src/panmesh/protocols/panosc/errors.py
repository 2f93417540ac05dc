"""Errors in the envelope of the reference implementation, as JSON or, for browsers, as a small page."""

from __future__ import annotations

from html import escape

import orjson
from starlette.responses import Response

from panmesh.http.problems import headers_of, status_of
from panmesh.kernel import errors

OPEN = {"access-control-allow-credentials": "true"}  # safe: cookies count for nothing across origins (law 13)
_STATUS: tuple[tuple[type[errors.PanmeshError], int], ...] = ((errors.Invalid, 400),)  # where ours differs from the house's


def answer(error: errors.PanmeshError, accept: str) -> Response:
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), status_of(error)[0])
    code = "MODEL_NOT_FOUND" if isinstance(error, Unknown) else None
    return envelope(status, error.detail, accept, code, headers_of(error))


def envelope(status: int, message: str, accept: str, code: str | None = None, headers: dict[str, str] | None = None) -> Response:
    headers = {"Cache-Control": "no-store", **OPEN, **(headers or {})}
    first = accept.split(",")[0].split(";")[0].strip().lower()
    if first == "text/html":
        body = f'<!doctype html><html lang="en"><title>{status}</title><h1>{status}</h1><p>{escape(message)}</p></html>'
        return Response(body, status, headers, "text/html")
    inner: dict[str, object] = {"statusCode": status, "name": "Error", "message": message}
    if code is not None:
        inner["code"] = code
    return Response(orjson.dumps({"error": inner}), status, headers, "application/json")


class Unknown(errors.NotFound):
    """A record of that pid, absent or hidden; the reference's words."""

    def __init__(self, model: str, pid: str) -> None:
        super().__init__()
        self.detail = f'Unknown "{model}" id "{pid}".'
