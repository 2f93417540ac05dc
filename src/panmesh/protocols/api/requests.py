"""Routes of requests about access in /api/v1, and why somebody may read, or may not."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

import orjson
from fastapi import FastAPI, Path, Query, Request, Response
from pydantic import BaseModel, Field

from panmesh.access.requests import LONGEST, MOST_DAYS, Kind, Wanted
from panmesh.access.requests import Request as Asked
from panmesh.http.services import services, viewer
from panmesh.kernel.clock import facility_midnight, iso
from panmesh.kernel.errors import NotFound
from panmesh.kernel.text import is_plain
from panmesh.protocols.api.models import Model

Number = Annotated[int, Path(ge=1, le=2**53)]
PidPath = Annotated[str, Path(max_length=300, description="pid of a run or visit")]


class RequestRequest(Model):
    """What somebody asks for."""

    kind: Kind
    about: Annotated[str, Field(max_length=300, description="pid of a run or visit")]
    reason: Annotated[str, Field(max_length=LONGEST)]
    to: (
        Annotated[
            date,
            Field(ge=date(2000, 1, 1), le=date(2200, 1, 1), description="extension: the first day on which the data are open"),
        ]
        | None
    ) = None
    days: Annotated[int, Field(ge=1, le=MOST_DAYS, description="access: for so long")] = 365
    login: Annotated[str, Field(max_length=64, description="succession: of the new principal investigator")] | None = None
    hold: Literal["legal", "sensitive"] = "legal"


class DecisionRequest(Model):
    grant: bool
    words: Annotated[str, Field(max_length=LONGEST, description="required when refused")] = ""
    revision: Annotated[int, Field(ge=1, description="of the request as you read it")]


class RequestModel(BaseModel):
    id: int
    kind: Kind
    about: str
    title: str
    asked_by: str
    asked: str
    reason: str
    wanted: dict[str, Any]
    answer: str
    deadline: str
    decided_by: str | None
    decided: str | None
    words: str | None
    revision: int
    state: str
    opens: str | None
    may_decide: bool
    may_undo: bool


class ReasonModel(BaseModel):
    part: str
    may: bool
    because: str


class WhyModel(BaseModel):
    about: str
    viewer: str
    state: str
    clause: str
    until: date | None = Field(description="the first day on which everybody may read")
    reasons: list[ReasonModel]
    ask: list[Kind] = Field(description="what may be asked for with POST /requests")
    whom: str


def add_requests(api: FastAPI) -> None:
    @api.get("/why/{pid}", response_model=WhyModel, tags=["access"])
    def why(
        request: Request,
        pid: PidPath,
        login: Annotated[str | None, Query(max_length=64, description="of somebody else, for stewards; empty: anybody")] = None,
    ) -> Response:
        """Why you may, or may not, read each part of a run or visit: which clause of the policy, until when, whom to ask."""
        found = services(request).why.why(viewer(request), _plain(pid), None if login is None else _plain(login))
        reasons = [{"part": r.part, "may": r.may, "because": r.because} for r in found.reasons]
        body = {name: getattr(found, name) for name in ("about", "viewer", "state", "clause", "until", "ask", "whom")}
        return _json(body | {"reasons": reasons})

    @api.get("/requests", response_model=list[RequestModel], tags=["access"])
    def requests(
        request: Request,
        about: Annotated[str | None, Query(max_length=300, description="pid")] = None,
        waiting: Annotated[bool, Query(description="only those that nobody has decided")] = False,
        offset: Annotated[int, Query(ge=0, le=2**53)] = 0,
        limit: Annotated[int, Query(ge=0, le=1000)] = 50,
    ) -> Response:
        """Those that you made or may decide, the newest first."""
        s, who = services(request), viewer(request)
        about = _plain(about) if about is not None else None
        found = s.requests.requests(who, about=about, waiting=waiting, offset=offset, limit=limit)
        return _json([_shape(one) for one in found])

    @api.post("/requests", response_model=RequestModel, status_code=201, tags=["access"])
    def ask(request: Request, body: RequestRequest) -> Response:
        """Ask for access, an extension, an early release … of a visit. What you may decide yourself is decided at once."""
        s = services(request)
        zone = next((f.time_zone for f in s.search.facilities()), "UTC")
        wanted = Wanted(
            kind=body.kind,
            about=_plain(body.about),
            reason=body.reason,
            to_us=facility_midnight(body.to, zone) if body.to is not None else None,
            days=body.days,
            login=body.login,
            hold=body.hold,
        )
        return _json(_shape(s.requests.ask(viewer(request), wanted)), 201)

    @api.get("/requests/{number}", response_model=RequestModel, tags=["access"])
    def one(request: Request, number: Number) -> Response:
        return _json(_shape(services(request).requests.request(viewer(request), number)))

    @api.post("/requests/{number}/decision", response_model=RequestModel, tags=["access"])
    def decide(request: Request, number: Number, body: DecisionRequest) -> Response:
        """Grant or refuse; a refusal says why."""
        s, who = services(request), viewer(request)
        return _json(_shape(s.requests.decide(who, number, grant=body.grant, words=body.words, revision=body.revision)))

    @api.post("/requests/{number}/undo", response_model=RequestModel, tags=["access"])
    def undo(request: Request, number: Number) -> Response:
        """Take a decision back: what was granted ends, what was refused waits again."""
        return _json(_shape(services(request).requests.undo(viewer(request), number)))

    @api.delete("/requests/{number}", response_model=RequestModel, tags=["access"])
    def take_back(request: Request, number: Number) -> Response:
        """Your own, while nobody has decided it."""
        return _json(_shape(services(request).requests.take_back(viewer(request), number)))


def _shape(one: Asked) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind.value,
        "about": one.about,
        "title": one.title,
        "asked_by": one.asked_by,
        "asked": iso(one.asked_us),
        "reason": one.reason,
        "wanted": {("to" if k == "to_us" else k): (iso(v) if k == "to_us" else v) for k, v in one.wanted.items()},
        "answer": one.answer.value,
        "deadline": iso(one.deadline_us),
        "decided_by": one.decided_by,
        "decided": iso(one.decided_us),
        "words": one.words,
        "revision": one.revision,
        "state": one.state.value,
        "opens": iso(one.opens_us),
        "may_decide": one.may_decide,
        "may_undo": one.may_undo,
    }


def _plain(text: str) -> str:
    if not is_plain(text):
        raise NotFound()
    return text


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
