"""One ASGI application: the portal at the root, the native API below /api/v1, signs of life beside them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import orjson
from anyio import create_task_group, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Scope

from panmesh.adapters.hdf5.confine import probe
from panmesh.adapters.sql.disk_rights import SqlDiskRights
from panmesh.app.compose import Composition
from panmesh.app.indexing import behind
from panmesh.app.keys import secret_key
from panmesh.app.publishing import write_uses
from panmesh.app.warming import warm
from panmesh.app.worker import Worker
from panmesh.http import threads
from panmesh.http.answer_cache import AnswerCache
from panmesh.http.event_stream import EventHub
from panmesh.http.files_at_hand import ManyFiles
from panmesh.http.identity import Front
from panmesh.http.metrics import exposition
from panmesh.http.services import Services, viewer
from panmesh.http.shared import Shared
from panmesh.http.threads import waiting
from panmesh.http.use import UseNotes
from panmesh.kernel.errors import Forbidden, PanmeshError, Unavailable
from panmesh.portal.pages import on_crash, on_http_error, on_panmesh_error, routes, shown
from panmesh.protocols.api.app import create_api
from panmesh.protocols.api.kept import KeptSearches
from panmesh.protocols.dcat.routes import dcat_routes
from panmesh.protocols.h5.routes import h5_routes
from panmesh.protocols.oaipmh.routes import oai_routes
from panmesh.protocols.panosc.app import SearchApi
from panmesh.protocols.scicat.app import ScicatApi
from panmesh.protocols.sitemaps.routes import sitemap_routes
from panmesh.wire.panosc import iso

DISK_LOW = 1 << 30  # bytes: below this /health says so


def services_of(app: Composition) -> Services:
    return Services(
        search=app.search,
        graph=app.graph,
        accounts=app.accounts,
        audit=app.audit,
        editing=app.editing,
        corrections=app.corrections,
        bulk_edits=app.bulk_edits,
        pushing=app.pushing,
        notes=app.notes,
        baskets=app.baskets,
        listing=app.listing,
        statistics=app.statistics,
        visits=app.visits,
        plans=app.plans,
        records=app.records,
        dois=app.doi_service,
        releases=app.releases,
        harvest=app.harvest,
        quality=app.quality,
        usage=app.usage,
        requests=app.requests,
        teams=app.teams,
        personal=app.personal,
        why=app.why,
        stewarding=app.stewarding,
        events=app.events,
        webhooks=app.webhooks,
        searches=app.searches,
        private_links=app.private_links,
        mails=app.settings.mail.host is not None,
        hub=EventHub(app.events, app.database.stamp),
        cursors=app.cursors,
        desk=lambda: app.desk,
        dashboard=lambda: app.dashboard,
        storages=app.storages,
        previews=lambda: app.reader,
        thumbnails=app.thumbnails,
        arrays=lambda: app.arrays,
        disk_report=lambda: SqlDiskRights(app.database).last(),
        one_state=app.database.sharing,
        clock=app.clock,
        facility_name=app.facility_name,
        facility_contact=app.settings.facility.contact,
        open_unscheduled=app.settings.policy.unscheduled == "open",
        offload=app.settings.server.offload,
        offload_prefix=app.settings.server.offload_prefix,
        public_url=app.settings.server.public_url,
        languages=app.languages,
    )


def harvest_routes(app: Composition) -> list[Route]:
    """What is public, for harvesters and search engines."""
    key = secret_key(app.settings.data)
    return [*oai_routes(app.harvest, key, app.settings.harvesting.domain), *sitemap_routes(app.harvest), *dcat_routes()]


def health_report(app: Composition, *, figures: bool) -> dict[str, Any]:
    """`figures`: also those that are counted, and for those who run the facility. A database that does not answer has none."""
    disk = shutil.disk_usage(app.settings.data)
    sandbox = probe()
    try:
        report = app.health.signs(app.clock())
        counted = app.health.figures(app.clock()) | {"index_behind": behind(app)} if figures else {}
    except Unavailable:
        report, counted = {"database": "does not answer", "worker_seen_seconds_ago": None}, {}
    wanted = app.settings.ingest.sandbox == "on"
    worker = report["worker_seen_seconds_ago"]
    healthy = disk.free > DISK_LOW and worker is not None and worker < 60 and (sandbox.kind != "none" or not wanted)
    return (
        report
        | counted
        | {
            "status": "ok" if healthy else "degraded",
            "worker": "never seen" if worker is None else "ok" if worker < 60 else "silent",
            "disk": "ok" if disk.free > DISK_LOW else "nearly full",
            "disk_free_bytes": disk.free,
            "sandbox": sandbox.detail if wanted else "off",
        }
    )


# What anybody may know of the machine; how much it holds is another matter.
SIGNS_OF_LIFE = ("status", "database", "worker", "disk", "sandbox")


def may_monitor(request: Request) -> bool:
    """The facility's admins and stewards, and whoever asks on the host itself without a proxy between."""
    who = viewer(request)
    if who.admin or who.steward:
        return True
    here = request.client is not None and request.client.host in ("127.0.0.1", "::1")
    return here and not any(name in request.headers for name in ("x-forwarded-for", "x-forwarded-host", "forwarded", "via"))


def build(app: Composition, *, work: bool, ready: bool = False) -> ASGIApp:
    """`work`: whether this process also watches, reads and digests. `ready`: whether it prepares for its first visitors by itself."""
    bundle = services_of(app)

    async def health(request: Request) -> Response:
        figures = may_monitor(request)
        report = await waiting(partial(health_report, app, figures=figures))  # behind no page that somebody asked for
        shown = report if figures else {name: report[name] for name in SIGNS_OF_LIFE}
        return Response(orjson.dumps(shown), 200 if report["status"] == "ok" else 503, media_type="application/json")

    async def metrics(request: Request) -> Response:
        if not may_monitor(request):
            raise Forbidden(
                "Metrics are for this host and for the facility's admins: send the token of one, or ask on the host itself."
            )
        report = await waiting(partial(health_report, app, figures=True))
        return Response(exposition(report), media_type="text/plain; version=0.0.4")

    cache = AnswerCache(app.database.stamp, app.graph.horizon, app.graph.last_commit, app.clock, quick=app.database.sqlite)
    search_api = SearchApi(bundle, cache, iso(app.clock()))

    @asynccontextmanager
    async def lifespan(routed: Starlette) -> AsyncIterator[None]:
        threads.few()
        worker = Worker(app) if work else None
        if worker is not None:
            await to_thread.run_sync(worker.start)
        ended = threading.Event()
        noting = threading.Thread(target=write_uses, args=(app.recorder, ended), name="use", daemon=True)
        noting.start()
        try:
            async with create_task_group() as beside:
                if ready:
                    beside.start_soon(warm, routed, bundle)
                yield
                beside.cancel_scope.cancel()
        finally:
            ended.set()
            await to_thread.run_sync(noting.join, 10)
            if worker is not None:
                await to_thread.run_sync(worker.stop)
            await to_thread.run_sync(app.close)

    stamps = Shared(app.database.stamp)

    async def stamp() -> str:
        return app.database.stamp() if app.database.sqlite else await stamps.next()

    api = KeptSearches(create_api(bundle), cache, app.clock)

    async def early(scope: Scope) -> Response | None:
        return await api.early(scope) or await search_api.early(scope)

    starlette = Starlette(
        routes=[
            Route("/health", health),
            Route("/metrics", metrics),
            Mount("/api/v1", api),
            Mount("/api/h5", routes=h5_routes(stamp)),
            *(Mount(f"/api/{version}", ScicatApi(bundle)) for version in ("v3", "v4")),
            Mount("/api/auth", ScicatApi(bundle, before=1)),  # where its clients sign in, as they are given the address
            Mount("/auth", ScicatApi(bundle, before=0)),
            Mount("/api", search_api),
            *harvest_routes(app),
            *routes(),
        ],
        exception_handlers={PanmeshError: on_panmesh_error, HTTPException: on_http_error, Exception: on_crash},
        lifespan=lifespan,
    )
    return Front(starlette, bundle, early, ManyFiles(bundle, stamp), UseNotes(app.recorder), shown)


def from_environment() -> ASGIApp:
    """For several web processes: each finds its settings in the environment that the command left."""
    import os
    from pathlib import Path

    from panmesh.app.logs import configure
    from panmesh.app.settings import load

    configure()
    data, config = os.environ.get("PANMESH_DATA"), os.environ.get("PANMESH_CONFIG")
    composition = Composition(load(data=Path(data) if data else None, config=Path(config) if config else None))
    return build(composition, work="PANMESH_ONLY_SERVE" not in os.environ and composition.may_work, ready=True)
