"""Every address of the portal, and the page for those that lead nowhere. The pages themselves are in `pages_*`."""

from __future__ import annotations

import orjson
from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from panmesh.http import landing, problems
from panmesh.http.services import services
from panmesh.portal import (
    pages_account,
    pages_basket,
    pages_bulk,
    pages_compare,
    pages_correction,
    pages_dataset,
    pages_dois,
    pages_export,
    pages_facility,
    pages_fair,
    pages_feed,
    pages_notes,
    pages_notifications,
    pages_personal,
    pages_plan,
    pages_proposal,
    pages_publishing,
    pages_release,
    pages_requests,
    pages_search,
    pages_staff,
    pages_steward,
    pages_team,
    pages_usage,
    pages_visit,
    pages_visits,
)
from panmesh.portal.assets import FOLDER, Assets
from panmesh.portal.rendering import error_page, page


def routes() -> list[Route | Mount]:
    return [
        Route("/", page(pages_search.home), name="home"),
        Route("/quantities", page(pages_search.quantities), name="quantities"),
        Route("/robots.txt", robots, name="robots"),
        Route("/doi/{pid:path}", page(pages_visits.resolve), name="doi"),
        Route("/datasets/{pid}", page(pages_dataset.dataset), name="dataset"),
        Route("/datasets/{pid}/plot.svg", page(pages_dataset.plot, waits=True), name="plot"),
        Route("/datasets/{pid}/changes.svg", page(pages_dataset.changes, waits=True), name="changes"),
        Route("/datasets/{pid}/files/{name:path}", page(pages_dataset.download), name="download"),
        Route("/datasets/{pid}/edit", page(pages_dataset.edit), methods=["GET", "POST"], name="edit"),
        Route("/datasets/{pid}/undo", page(pages_dataset.undo), methods=["POST"], name="undo"),
        *pages_notes.routes(),
        *pages_basket.routes(),
        *pages_export.routes(),
        *pages_compare.routes(),
        *pages_plan.routes(),
        *pages_dois.routes(),
        *pages_proposal.routes(),
        *pages_publishing.routes(),
        *pages_release.routes(),
        *pages_team.routes(),
        *pages_personal.routes(),
        *pages_bulk.routes(),
        Route("/investigations", page(pages_visits.investigations), name="investigations"),
        *pages_visit.routes(),
        Route("/instruments", page(pages_visits.instruments), name="instruments"),
        Route("/instruments/{pid}", page(pages_visits.instrument), name="instrument"),
        Route("/instruments/{pid}/lacking/{what}", page(pages_visits.lacking), name="lacking"),
        *pages_facility.routes(),
        Route("/samples/{pid}", page(pages_visits.sample), name="sample"),
        Route("/ingest", page(pages_staff.ingest), name="ingest"),
        Route("/ingest/retry", page(pages_staff.retry), methods=["POST"], name="retry"),
        Route("/quarantine", page(pages_staff.quarantine), name="quarantine"),
        Route("/quarantine/{pid}/assign", page(pages_staff.assign), methods=["POST"], name="assign"),
        Route("/corrections", page(pages_correction.corrections), name="corrections"),
        Route("/corrections", page(pages_correction.make), methods=["POST"], name="make-correction"),
        Route("/corrections/new", page(pages_correction.choose), name="choose-correction"),
        Route("/corrections/preview", page(pages_correction.preview), methods=["POST"], name="preview-correction"),
        Route("/corrections/discarded", page(pages_correction.discarded), name="discarded"),
        Route("/corrections/{number:int}", page(pages_correction.correction), name="correction"),
        Route("/corrections/{number:int}/undo", page(pages_correction.undo), methods=["POST"], name="undo-correction"),
        Route("/tokens", page(pages_account.tokens), methods=["GET", "POST"], name="tokens"),
        Route("/tokens/{number:int}/revoke", page(pages_account.revoke), methods=["POST"], name="revoke"),
        *pages_notifications.routes(),
        *pages_feed.routes(),
        *pages_usage.routes(),
        *pages_fair.routes(),
        *pages_requests.routes(),
        *pages_steward.routes(),
        Route("/sign-in", page(pages_account.sign_in, token=False), methods=["GET", "POST"], name="sign-in"),
        Route("/sign-out", page(pages_account.sign_out, holds=False), methods=["POST"], name="sign-out"),
        Mount("/static", Assets(directory=FOLDER), name="static"),
    ]


async def robots(request: Request) -> Response:
    """Pages of things may be found by search engines; combinations of conditions, of which there is no end, may not be crawled."""
    where = f"\nSitemap: {landing.base_of(request, services(request))}/sitemap.xml\n"
    return PlainTextResponse(ROBOTS + where, headers={"Cache-Control": "max-age=3600"})


# Well-behaved crawlers take the longest rule that fits; '$' ends an address.
ROBOTS = """User-agent: *
Allow: /$
Allow: /datasets/
Allow: /investigations
Allow: /instruments
Allow: /proposals
Allow: /facility
Allow: /releases/
Disallow: /?
Disallow: /api/
Disallow: /compare
Disallow: /baskets
Disallow: /publications/
Disallow: /export
Disallow: /feed
Disallow: /quantities
Disallow: /corrections
Disallow: /sign-in
Disallow: /why/
Disallow: /*/files/
Disallow: /releases/*/take/
Disallow: /instruments/*/lacking/
Disallow: /investigations/*?
Disallow: /investigations/*.csv
Crawl-delay: 2
"""


async def on_http_error(request: Request, error: Exception) -> Response:
    """What the router refuses. The APIs answer for themselves."""
    assert isinstance(error, HTTPException)
    return await shown(request, await problems.on_http_error(request, error), _NOWHERE.get(error.status_code))


async def on_panmesh_error(request: Request, error: Exception) -> Response:
    return await shown(request, await problems.on_panmesh_error(request, error))


async def on_crash(request: Request, error: Exception) -> Response:
    return await shown(request, await problems.on_crash(request, error))


async def shown(request: Request, told: Response, words: tuple[str, str] | None = None) -> Response:
    """Of an error: a page for browsers, problem+json for programs. It needs no database: that may be what is wrong.

    `words`: title and detail, where a person needs others than a program.
    """
    path = request.url.path
    if path.startswith("/api/") or "text/html" not in request.headers.get("accept", "") or path.endswith(".svg"):
        return told
    body = orjson.loads(told.body)
    title, detail = words or (body["title"], body["detail"])
    page = await to_thread.run_sync(error_page, request, title, detail, told.status_code)
    page.headers.update(
        {name: value for name, value in told.headers.items() if name in ("allow", "cache-control", "retry-after")}
    )
    return page


_NOWHERE = {
    404: ("Not found", "There is no page at this address. Look for what you want below, or check the address for a slip."),
    405: ("Not possible here", "This address is no page to look at, or takes no form: it answers another kind of request."),
}
