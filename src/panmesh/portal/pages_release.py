"""Publications: the page of a release, the list of them, what may be added or withdrawn later."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from panmesh.catalogue.citation import as_text
from panmesh.http import landing
from panmesh.http.services import services, viewer
from panmesh.kernel.errors import Forbidden, Invalid, PanmeshError, Stale, Withdrawn
from panmesh.portal.pages_basket import taken_home
from panmesh.portal.pages_publishing import papers_and_funding
from panmesh.portal.rendering import offset_of, page, render
from panmesh.publication.record import Kind
from panmesh.publication.release import RELATIONS, Release

PER_PAGE = 25


def routes() -> list[Route]:
    return [
        Route("/publications", page(publications)),
        Route("/releases/{pid}", page(release)),
        Route("/releases/{pid}/take/{form}", page(taken)),
        Route("/releases/{pid}/papers", page(papers), methods=["GET", "POST"]),
        Route("/releases/{pid}/new-version", page(new_version), methods=["POST"]),
        Route("/releases/{pid}/withdraw", page(withdraw), methods=["GET", "POST"]),
    ]


def publications(request: Request, _form: dict[str, str]) -> Response:
    """One's own drafts and publications, then those of everybody else."""
    s, who, offset = services(request), viewer(request), offset_of(request)
    found, total = s.releases.published(offset, PER_PAGE, but_of=who)
    signed_in = who.user_id is not None
    return render(
        request,
        "publications.html",
        drafts=s.releases.drafts(who) if signed_in else (),
        mine=s.releases.mine(who) if signed_in else (),
        found=found,
        total=total,
        offset=offset,
        per_page=PER_PAGE,
    )


def release(request: Request, _form: dict[str, str]) -> Response:
    s, who, pid = services(request), viewer(request), request.path_params["pid"]
    other = landing.answer(request, pid, Kind.COLLECTION)
    if other is not None:
        return other
    one = s.releases.release(pid)
    record = s.records.at(landing.base_of(request, s)).record(pid, Kind.COLLECTION)
    shown = render(
        request,
        "release.html",
        json_ld=landing.embedded(record),
        r=one,
        record=record,
        shown=s.releases.shown(who, one),
        citation=as_text(landing.cited(record)),
        doi=s.releases.doi(pid),
        may_change=s.releases.may_change(who, one),
        may_withdraw=s.releases.may_withdraw(who, one),
        fresh=bool(request.query_params.get("published")),
        relations=RELATIONS,
    )
    return landing.signposted(shown, record)


def taken(request: Request, _form: dict[str, str]) -> Response:
    """Its runs, for whoever comes by its DOI and wants the data; of a version that was withdrawn there is nothing to take."""
    s, who = services(request), viewer(request)
    one = s.releases.release(request.path_params["pid"])
    if one.withdrawn_us:
        raise Withdrawn()
    return taken_home(request, tuple(shown.run for shown in s.releases.shown(who, one) if shown.run is not None))


def papers(request: Request, form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    one = s.releases.release(request.path_params["pid"])
    if not s.releases.may_change(who, one):
        raise Forbidden("Only who published it, the teams of all its runs and the data steward add to it.")
    if request.method == "GET":
        return _papers(request, one)
    found, funding = papers_and_funding(form)
    revision = form.get("revision", "")
    try:
        number = int(revision) if revision.isascii() and revision.isdigit() and len(revision) < 10 else 0
        s.releases.amend(who, one.pid, number, papers=found, funding=funding)
    except (Invalid, Stale) as error:
        return _papers(request, one, error, found, funding)
    return RedirectResponse(f"/releases/{one.pid}", 303)


def new_version(request: Request, _form: dict[str, str]) -> Response:
    made = services(request).releases.next_version(viewer(request), request.path_params["pid"])
    return RedirectResponse(f"/publications/{made.key}/runs", 303)


def withdraw(request: Request, form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    one = s.releases.release(request.path_params["pid"])
    if not s.releases.may_withdraw(who, one):
        raise Forbidden("Only the data steward withdraws what was published, and only once.")
    if request.method == "GET":
        return render(request, "release-withdraw.html", r=one, fault=None, reason="")
    try:
        s.releases.withdraw(who, one.pid, form.get("reason", ""))
    except Invalid as error:
        fault = error.faults[0].detail if error.faults else error.detail
        return render(request, "release-withdraw.html", status=422, r=one, fault=fault, reason=form.get("reason", ""))
    return RedirectResponse(f"/releases/{one.pid}", 303)


def _papers(
    request: Request, one: Release, error: PanmeshError | None = None, papers: Any = None, funding: Any = None
) -> Response:
    faults = {fault.pointer: fault.detail for fault in getattr(error, "faults", ())}
    return render(
        request,
        "release-papers.html",
        status=422 if error is not None else 200,
        r=one,
        papers=one.description.papers if papers is None else papers,
        funding=one.description.funding if funding is None else funding,
        faults=faults,
        error=error if error is not None and not faults else None,
        relations=RELATIONS,
    )
