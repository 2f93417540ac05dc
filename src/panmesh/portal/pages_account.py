"""Signing in and out, tokens for programs."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from panmesh.access.accounts import SESSION_US, Session
from panmesh.access.viewer import Scope
from panmesh.http.identity import COOKIE, SECURE_COOKIE
from panmesh.http.problems import status_of
from panmesh.http.services import services, viewer
from panmesh.kernel.errors import PanmeshError
from panmesh.portal.held_form import unpacked
from panmesh.portal.pages_basket import take_over
from panmesh.portal.rendering import render


def tokens(request: Request, form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    made = None
    if request.method == "POST":
        scopes = frozenset(scope for scope in Scope if form.get(f"scope-{scope.value}"))
        days = form.get("days", "365")
        made, _ = s.accounts.make_token(who, form.get("name", ""), scopes, int(days) if days.isdigit() else 365)
    return render(request, "tokens.html", tokens=s.accounts.tokens(who), made=made, scopes=list(Scope))


def revoke(request: Request, _form: dict[str, str]) -> Response:
    services(request).accounts.revoke(viewer(request), request.path_params["number"])
    return RedirectResponse("/tokens", 303)


def sign_in(request: Request, form: dict[str, str]) -> Response:
    s = services(request)
    wanted = form.get("next") or request.query_params.get("next") or "/"
    back = wanted if wanted.startswith("/") and not wanted.startswith(("//", "/\\")) else "/"
    if request.method == "GET":
        return render(request, "sign-in.html", back=back, fault=None, login="")
    held = unpacked(form.get("held", ""))
    address = request.client.host if request.client else "unknown"
    try:
        session = s.accounts.sign_in(form.get("login", ""), form.get("password", ""), address)
    except PanmeshError as error:
        login = form.get("login", "")
        return render(request, "sign-in.html", back=back, fault=error, login=login, held=held, status=status_of(error)[0])
    if held is None:
        return signed_in(request, session, RedirectResponse(back, 303))
    request.scope["panmesh.viewer"], request.scope["panmesh.csrf"] = session.viewer, session.csrf  # as for every page from now on
    return signed_in(request, session, render(request, "held.html", held=held))


def signed_in(request: Request, session: Session, response: Response) -> Response:
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
    take_over(request, session.viewer, response)
    return response


def sign_out(request: Request, _form: dict[str, str]) -> Response:
    secret = request.scope.get("panmesh.session")
    if secret:
        services(request).accounts.sign_out(secret)
    response = RedirectResponse("/", 303)
    response.delete_cookie(COOKIE, path="/")
    response.delete_cookie(SECURE_COOKIE, path="/", secure=True)
    return response
