"""DOIs in /api/v1: how one stands, all of them for the steward, and the wish for one."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict
from pydantic import Field as Described

from panmesh.http.services import services, viewer
from panmesh.kernel.clock import iso
from panmesh.kernel.errors import Fault, Invalid
from panmesh.kernel.text import is_plain
from panmesh.publication.doi_service import DoiFilter, DoiView, Standing

PidPath = Annotated[str, Path(description="pid, or DOI, of a run, visit, proposal or instrument", max_length=300)]


class DoiModel(BaseModel):
    pid: str
    kind: str
    title: str | None
    doi: str | None = Described(description="the name, without https://doi.org/; null until an account is configured")
    state: Standing = Described(
        description="waiting, failed, draft (reserved), registered (hidden), findable, unwanted (none now)"
    )
    public: bool = Described(description="everybody may know of it")
    error: str | None = Described(description="why the last attempt failed")
    attempts: int = Described(description="that failed in a row")
    next_attempt: str | None = Described(description="null with an error: it waits for a change, or for somebody")
    confirmed: str | None
    finding: str | None = Described(description="what the last comparison with DataCite found and mended")


class DoiCountsModel(BaseModel):
    configured: bool
    by_state: dict[Standing, int]
    last_hour: int = Described(description="confirmed by DataCite")
    paused_until: str | None
    pause_reason: str | None


class DoiPage(BaseModel):
    items: list[DoiModel]
    total: int
    offset: int
    limit: int
    counts: DoiCountsModel


class RetryRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    pids: list[str] | None = Described(None, max_length=1000, description="without: all that failed")


class RetriedModel(BaseModel):
    retried: int


def add_dois(api: FastAPI) -> None:
    @api.get("/dois", response_model=DoiPage, tags=["dois"])
    def dois(
        request: Request,
        state: Standing | None = None,
        kind: Annotated[str | None, Query(max_length=40)] = None,
        contains: Annotated[str | None, Query(max_length=200)] = None,
        offset: Annotated[int, Query(ge=0, le=2**53)] = 0,
        limit: Annotated[int, Query(ge=0, le=1000)] = 50,
    ) -> Response:
        """All, the newest first. For the data steward and the admin."""
        s, who = services(request), viewer(request)
        for name, value in (("kind", kind), ("contains", contains)):
            if value is not None and not is_plain(value):
                raise Invalid("This has characters that are none.", (Fault(name, "has control characters"),))
        counts = s.dois.standing(who)
        page = s.dois.page(who, DoiFilter(standing=state, kind=kind, contains=contains), offset=offset, limit=limit)
        told = {
            "configured": counts.configured,
            "by_state": {standing.value: number for standing, number in counts.by_standing.items()},
            "last_hour": counts.last_hour,
            "paused_until": iso(counts.paused_until_us),
            "pause_reason": counts.pause_reason,
        }
        body = {"items": [_shape(one) for one in page.items], "total": page.total, "offset": offset, "limit": limit}
        return _json(body | {"counts": told})

    @api.post("/dois/retry", response_model=RetriedModel, tags=["dois"])
    def retry(request: Request, body: RetryRequest) -> Response:
        """Try what failed again now. For the data steward and the admin."""
        return _json({"retried": services(request).dois.retry(viewer(request), body.pids)})

    @api.get("/dois/{pid:path}", response_model=DoiModel, tags=["dois"])
    def doi(request: Request, pid: PidPath) -> Response:
        """How the DOI of this stands: to everybody when it is registered, to its team and the staff before."""
        return _json(_shape(services(request).dois.one(viewer(request), _plain(pid))))

    @api.put("/dois/{pid:path}", response_model=DoiModel, status_code=202, tags=["dois"])
    def mint(request: Request, pid: PidPath) -> Response:
        """This is to have a DOI. Said once or often is the same; it is sent in a moment."""
        return _json(_shape(services(request).dois.mint(viewer(request), _plain(pid))), 202)


def _shape(one: DoiView) -> dict[str, Any]:
    row = one.doi
    return {
        "pid": one.pid,
        "kind": one.kind,
        "title": one.title,
        "doi": one.name,
        "state": one.standing,
        "public": one.public,
        "error": row.error,
        "attempts": row.attempts,
        "next_attempt": iso(row.due_us) if row.error else None,
        "confirmed": iso(row.confirmed_us),
        "finding": row.finding,
    }


def _plain(text: str) -> str:
    if not is_plain(text):
        raise Invalid("This is no identifier.", (Fault("/pid", "has control characters"),))
    return text


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
