"""One proposal: its visits, what they left over time, its team and its plan."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from panmesh.catalogue.query import Compare, DatasetQuery, Field, Op, VisitQuery
from panmesh.catalogue.visiting import Among
from panmesh.http import landing
from panmesh.http.encoded_slashes import segment
from panmesh.http.services import services, viewer
from panmesh.kernel.errors import NotFound
from panmesh.portal import timeline
from panmesh.portal.pages_dois import doi_of
from panmesh.portal.rendering import offset_of, page, render
from panmesh.publication.record import Kind

PER_PAGE = 50


def routes() -> list[Route]:
    return [Route("/proposals/{pid}", page(proposal), name="proposal")]


def proposal(request: Request, _form: dict[str, str]) -> Response:
    """By number, as people know it; by pid too. Before the first visit it is its plan."""
    s, who, wanted = services(request), viewer(request), request.path_params["pid"]
    plan = s.plans.readable(who, wanted)
    try:
        one = s.search.proposal(who, wanted)
    except NotFound:
        if plan is None:
            raise
        return RedirectResponse(f"/proposals/{segment(plan)}/plan", 302)
    other = landing.answer(request, one.pid, Kind.PROPOSAL)
    if other is not None:
        return other
    public = landing.public(request, one.pid, Kind.PROPOSAL)
    visits = s.search.investigations(who, VisitQuery(proposal=one.pid), offset=offset_of(request), limit=PER_PAGE)
    times = s.visits.times(who, Among(proposal=one.id))
    here = DatasetQuery(where=Compare(Field.PROPOSAL, Op.EQUAL, one.number))
    techniques = s.search.facet(who, here, Field.TECHNIQUE, 12)
    names = {t.value: t.label for t in techniques}
    runs = "/?" + urlencode({"proposal": one.number})
    shown = render(
        request,
        "proposal.html",
        json_ld=landing.embedded(public),
        doi=doi_of(request, one.pid),
        releases=s.releases.made_of(who, proposal=one.pid),
        p=one,
        visits=visits,
        times=times,
        drawn=timeline.draw(times, names, one.facility_zone, runs, (None, None)),
        pieces=timeline.rows(times, names),
        runs=runs,
        techniques=techniques,
        samples=s.search.facet(who, here, Field.SAMPLE, 12),
        plan_of=plan,
        team_of=s.teams.about(who, one.pid),
    )
    return landing.signposted(shown, public)
