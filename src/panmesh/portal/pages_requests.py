"""Why somebody may, or may not, read something; what can be asked about it; requests, and who decides them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from panmesh.access.requests import Answer, Kind, Wanted
from panmesh.http.problems import status_of
from panmesh.http.services import services, viewer
from panmesh.kernel.clock import facility_midnight
from panmesh.kernel.errors import Conflict, Fault, Forbidden, Invalid, NotFound, PanmeshError
from panmesh.portal.rendering import offset_of, page, render, zone_of
from panmesh.portal.words import FOR_GOOD

PER_PAGE = 25
WAITING = 200


def routes() -> list[Route]:
    post = ["POST"]
    return [
        Route("/why/{pid}", page(why), name="why"),
        Route("/why/{pid}", page(ask), methods=post, name="ask"),
        Route("/requests", page(requests), name="requests"),
        Route("/requests/{number:int}", page(one), name="request"),
        Route("/requests/{number:int}", page(decide), methods=post, name="decide"),
        Route("/requests/{number:int}/take-back", page(take_back), methods=post, name="take-back"),
        Route("/requests/{number:int}/undo", page(undo), methods=post, name="undo-decision"),
    ]


def why(request: Request, _form: dict[str, str]) -> Response:
    return _why(request)


def ask(request: Request, form: dict[str, str]) -> Response:
    about, s = request.path_params["pid"], services(request)
    try:
        made = s.requests.ask(viewer(request), _wanted(about, form, zone_of(s)))
    except (Invalid, Conflict, Forbidden) as error:
        return _why(request, form=form, fault=error)
    return RedirectResponse(f"/requests/{made.id}", 303)


def requests(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    waiting = s.requests.requests(who, waiting=True, limit=WAITING)
    offset = offset_of(request)
    found = s.requests.requests(who, offset=offset, limit=PER_PAGE + 1)
    return render(
        request,
        "requests.html",
        yours=[r for r in waiting if r.mine],
        decide=sorted((r for r in waiting if r.may_decide), key=lambda r: r.deadline_us),
        others=[r for r in waiting if not r.mine and not r.may_decide],
        before=[r for r in found[:PER_PAGE] if r.answer is not Answer.ASKED],
        offset=offset,
        more=len(found) > PER_PAGE,
        per_page=PER_PAGE,
    )


def one(request: Request, _form: dict[str, str]) -> Response:
    return _one(request)


def decide(request: Request, form: dict[str, str]) -> Response:
    number, revision = request.path_params["number"], form.get("revision", "")
    try:
        if form.get("answer") not in ("grant", "refuse") or not revision.isdigit() or len(revision) > 15:
            raise Invalid("Say whether you grant or refuse it.")
        services(request).requests.decide(
            viewer(request), number, grant=form["answer"] == "grant", words=form.get("words", ""), revision=int(revision)
        )
    except (Invalid, Conflict) as error:
        return _one(request, form=form, fault=error)
    return RedirectResponse(f"/requests/{number}", 303)


def take_back(request: Request, _form: dict[str, str]) -> Response:
    return _then(request, services(request).requests.take_back)


def undo(request: Request, _form: dict[str, str]) -> Response:
    return _then(request, services(request).requests.undo)


def _then(request: Request, act: Any) -> Response:
    try:
        act(viewer(request), request.path_params["number"])
    except Conflict as error:
        return _one(request, fault=error)
    return RedirectResponse(f"/requests/{request.path_params['number']}", 303)


@dataclass(frozen=True, slots=True)
class _About:
    title: str
    link: str | None  # None: they know that it exists, no more


def _about(request: Request, pid: str) -> _About:
    s, who = services(request), viewer(request)
    try:
        visit = s.search.investigation(who, pid)
        return _About(visit.title or visit.visit_id, f"/investigations/{visit.pid}")
    except NotFound:
        pass
    try:
        run = s.search.get(who, pid).summary
        return _About(run.title or run.pid, f"/datasets/{run.pid}")
    except NotFound:
        return _About(pid, None)


def _why(request: Request, *, form: dict[str, str] | None = None, fault: PanmeshError | None = None) -> Response:
    s, who, pid = services(request), viewer(request), request.path_params["pid"]
    found = s.why.why(who, pid)
    login, other, unknown = request.query_params.get("login"), None, None
    if login is not None and (who.steward or who.admin):
        try:
            other = s.why.why(who, pid, login.strip())
        except NotFound as error:
            unknown = error
    mine = _asked(request, found.about)
    return render(
        request,
        "why.html",
        status=200 if fault is None else status_of(fault)[0],
        w=other or found,
        other=other,
        login=login,
        unknown=unknown,
        ask=[kind for kind in found.ask if kind not in {r.kind for r in mine}],
        wanted=(form or {}).get("kind") or request.query_params.get("ask"),
        about=_about(request, found.about),
        form=form or {},
        fault=fault,
        mine=mine,
    )


def _asked(request: Request, about: str) -> list[Any]:
    """What they asked about it themselves and nobody has decided."""
    s, who = services(request), viewer(request)
    return [r for r in s.requests.requests(who, about=about, waiting=True) if r.mine] if who.user_id is not None else []


def _one(request: Request, *, form: dict[str, str] | None = None, fault: PanmeshError | None = None) -> Response:
    s, number = services(request), request.path_params["number"]
    found = s.requests.request(viewer(request), number)
    return render(
        request,
        "request.html",
        status=200 if fault is None else status_of(fault)[0],
        r=found,
        about=_about(request, found.about),
        history=s.audit.history(found.about, number),
        wanted=request.query_params.get("answer"),
        form=form or {},
        fault=fault,
    )


def _wanted(about: str, form: dict[str, str], zone: str) -> Wanted:
    """Raises Invalid."""
    said, to = form.get("kind", ""), form.get("to", "")
    if said not in set(Kind):
        raise Invalid("Say what you ask for.")
    if said in FOR_GOOD and not form.get("sure"):
        raise Invalid("Tick that you know that it is for good.", (Fault("/sure", "is missing"),))
    days = form.get("days", "365")
    hold = form.get("hold", "legal")
    try:
        day = date.fromisoformat(to) if to and said == Kind.EXTENSION else None
        if day is not None and not 2000 <= day.year <= 2200:
            raise ValueError
    except ValueError as error:
        raise Invalid("The day is written as 2029-03-31.", (Fault("/to", "is no day"),)) from error
    return Wanted(
        kind=Kind(said),
        about=about,
        reason=form.get("reason", ""),
        to_us=facility_midnight(day, zone) if day is not None else None,
        days=int(days) if days.isascii() and days.isdigit() and len(days) < 6 else 0,
        login=form.get("login") or None,
        hold=hold if hold in ("legal", "sensitive") else "legal",
    )
