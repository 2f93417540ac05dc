"""The whole public catalogue as DCAT-AP 3 in Turtle, in pages that lead to one another (Hydra), each as it stands now."""

from __future__ import annotations

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panmesh.http.links import absolute
from panmesh.http.services import Services, services
from panmesh.publication.harvesting import DATALESS, FOLDER, TURTLE, Item
from panmesh.wire.dcat import PREFIXES
from panmesh.wire.turtle import Statements, iri, literal

PATH = "/catalog.ttl"
PER_PAGE = 100


def dcat_routes() -> list[Route]:
    async def catalogue(request: Request) -> Response:
        text = await to_thread.run_sync(_page, services(request), request)
        return Response(text, media_type="text/turtle", headers={"Cache-Control": "no-cache"})

    return [Route(PATH, catalogue, name="catalog")]


def _page(s: Services, request: Request) -> str:
    cursor = request.query_params.get("after")
    place = s.cursors.open_place(cursor) if cursor else None
    items, last, more = s.harvest.changes(place, PER_PAGE)
    written = s.harvest.written(TURTLE, items)
    following = s.cursors.seal_place(last) if more and last else None
    head = _head(s, request, [item for item in items if item.pid in written], cursor, following)
    return "\n".join([head, *(written[item.pid] for item in items if item.pid in written)])


def _head(s: Services, request: Request, items: list[Item], here: str | None, following: str | None) -> str:
    base = str(request.base_url)
    root = absolute(s.public_url, base, PATH.removeprefix("/"))
    g, me = Statements(PREFIXES), iri(root)
    publisher = g.node()
    told = f"Data measured at {s.facility_name}: open, or under embargo until a stated day."
    g.add(me, "a", "dcat:Catalog")
    g.add(me, "dct:title", literal(f"Data of {s.facility_name}", lang="en"))
    g.add(me, "dct:description", literal(told, lang="en"))
    g.add(me, "dct:publisher", publisher)
    g.add(publisher, "a", "foaf:Agent")
    g.add(publisher, "foaf:name", literal(s.facility_name))
    for item in items:
        if item.kind not in DATALESS:
            g.add(me, "dcat:dataset", iri(absolute(s.public_url, base, FOLDER[item.kind], item.pid)))
    page = iri(f"{root}?after={here}" if here else root)
    g.add(me, "hydra:view", page)
    g.add(page, "a", "hydra:PartialCollectionView")
    g.add(page, "hydra:first", me)
    if following:
        g.add(page, "hydra:next", iri(f"{root}?after={following}"))
    return g.written()
