"""Routes of saved searches in /api/v1."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Path, Request, Response

from panmesh.catalogue.saved_searches import SavedSearch
from panmesh.http.links import absolute
from panmesh.http.private_links import Purpose
from panmesh.http.services import services, viewer
from panmesh.kernel.clock import iso
from panmesh.protocols.api import search_models as models

Number = Annotated[int, Path(ge=1, le=2**53)]


def add_searches(api: FastAPI) -> None:
    @api.get("/searches", response_model=list[models.SearchModel], tags=["searches"])
    def searches(request: Request) -> Response:
        """Your own."""
        return _json([_search(request, one) for one in services(request).searches.own(viewer(request))])

    @api.post("/searches", response_model=models.SearchModel, status_code=201, tags=["searches"])
    def save(request: Request, body: models.SearchRequest) -> Response:
        """Keep a search, with mails about what is new in it if you like: runs that came, and runs that opened."""
        made = services(request).searches.save(viewer(request), body.name, body.query, body.alert)
        return _json(_search(request, made), 201)

    @api.patch("/searches/{number}", response_model=models.SearchModel, tags=["searches"])
    def change(request: Request, number: Number, body: models.SearchChange) -> Response:
        found = services(request).searches.change(viewer(request), number, name=body.name, alert=body.alert)
        return _json(_search(request, found))

    @api.delete("/searches/{number}", status_code=204, tags=["searches"])
    def delete(request: Request, number: Number) -> Response:
        services(request).searches.delete(viewer(request), number)
        return Response(status_code=204)

    @api.post("/searches/{number}/undo", response_model=models.SearchModel, tags=["searches"])
    def undo(request: Request, number: Number) -> Response:
        """Take a deletion back."""
        return _json(_search(request, services(request).searches.undo(viewer(request), number)))

    @api.post("/searches/{number}/new-addresses", response_model=models.SearchModel, tags=["searches"])
    def new_addresses(request: Request, number: Number) -> Response:
        """End the feed's address, because others saw it, and make another."""
        return _json(_search(request, services(request).searches.new_addresses(viewer(request), number)))


def _search(request: Request, one: SavedSearch) -> dict[str, Any]:
    s = services(request)
    token = s.private_links.token(Purpose.FEED, one.id, one.key)
    return {
        "id": one.id,
        "name": one.name,
        "query": one.query,
        "alert": one.alert.value,
        "created": iso(one.created_us),
        "deleted": iso(one.deleted_us),
        "feed": absolute(s.public_url, str(request.base_url), "feed", token),
    }


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
