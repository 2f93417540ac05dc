"""The logbook in the portal: notes of a run or visit on its own page, a page for each note, the logbook of a visit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

import orjson
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from panmesh.access.artefact import Artefact
from panmesh.access.explain import Access
from panmesh.catalogue.notes import About, AboutKind, Pages, checked_tags, flag_of
from panmesh.http.encoded_slashes import segment
from panmesh.http.problems import status_of
from panmesh.http.services import services, viewer
from panmesh.kernel.errors import Invalid, NotFound, PanmeshError, Stale
from panmesh.portal.rendering import offset_of, page, render, uploaded
from panmesh.wire import logbook as logbook_forms
from panmesh.wire import markdown

PER_PAGE = 100
_ADDRESS = {AboutKind.DATASET: "/datasets", AboutKind.INVESTIGATION: "/investigations"}


def routes() -> list[Route]:
    found = []
    for base in _ADDRESS.values():
        found += [
            Route(f"{base}/{{pid}}/notes", page(add, uploads=True), methods=["POST"]),
            Route(f"{base}/{{pid}}/pictures", page(add_pictures, uploads=True, holds=False), methods=["POST"]),
            Route(f"{base}/{{pid}}/pictures/{{name}}", page(picture)),
        ]
    return [
        *found,
        Route("/notes/preview", page(preview, holds=False), methods=["POST"]),
        Route("/notes/{number:int}", page(note), methods=["GET", "POST"]),
        Route("/notes/{number:int}/delete", page(delete), methods=["POST"]),
        Route("/notes/{number:int}/restore", page(restore), methods=["POST"]),
        Route("/investigations/{pid}/logbook", page(logbook)),
        Route("/investigations/{pid}/logbook.md", page(logbook_markdown)),
        Route("/investigations/{pid}/logbook.json", page(logbook_json)),
    ]


class Known(Protocol):
    """A run or visit as its page has it."""

    @property
    def pid(self) -> str: ...
    @property
    def access(self) -> Access: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What `notes.html` is filled with."""

    address: str  # of the run or visit
    visit: bool
    pages: Pages
    draft: str = ""  # what could not be kept is not lost
    fault: str | None = None

    def html(self, text: str) -> Markup:
        return _html(text, self.address)


def notes_of(request: Request, kind: AboutKind, known: Known) -> Shown | None:
    """For the page of the run or visit; None where its logbook is not for this viewer."""
    if Artefact.LOGBOOK not in known.access.readable:
        return None
    about = About(kind=kind, pid=known.pid)
    pages = services(request).notes.pages(viewer(request), about)
    return Shown(address=_address(about), visit=kind is AboutKind.INVESTIGATION, pages=pages)


def add(request: Request, form: dict[str, str]) -> Response:
    """A note, its pictures, flag and tags, each where there is something to keep."""
    s, who, about = services(request), viewer(request), _about(request)
    try:
        flag, tags = flag_of(form.get("flag")), checked_tags(form.get("tags", "").split(","))
        pages = s.notes.pages(who, about)
        pictures = [markdown.picture_of(s.notes.add_picture(who, about, data).name, name) for name, data in uploaded(request)]
        text = "\n\n".join(part for part in (form.get("text", "").strip(), *pictures) if part)
        marked = "tags" in form and (flag, tags) != (pages.mark.flag, pages.mark.tags)
        if not text and not marked:
            raise Invalid("There is nothing to keep: write some words, add a picture, or choose a flag.")
        if marked:
            s.notes.set_mark(who, about, flag, tags, _number(form.get("mark")))
        made = s.notes.add(who, about, text, once=True) if text else None
    except (Invalid, Stale) as error:
        return _refused(request, about, form.get("text", ""), error)
    return RedirectResponse(f"{_address(about)}#{f'note-{made.id}' if made else 'notes'}", 303)


def add_pictures(request: Request, _form: dict[str, str]) -> Response:
    """For the script that pastes: what to write into the note, as JSON."""
    s, who, about = services(request), viewer(request), _about(request)
    try:
        made = [markdown.picture_of(s.notes.add_picture(who, about, data).name, name) for name, data in uploaded(request)]
    except PanmeshError as error:
        return Response(orjson.dumps({"detail": error.detail}), status_of(error)[0], media_type="application/json")
    return Response(orjson.dumps({"markdown": made}), media_type="application/json")


def picture(request: Request, _form: dict[str, str]) -> Response:
    name = request.path_params["name"]
    data = services(request).notes.picture(viewer(request), _about(request), name)
    return picture_answer(request, name, data)


def picture_answer(request: Request, name: str, data: bytes) -> Response:
    """The same name is the same bytes for ever, for this viewer."""
    headers = {
        "ETag": f'"{name}"',
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(data, headers=headers, media_type="image/png" if name.endswith(".png") else "image/jpeg")


def preview(request: Request, form: dict[str, str]) -> Response:
    """What the text will look like: for the script that shows it while it is written."""
    about = _of_address(form.get("about", ""))
    return Response(_html(form.get("text", "")[:50_000], _address(about)), media_type="text/html")


def note(request: Request, form: dict[str, str]) -> Response:
    s, who, number = services(request), viewer(request), request.path_params["number"]
    one, versions = s.notes.note(who, number)
    if not one.may_change:
        return RedirectResponse(f"{_address(one.about)}#note-{number}", 303)
    if request.method == "POST":
        try:
            s.notes.change(who, number, form.get("text", ""), _number(form.get("revision")))
        except (Invalid, Stale) as error:
            return _note_page(request, one, versions, form.get("text", ""), error)
        return RedirectResponse(f"{_address(one.about)}#note-{number}", 303)
    return _note_page(request, one, versions, one.text, None)


def delete(request: Request, form: dict[str, str]) -> Response:
    one = services(request).notes.delete(viewer(request), request.path_params["number"], _number(form.get("revision")))
    return RedirectResponse(f"{_address(one.about)}#note-{one.id}", 303)


def restore(request: Request, form: dict[str, str]) -> Response:
    number, version = request.path_params["number"], _number(form.get("version"))
    one = services(request).notes.restore(viewer(request), number, version, _number(form.get("revision")))
    return RedirectResponse(f"{_address(one.about)}#note-{one.id}", 303)


def logbook(request: Request, _form: dict[str, str]) -> Response:
    s, who, pid = services(request), viewer(request), request.path_params["pid"]
    visit = s.search.investigation(who, pid)
    chosen = _chosen(request)
    book = s.notes.logbook(who, pid, **chosen, offset=offset_of(request), limit=PER_PAGE)
    given = {name: str(value) for name, value in chosen.items() if value}
    return render(
        request,
        "logbook.html",
        v=visit,
        book=book,
        chosen=chosen,
        query=urlencode(given),
        link=lambda **changes: "?" + urlencode({k: v for k, v in (given | changes).items() if v}),
        html=lambda entry: _html(entry.note.text, _address(entry.about)) if entry.note else "",
        address=_address,
    )


def logbook_markdown(request: Request, _form: dict[str, str]) -> Response:
    visit, entries, base = _whole(request)
    text = logbook_forms.as_markdown(visit, entries, base)
    return Response(text, media_type="text/markdown; charset=utf-8", headers=_attached(visit.visit_id, "md"))


def logbook_json(request: Request, _form: dict[str, str]) -> Response:
    visit, entries, base = _whole(request)
    body = orjson.dumps(logbook_forms.as_plain(visit, entries, base), option=orjson.OPT_INDENT_2)
    return Response(body, media_type="application/json", headers=_attached(visit.visit_id, "json"))


# --- parts ------------------------------------------------------------------------------------------------------------


def _whole(request: Request) -> tuple[Any, list[Any], str]:
    s, who, pid = services(request), viewer(request), request.path_params["pid"]
    visit = s.search.investigation(who, pid)
    base = s.public_url or str(request.base_url).rstrip("/")
    return visit, list(logbook_forms.every_entry(s.notes, who, pid, **_chosen(request))), base


def _chosen(request: Request) -> dict[str, Any]:
    return {"flag": flag_of(request.query_params.get("flag")), "tag": request.query_params.get("tag") or None}


def _refused(request: Request, about: About, text: str, error: PanmeshError) -> Response:
    pages = services(request).notes.pages(viewer(request), about)
    shown = Shown(
        address=_address(about), visit=about.kind is AboutKind.INVESTIGATION, pages=pages, draft=text, fault=error.detail
    )
    return render(request, "note-refused.html", notes=shown, status=status_of(error)[0])


def _note_page(request: Request, one: Any, versions: Any, text: str, error: PanmeshError | None) -> Response:
    status = 200 if error is None else status_of(error)[0]
    address = _address(one.about)
    html = _html(one.text, address)
    return render(
        request,
        "note.html",
        n=one,
        versions=versions,
        text=text,
        html=html,
        address=address,
        fault=error.detail if error else None,
        status=status,
    )


def _about(request: Request) -> About:
    return _of_address(f"{request.url.path.split('/')[1]}/{request.path_params['pid']}")


def _of_address(text: str) -> About:
    kind, _, pid = text.strip("/").partition("/")
    found = next((one for one, base in _ADDRESS.items() if base == f"/{kind}"), None)
    if found is None or not pid:
        raise NotFound()
    return About(kind=found, pid=pid)


def _address(about: About) -> str:
    return f"{_ADDRESS[about.kind]}/{segment(about.pid)}"


def _html(text: str, address: str) -> Markup:
    return Markup(markdown.render(text, lambda name: f"{address}/pictures/{name}"))  # sanitised there


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


def _attached(visit_id: str, ending: str) -> dict[str, str]:
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in visit_id) or "visit"
    return {"Content-Disposition": f'attachment; filename="logbook-{plain}.{ending}"'}
