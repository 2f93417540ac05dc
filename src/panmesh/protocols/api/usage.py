"""Counted use in /api/v1: of a dataset, and of all as a SUSHI report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Path, Query, Request, Response
from pydantic import BaseModel
from pydantic import Field as Described

from panmesh.http.services import services, viewer
from panmesh.kernel.clock import from_us
from panmesh.kernel.errors import Fault, Invalid
from panmesh.kernel.text import is_plain
from panmesh.publication.citing import cited, listed
from panmesh.publication.release import Listed
from panmesh.publication.usage import MonthOfUse
from panmesh.wire import sushi, sushi_asked

Day = Annotated[str | None, Query(max_length=300, description="YYYY-MM, or a day of that month; without: the last whole month")]
Text = Annotated[str | None, Query(max_length=300)]
MOST = 50_000  # datasets of a report


class MonthCounts(BaseModel):
    month: str
    investigations: int = Described(description="looked at, or taken; clicks within 30 s once")
    unique_investigations: int = Described(description="visitors and hours")
    requests: int = Described(description="data taken")
    unique_requests: int
    machine_requests: int = Described(description="of the requests, by tools, mounts and notebooks")
    bytes: int


class CitationModel(BaseModel):
    doi: str = Described(description="of the paper")
    title: str | None
    relation: str = Described(description="how the data stand to the paper, in words of DataCite: IsCitedBy, IsSupplementTo")
    release: str = Described(description="pid of the release that says so")
    release_title: str


def add_usage(api: FastAPI) -> None:
    @api.get("/datasets/{pid}/usage", response_model=list[MonthCounts], tags=["usage"])
    def of_dataset(request: Request, pid: Annotated[str, Path()]) -> Response:
        """The last twelve months, counted by the COUNTER Code of Practice for Research Data. Days are counted when they are over."""
        s = services(request)
        found = s.usage.of_record(s.search.get(viewer(request), pid).summary.pid)
        return Response(orjson.dumps([shape(one) for one in found]), media_type="application/json")

    @api.get("/datasets/{pid}/usage/citations", response_model=list[CitationModel], tags=["usage"])
    def citations_of_dataset(request: Request, pid: Annotated[str, Path()]) -> list[CitationModel]:
        """Papers that cite public releases with this run, or that these hold the data of."""
        s = services(request)
        return _citations(s.releases.holding(s.search.get(viewer(request), pid).summary.pid))

    @api.get("/releases/{pid}/usage/citations", response_model=list[CitationModel], tags=["usage"])
    def citations_of_release(request: Request, pid: Annotated[str, Path()]) -> list[CitationModel]:
        """Papers that cite this release, or that it holds the data of."""
        return _citations([listed(services(request).releases.release(pid))])

    @api.get("/instruments/{pid}/usage/citations", response_model=list[CitationModel], tags=["usage"])
    def citations_of_instrument(request: Request, pid: Annotated[str, Path()]) -> list[CitationModel]:
        """Papers that cite public releases with public runs of this instrument, or that these hold the data of."""
        s = services(request)
        return _citations(s.releases.of_instrument(s.search.instrument(viewer(request), pid).pid))

    add_sushi(api)


_REFUSED: dict[int | str, dict[str, Any]] = {  # in SUSHI's own form, but for what every route refuses
    400: {"description": "An exception of SUSHI", "content": {"application/json": {}, "application/problem+json": {}}}
}


def add_sushi(api: FastAPI) -> None:
    """The SUSHI API of COUNTER for research data: where harvesters of usage begin is `/usage`."""

    @api.get("/usage/status", tags=["usage"])
    def status(request: Request) -> Response:
        """Whether the SUSHI service works."""
        return _sushi(sushi.status(services(request).facility_name))

    @api.get("/usage/members", tags=["usage"])
    def members() -> Response:
        """Who there are reports for: everybody together, as it is with what is open."""
        return _sushi([sushi.EVERYBODY])

    @api.get("/usage/reports", tags=["usage"])
    def reports() -> Response:
        """Which SUSHI reports there are."""
        return _sushi([sushi.REPORT])

    @api.get("/usage/reports/dsr", tags=["usage"], responses=_REFUSED)
    def dataset_report(
        request: Request,
        begin_date: Day = None,
        end_date: Day = None,
        platform: Text = None,
        dataset_id: Text = None,
        yop: Annotated[str | None, Query(max_length=200, description="2024, or 2020-2024")] = None,
        access_method: Annotated[str | None, Query(max_length=200, description="regular, machine; several: a|b")] = None,
        metric_type: Annotated[str | None, Query(max_length=200, description="total-dataset-requests, …; several: a|b")] = None,
        attributes_to_show: Annotated[str | None, Query(max_length=200, description="dataset-dates")] = None,
        granularity: Annotated[str | None, Query(max_length=200, description="month or totals")] = None,
    ) -> Response:
        """COUNTER dataset report for SUSHI, of public datasets that were used in these months. What of the request is not understood,
        and months that are not whole yet, are among its exceptions; dates that are none are refused with 400 and an exception."""
        s = services(request)
        now = s.clock()
        fault = sushi_asked.of_span(begin_date, end_date)
        if fault is not None:
            return _sushi(fault, 400)
        last = (end_date or begin_date or months_back(now, 1))[:7]
        first = (begin_date or last)[:7]
        given = {name: value for name, value in request.query_params.items() if name not in ("begin_date", "end_date")}
        if not all(map(is_plain, (*given, *given.values()))):
            raise Invalid("A parameter has characters that are none.", (Fault("", "has control characters"),))
        asked = sushi_asked.read(dict(list(given.items())[:20]), s.facility_name, first, last)
        found = s.usage.report(first, last, MOST)
        kept = asked.of(found)
        facility = s.search.facilities()[0]
        said = sushi_asked.of_dates(asked, from_us(now).date(), found=bool(kept), cut=len(found) == MOST)
        form = sushi.Form(
            first=first,
            last=last,
            metrics=asked.metrics,
            monthly=asked.monthly,
            dates=sushi_asked.PUBLISHED in asked.shown,
            filters=asked.filters,
            exceptions=(*asked.exceptions, *said),
        )
        created, publisher = from_us(now).date().isoformat(), facility.ror or facility.key
        return _sushi(sushi.report(platform=s.facility_name, publisher_id=publisher, form=form, created=created, datasets=kept))

    @api.get("/usage/reports/{report}", tags=["usage"], status_code=404)
    def no_report(report: Annotated[str, Path()]) -> Response:
        """Any other report: refused with an exception that names the one there is."""
        return _sushi(sushi_asked.no_report(), 404)


def _sushi(body: Any, status: int = 200) -> Response:
    kept = "public, max-age=3600" if status == 200 else "no-store"
    return Response(orjson.dumps(body), status, {"Cache-Control": kept}, "application/json")


def _citations(releases: Sequence[Listed]) -> list[CitationModel]:
    return [
        CitationModel(doi=one.doi, title=one.title, relation=one.relation, release=one.release, release_title=one.release_title)
        for one in cited(releases)
    ]


def shape(one: MonthOfUse) -> dict[str, Any]:
    counts = {name: one.sum(name) for name in ("investigations", "unique_investigations", "requests", "unique_requests", "bytes")}
    return {"month": one.month, **counts, "machine_requests": one.machine.requests if one.machine else 0}


def months_back(now_us: int, many: int) -> str:
    now = from_us(now_us)
    number = now.year * 12 + now.month - 1 - many
    return f"{number // 12:04d}-{number % 12 + 1:02d}"
