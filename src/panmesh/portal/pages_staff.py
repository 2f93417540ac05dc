"""The staff's pages: what was seen and read, what waits in quarantine."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from panmesh.catalogue.correction import Wanted, What
from panmesh.http.services import services, viewer
from panmesh.ingest.dashboard import Read
from panmesh.ingest.units import UnitState
from panmesh.portal import words
from panmesh.portal.hour_plot import hour_plot
from panmesh.portal.live import stream_since
from panmesh.portal.rendering import offset_of, render, zone_of

PER_PAGE = 25


def ingest(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    drawn, desk = s.events.head(), s.desk()
    wanted = request.query_params.get("state")
    states = [UnitState(wanted)] if wanted in set(UnitState) else []
    contains = request.query_params.get("contains") or None
    page = desk.units(who, states=states, contains=contains, offset=offset_of(request), limit=50)
    report = s.dashboard().report(who)
    zone = zone_of(s)
    rate = [(one.files - one.failed, one.failed, _rate_in_words(one)) for one in report.reads]
    lag = [(one.lag_us / 1e6, (one.most_lag_us - one.lag_us) / 1e6, _lag_in_words(one)) for one in report.reads]
    files = sum(one.files for one in report.reads)
    return render(
        request,
        "ingest.html",
        live=stream_since(s, drawn),
        page=page,
        counts=report.counts,
        report=report,
        rate=hour_plot(f"{files:,} files read in the last 24 hours", rate, report.now_us, zone),
        lag=hour_plot("Seconds from the last write to the reading, each half hour", lag, report.now_us, zone, " s"),
        state=wanted,
        contains=contains,
        states=list(UnitState),
        narrowed=bool(states or contains),
    )


def _rate_in_words(one: Read) -> str:
    return f"{one.files:,} files read" + (f", {one.failed:,} could not be" if one.failed else "")


def _lag_in_words(one: Read) -> str:
    return f"{words.duration(one.lag_us)} on average, {words.duration(one.most_lag_us)} at most, of {one.fresh:,} files"


def retry(request: Request, form: dict[str, str]) -> Response:
    """One file, or all that failed for one reason."""
    s, who = services(request), viewer(request)
    if form.get("reason"):
        s.dashboard().retry(who, form["reason"])
    else:
        s.desk().retry(who, [int(n) for n in form.get("units", "").split(",") if n.isascii() and n.isdigit() and len(n) < 19])
    return RedirectResponse("/ingest", 303)


def quarantine(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    page = s.desk().quarantined(who, offset=offset_of(request), limit=PER_PAGE)
    return render(
        request,
        "quarantine.html",
        page=page,
        visits=s.search.investigations(who, limit=200).items,
        instruments=s.search.instruments(who),
        suggestions=s.corrections.suggestions(who, [one.pid for one in page.items]),
    )


def assign(request: Request, form: dict[str, str]) -> Response:
    wanted = Wanted(
        what=What.MOVE,
        pids=(request.path_params["pid"],),
        visit=form.get("investigation", ""),
        reason=form.get("reason", ""),
        waiting=True,
    )
    services(request).corrections.make(viewer(request), wanted)
    return RedirectResponse("/quarantine", 303)
