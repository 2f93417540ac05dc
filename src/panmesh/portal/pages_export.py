"""A whole search result taken home: CSV, JSON or a list of pids, sent while it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from panmesh.catalogue.model import DatasetSummary
from panmesh.http.filters import query_of
from panmesh.http.services import services, viewer
from panmesh.portal.pages_search import search_given
from panmesh.portal.rendering import page, zone_of
from panmesh.wire import lists

Written = Iterator[str] | Iterator[bytes]
FORMS: dict[str, tuple[str, Callable[[Iterable[DatasetSummary], str], Written]]] = {
    "csv": ("text/csv; charset=utf-8; header=present", lists.runs_csv),
    "json": ("application/json", lists.runs_json),
    "txt": ("text/plain; charset=utf-8", lambda runs, _base: lists.runs_pids(runs)),
}


def routes() -> list[Route]:
    return [Route(f"/export.{ending}", page(export)) for ending in FORMS]


def export(request: Request, _form: dict[str, str]) -> Response:
    """The latest arrivals first, all of them, under the rights that the reader has while it is sent. Raises Invalid before it begins."""
    s, who = services(request), viewer(request)
    media, write = FORMS[request.url.path.rpartition(".")[2]]
    runs = s.listing.runs(who, query_of(search_given(request), zone=zone_of(s)))
    base = s.public_url or str(request.base_url).rstrip("/")
    ending = request.url.path.rpartition(".")[2]
    headers = {"Content-Disposition": f'attachment; filename="runs.{ending}"', "Cache-Control": "private, no-store"}
    return StreamingResponse(write(runs, base), media_type=media, headers=headers)
