"""Pages around the runs: visits, instruments, samples."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from panmesh.access.explain import explain
from panmesh.catalogue.notes import AboutKind
from panmesh.catalogue.query import Compare, DatasetQuery, Field, Op
from panmesh.http.services import services, viewer
from panmesh.portal.day_plot import day_plot
from panmesh.portal.pages_notes import notes_of
from panmesh.portal.rendering import offset_of, render

PER_PAGE = 25


def investigations(request: Request, _form: dict[str, str]) -> Response:
    page = services(request).search.investigations(viewer(request), offset=offset_of(request), limit=PER_PAGE)
    return render(request, "investigations.html", page=page)


def investigation(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    visit = s.search.investigation(who, request.path_params["pid"])
    where = Compare(Field.VISIT, Op.EQUAL, visit.pid)
    page = s.search.search(who, DatasetQuery(where=where, offset=offset_of(request), limit=PER_PAGE))
    said = explain(visit.access, visit.facility_zone, signed_in=who.user_id is not None)
    return render(
        request, "investigation.html", v=visit, page=page, access=said, notes=notes_of(request, AboutKind.INVESTIGATION, visit)
    )


def instruments(request: Request, _form: dict[str, str]) -> Response:
    return render(request, "instruments.html", instruments=services(request).search.instruments(viewer(request)))


def instrument(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    one = s.search.instrument(who, request.path_params["pid"])
    where = Compare(Field.INSTRUMENT, Op.EQUAL, one.key)
    page = s.search.search(who, DatasetQuery(where=where, offset=offset_of(request), limit=PER_PAGE))
    visits = s.search.investigations(who, limit=20, instrument=one.pid)
    query = DatasetQuery(where=where)
    numbers = s.statistics.instrument(who, one.pid)
    return render(
        request,
        "instrument.html",
        i=one,
        page=page,
        visits=visits,
        techniques=s.search.facet(who, query, Field.TECHNIQUE, 8),
        measuring=[run for run in page.items if run.growing],
        numbers=numbers,
        plot=day_plot(numbers.days),
    )


def sample(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    one = s.search.sample(who, request.path_params["pid"])
    where = Compare(Field.SAMPLE_PID, Op.EQUAL, one.pid)
    page = s.search.search(who, DatasetQuery(where=where, offset=offset_of(request), limit=PER_PAGE))
    return render(request, "sample.html", sample=one, page=page)
