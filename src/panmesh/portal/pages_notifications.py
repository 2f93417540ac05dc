"""What somebody wants to hear of: saved searches with their feeds and mails, webhooks with what was sent to them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from panmesh.catalogue.events import EventFilter, EventKind
from panmesh.catalogue.saved_searches import Alert
from panmesh.http.links import absolute
from panmesh.http.private_links import Purpose
from panmesh.http.problems import status_of
from panmesh.http.services import services, viewer
from panmesh.kernel.errors import Conflict, Invalid, PanmeshError, PeerFailed, Unauthenticated
from panmesh.portal.rendering import page, render

NOT_SEARCHED = ("offset", "sort")


def routes() -> list[Route]:
    post = ["POST"]
    return [
        Route("/notifications", page(notifications), name="notifications"),
        Route("/notifications/searches", page(save), methods=post, name="save-search"),
        Route("/notifications/searches/new", page(ask), name="new-search"),
        Route("/notifications/searches/{number:int}", page(change), methods=post, name="change-search"),
        Route("/notifications/searches/{number:int}/delete", page(delete), methods=post, name="delete-search"),
        Route("/notifications/searches/{number:int}/undo", page(undo), methods=post, name="undo-search"),
        Route("/notifications/searches/{number:int}/new-address", page(new_address), methods=post, name="new-feed-address"),
        Route("/notifications/webhooks", page(make_webhook), methods=post, name="make-webhook"),
        Route("/notifications/webhooks/{number:int}", page(webhook), name="webhook"),
        Route("/notifications/webhooks/{number:int}/remove", page(remove_webhook), methods=post, name="remove-webhook"),
        Route("/notifications/webhooks/{number:int}/enable", page(enable_webhook), methods=post, name="enable-webhook"),
        Route("/notifications/webhooks/{number:int}/test", page(try_webhook), methods=post, name="test-webhook"),
        Route("/notifications/webhooks/{number:int}/deliveries/{delivery:int}", page(redeliver), methods=post, name="redeliver"),
    ]


def notifications(request: Request, _form: dict[str, str]) -> Response:
    return _page(request)


def ask(request: Request, _form: dict[str, str]) -> Response:
    """Before a search is saved: its name, and whether mails are wanted."""
    if viewer(request).user_id is None:
        raise Unauthenticated()
    given = [(n, v) for n, v in request.query_params.multi_items() if v.strip() and n not in NOT_SEARCHED]
    name = ", ".join(value for _, value in given) or "Everything"
    return render(request, "save-search.html", query=urlencode(given), given=given, name=name[:200], mails=_mails(request))


def save(request: Request, form: dict[str, str]) -> Response:
    services(request).searches.save(viewer(request), form.get("name", ""), form.get("query", ""), _alert(form))
    return RedirectResponse("/notifications", 303)


def change(request: Request, form: dict[str, str]) -> Response:
    number = request.path_params["number"]
    services(request).searches.change(viewer(request), number, name=form.get("name"), alert=_alert(form))
    return RedirectResponse("/notifications", 303)


def delete(request: Request, _form: dict[str, str]) -> Response:
    services(request).searches.delete(viewer(request), request.path_params["number"])
    return RedirectResponse(f"/notifications?deleted={request.path_params['number']}", 303)


def undo(request: Request, _form: dict[str, str]) -> Response:
    services(request).searches.undo(viewer(request), request.path_params["number"])
    return RedirectResponse("/notifications", 303)


def new_address(request: Request, _form: dict[str, str]) -> Response:
    services(request).searches.new_addresses(viewer(request), request.path_params["number"])
    return RedirectResponse("/notifications", 303)


def make_webhook(request: Request, form: dict[str, str]) -> Response:
    kinds = frozenset(kind for kind in EventKind if form.get(f"kind-{kind.value}"))
    wanted = EventFilter(
        kinds=kinds,
        instruments=frozenset(form.get("instrument", "").split()),
        visits=frozenset(form.get("visit", "").split()),
    )
    try:
        hook, secret = services(request).webhooks.make(viewer(request), form.get("url", "").strip(), wanted)
    except (Invalid, Conflict, PeerFailed) as error:
        return _page(request, form=form, fault=error)
    return _page(request, made=hook, secret=secret)


def webhook(request: Request, _form: dict[str, str]) -> Response:
    hooks, who = services(request).webhooks, viewer(request)
    one = hooks.one(who, request.path_params["number"])
    return render(request, "webhook.html", h=one, deliveries=hooks.deliveries(who, one.id))


def remove_webhook(request: Request, _form: dict[str, str]) -> Response:
    services(request).webhooks.remove(viewer(request), request.path_params["number"])
    return RedirectResponse("/notifications", 303)


def enable_webhook(request: Request, _form: dict[str, str]) -> Response:
    services(request).webhooks.enable(viewer(request), request.path_params["number"])
    return _back(request)


def try_webhook(request: Request, _form: dict[str, str]) -> Response:
    services(request).webhooks.test(viewer(request), request.path_params["number"])
    return _back(request)


def redeliver(request: Request, _form: dict[str, str]) -> Response:
    services(request).webhooks.redeliver(viewer(request), request.path_params["number"], request.path_params["delivery"])
    return _back(request)


def _back(request: Request) -> Response:
    return RedirectResponse(f"/notifications/webhooks/{request.path_params['number']}", 303)


def _page(request: Request, *, fault: PanmeshError | None = None, form: dict[str, str] | None = None, **made: Any) -> Response:
    s, who = services(request), viewer(request)
    base = absolute(s.public_url, str(request.base_url))
    searches = s.searches.own(who)
    deleted = request.query_params.get("deleted", "")
    gone = s.searches.one(who, int(deleted)) if deleted.isascii() and deleted.isdigit() and len(deleted) < 16 else None
    return render(
        request,
        "notifications.html",
        status=200 if fault is None else status_of(fault)[0],
        searches=searches,
        conditions={one.id: parse_qsl(one.query) for one in searches},
        feeds={one.id: absolute(base, "", "feed", s.private_links.token(Purpose.FEED, one.id, one.key)) for one in searches},
        gone=gone if gone is not None and gone.deleted_us is not None else None,
        hooks=s.webhooks.own(who),
        kinds=list(EventKind),
        instruments=s.search.instruments(who),
        mails=_mails(request),
        fault=fault,
        form=form or {},
        made=made.get("made"),
        secret=made.get("secret"),
    )


def _mails(request: Request) -> str | None:
    """The address that mails go to; None: none can be sent."""
    s, who = services(request), viewer(request)
    return s.accounts.email(who.user_id) if s.mails and who.user_id is not None else None


def _alert(form: dict[str, str]) -> Alert:
    said = form.get("alert", Alert.NONE.value)
    return Alert(said) if said in set(Alert) else Alert.NONE
