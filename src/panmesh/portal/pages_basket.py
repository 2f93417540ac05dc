"""Baskets in the portal: collect runs, look at them, put them in order, share, take home, cite."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from panmesh.access.viewer import Viewer
from panmesh.catalogue.basket import KEPT_US, Basket
from panmesh.catalogue.citation import all_as
from panmesh.catalogue.model import DatasetSummary
from panmesh.http.identity import cross_origin
from panmesh.http.services import Services, services, viewer
from panmesh.kernel.errors import Invalid, NotFound
from panmesh.portal.rendering import page, render, repeated
from panmesh.wire import lists

COOKIE = "panmesh_basket"
SECURE_COOKIE = "__Host-panmesh_basket"


def routes() -> list[Route]:
    return [
        Route("/baskets", page(baskets)),
        Route("/baskets/new", page(create), methods=["POST"]),
        Route("/baskets/add", page(add), methods=["POST"]),
        Route("/baskets/{key}", page(basket)),
        Route("/baskets/{key}/change", page(change), methods=["POST"]),
        Route("/baskets/{key}/{form}", page(taken)),
    ]


def visitor_of(request: Request) -> str | None:
    """The secret by which somebody who is not signed in finds their baskets again; never from another site's request."""
    if cross_origin(request.scope, request.headers):
        return None
    return request.cookies.get(SECURE_COOKIE) or request.cookies.get(COOKIE) or None


def current_of(request: Request) -> Basket | None:
    """For pages that runs are added from. Asks nothing for those who cannot have one."""
    who, visitor = viewer(request), visitor_of(request)
    if who.user_id is None and visitor is None:
        return None
    return services(request).baskets.current(who, visitor)


def baskets(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    found = s.baskets.baskets(who, visitor_of(request))
    return render(request, "baskets.html", baskets=found, counts={b.key: len(s.baskets.runs(who, b)) for b in found})


def create(request: Request, form: dict[str, str]) -> Response:
    visitor = visitor_of(request) or _new_visitor(viewer(request))
    made = services(request).baskets.create(viewer(request), form.get("name", ""), visitor)
    return _remembered(request, RedirectResponse(f"/baskets/{made.key}", 303), visitor)


def add(request: Request, form: dict[str, str]) -> Response:
    """The ticked runs, or the one whose button was pressed (`one`). Leads back to where they were chosen."""
    pids = [form["one"]] if form.get("one") else repeated(request, "pid")
    if not pids:
        raise Invalid("No run is chosen. Go back and tick some.")
    visitor = visitor_of(request) or _new_visitor(viewer(request))
    made = services(request).baskets.add(viewer(request), pids, visitor, form.get("basket") or None)
    back = form.get("next", "")
    there = back if back.startswith("/") and not back.startswith(("//", "/\\")) else f"/baskets/{made.key}"
    return _remembered(request, RedirectResponse(there, 303), visitor)


def basket(request: Request, _form: dict[str, str]) -> Response:
    s, who, visitor = services(request), viewer(request), visitor_of(request)
    one = s.baskets.open(who, request.path_params["key"], visitor)
    runs = s.baskets.runs(who, one)
    base = _base(request, s)
    cited = lists.citations_of(s.search, who, runs, s.facility_name, base)
    return render(
        request,
        "basket.html",
        b=one,
        runs=runs,
        base=base,
        cited=all_as("txt", cited),
        bytes=sum(r.total_bytes or 0 for r in runs),
    )


def change(request: Request, form: dict[str, str]) -> Response:
    s, who, visitor, key = services(request), viewer(request), visitor_of(request), request.path_params["key"]
    do, revision = form.get("do", ""), _number(form.get("revision"))
    if do in ("remove", "up", "down"):
        one = s.baskets.open(who, key, visitor)
        seen = [run.pid for run in s.baskets.runs(who, one)]
        s.baskets.change(who, key, revision, pids=moved(one.pids, seen, do, form.get("pid", "")), visitor=visitor)
    elif do == "rename":
        s.baskets.change(who, key, revision, name=form.get("name", ""), visitor=visitor)
    elif do == "undo":
        s.baskets.restore(who, key, revision - 1, revision, visitor)
    elif do in _SIMPLE:
        _SIMPLE[do](s)(who, key, visitor)
    else:
        raise Invalid("This form asks for nothing that a basket can do.")
    return RedirectResponse(f"/baskets/{key}", 303)


_SIMPLE: dict[str, Callable[[Services], Callable[[Viewer, str, str | None], Any]]] = {
    "share": lambda s: s.baskets.share,
    "unshare": lambda s: s.baskets.unshare,
    "use": lambda s: s.baskets.use,
    "delete": lambda s: s.baskets.delete,
    "undelete": lambda s: s.baskets.undelete,
}


def moved(pids: Sequence[str], seen: Sequence[str], do: str, pid: str) -> list[str]:
    """The list without the run, or with it before or behind its neighbour on the page; what is not on the page stays where it is."""
    listed = list(pids)
    if pid not in listed:
        raise NotFound()
    if do == "remove":
        listed.remove(pid)
        return listed
    shown = [one for one in seen if one in listed]
    at = shown.index(pid) + (-1 if do == "up" else 1) if pid in shown else -1
    if 0 <= at < len(shown):
        here, there = listed.index(pid), listed.index(shown[at])
        listed[here], listed[there] = listed[there], listed[here]
    return listed


Lines = Callable[[Services, Viewer, tuple[DatasetSummary, ...], str], Any]
FORMS: dict[str, tuple[str, Lines]] = {
    "runs.txt": ("text/plain", lambda _s, _w, runs, _b: lists.runs_pids(runs)),
    "runs.csv": ("text/csv", lambda _s, _w, runs, base: lists.runs_csv(runs, base)),
    "runs.json": ("application/json", lambda _s, _w, runs, base: lists.runs_json(runs, base)),
    "files.csv": ("text/csv", lambda s, who, runs, base: lists.files_csv(s.search, who, runs, base)),
    "files.json": ("application/json", lambda s, who, runs, base: lists.files_json(s.search, who, runs, base)),
    "get.sh": ("text/plain", lambda _s, _w, runs, base: lists.shell_script(runs, base)),
    "aria2.txt": ("text/plain", lambda s, who, runs, base: lists.files_aria2(s.search, who, runs, base)),
    "wget.txt": ("text/plain", lambda s, who, runs, base: lists.files_urls(s.search, who, runs, base)),
    "citations.txt": ("text/plain", lambda s, who, runs, base: _cited("txt", s, who, runs, base)),
    "citations.bib": ("text/plain", lambda s, who, runs, base: _cited("bib", s, who, runs, base)),
    "citations.json": ("application/json", lambda s, who, runs, base: _cited("json", s, who, runs, base)),
    "citations.ris": ("text/plain", lambda s, who, runs, base: _cited("ris", s, who, runs, base)),
}


def taken(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    one = s.baskets.open(who, request.path_params["key"], visitor_of(request))
    return taken_home(request, s.baskets.runs(who, one))


def taken_home(request: Request, runs: tuple[DatasetSummary, ...]) -> Response:
    """Lists and scripts of runs that the viewer may know of, by the name at the end of the address. Raises NotFound."""
    name = request.path_params["form"]
    if name not in FORMS:
        raise NotFound()
    s, (media, write) = services(request), FORMS[name]
    lines = write(s, viewer(request), runs, _base(request, s))
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return StreamingResponse(lines, media_type=media, headers=headers)


def _cited(form: str, s: Services, who: Viewer, runs: tuple[DatasetSummary, ...], base: str) -> list[str]:
    return [all_as(form, lists.citations_of(s.search, who, runs, s.facility_name, base))]


def _base(request: Request, s: Services) -> str:
    return s.public_url or str(request.base_url).rstrip("/")


def _new_visitor(who: Viewer) -> str | None:
    return secrets.token_urlsafe(24) if who.user_id is None else None


def _remembered(request: Request, response: Response, visitor: str | None) -> Response:
    """With the cookie that finds the basket of somebody who is not signed in."""
    if viewer(request).user_id is not None or visitor is None:
        return response
    secure = request.url.scheme == "https"
    name = SECURE_COOKIE if secure else COOKIE
    response.set_cookie(name, visitor, max_age=KEPT_US // 1_000_000, httponly=True, samesite="lax", secure=secure, path="/")
    return response


def take_over(request: Request, who: Viewer, response: Response) -> None:
    """At sign-in: what was collected before is the account's."""
    visitor = visitor_of(request)
    if visitor is not None:
        services(request).baskets.take_over(who, visitor)
        response.delete_cookie(COOKIE, path="/")
        response.delete_cookie(SECURE_COOKIE, path="/", secure=True)


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
