"""Pages about how well runs are described: of an instrument for its scientists, of the facility for the steward."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panmesh.catalogue.model import DatasetSummary
from panmesh.http.services import services, viewer
from panmesh.kernel.errors import Fault, Invalid
from panmesh.portal.rendering import offset_of, page, render
from panmesh.portal.score_plot import score_plot
from panmesh.publication.fair import POINTS
from panmesh.publication.fair_history import PER_PAGE, Quality, ScoredMonth

KINDS = ("described", "as assessors measure")
EDITABLE = frozenset(POINTS[:3]) | {"the sample", "the sample's identifier or formula", "a PID of the sample"}
HINTS = {  # what cannot be written on a form, and who can do it
    "units on every number": "Units come from the files: let whoever writes them add @units.",
    "what NXarchive asks for": "These fields come from the files: the page of a run names those that it lacks.",
    "a NeXus definition": "It comes from the files: let whoever writes them name it in NXentry/definition.",
    "a default plot": "It comes from the files: let whoever writes them mark the default NXdata.",
    "start and end, with a zone": "They come from the files: let whoever writes them add the offset from UTC.",
    "people with ORCID": "ORCIDs come from the accounts of the team, and from the files.",
    "conditions that people search for": "Quantities get names in the storage's settings.",
    "a DOI of the instrument": "The data steward gives the instrument one DOI for all its runs.",
    "its proposal": "Assign the visit of these runs to a proposal, on the page of corrections.",
}


def routes() -> list[Route]:
    return [
        Route("/fair", page(facility), name="fair"),
        Route("/instruments/{pid}/fair", page(instrument), name="instrument-fair"),
    ]


def facility(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    return _shown(request, s.quality.of_facility(who), pid=None, here="/fair", instruments=s.quality.instruments(who))


def instrument(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    one = s.search.instrument(who, request.path_params["pid"])
    here = f"/instruments/{one.pid}/fair"
    return _shown(request, s.quality.of_instrument(who, one.pid), pid=one.pid, here=here, one=one, instruments=())


def _shown(request: Request, quality: Quality, *, pid: str | None, here: str, **about: Any) -> Response:
    asked, offset = request.query_params.get("without"), offset_of(request)
    runs: tuple[DatasetSummary, ...] = ()
    more = False
    if asked is not None:
        if asked not in POINTS:
            raise Invalid("Nothing is scored by that name.", (Fault("without", "one of the names in the table"),))
        runs, more = services(request).quality.lacking(viewer(request), pid, asked, offset)
    return render(
        request,
        "fair.html",
        quality=quality,
        here=here,
        without=asked,
        editable=asked in EDITABLE,
        hint=HINTS.get(asked or ""),
        runs=runs,
        more=more,
        offset=offset,
        per_page=PER_PAGE,
        held=plotted("All runs held at the end of each month", quality.held) if len(quality.held) > 1 else None,
        measured=plotted("Runs measured in each month", quality.measured),
        **about,
    )


def plotted(title: str, months: tuple[ScoredMonth, ...]) -> Markup | None:
    found = [(one.month, one.scores.complete, one.scores.assessed) for one in months]
    return score_plot(title, found, KINDS) if found else None
