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
from panmesh.publication.citing import cited, listed
from panmesh.publication.release import Listed
from panmesh.publication.usage import MonthOfUse
from panmesh.wire import sushi

_MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"
Month = Annotated[str | None, Query(pattern=_MONTH, description="YYYY-MM; without: the last whole month")]


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

    @api.get("/usage/reports/dsr", tags=["usage"])
    def dataset_report(request: Request, begin_month: Month = None, end_month: Month = None) -> Response:
        """COUNTER dataset report for SUSHI, of public datasets that were used in these months."""
        s = services(request)
        last = end_month or begin_month or months_back(s.clock(), 1)
        first = begin_month or last
        if first > last:
            raise Invalid("begin_month is later than end_month.", (Fault("begin_month", "later than end_month"),))
        facility = s.search.facilities()[0]
        body = sushi.report(
            platform=s.facility_name,
            publisher_id=facility.ror or facility.key,
            first=first,
            last=last,
            created=from_us(s.clock()).date().isoformat(),
            datasets=s.usage.report(first, last),
        )
        return Response(orjson.dumps(body), media_type="application/json", headers={"Cache-Control": "public, max-age=3600"})


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
