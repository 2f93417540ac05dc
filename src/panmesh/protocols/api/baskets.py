"""Routes of baskets in /api/v1."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Header, Path, Request, Response
from pydantic import BaseModel, Field, StringConstraints
from starlette.responses import StreamingResponse

from panmesh.catalogue.basket import MAX_NAME, MAX_RUNS, Basket
from panmesh.http.services import services, viewer
from panmesh.kernel.clock import iso
from panmesh.kernel.errors import Fault, Invalid, Unauthenticated
from panmesh.protocols.api.models import Model, Text
from panmesh.wire import lists

Key = Annotated[str, Path(max_length=100, description="of one's own basket, or of one that was shared")]
IfMatch = Annotated[str | None, Header(max_length=200)]


class BasketRequest(Model):
    name: Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]
    pids: Annotated[list[Text], Field(max_length=MAX_RUNS)] = Field([], description="datasets, in their order")


class BasketPatch(Model):
    """Only what changes."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)] | None = None
    pids: Annotated[list[Text], Field(max_length=MAX_RUNS)] | None = Field(None, description="the whole list, in its order")
    shared: bool | None = Field(None, description="true makes a link, false takes it back for good")


class AddRequest(Model):
    pids: Annotated[list[Text], Field(min_length=1, max_length=MAX_RUNS)]


class VersionRequest(Model):
    version: int = Field(ge=1, le=2**31)


class BasketModel(BaseModel):
    key: str
    name: str
    pids: list[str] = Field(description="those that you may know of")
    revision: int
    updated: str
    mine: bool
    share_key: str | None = Field(description="of the link for others; told to its keeper alone")


def add_baskets(api: FastAPI) -> None:
    @api.get("/baskets", response_model=list[BasketModel], tags=["baskets"])
    def baskets(request: Request) -> Response:
        """One's own: the one that runs are added to first."""
        who = viewer(request)
        if who.user_id is None:
            raise Unauthenticated()
        return _json([_plain(request, one) for one in services(request).baskets.baskets(who)])

    @api.post("/baskets", response_model=BasketModel, status_code=201, tags=["baskets"])
    def create(request: Request, body: BasketRequest) -> Response:
        s, who = services(request), viewer(request)
        made = s.baskets.create(who, body.name)
        return _answer(request, s.baskets.add(who, body.pids, key=made.key) if body.pids else made, 201)

    @api.get("/baskets/{key}", response_model=BasketModel, tags=["baskets"])
    def basket(request: Request, key: Key) -> Response:
        return _answer(request, services(request).baskets.open(viewer(request), key))

    @api.patch("/baskets/{key}", response_model=BasketModel, tags=["baskets"])
    def change(request: Request, key: Key, body: BasketPatch, if_match: IfMatch = None) -> Response:
        """`If-Match` is required."""
        s, who = services(request), viewer(request)
        if if_match is None:
            return _unconditional(s.baskets.open(who, key))
        made = s.baskets.change(who, key, _revision(if_match), name=body.name, pids=body.pids)
        if body.shared is not None:
            made = s.baskets.share(who, key) if body.shared else s.baskets.unshare(who, key)
        return _answer(request, made)

    @api.post("/baskets/{key}/runs", response_model=BasketModel, tags=["baskets"])
    def add(request: Request, key: Key, body: AddRequest) -> Response:
        """Behind those that are in it; one that is there already stays where it is."""
        return _answer(request, services(request).baskets.add(viewer(request), body.pids, key=key))

    @api.post("/baskets/{key}/restore", response_model=BasketModel, tags=["baskets"])
    def restore(request: Request, key: Key, body: VersionRequest, if_match: IfMatch = None) -> Response:
        """As it was in an earlier revision. `If-Match` is required."""
        s, who = services(request), viewer(request)
        if if_match is None:
            return _unconditional(s.baskets.open(who, key))
        return _answer(request, s.baskets.restore(who, key, body.version, _revision(if_match)))

    @api.delete("/baskets/{key}", status_code=204, tags=["baskets"])
    def delete(request: Request, key: Key) -> Response:
        """Out of sight, and its link dead; `undelete` brings it back."""
        services(request).baskets.delete(viewer(request), key)
        return Response(status_code=204)

    @api.post("/baskets/{key}/undelete", response_model=BasketModel, tags=["baskets"])
    def undelete(request: Request, key: Key) -> Response:
        return _answer(request, services(request).baskets.undelete(viewer(request), key))

    @api.get("/baskets/{key}/files", response_model=dict[str, Any], tags=["baskets"])
    def files(request: Request, key: Key) -> Response:
        """The manifest: each run with its files, sizes and digests; `files` null where they are not for you."""
        s, who = services(request), viewer(request)
        runs = s.baskets.runs(who, s.baskets.open(who, key))
        base = s.public_url or f"{request.url.scheme}://{request.url.netloc}"
        return StreamingResponse(lists.files_json(s.search, who, runs, base), media_type="application/json")


def _plain(request: Request, one: Basket) -> dict[str, Any]:
    runs = services(request).baskets.runs(viewer(request), one)
    return {
        "key": one.key,
        "name": one.name,
        "pids": [run.pid for run in runs],
        "revision": one.revision,
        "updated": iso(one.updated_us),
        "mine": one.mine,
        "share_key": one.share_key,
    }


def _answer(request: Request, one: Basket, status: int = 200) -> Response:
    return _json(_plain(request, one), status, {"ETag": f'"basket-{one.revision}"'})


def _unconditional(_one: Basket) -> Response:
    body = {"type": "about:blank", "title": "Send If-Match", "status": 428, "detail": "Send the ETag that you read as If-Match."}
    return Response(orjson.dumps(body), 428, media_type="application/problem+json")


def _revision(etag: str) -> int:
    text = etag.strip().removeprefix("W/").strip('"').rpartition("-")[2]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid("If-Match is the ETag that you read.", (Fault("/if-match", "no ETag of ours"),))
    return int(text)


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, {"Cache-Control": "private, no-store"} | (headers or {}), "application/json")
