"""The data steward's pages: the desk for a Monday morning, and the audit log."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from panmesh.access.audit import AuditFilter, for_auditors
from panmesh.http.services import Services, services, viewer
from panmesh.kernel.clock import facility_day, facility_midnight
from panmesh.kernel.errors import Invalid, NotFound
from panmesh.portal.rendering import page, render, zone_of
from panmesh.portal.week_plot import week_plot
from panmesh.publication.doi_service import Standing
from panmesh.publication.fair import assess
from panmesh.wire.audit_lines import csv_lines, json_lines

LOOKED_AT = 24  # runs whose metadata are looked at for a page
WEAK = 70  # per cent
PER_PAGE = 50


def routes() -> list[Route]:
    return [
        Route("/steward", page(desk), name="steward"),
        Route("/steward/notices/{number:int}/again", page(again), methods=["POST"], name="send-again"),
        Route("/audit", page(audit), name="audit"),
        Route("/audit.jsonl", page(audit_lines), name="audit-jsonl"),
        Route("/audit.csv", page(audit_csv), name="audit-csv"),
    ]


def desk(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    overview = s.stewarding.overview(who)
    zone = zone_of(s)
    waiting = sorted(s.requests.requests(who, waiting=True, limit=200), key=lambda r: r.deadline_us)
    weeks = [(facility_day(us, zone), count) for us, count in overview.weeks]
    looked, weak = _weak(s, request)
    return render(
        request,
        "steward.html",
        o=overview,
        plot=week_plot("Visits that open", weeks) if overview.opening.total else None,
        waiting=waiting,
        mine=sum(r.may_decide for r in waiting),
        mails=s.stewarding.mails(who),
        mail_server=s.mails,
        dois=s.dois.standing(who).by_standing.get(Standing.FAILED, 0),
        looked=looked,
        weak=weak,
        chain=s.audit.chain(),
        soon_us=s.clock() + 7 * 86_400_000_000,
    )


def again(request: Request, _form: dict[str, str]) -> Response:
    services(request).stewarding.send_again(viewer(request), request.path_params["number"])
    return RedirectResponse("/steward#mails", 303)


def _weak(s: Services, request: Request) -> tuple[int, list[tuple[Any, Any]]]:
    """How many runs were looked at, and those of them that lack most; the ones that open next are looked at first."""
    who, found, looked = viewer(request), [], 0
    for pid in s.stewarding.runs_opening(who, LOOKED_AT):
        try:
            record = s.search.get(who, pid)
        except NotFound:  # it went in this moment
            continue
        looked += 1
        fair = assess(record)
        if fair.complete < WEAK:
            found.append((record.summary, fair))
    return looked, sorted(found, key=lambda pair: pair[1].complete)


def audit(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    for_auditors(who)
    fault, wanted = None, AuditFilter()
    try:
        wanted = _filter(request)
    except Invalid as error:
        fault = error
    before = request.query_params.get("before", "")
    found = s.audit.find(
        who,
        wanted,
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
        limit=PER_PAGE + 1,
    )
    asked = {k: v for k, v in request.query_params.items() if k in ("who", "what", "pid", "from", "to") and v.strip()}
    s.audit.record(who, "audit log read", wanted.pid, **{k: v for k, v in asked.items() if k != "pid"})
    return render(
        request,
        "audit.html",
        status=200 if fault is None else 422,
        fault=fault,
        entries=found[:PER_PAGE],
        more=len(found) > PER_PAGE,
        asked=asked,
        query=urlencode(asked),
        chain=s.audit.chain(),
        homes=_PAGES,
    )


# Where what a pid names is looked at.
_PAGES = {kind: f"{kind}s" for kind in ("dataset", "investigation", "proposal", "instrument", "sample", "release")}


def audit_lines(request: Request, _form: dict[str, str]) -> Response:
    return _export(request, "jsonl", "application/jsonl", json_lines)


def audit_csv(request: Request, _form: dict[str, str]) -> Response:
    return _export(request, "csv", "text/csv; charset=utf-8; header=present", csv_lines)


def _export(request: Request, ending: str, kind: str, lines: Any) -> Response:
    s, who = services(request), viewer(request)
    for_auditors(who)
    wanted = _filter(request)
    s.audit.record(who, "audit log exported", wanted.pid, form=ending)
    headers = {"Content-Disposition": f'attachment; filename="audit.{ending}"', "Cache-Control": "private, no-store"}
    return StreamingResponse(lines(s.audit.each(who, wanted)), media_type=kind, headers=headers)


def _filter(request: Request) -> AuditFilter:
    """Raises Invalid for a day that is none."""
    given, zone = request.query_params, zone_of(services(request))
    until = _day(given.get("to", ""))
    since = _day(given.get("from", ""))
    return AuditFilter(
        actor=given.get("who", "").strip().lower() or None,
        action=given.get("what", "").strip() or None,
        pid=given.get("pid", "").strip() or None,
        since_us=facility_midnight(since, zone) if since else None,
        until_us=facility_midnight(until + timedelta(days=1), zone) if until else None,
    )


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip())
    except ValueError as error:
        raise Invalid(f"{text[:40]!r} is no day: write it as 2026-11-29.") from error
    if not 1990 <= day.year <= 2200:
        raise Invalid(f"{text[:40]!r} is too far away.")
    return day
