"""What the first visitors of a process would wait for, made ready before they come: units, templates, statements, the search index.

It is done beside the first requests, not before them: signs of life are not delayed.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import unquote, urlencode

import structlog
from anyio import to_thread
from starlette.types import ASGIApp, Message

from panmesh.access.viewer import ANONYMOUS
from panmesh.catalogue.query import DatasetQuery
from panmesh.http.encoded_slashes import keep_encoded_slashes, segment
from panmesh.http.services import Services
from panmesh.kernel import units
from panmesh.kernel.errors import Unavailable
from panmesh.portal.rendering import read_templates

log = structlog.get_logger("panmesh.warming")

NARROWED = urlencode({"q": "scan", "technique": "x-ray powder diffraction", "quantity": "incident_energy:10..20 keV"})


async def warm(app: ASGIApp, services: Services) -> None:
    """`app`: within the front, so that it is no request in logs and figures. A database that does not answer is told of by each page."""
    started = time.perf_counter()
    try:
        await to_thread.run_sync(units.warm)
        await to_thread.run_sync(read_templates, services.languages)
        for path, query in (("/", ""), ("/", NARROWED), ("/instruments", "")):
            await _ask(app, services, path, query)
        for newest in (await to_thread.run_sync(services.search.search, ANONYMOUS, DatasetQuery(limit=1))).items:
            await _ask(app, services, f"/datasets/{segment(newest.pid)}", "")
    except Unavailable as error:
        log.warning("the first requests will wait", why=error.detail)
        return
    log.info("ready for the first requests", seconds=round(time.perf_counter() - started, 1))


async def _ask(app: ASGIApp, services: Services, path: str, query: str) -> None:
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "http_version": "1.1",
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost")],
        "client": None,
        "server": ("localhost", None),
        "panmesh.services": services,
        "panmesh.viewer": ANONYMOUS,
        "panmesh.csrf": None,
    }

    keep_encoded_slashes(scope)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(_message: Message) -> None:
        """Nobody reads it."""

    await app(scope, receive, send)
