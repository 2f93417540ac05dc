"""Pages around the runs: lists of visits and instruments, an instrument, a sample."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from panmesh.catalogue.query import Compare, DatasetQuery, Field, Op, VisitQuery
from panmesh.catalogue.statistics import Lack
from panmesh.http import landing
from panmesh.http.encoded_slashes import segment
from panmesh.http.services import services, viewer
from panmesh.kernel.errors import Invalid, NotFound
from panmesh.portal.day_plot import day_plot
from panmesh.portal.live import stream_since
from panmesh.portal.month_plot import byte_scale, month_plot
from panmesh.portal.pages_dois import doi_of
from panmesh.portal.rendering import offset_of, render
from panmesh.publication.record import Kind

PER_PAGE = 25
MOST_TYPED = 200  # signs
_READABLE = ("open to you", "not open to you")


def resolve(request: Request, _form: dict[str, str]) -> Response:
    """Where an identifier leads, a DOI too: the address that never changes, also when what it names does."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(page_of(request, request.path_params["pid"]) + query, 302)


def page_of(request: Request, pid: str) -> str:
    """The address of the page of what has the identifier. Raises NotFound."""
    s = services(request)
    if pid.startswith("10."):
        try:
            known = s.dois.subject_of(viewer(request), pid)
            return f"/{known.kind}s/{segment(known.pid)}"
        except NotFound:
            pid = s.dois.pid_of(pid) or pid  # of something that its record tells of
    return s.records.at(landing.base_of(request, s)).record(pid, most_files=0).url


def investigations(request: Request, _form: dict[str, str]) -> Response:
    s, who, asked = services(request), viewer(request), request.query_params
    wanted = VisitQuery(
        words=asked.get("q", "").strip()[:MOST_TYPED],
        mine=who.user_id is not None and asked.get("mine") == "yes",
        instrument=asked.get("instrument") or None,
    )
    given = {"q": wanted.words, "mine": "yes" if wanted.mine else "", "instrument": wanted.instrument or ""}
    query = urlencode({name: value for name, value in given.items() if value})
    try:
        fault, page = None, s.search.investigations(who, wanted, offset=offset_of(request), limit=PER_PAGE)
    except Invalid as error:
        fault, page = error, s.search.investigations(who, offset=offset_of(request), limit=PER_PAGE)
    shown = render(
        request, "investigations.html", page=page, given=given, query=query, fault=fault, instruments=s.search.instruments(who)
    )
    if query:
        shown.headers["X-Robots-Tag"] = "noindex, nofollow"
    return shown


def instruments(request: Request, _form: dict[str, str]) -> Response:
    return render(request, "instruments.html", instruments=services(request).search.instruments(viewer(request)))


def instrument(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    other = landing.answer(request, request.path_params["pid"], Kind.INSTRUMENT)
    if other is not None:
        return other
    drawn = s.events.head()
    one = s.search.instrument(who, request.path_params["pid"])
    public = landing.public(request, one.pid, Kind.INSTRUMENT)
    where = Compare(Field.INSTRUMENT, Op.EQUAL, one.key)
    page = s.search.search(who, DatasetQuery(where=where, offset=offset_of(request), limit=PER_PAGE))
    visits = s.search.investigations(who, VisitQuery(instrument=one.pid), limit=20)
    query = DatasetQuery(where=where)
    numbers = s.statistics.instrument(who, one.pid)
    unit, scale = byte_scale(max((m.size for _, m in numbers.months), default=0))
    scored = s.quality.may_see(who, one.id)
    shown = render(
        request,
        "instrument.html",
        scored=scored,
        json_ld=landing.embedded(public),
        i=one,
        live=stream_since(s, drawn, instrument=one.pid),
        page=page,
        visits=visits,
        techniques=s.search.facet(who, query, Field.TECHNIQUE, 8),
        measuring=[run for run in page.items if run.growing],
        numbers=numbers,
        plot=day_plot(numbers.days),
        doi=doi_of(request, one.pid),
        runs_by_month=month_plot("Runs", [(k, m.readable, m.runs - m.readable) for k, m in numbers.months], _READABLE),
        bytes_by_month=month_plot(unit, [(k, m.size / scale, 0) for k, m in numbers.months], (unit, "")),
        size_unit=unit,
        staff=s.desk().counts(who) if who.staff else None,
    )
    return landing.signposted(shown, public)


def lacking(request: Request, _form: dict[str, str]) -> Response:
    """Runs of an instrument that lack something, the newest first: what can still be mended."""
    s, who = services(request), viewer(request)
    wanted = request.path_params["what"]
    if wanted not in set(Lack):
        raise NotFound()
    one = s.search.instrument(who, request.path_params["pid"])
    page = s.statistics.lacking(who, one.pid, Lack(wanted), offset=offset_of(request), limit=PER_PAGE)
    shown = render(request, "lacking.html", i=one, page=page, lack=wanted)
    shown.headers["X-Robots-Tag"] = "noindex, nofollow"
    return shown


def sample(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    one = s.search.sample(who, request.path_params["pid"])
    where = Compare(Field.SAMPLE_PID, Op.EQUAL, one.pid)
    page = s.search.search(who, DatasetQuery(where=where, offset=offset_of(request), limit=PER_PAGE))
    return render(request, "sample.html", sample=one, page=page)
