"""Routes of the portal: ask a service with the viewer, choose a template."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from anyio import to_thread
from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from panmesh.access.accounts import SESSION_US
from panmesh.access.artefact import Artefact
from panmesh.access.audit import is_staff_read
from panmesh.access.explain import explain
from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.model import FacetValue
from panmesh.catalogue.query import And, Compare, DatasetQuery, Field, Op, Sort
from panmesh.http import problems
from panmesh.http.downloads import open_download
from panmesh.http.encoded_slashes import segment
from panmesh.http.filters import query_of
from panmesh.http.identity import COOKIE, SECURE_COOKIE, cross_origin
from panmesh.http.problems import status_of
from panmesh.http.services import Services, services, viewer
from panmesh.ingest.facts import PlotFacts
from panmesh.ingest.facts_codec import from_plain
from panmesh.ingest.units import UnitState
from panmesh.kernel import techniques
from panmesh.kernel.errors import Forbidden, Invalid, NotFound, PanmeshError, Unauthenticated, Unavailable
from panmesh.portal import words
from panmesh.portal.plots import SIZES, Drawings, draw, message

PER_PAGE = 25
FILES_PER_PAGE = 100
FACETS = (
    (Field.STATE, "Access"),
    (Field.INSTRUMENT, "Instrument"),
    (Field.TECHNIQUE, "Technique"),
    (Field.SAMPLE, "Sample"),
    (Field.PROPOSAL, "Proposal"),
    (Field.KIND, "Kind"),
)
_SINGLE = ("q", "from", "to", "sort")
_SEARCH_FIELDS = ("q", "from", "to", "quantity", "sort", "person", "visit", *(f.value for f, _ in FACETS))
_DRAWINGS = Drawings(200)  # asked after it is decided that they may be seen


def routes() -> list[Route | Mount]:
    return [
        Route("/", _page(home), name="home"),
        Route("/datasets/{pid}", _page(dataset), name="dataset"),
        Route("/datasets/{pid}/plot.svg", _page(plot), name="plot"),
        Route("/datasets/{pid}/files/{name:path}", _page(download), name="download"),
        Route("/datasets/{pid}/edit", _page(edit), methods=["GET", "POST"], name="edit"),
        Route("/datasets/{pid}/undo", _page(undo), methods=["POST"], name="undo"),
        Route("/investigations", _page(investigations), name="investigations"),
        Route("/investigations/{pid}", _page(investigation), name="investigation"),
        Route("/instruments", _page(instruments), name="instruments"),
        Route("/instruments/{pid}", _page(instrument), name="instrument"),
        Route("/samples/{pid}", _page(sample), name="sample"),
        Route("/ingest", _page(ingest), name="ingest"),
        Route("/ingest/retry", _page(retry), methods=["POST"], name="retry"),
        Route("/quarantine", _page(quarantine), name="quarantine"),
        Route("/quarantine/{pid}/assign", _page(assign), methods=["POST"], name="assign"),
        Route("/tokens", _page(tokens), methods=["GET", "POST"], name="tokens"),
        Route("/tokens/{number:int}/revoke", _page(revoke), methods=["POST"], name="revoke"),
        Route("/sign-in", _page(sign_in), methods=["GET", "POST"], name="sign-in"),
        Route("/sign-out", _page(sign_out), methods=["POST"], name="sign-out"),
        Mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static"),
    ]


# --- search -----------------------------------------------------------------------------------------------------------


def home(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    given: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        if name in _SEARCH_FIELDS and value.strip():
            given.setdefault(name, []).append(value)
    offset = _number(request, "offset")
    zone = _zone(s)
    fault = None
    try:
        query = query_of(given, zone=zone, offset=offset, limit=PER_PAGE)
        page = s.search.search(who, query)
    except Invalid as error:
        fault = error
        query = DatasetQuery(limit=PER_PAGE)
        page = s.search.search(who, query)
    facets = [(field.value, title, _worded(field, s.search.facet(who, query, field, 12))) for field, title in FACETS]
    return _render(
        request,
        "search.html",
        page=page,
        facets=[(name, title, values) for name, title, values in facets if len(values) > (0 if name in given else 1)],
        given=given,
        conditions=_conditions(given, facets, _instrument_names(s, who, given, facets)),
        fault=fault,
        quantities=s.search.quantities(who),
        link=lambda **changes: _link(given, changes),
        first=not given and offset == 0,
    )


def _worded(field: Field, values: tuple[FacetValue, ...]) -> list[FacetValue]:
    names = {Field.STATE: words.STATES, Field.KIND: words.KINDS}.get(field, {})
    return [replace(v, label=names.get(v.value, v.label)) for v in values]


Facets = list[tuple[str, str, list[FacetValue]]]


def _instrument_names(s: Services, who: Viewer, given: dict[str, list[str]], facets: Facets) -> dict[tuple[str, str], str]:
    """Of chosen instruments that no run fits, which the facet therefore does not name."""
    counted = {v.value for name, _, values in facets if name == "instrument" for v in values}
    if not set(given.get("instrument", ())) - counted:
        return {}
    return {("instrument", i.key): i.name for i in s.search.instruments(who)}


def _conditions(
    given: dict[str, list[str]], facets: Facets, instruments: dict[tuple[str, str], str]
) -> list[tuple[str, str, str]]:
    """What narrows the search: (its name, its value in words, the URL without it)."""
    titles = words.CONDITIONS | {name: title for name, title, _ in facets}
    labels = instruments | {(name, v.value): v.label for name, _, values in facets for v in values}
    found = []
    for name, values in given.items():
        for value in values if name in titles else ():
            label = labels.get((name, value)) or (techniques.label(value) if name == "technique" else None) or value
            found.append((titles[name], label, _link(given, {name: None if name in _SINGLE else value})))
    return found


def dataset(request: Request, _form: dict[str, str]) -> Response:
    s, who, pid = services(request), viewer(request), request.path_params["pid"]
    record = s.search.get(who, pid)
    summary = record.summary
    if is_staff_read(who, summary.access.state, summary.access.readable, in_team=False):
        s.audit.record(who, "read", summary.pid)
    may_files = (Artefact.RAW if summary.kind.value == "raw" else Artefact.PROCESSED) in summary.access.readable
    contains = request.query_params.get("contains") or None
    offset = _number(request, "offset")
    files = s.search.files(who, pid, offset=offset, limit=FILES_PER_PAGE, contains=contains) if may_files else None
    full = Artefact.FULL_METADATA in summary.access.readable
    neighbours = _neighbours(s, who, summary) if summary.investigation is not None else (None, None)
    return _render(
        request,
        "dataset.html",
        record=record,
        d=summary,
        full=full,
        files=files,
        contains=contains,
        per_page=FILES_PER_PAGE,
        access=explain(summary.access, summary.facility_zone, signed_in=who.user_id is not None),
        quantities=_quantities(record.facts) if full else [],
        previous=neighbours[0],
        following=neighbours[1],
        history=s.editing.history(who, pid) if full and who.user_id is not None else (),
        base=s.public_url or str(request.base_url).rstrip("/"),
        plot_marking=(record.facts or {}).get("plot", {}).get("marking"),
        plot_missing=(record.facts or {}).get("plot", {}).get("missing") or [],
    )


def _neighbours(s: Services, who: Viewer, summary: Any) -> tuple[Any, Any]:
    """The run before and the run after, of the same visit."""
    if summary.start_us is None:
        return None, None
    visit = Compare(Field.VISIT, Op.EQUAL, summary.investigation.pid)
    found = []
    for op, descending in ((Op.LESS, True), (Op.MORE, False)):
        where = And((visit, Compare(Field.START, op, summary.start_us)))
        page = s.search.search(who, DatasetQuery(where=where, sort=Sort(descending=descending), limit=1))
        found.append(page.items[0] if page.items else None)
    return found[0], found[1]


def plot(request: Request, _form: dict[str, str]) -> Response:
    """The default plot, for whoever may read the full metadata and the data it is drawn from."""
    s, who, pid = services(request), viewer(request), request.path_params["pid"]
    record = s.search.get(who, pid)
    facts = (record.facts or {}).get("plot")
    if not facts:
        raise NotFound()
    name = (record.summary.path or "").rsplit("/", 1)[-1]
    location = s.search.locate(who, pid, name)
    path = s.storages.resolve(location.storage, location.path)
    key = f'"{record.version_pid}-{record.revision}-{location.modified_us:x}"'
    if request.headers.get("if-none-match") == key:
        return Response(status_code=304, headers={"ETag": key})
    size = _size(request)
    drawing = _DRAWINGS.get(f"{path} {key} {size}")
    if drawing is None:
        wanted = from_plain(PlotFacts, facts)
        drawn = s.previews().preview(path, wanted, _companions(s, who, pid, location.path) if wanted.missing else ())
        drawing = _DRAWINGS.keep(f"{path} {key} {size}", draw(drawn, SIZES[size]))
    headers = {
        "ETag": key,
        "Cache-Control": "private, max-age=60",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    }
    return Response(drawing, media_type="image/svg+xml", headers=headers)


def _companions(s: Services, who: Viewer, pid: str, primary: str) -> list[Path]:
    """The other files of the dataset: the only ones that its master's links may lead into."""
    names = [file.name for file in s.search.files(who, pid, limit=500).items]
    found = [s.search.locate(who, pid, name) for name in names]
    return [s.storages.resolve(one.storage, one.path) for one in found if one.path != primary]


def download(request: Request, _form: dict[str, str]) -> Any:
    return open_download(services(request), viewer(request), request.path_params["pid"], request.path_params["name"])


# --- editing ----------------------------------------------------------------------------------------------------------


def edit(request: Request, form: dict[str, str]) -> Response:
    s, who, pid = services(request), viewer(request), request.path_params["pid"]
    record = s.search.get(who, pid)
    if request.method == "GET":
        return _render(request, "edit.html", record=record, d=record.summary, fault=None, form={})
    values: dict[str, Any] = {}
    if form.get("title", "").strip() != (record.summary.title or ""):
        values["title"] = form.get("title", "").strip() or None
    description = str(((record.values or {}).get("description") or {}).get("value") or "")
    if form.get("description", "").strip() != description:
        values["description"] = form.get("description", "").strip() or None
    sample_name = record.summary.sample.name if record.summary.sample else ""
    if form.get("sample", "").strip() != sample_name:
        values["sample"] = {"name": form["sample"].strip()} if form.get("sample", "").strip() else None
    technique = record.summary.techniques[0].name if record.summary.techniques else ""
    if form.get("technique", "").strip() != technique:
        values["techniques"] = [form["technique"].strip()] if form.get("technique", "").strip() else None
    if values:
        try:
            s.editing.change(who, pid, values, int(form.get("revision") or 0))
        except PanmeshError as error:
            return _render(
                request, "edit.html", record=record, d=record.summary, fault=error, form=form, status=status_of(error)[0]
            )
    return RedirectResponse(f"/datasets/{segment(pid)}", 303)


def undo(request: Request, form: dict[str, str]) -> Response:
    pid = request.path_params["pid"]
    services(request).editing.undo(viewer(request), pid, int(form.get("change") or 0))
    return RedirectResponse(f"/datasets/{segment(pid)}#history", 303)


# --- around -----------------------------------------------------------------------------------------------------------


def investigations(request: Request, _form: dict[str, str]) -> Response:
    page = services(request).search.investigations(viewer(request), offset=_number(request, "offset"), limit=PER_PAGE)
    return _render(request, "investigations.html", page=page)


def investigation(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    visit = s.search.investigation(who, request.path_params["pid"])
    where = Compare(Field.VISIT, Op.EQUAL, visit.pid)
    page = s.search.search(who, DatasetQuery(where=where, offset=_number(request, "offset"), limit=PER_PAGE))
    said = explain(visit.access, visit.facility_zone, signed_in=who.user_id is not None)
    return _render(request, "investigation.html", v=visit, page=page, access=said)


def instruments(request: Request, _form: dict[str, str]) -> Response:
    return _render(request, "instruments.html", instruments=services(request).search.instruments(viewer(request)))


def instrument(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    one = s.search.instrument(who, request.path_params["pid"])
    where = Compare(Field.INSTRUMENT, Op.EQUAL, one.key)
    page = s.search.search(who, DatasetQuery(where=where, offset=_number(request, "offset"), limit=PER_PAGE))
    visits = s.search.investigations(who, limit=20, instrument=one.pid)
    query = DatasetQuery(where=where)
    return _render(
        request, "instrument.html", i=one, page=page, visits=visits, techniques=s.search.facet(who, query, Field.TECHNIQUE, 8)
    )


def sample(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    one = s.search.sample(who, request.path_params["pid"])
    where = Compare(Field.SAMPLE_PID, Op.EQUAL, one.pid)
    page = s.search.search(who, DatasetQuery(where=where, offset=_number(request, "offset"), limit=PER_PAGE))
    return _render(request, "sample.html", sample=one, page=page)


# --- staff ------------------------------------------------------------------------------------------------------------


def ingest(request: Request, _form: dict[str, str]) -> Response:
    desk, who = services(request).desk(), viewer(request)
    wanted = request.query_params.get("state")
    states = [UnitState(wanted)] if wanted in set(UnitState) else []
    contains = request.query_params.get("contains") or None
    page = desk.units(who, states=states, contains=contains, offset=_number(request, "offset"), limit=50)
    return _render(
        request, "ingest.html", page=page, counts=desk.counts(who), state=wanted, contains=contains, states=list(UnitState)
    )


def retry(request: Request, form: dict[str, str]) -> Response:
    numbers = [int(n) for n in form.get("units", "").split(",") if n.isdigit()]
    services(request).desk().retry(viewer(request), numbers)
    return RedirectResponse("/ingest", 303)


def quarantine(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    page = s.desk().quarantined(who, offset=_number(request, "offset"), limit=PER_PAGE)
    return _render(request, "quarantine.html", page=page, visits=s.search.investigations(who, limit=200).items)


def assign(request: Request, form: dict[str, str]) -> Response:
    services(request).desk().assign(
        viewer(request), request.path_params["pid"], form.get("investigation", ""), form.get("reason", "")
    )
    return RedirectResponse("/quarantine", 303)


# --- people -----------------------------------------------------------------------------------------------------------


def tokens(request: Request, form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    made = None
    if request.method == "POST":
        scopes = frozenset(scope for scope in Scope if form.get(f"scope-{scope.value}"))
        days = form.get("days", "365")
        made, _ = s.accounts.make_token(who, form.get("name", ""), scopes, int(days) if days.isdigit() else 365)
    return _render(request, "tokens.html", tokens=s.accounts.tokens(who), made=made, scopes=list(Scope))


def revoke(request: Request, _form: dict[str, str]) -> Response:
    services(request).accounts.revoke(viewer(request), request.path_params["number"])
    return RedirectResponse("/tokens", 303)


def sign_in(request: Request, form: dict[str, str]) -> Response:
    s = services(request)
    wanted = form.get("next") or request.query_params.get("next") or "/"
    back = wanted if wanted.startswith("/") and not wanted.startswith(("//", "/\\")) else "/"
    if request.method == "GET":
        return _render(request, "sign-in.html", back=back, fault=None, login="")
    address = request.client.host if request.client else "unknown"
    try:
        session = s.accounts.sign_in(form.get("login", ""), form.get("password", ""), address)
    except PanmeshError as error:
        login = form.get("login", "")
        return _render(request, "sign-in.html", back=back, fault=error, login=login, status=status_of(error)[0])
    response = RedirectResponse(back, 303)
    secure = request.url.scheme == "https"
    response.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        session.secret,
        max_age=SESSION_US // 1_000_000,
        httponly=True,
        samesite="lax",
        secure=secure,
        path="/",
    )
    return response


def sign_out(request: Request, _form: dict[str, str]) -> Response:
    secret = request.scope.get("panmesh.session")
    if secret:
        services(request).accounts.sign_out(secret)
    response = RedirectResponse("/", 303)
    response.delete_cookie(COOKIE, path="/")
    response.delete_cookie(SECURE_COOKIE, path="/", secure=True)
    return response


# --- addresses that lead nowhere --------------------------------------------------------------------------------------


async def on_http_error(request: Request, error: Exception) -> Response:
    """What the router refuses: a page for browsers, problem+json for programs. The APIs answer for themselves."""
    assert isinstance(error, HTTPException)
    if "text/html" not in request.headers.get("accept", ""):
        return await problems.on_http_error(request, error)
    title, detail = _NOWHERE.get(error.status_code, (error.detail, error.detail))
    page = await to_thread.run_sync(partial(_render, request, "error.html", title=title, detail=detail, status=error.status_code))
    page.headers.update(error.headers or {})
    return page


_NOWHERE = {
    404: ("Not found", "There is no page at this address. Look for what you want below, or check the address for a slip."),
    405: ("Not possible here", "This address is no page to look at, or takes no form: it answers another kind of request."),
}

# --- small parts ------------------------------------------------------------------------------------------------------

Handler = Callable[[Request, dict[str, str]], Any]


def _page(handler: Handler) -> Callable[[Request], Awaitable[Any]]:
    """Reads the form and checks its CSRF token, runs the handler in a thread, shows errors as pages."""

    async def endpoint(request: Request) -> Any:
        try:
            form: dict[str, str] = {}
            if request.method == "POST":
                async with request.form(max_files=0, max_fields=200) as data:
                    form = {k: v for k, v in data.items() if isinstance(v, str)}
                _check_csrf(request, form)
            for value in (*request.path_params.values(), *request.query_params.values(), *form.values()):
                if isinstance(value, str) and ("\x00" in value or any(0xD800 <= ord(c) <= 0xDFFF for c in value)):
                    raise NotFound()
            return await to_thread.run_sync(handler, request, form)
        except PanmeshError as error:
            return await to_thread.run_sync(_error_page, request, error)

    endpoint.__name__ = handler.__name__
    return endpoint


def _check_csrf(request: Request, form: dict[str, str]) -> None:
    expected = request.scope.get("panmesh.csrf")
    if expected is None:
        if cross_origin(request.scope, request.headers):
            raise Forbidden("This form was sent from another site.")
        return  # nobody is signed in: there is nothing to abuse
    if form.get("csrf") != expected:
        raise Forbidden("The form is too old; go back, reload the page and send it again.")


def _error_page(request: Request, error: PanmeshError) -> Response:
    status, title = status_of(error)
    if isinstance(error, Unauthenticated):
        return RedirectResponse("/sign-in?" + urlencode({"next": request.url.path}), 303)
    if isinstance(error, Unavailable) and request.url.path.endswith(".svg"):
        drawing = message(error.detail, SIZES[_size(request)])
        return Response(drawing, 200, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})
    return _render(request, "error.html", title=title, detail=error.detail, status=status, may_be_hidden=status in (403, 404))


def _render(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    s, who = services(request), viewer(request)
    html = (
        _environment()
        .get_template(template)
        .render(
            facility=s.facility_name,
            contact=s.facility_contact,
            open_unscheduled=s.open_unscheduled,
            viewer=who,
            csrf=request.scope.get("panmesh.csrf") or "",
            path=request.url.path,
            now_us=s.clock(),
            status=status,
            zone=_zone(s),
            **values,
        )
    )
    return HTMLResponse(html, status)


_ENVIRONMENT: Environment | None = None


def _environment() -> Environment:
    global _ENVIRONMENT
    if _ENVIRONMENT is None:
        made = Environment(
            loader=PackageLoader("panmesh.portal"),
            autoescape=select_autoescape(default=True),
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.filters.update(
            segment=segment,
            badge=words.badge,
            when=words.when,
            day=words.day,
            size=words.size,
            number=words.number,
            quantity=words.quantity,
            measured=words.measured,
            unit=words.unit,
            telling=words.telling,
            ranked=words.ranked,
            plain=words.plain_name,
            title_of=words.title_of,
            reach=words.reach,
            listed=words.listed,
        )
        made.globals.update(ago=words.ago, span=words.span, days=words.days, plural=words.plural, words=words)
        _ENVIRONMENT = made
    return _ENVIRONMENT


def _zone(s: Services) -> str:
    found = s.search.facilities()
    return found[0].time_zone if found else "UTC"


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    return min(int(text), 10**9) if text.isascii() and text.isdigit() else 0


def _size(request: Request) -> str:
    size = request.query_params.get("size", "")
    return size if size in SIZES else "wide"


def _link(given: dict[str, list[str]], changes: dict[str, Any]) -> str:
    """The search's URL with changes: name=value toggles a value, name=None takes the name away, offset=… moves."""
    kept = {name: list(values) for name, values in given.items()}
    offset = changes.pop("offset", None)
    for name, value in changes.items():
        if value is None:
            kept.pop(name, None)
        elif name in _SINGLE:
            kept[name] = [value]
        elif value in kept.get(name, []):
            kept[name].remove(value)
        else:
            kept.setdefault(name, []).append(value)
    pairs = [(name, value) for name, values in kept.items() for value in values]
    if offset:
        pairs.append(("offset", str(offset)))
    return "/?" + urlencode(pairs) if pairs else "/"


def _quantities(facts: dict[str, Any] | None) -> list[tuple[str, list[dict[str, Any]]]]:
    """All numbers of the run, by the part of the instrument they belong to."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in (facts or {}).get("quantities", []):
        place, _, name = one["name"].rpartition("/")
        groups.setdefault(place, []).append(one | {"short": name})
    return sorted(groups.items())
