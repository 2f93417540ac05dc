"""The facility in numbers that everybody may know, over time."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from panmesh.access.viewer import Scope
from panmesh.http.services import services, viewer
from panmesh.kernel.errors import Forbidden
from panmesh.portal.month_plot import byte_scale, month_plot
from panmesh.portal.rendering import page, render
from panmesh.wire.lists import csv_line

COLUMNS = ("month", "runs", "open runs", "open bytes")


def routes() -> list[Route]:
    return [Route("/facility", page(facility), name="facility"), Route("/facility.csv", page(facility_csv), name="facility-csv")]


def facility(request: Request, _form: dict[str, str]) -> Response:
    """The same for everybody: what staff may know besides is in the report."""
    numbers = services(request).statistics.facility()
    unit, scale = byte_scale(max((m.size for _, m in numbers.months), default=0))
    return render(
        request,
        "facility.html",
        n=numbers,
        runs_by_month=month_plot(
            "Runs", [(k, m.readable, m.runs - m.readable) for k, m in numbers.months], ("open", "not open yet")
        ),
        bytes_by_month=month_plot(unit, [(k, m.size / scale, 0) for k, m in numbers.months], (unit, "")),
        size_unit=unit,
    )


def facility_csv(request: Request, _form: dict[str, str]) -> Response:
    if Scope.READ not in viewer(request).scopes:
        raise Forbidden("Your token has not the scope 'read'.")
    months = services(request).statistics.facility().months
    rows = ((month, measured.runs, measured.readable, measured.size) for month, measured in months)
    text = "".join(map(csv_line, (COLUMNS, *rows)))
    headers = {"Content-Disposition": 'attachment; filename="facility.csv"', "X-Robots-Tag": "noindex, nofollow"}
    return Response(text, media_type="text/csv; charset=utf-8; header=present", headers=headers)
