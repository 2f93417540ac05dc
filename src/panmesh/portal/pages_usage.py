"""Pages about use: of a dataset, of an instrument, and the facility's report for those who pay for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import dropwhile
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panmesh.catalogue.naming import run_title
from panmesh.http.services import Services, services, viewer
from panmesh.kernel.errors import Forbidden
from panmesh.portal.month_plot import month_plot
from panmesh.portal.pages_fair import plotted
from panmesh.portal.rendering import page, render
from panmesh.publication.citing import cited, listed
from panmesh.publication.fair_history import ScoredMonth
from panmesh.publication.usage import Holding, MonthOfUse
from panmesh.publication.yearly import Year, years
from panmesh.wire.lists import csv_line

_HELD = (
    "datasets",
    "bytes",
    "open datasets",
    "open bytes",
    "datasets with a DOI",
    "investigations",
    "requests",
    "machine requests",
)
COLUMNS = (
    "month",
    *_HELD,
    "described, per cent",
    "as assessors measure, per cent",
)
YEAR_COLUMNS = (
    "year",
    *_HELD,
    "bytes taken",
    "publications",
    "papers",
    "described, per cent",
    "as assessors measure, per cent",
)
_KINDS = ("by people", "by tools")


def routes() -> list[Route]:
    return [
        Route("/datasets/{pid}/usage", page(dataset), name="dataset-usage"),
        Route("/releases/{pid}/usage", page(release), name="release-usage"),
        Route("/instruments/{pid}/usage", page(instrument), name="instrument-usage"),
        Route("/report", page(report), name="report"),
        Route("/report.csv", page(report_csv), name="report-csv"),
        Route("/report-years.csv", page(report_years), name="report-years"),
    ]


def dataset(request: Request, _form: dict[str, str]) -> Response:
    s = services(request)
    one = s.search.get(viewer(request), request.path_params["pid"]).summary
    return _usage(
        request,
        s.usage.of_record(one.pid),
        name=run_title(one),
        back=f"/datasets/{one.pid}",
        what="this run",
        citations=cited(s.releases.holding(one.pid)),
    )


def release(request: Request, _form: dict[str, str]) -> Response:
    s = services(request)
    one = s.releases.release(request.path_params["pid"])
    return _usage(
        request,
        s.usage.of_record(one.concept),
        name=one.description.title,
        back=f"/releases/{one.concept}",
        what="this publication, in all its versions,",
        citations=cited([listed(one)]),
    )


def instrument(request: Request, _form: dict[str, str]) -> Response:
    s = services(request)
    one = s.search.instrument(viewer(request), request.path_params["pid"])
    return _usage(
        request,
        s.usage.of_instrument(one.pid),
        name=one.name,
        back=f"/instruments/{one.pid}",
        what="the public runs of this instrument",
        citations=cited(s.releases.of_instrument(one.pid)),
    )


def report(request: Request, _form: dict[str, str]) -> Response:
    s = _for_staff(request)
    held, used = s.usage.holdings(), s.usage.of_facility()
    scores = _scores(request, s)
    last = held[-1] if held else None
    growth = [(one.month, one.open_datasets, one.datasets - one.open_datasets) for one in held]
    return render(
        request,
        "report.html",
        last=last,
        years=[one for one in _years(s) if one.held.datasets or one.investigations],
        rows=list(dropwhile(_nothing, _rows(held, used)))[::-1],
        scores={one.month: one.scores for one in scores},
        fairness=plotted("All runs held at the end of each month", scores) if scores else None,
        taken=sum(one.sum("requests") for one in used[-12:]),
        taken_bytes=sum(one.sum("bytes") for one in used[-12:]),
        holdings=month_plot("Datasets held", growth, ("open", "not open yet")) if held else None,
        reuse=month_plot("Requests", [_split(one, "requests") for one in used], _KINDS)
        if any(one.sum("requests") for one in used)
        else None,
    )


def report_csv(request: Request, _form: dict[str, str]) -> Response:
    s = _for_staff(request)
    scores = {one.month: one for one in _scores(request, s)}
    rows = []
    for held, used in _rows(s.usage.holdings(), s.usage.of_facility()):
        uses = (used.sum("investigations"), used.sum("requests"), used.machine.requests if used.machine else 0)
        rows.append((held.month, *_held(held), *uses, *_scored(scores.get(held.month))))
    return _csv("report.csv", COLUMNS, rows)


def report_years(request: Request, _form: dict[str, str]) -> Response:
    s = _for_staff(request)
    scores = {one.month: one for one in _scores(request, s)}
    rows = []
    for one in reversed(_years(s)):
        uses = (one.investigations, one.requests, one.machine_requests, one.bytes, one.publications, one.papers)
        rows.append((one.year, *_held(one.held), *uses, *_scored(scores.get(one.held.month))))
    return _csv("report-years.csv", YEAR_COLUMNS, rows)


def _years(s: Services) -> list[Year]:
    return years(s.usage.holdings(), s.usage.of_facility(), s.releases.first_published())


def _held(one: Holding) -> tuple[int, ...]:
    return one.datasets, one.bytes, one.open_datasets, one.open_bytes, one.doi_datasets


def _scored(month: ScoredMonth | None) -> tuple[str, str]:
    return (f"{month.scores.complete:.1f}", f"{month.scores.assessed:.1f}") if month else ("", "")


def _csv(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    text = "".join(map(csv_line, (columns, *rows)))
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Response(text, media_type="text/csv; charset=utf-8; header=present", headers=headers)


def _nothing(row: tuple[Holding, MonthOfUse]) -> bool:
    return not row[0].datasets and not row[1].sum("investigations")


def _scores(request: Request, s: Services) -> tuple[ScoredMonth, ...]:
    """Of the whole facility, for those who look after all of it."""
    who = viewer(request)
    return s.quality.of_facility(who).held if s.quality.may_see(who, None) else ()


def _usage(request: Request, months: Sequence[MonthOfUse], **about: Any) -> Response:
    return render(
        request,
        "usage.html",
        months=list(months)[::-1],
        used=any(one.sum("investigations") for one in months),
        looks=month_plot("Investigations", [_split(one, "investigations") for one in months], _KINDS),
        takes=month_plot("Requests", [_split(one, "requests") for one in months], _KINDS),
        **about,
    )


def _split(one: MonthOfUse, name: str) -> tuple[str, int, int]:
    return one.month, getattr(one.regular, name, 0), getattr(one.machine, name, 0)


def _rows(held: Sequence[Holding], used: Sequence[MonthOfUse]) -> list[tuple[Holding, MonthOfUse]]:
    by_month = {one.month: one for one in used}
    return [(one, by_month.get(one.month) or MonthOfUse(month=one.month, regular=None, machine=None)) for one in held]


def _for_staff(request: Request) -> Services:
    if not viewer(request).staff:
        raise Forbidden("The report of the facility is for its staff: sign in with an account that has a staff role.")
    return services(request)
