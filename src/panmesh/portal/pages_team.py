"""The team of a proposal, kept from a phone; an invitation opened and taken."""

from __future__ import annotations

from datetime import date, timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from panmesh.access.teams import Invitation, InvitationState
from panmesh.access.viewer import TeamRole
from panmesh.http.encoded_slashes import segment
from panmesh.http.links import absolute
from panmesh.http.private_links import Purpose
from panmesh.http.problems import status_of
from panmesh.http.services import Services, services, viewer
from panmesh.kernel.clock import facility_day, facility_midnight
from panmesh.kernel.errors import Invalid, NotFound, PanmeshError, Unauthenticated
from panmesh.portal.pages_account import signed_in
from panmesh.portal.rendering import offset_of, page, render, zone_of

PER_PAGE = 50


def routes() -> list[Route]:
    post = ["POST"]
    return [
        Route("/teams", page(teams), name="teams"),
        Route("/proposals/{pid}/team", page(team), name="team"),
        Route("/investigations/{pid}/team", page(of_visit), name="team-of-visit"),
        Route("/proposals/{pid}/team/invite", page(invite), methods=post, name="invite"),
        Route("/proposals/{pid}/team/add", page(add), methods=post, name="add-member"),
        Route("/proposals/{pid}/team/members/{number:int}", page(change), methods=post, name="change-member"),
        Route("/proposals/{pid}/team/members/{number:int}/remove", page(remove), methods=post, name="remove-member"),
        Route("/proposals/{pid}/team/invitations/{number:int}/revoke", page(revoke), methods=post, name="revoke-invitation"),
        Route("/proposals/{pid}/team/former/{number:int}/remove", page(not_an_author), methods=post, name="not-an-author"),
        Route("/proposals/{pid}/team/changes/{number:int}/undo", page(undo), methods=post, name="undo-team"),
        Route("/invitations/{token}", page(invitation), methods=["GET", "POST"], name="invitation"),
    ]


def teams(request: Request, _form: dict[str, str]) -> Response:
    who, offset = viewer(request), offset_of(request)
    found = services(request).teams.teams(who, offset=offset, limit=PER_PAGE + 1)
    return render(request, "teams.html", teams=found[:PER_PAGE], offset=offset, more=len(found) > PER_PAGE, per_page=PER_PAGE)


def of_visit(request: Request, _form: dict[str, str]) -> Response:
    found = services(request).teams.team(viewer(request), request.path_params["pid"], limit=0)
    return RedirectResponse(f"/proposals/{segment(found.about)}/team", 303)


def team(request: Request, _form: dict[str, str]) -> Response:
    return _page(request)


def invite(request: Request, form: dict[str, str]) -> Response:
    s, who, pid = services(request), viewer(request), request.path_params["pid"]
    try:
        made = s.teams.invite(who, pid, form.get("address", ""), _role(form), _until(s, form))
    except PanmeshError as error:
        return _refused(request, error, form)
    return _page(request, made=made)


def add(request: Request, form: dict[str, str]) -> Response:
    s, who, pid = services(request), viewer(request), request.path_params["pid"]
    number, login = form.get("account", ""), form.get("login", "").strip()
    try:
        if not login and not (number.isascii() and number.isdigit() and len(number) < 16):
            raise Invalid("Choose somebody, or write a login.")
        s.teams.add(who, pid, login or int(number), _role(form), _until(s, form))
    except PanmeshError as error:
        return _refused(request, error, form)
    return _back(request)


def change(request: Request, form: dict[str, str]) -> Response:
    s, pid, number = services(request), request.path_params["pid"], request.path_params["number"]
    try:
        s.teams.change(viewer(request), pid, number, _role(form), _until(s, form), form.get("seen"))
    except PanmeshError as error:
        return _refused(request, error, form)
    return _back(request)


def remove(request: Request, _form: dict[str, str]) -> Response:
    s, who, pid, number = services(request), viewer(request), request.path_params["pid"], request.path_params["number"]
    s.teams.remove(who, pid, number)
    return RedirectResponse("/teams", 303) if number == who.user_id and not who.staff else _back(request)


def revoke(request: Request, _form: dict[str, str]) -> Response:
    services(request).teams.revoke(viewer(request), request.path_params["pid"], request.path_params["number"])
    return _back(request)


def not_an_author(request: Request, _form: dict[str, str]) -> Response:
    services(request).teams.not_an_author(viewer(request), request.path_params["pid"], request.path_params["number"])
    return _back(request)


def undo(request: Request, _form: dict[str, str]) -> Response:
    services(request).teams.undo(viewer(request), request.path_params["pid"], request.path_params["number"])
    return _back(request)


def invitation(request: Request, form: dict[str, str]) -> Response:
    """Read by whoever has the link. Opening it changes nothing: mail programs look at links before people do."""
    s, who = services(request), viewer(request)
    one = _proven(s, request.path_params["token"])
    fault: PanmeshError | None = None
    if request.method == "POST":
        try:
            if who.user_id is not None:
                return RedirectResponse(f"/proposals/{segment(s.teams.accept(who, one))}/team", 303)
            return _joined(request, one, form)
        except (Unauthenticated, NotFound):
            raise
        except PanmeshError as error:
            fault = error
            one = _proven(s, request.path_params["token"])
    status = status_of(fault)[0] if fault is not None else 200 if one.state is InvitationState.OPEN else 410
    shown = render(request, "invitation.html", one=one, fault=fault, form=form, accounts=s.teams.new_accounts, status=status)
    shown.headers["Referrer-Policy"] = "no-referrer"
    shown.headers["X-Robots-Tag"] = "noindex"
    return shown


def _joined(request: Request, one: Invitation, form: dict[str, str]) -> Response:
    s, password = services(request), form.get("password", "")
    _, login = s.teams.accept_new(one, login=form.get("login", ""), name=form.get("name", ""), password=password)
    address = request.client.host if request.client else "unknown"
    return signed_in(request, s.accounts.sign_in(login, password, address), RedirectResponse("/teams", 303))


def _proven(s: Services, token: str) -> Invitation:
    number = s.private_links.number(token)
    found = s.teams.invitation(number) if number is not None else None
    if found is None or not s.private_links.proves(Purpose.INVITATION, token, found.id, found.key):
        raise NotFound("This link leads nowhere: perhaps a part of it was left behind when it was copied.")
    return found


def _page(request: Request, *, made: Invitation | None = None, fault: PanmeshError | None = None, **values: object) -> Response:
    s, contains = services(request), request.query_params.get("contains", "").strip()[:200]
    found = s.teams.team(
        viewer(request), request.path_params["pid"], offset=offset_of(request), limit=PER_PAGE, contains=contains or None
    )
    base = absolute(s.public_url, str(request.base_url))
    link = f"{base}/invitations/{s.private_links.token(Purpose.INVITATION, made.id, made.key)}" if made is not None else None
    today = facility_day(s.clock(), zone_of(s))
    status = status_of(fault)[0] if fault is not None else 200
    shown = {"form": {}, **values}
    return render(
        request,
        "team.html",
        team=found,
        made=made,
        link=link,
        fault=fault,
        today=today,
        contains=contains,
        per_page=PER_PAGE,
        mails=s.mails,
        status=status,
        last_day=lambda us: facility_day(us - 1, zone_of(s)),
        **shown,
    )


def _refused(request: Request, error: PanmeshError, form: dict[str, str]) -> Response:
    if isinstance(error, NotFound | Unauthenticated):
        raise error
    return _page(request, fault=error, form=form)


def _back(request: Request) -> Response:
    return RedirectResponse(f"/proposals/{segment(request.path_params['pid'])}/team", 303)


def _role(form: dict[str, str]) -> TeamRole:
    text = form.get("role", TeamRole.MEMBER.value)
    if text not in [role.value for role in TeamRole]:
        raise Invalid("Choose a role.")
    return TeamRole(text)


def _until(s: Services, form: dict[str, str]) -> int | None:
    """The last day in the team, as an instant after it; None: no end."""
    text = form.get("until", "").strip()
    if not text:
        return None
    try:
        last = date.fromisoformat(text)
        return facility_midnight(last + timedelta(days=1), zone_of(s))
    except (ValueError, OverflowError) as error:
        raise Invalid("The last day is a date: 2027-03-31.") from error
