"""How a page is made: its form read and checked, its handler run in a thread, its template filled, its error shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from anyio import to_thread
from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from panmesh.catalogue.naming import run_title
from panmesh.http.encoded_slashes import as_written, segment
from panmesh.http.identity import cross_origin
from panmesh.http.problems import status_of
from panmesh.http.services import Services, services, viewer
from panmesh.http.threads import waiting
from panmesh.kernel.errors import Forbidden, Invalid, NotFound, PanmeshError, Unauthenticated, Unavailable
from panmesh.portal import assets, strings, words
from panmesh.portal.held_form import HeldForm, TooLate, held
from panmesh.portal.plots import SIZES, message
from panmesh.portal.sentences import say

Handler = Callable[[Request, dict[str, str]], Any]


MOST_FILES = 20  # of one form


def page(
    handler: Handler, *, uploads: bool = False, waits: bool = False, holds: bool = True, token: bool = True
) -> Callable[[Request], Awaitable[Any]]:
    """Reads the form and checks its CSRF token, runs the handler in a thread, shows errors as pages. `waits`: for the reading of files.

    `holds`: whether a form that comes after its session is shown again, to be sent once more. `token`: none is asked of
    whoever signs in, for a session of another tab would have another.
    Fields that a form has several times are in `repeated(request, name)`, the files of one with `uploads` in `uploaded(request)`.
    """

    async def endpoint(request: Request) -> Any:
        try:
            form: dict[str, str] = {}
            if request.method == "POST":
                async with request.form(max_files=MOST_FILES if uploads else 0, max_fields=2000) as data:
                    form = {k: v for k, v in data.items() if isinstance(v, str)}
                    request.state.repeated = [(k, v) for k, v in data.multi_items() if isinstance(v, str)]
                    files = [v for v in data.values() if isinstance(v, UploadFile) and v.size]
                    _check_origin(request)
                    if token:
                        _check_csrf(request, form, held(request, request.state.repeated, files=bool(files)) if holds else None)
                    request.state.uploaded = [(file.filename or "", await file.read()) for file in files]
            for value in (*request.path_params.values(), *request.query_params.values(), *_texts(request)):
                if isinstance(value, str) and ("\x00" in value or any(0xD800 <= ord(c) <= 0xDFFF for c in value)):
                    raise NotFound()
            strings.speak_to(services(request).languages.get(language_of(request), {}))
            if request.method == "POST" or waits:
                return await (waiting if waits else to_thread.run_sync)(handler, request, form)
            return await to_thread.run_sync(_looked_up, handler, request, form)
        except HTTPException as error:
            return await to_thread.run_sync(_error_page, request, Invalid(f"The form could not be taken. {error.detail}"))
        except PanmeshError as error:
            return await to_thread.run_sync(_error_page, request, error)

    endpoint.__name__ = handler.__name__
    return endpoint


def _looked_up(handler: Handler, request: Request, form: dict[str, str]) -> Any:
    """All that one page tells is of one moment. What waits for files, or for others, keeps no state of the database meanwhile."""
    with services(request).one_state():
        return handler(request, form)


def repeated(request: Request, name: str) -> list[str]:
    """All values of one field of the form that was sent."""
    return [value for field, value in request.state.repeated if field == name]


def uploaded(request: Request) -> list[tuple[str, bytes]]:
    """Name and content of each file of the form that was sent; fields left empty are not there."""
    found: list[tuple[str, bytes]] = request.state.uploaded
    return found


def _texts(request: Request) -> list[str]:
    return [value for _, value in getattr(request.state, "repeated", [])]


def _check_origin(request: Request) -> None:
    if cross_origin(request.scope, request.headers):  # whose cookie does not count: nobody is signed in
        raise Forbidden("This form was sent from another site.")


def _check_csrf(request: Request, form: dict[str, str], kept: HeldForm | None) -> None:
    expected, given = request.scope.get("panmesh.csrf"), form.get("csrf", "")
    if expected is None and (not given or kept is None):
        return  # nobody is signed in, or was: there is nothing to abuse
    if given == expected:
        return
    if kept is not None:
        raise TooLate(kept)
    raise Forbidden("The form is too old; go back, reload the page and send it again.")


def _error_page(request: Request, error: PanmeshError) -> Response:
    status, title = status_of(error)
    if isinstance(error, Unauthenticated):
        return RedirectResponse("/sign-in?" + urlencode({"next": _here(request)}), 303)
    if isinstance(error, Unavailable) and request.url.path.endswith(".svg"):
        drawing = message(say(error.detail), SIZES[size_of(request)])
        return Response(drawing, 200, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})
    if isinstance(error, TooLate):
        if viewer(request).user_id is None:
            return render(request, "sign-in.html", back="/", fault=None, login="", held=error.form, status=401)
        return render(request, "held.html", held=error.form, status=status)
    return error_page(request, title, error.detail, status, may_be_hidden=status in (403, 404))


def error_page(request: Request, title: str, detail: str, status: int, *, may_be_hidden: bool = False) -> Response:
    """Asks nothing of the database, which may be what is wrong."""
    return _filled(request, "error.html", status, title=title, detail=detail, may_be_hidden=may_be_hidden)


def _here(request: Request) -> str:
    """What is looked at, with its conditions: where a reader comes back to after signing in."""
    query = request.url.query if request.method == "GET" else ""
    return as_written(request.url.path) + (f"?{query}" if query else "")


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    return _filled(request, template, status, zone=zone_of(services(request)), **values)


def _filled(request: Request, template: str, status: int, **values: Any) -> Response:
    s, who = services(request), viewer(request)
    language = language_of(request)
    strings.speak_to(s.languages.get(language, {}))  # also on pages of errors, before any handler
    html = (
        _environment(language, s.languages.get(language))
        .get_template(template)
        .render(
            facility=s.facility_name,
            contact=s.facility_contact,
            open_unscheduled=s.open_unscheduled,
            viewer=who,
            csrf=request.scope.get("panmesh.csrf") or "",
            path=as_written(request.url.path),
            back_here=_here(request),
            now_us=s.clock(),
            status=status,
            language=language,
            **values,
        )
    )
    return HTMLResponse(html, status, {"Vary": "Accept-Language"} if s.languages else None)


def language_of(request: Request) -> str:
    """The first that the reader's browser asks for and that the facility has."""
    offered = services(request).languages
    return strings.chosen(request.headers.get("accept-language", ""), offered) if offered else strings.SOURCE


_ENVIRONMENTS: dict[tuple[str, int], Environment] = {}


def _environment(language: str, said: Mapping[str, str] | None) -> Environment:
    """Templates are read once for each language."""
    key = (language, id(said))
    if key not in _ENVIRONMENTS:
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
            written=words.written,
            day=words.day,
            month=words.month,
            civil=words.civil,
            recorded=words.recorded,
            coded=words.coded,
            kind_of_file=words.kind_of_file,
            size=words.size,
            number=words.number,
            thousands=words.thousands,
            quantity=words.quantity,
            measured=words.measured,
            unit=words.unit,
            telling=words.telling,
            ranked=words.ranked,
            plain=words.plain_name,
            title_of=run_title,
            reach=words.reach,
            listed=words.listed,
            holds=words.holds,
            said=say,
        )
        made.globals.update(
            asset=assets.address, ago=words.ago, span=words.span, days=words.days, plural=words.plural, words=words
        )
        if said is not None:
            strings.translate(made, said)
        _ENVIRONMENTS[key] = made
    return _ENVIRONMENTS[key]


def read_templates(languages: Mapping[str, Mapping[str, str]]) -> None:
    """All of them now, in every language: the first page that needs one does not wait for it."""
    for language, said in ((strings.SOURCE, None), *languages.items()):
        environment = _environment(language, said)
        for name in environment.list_templates():
            environment.get_template(name)


def zone_of(s: Services) -> str:
    found = s.search.facilities()
    return found[0].time_zone if found else "UTC"


def offset_of(request: Request) -> int:
    text = request.query_params.get("offset", "0")
    return min(int(text), 10**9) if text.isascii() and text.isdigit() else 0


def size_of(request: Request) -> str:
    size = request.query_params.get("size", "")
    return size if size in SIZES else "wide"
