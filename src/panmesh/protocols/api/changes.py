"""What changed of what is public, in /api/v1: each record once, as it stands now, with a cursor to go on from."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Query, Request, Response
from pydantic import BaseModel
from pydantic import Field as Described

from panmesh.http.links import absolute
from panmesh.http.services import services
from panmesh.kernel.clock import iso
from panmesh.kernel.errors import Fault, Invalid
from panmesh.publication.harvesting import FOLDER, Item, ItemKind


class PublicChange(BaseModel):
    pid: str
    kind: ItemKind
    changed: str = Described(description="last change of what is told of it; that an embargo ended is one")
    deleted: bool = Described(description="it was public and is not any more")
    sets: list[str] = Described(description="as in OAI-PMH: access:open, instrument:…, technique:…")
    link: str


class PublicChanges(BaseModel):
    items: list[PublicChange]
    next: str | None = Described(description="`after` of the next question; null: there is nothing yet")
    more: bool


def add_changes(api: FastAPI) -> None:
    @api.get("/changes", response_model=PublicChanges, tags=["events"])
    def changes(
        request: Request,
        after: Annotated[str | None, Query(max_length=200, description="`next` of before; without: from the beginning")] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    ) -> Response:
        """What is public, in the order of its last change; asked again with `next`, only what changed since. The same for everybody: what
        you alone may read is in `/events`."""
        unknown = sorted(set(request.query_params) - {"after", "limit"})
        if unknown:  # with a cursor under another name they would begin anew each time
            faults = tuple(Fault(name, "is no parameter of this list") for name in unknown)
            raise Invalid(f"Unknown: {', '.join(unknown)}. Known: after, limit.", faults)
        s = services(request)
        place = s.cursors.open_place(after) if after else None
        items, last, more = s.harvest.changes(place, limit)
        cursor = s.cursors.seal_place(last) if last is not None else None
        body = {"items": [_shape(item, s.public_url, str(request.base_url)) for item in items], "next": cursor, "more": more}
        return Response(orjson.dumps(body), media_type="application/json", headers={"Cache-Control": "no-cache"})


def _shape(item: Item, public_url: str | None, base: str) -> dict[str, Any]:
    return {
        "pid": item.pid,
        "kind": item.kind,
        "changed": iso(item.stamp_s * 1_000_000),
        "deleted": item.deleted,
        "sets": item.sets,
        "link": absolute(public_url, base, FOLDER[item.kind], item.pid),
    }
