"""What is asked of a facility and what its refusals mean: values only, no network, no clock."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import quote

from panmesh.kernel import errors
from panmesh.kernel.errors import Fault, PanmeshError


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    path: str  # below /api/v1, or from /h5/ on below /api; quoted
    method: str = "GET"
    query: Mapping[str, Any] = field(default_factory=dict)  # a sequence: the parameter is repeated
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None

    @property
    def repeatable(self) -> bool:
        """Asking twice does no more than asking once."""
        return self.method in ("GET", "HEAD")


def search(conditions: Mapping[str, Any], offset: int, limit: int, facets: Sequence[str] = ()) -> Request:
    query = {**conditions, "offset": offset, "limit": limit} | ({"facets": ",".join(facets)} if facets else {})
    return Request(path="/datasets", query=query)


def techniques(text: str, limit: int) -> Request:
    return Request(path="/techniques", query={"text": text, "limit": limit})


ME = Request(path="/me")
INSTRUMENTS = Request(path="/instruments")
QUANTITIES = Request(path="/quantities")


def ingest(path: str) -> Request:
    return Request(method="POST", path="/ingest", body={"path": path})


def inside(what: str, pid: str, **query: Any) -> Request:
    """Of the inside of a file: docs/how-to/arrays.md."""
    return Request(path=f"/h5/{quote(pid, safe='')}/{what}", query={name: one for name, one in query.items() if one is not None})


def dataset(pid: str) -> Request:
    return Request(path=f"/datasets/{quote(pid, safe='')}")


def explanation(pid: str) -> Request:
    return Request(path=f"/datasets/{quote(pid, safe='')}/access")


def files(pid: str, offset: int, limit: int, contains: str | None = None) -> Request:
    query: dict[str, Any] = {"offset": offset, "limit": limit} | ({"contains": contains} if contains else {})
    return Request(path=f"/datasets/{quote(pid, safe='')}/files", query=query)


def content(pid: str, name: str, headers: Mapping[str, str]) -> Request:
    """Bytes as they are: a compressed answer has no ranges and another digest."""
    path = f"/datasets/{quote(pid, safe='')}/files/{quote(name)}"
    return Request(path=path, headers={"Accept-Encoding": "identity", **headers})


def visits(asked: Mapping[str, Any], offset: int, limit: int) -> Request:
    return Request(path="/investigations", query={**asked, "offset": offset, "limit": limit})


def visit(pid: str) -> Request:
    return Request(path=f"/investigations/{quote(pid, safe='')}")


def derived(
    title: str,
    sources: Sequence[str],
    files: Sequence[str],
    software: str,
    software_version: str | None,
    parameters: Mapping[str, Any] | None,
    finished: str | None,
) -> Request:
    body = {"title": title, "sources": list(sources), "files": list(files), "software": software}
    more = {"software_version": software_version, "parameters": parameters, "finished": finished}
    return Request(
        method="POST", path="/datasets", body=body | {name: value for name, value in more.items() if value is not None}
    )


def error_of(status: int, headers: Mapping[str, str], body: bytes, peer: str) -> PanmeshError:
    """The error that the server raised, out of its problem+json; out of the status alone where something in between answered."""
    said = _problem(body)
    detail = str(said.get("detail") or f"{peer} answered {status}.")
    retry_after = _seconds(headers.get("Retry-After"))
    match str(said.get("type", "")).removeprefix("urn:panmesh:error:"), status:
        case "embargoed", _:
            return errors.Embargoed(_with(detail, said.get("request_access")), _day(said.get("embargo_until")))
        case "withdrawn", _:
            return errors.Withdrawn(detail)
        case "quota-exceeded", _:
            return errors.QuotaExceeded(detail, int(said.get("limit") or 0), int(said.get("used") or 0))
        case _, 401:
            return errors.Unauthenticated(detail)
        case _, 403:
            return errors.Forbidden(detail)
        case _, 404 | 410:
            return errors.NotFound(detail)
        case _, 412:
            return errors.Stale(detail, said.get("etag"))
        case _, 409 | 428:
            return errors.Conflict(detail)
        case _, 413:
            return errors.TooLarge(detail, int(said.get("limit") or 0))
        case _, 406 | 415:
            return errors.Unsupported(detail, tuple(said.get("offered") or ()))
        case _, 429:
            return errors.TooMany(detail, 1 if retry_after is None else retry_after)
        case _, 503:
            return errors.Unavailable(detail, retry_after)
    if 400 <= status < 500:
        return errors.Invalid(detail, tuple(Fault(f["pointer"], f["detail"]) for f in said.get("faults") or ()))
    return errors.PeerFailed(detail, peer, retry_after)


def _problem(body: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _with(detail: str, request_access: Any) -> str:
    return f"{detail} {request_access}" if request_access and str(request_access) not in detail else detail


def _day(said: Any) -> date | None:
    return date.fromisoformat(said) if said else None


def _seconds(said: str | None) -> int | None:
    """Of Retry-After; one that is a date is not looked at: our own back-off serves as well."""
    return int(said) if said is not None and said.strip().isascii() and said.strip().isdigit() else None
