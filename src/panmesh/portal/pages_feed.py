"""Searches as Atom feeds: of any search's address for whoever asks, of a saved one for its owner's feed reader; the way out of mails."""

from __future__ import annotations

import hashlib
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panmesh.access.viewer import Viewer
from panmesh.catalogue.events import LAST, EventFilter, EventKind, Position
from panmesh.catalogue.model import DatasetSummary
from panmesh.catalogue.query import And, Condition, DatasetQuery, Field, OneOf, Sort, SortKey
from panmesh.catalogue.saved_searches import SavedSearch
from panmesh.http.conditional import matches
from panmesh.http.filters import query_of_address
from panmesh.http.links import absolute
from panmesh.http.private_links import Purpose
from panmesh.http.services import Services, services, viewer
from panmesh.kernel.clock import DAY_US
from panmesh.kernel.errors import NotFound
from panmesh.portal.rendering import page, render, zone_of
from panmesh.wire.alert_mail import facts
from panmesh.wire.atom import Entry, atom

NEWEST = 50
OPENED_US = 30 * DAY_US  # how long what has opened stays news
OPENED = 500  # that are looked at


def routes() -> list[Route]:
    return [
        Route("/feed", page(feed), name="feed"),
        Route("/feed/{token}", page(private_feed), name="private-feed"),
        Route("/unsubscribe/{token}", page(unsubscribe), methods=["GET", "POST"], name="unsubscribe"),
    ]


def feed(request: Request, _form: dict[str, str]) -> Response:
    """What the address finds, the newest arrival first, for whoever asks."""
    given = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != "sort"])
    return _feed(request, viewer(request), given, "New runs", f"feed?{given}")


def private_feed(request: Request, _form: dict[str, str]) -> Response:
    s = services(request)
    search = _proven(s, Purpose.FEED, request.path_params["token"])
    owner = s.accounts.owner(search.owner)
    if owner is None:
        raise NotFound()
    return _feed(request, owner, search.query, search.name, f"feed/{request.path_params['token']}")


def unsubscribe(request: Request, _form: dict[str, str]) -> Response:
    """RFC 8058: the mail program sends a POST. A person who opens the address is asked first."""
    s = services(request)
    search = _proven(s, Purpose.UNSUBSCRIBE, request.path_params["token"])
    if request.method == "POST":
        s.searches.unsubscribe(search.id)
    return render(request, "unsubscribe.html", name=search.name, done=request.method == "POST")


def _proven(s: Services, purpose: Purpose, token: str) -> SavedSearch:
    number = s.private_links.number(token)
    found = s.searches.by_number(number) if number is not None else None
    if found is None or not s.private_links.proves(purpose, token, found.id, found.key):
        raise NotFound()
    return found


def _feed(request: Request, who: Viewer, given: str, title: str, path: str) -> Response:
    s = services(request)
    base = absolute(s.public_url, str(request.base_url))
    where = query_of_address(given, zone=zone_of(s)).where
    newest = s.search.search(who, DatasetQuery(where=where, sort=Sort(SortKey.CREATED), limit=NEWEST)).items
    entries = [_entry(base, run, run.created_us, "") for run in newest]
    entries += [_entry(base, run, at_us, "#opened") for run, at_us in _opened(s, who, where)]
    entries = sorted(entries, key=lambda entry: -entry.updated_us)[:NEWEST]
    address = f"{base}/?{given}"
    body = atom(
        id=address,
        title=f"{title} · {s.facility_name}",
        self_link=f"{base}/{path}",
        page_link=address,
        author=s.facility_name,
        entries=entries,
    )
    etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
    if matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/atom+xml")


def _opened(s: Services, who: Viewer, where: Condition | None) -> list[tuple[DatasetSummary, int]]:
    head = s.events.head()
    after = Position(sequence=head.sequence, opened_us=head.opened_us - OPENED_US, opened_id=LAST)
    found = s.events.since(who, EventFilter(kinds=frozenset({EventKind.OPENED})), after, limit=OPENED).items
    if not found:
        return []
    at = {event.pid: event.at_us for event in found}
    parts = tuple(part for part in (where, OneOf(Field.PID, tuple(at))) if part is not None)
    runs = s.search.search(who, DatasetQuery(where=And(parts), limit=NEWEST)).items
    return [(run, at[run.pid]) for run in runs]


def _entry(base: str, run: DatasetSummary, at_us: int, what: str) -> Entry:
    link = absolute(base, "", "datasets", run.pid)
    title = run.title or run.pid
    return Entry(id=link + what, title=f"Opened: {title}" if what else title, link=link, updated_us=at_us, summary=facts(run))
