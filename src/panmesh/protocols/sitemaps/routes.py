"""The addresses of all that is public, for search engines: an index, and pages of it (sitemaps.org 0.9)."""

from __future__ import annotations

import gzip
from email.utils import formatdate
from xml.sax.saxutils import escape

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panmesh.http.links import absolute
from panmesh.http.services import services
from panmesh.kernel.clock import iso
from panmesh.kernel.errors import NotFound
from panmesh.publication.harvesting import FOLDER, HarvestService, Item

_SPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def sitemap_routes(harvest: HarvestService) -> list[Route]:
    async def index(request: Request) -> Response:
        parts = await to_thread.run_sync(harvest.parts)
        entries = "".join(_entry("sitemap", _address(request, f"sitemap-{part}.xml.gz"), at) for part, at in parts.items())
        return Response(_document("sitemapindex", entries), media_type="application/xml")

    async def page(request: Request) -> Response:
        body, newest = await to_thread.run_sync(_page, harvest, request)
        headers = {"Last-Modified": formatdate(newest, usegmt=True), "Cache-Control": "public, max-age=3600"}
        return Response(body, media_type="application/gzip", headers=headers)

    return [Route("/sitemap.xml", index), Route("/sitemap-{part:int}.xml.gz", page)]


def address_of(request: Request, item: Item) -> str:
    return _address(request, FOLDER[item.kind], item.pid)


def _page(harvest: HarvestService, request: Request) -> tuple[bytes, int]:
    items = harvest.listed(int(request.path_params["part"]))
    if not items:
        raise NotFound()
    entries = "".join(_entry("url", address_of(request, item), item.stamp_s) for item in items)
    return gzip.compress(_document("urlset", entries), 3, mtime=0), max(item.stamp_s for item in items)


def _address(request: Request, *parts: str) -> str:
    return absolute(services(request).public_url, str(request.base_url), *parts)


def _entry(name: str, address: str, at_s: int) -> str:
    return f"<{name}><loc>{escape(address)}</loc><lastmod>{iso(at_s * 1_000_000)}</lastmod></{name}>\n"


def _document(name: str, entries: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} {_SPACE}>\n{entries}</{name}>\n'.encode()
