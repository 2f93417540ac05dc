"""The staff's pages: what was seen and read, what waits in quarantine."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from panmesh.catalogue.correction import Wanted, What
from panmesh.http.services import services, viewer
from panmesh.ingest.units import UnitState
from panmesh.portal.rendering import offset_of, render

PER_PAGE = 25


def ingest(request: Request, _form: dict[str, str]) -> Response:
    desk, who = services(request).desk(), viewer(request)
    wanted = request.query_params.get("state")
    states = [UnitState(wanted)] if wanted in set(UnitState) else []
    contains = request.query_params.get("contains") or None
    page = desk.units(who, states=states, contains=contains, offset=offset_of(request), limit=50)
    return render(
        request, "ingest.html", page=page, counts=desk.counts(who), state=wanted, contains=contains, states=list(UnitState)
    )


def retry(request: Request, form: dict[str, str]) -> Response:
    numbers = [int(n) for n in form.get("units", "").split(",") if n.isdigit()]
    services(request).desk().retry(viewer(request), numbers)
    return RedirectResponse("/ingest", 303)


def quarantine(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    page = s.desk().quarantined(who, offset=offset_of(request), limit=PER_PAGE)
    return render(
        request,
        "quarantine.html",
        page=page,
        visits=s.search.investigations(who, limit=200).items,
        instruments=s.search.instruments(who),
        suggestions=s.corrections.suggestions(who, [one.pid for one in page.items]),
    )


def assign(request: Request, form: dict[str, str]) -> Response:
    wanted = Wanted(
        what=What.MOVE,
        pids=(request.path_params["pid"],),
        visit=form.get("investigation", ""),
        reason=form.get("reason", ""),
        waiting=True,
    )
    services(request).corrections.make(viewer(request), wanted)
    return RedirectResponse("/quarantine", 303)
