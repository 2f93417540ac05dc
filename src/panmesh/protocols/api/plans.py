"""Routes of data management plans in /api/v1."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field

from panmesh.http.services import services, viewer
from panmesh.kernel.clock import iso
from panmesh.kernel.errors import Fault, Invalid
from panmesh.kernel.text import is_plain
from panmesh.protocols.api.models import Model
from panmesh.publication.plan import Known, Plan
from panmesh.publication.plan_questions import answered, questions
from panmesh.wire import madmp
from panmesh.wire.madmp_read import LANGUAGES, LONGEST, read

PidPath = Annotated[str, Path(max_length=300, description="pid or number of the proposal")]
IfMatch = Annotated[
    str | None, Header(max_length=200, description='"plan-N", N the revision of the answers; "plan-0" before the first')
]


class AnswersRequest(Model):
    """Only what changes."""

    title: Annotated[str, Field(max_length=LONGEST, description="of the plan; empty: made from the proposal's")] | None = None
    description: Annotated[str, Field(max_length=LONGEST)] | None = None
    language: Annotated[str, Field(pattern="^[a-z]{3}$", description="ISO 639-3")] | None = None
    ethical_issues: Known | None = None
    ethical_description: Annotated[str, Field(max_length=LONGEST)] | None = None
    ethical_report: Annotated[str, Field(max_length=LONGEST)] | None = None
    personal_data: Known | None = None
    sensitive_data: Known | None = None
    third_party_rights: Annotated[str, Field(max_length=LONGEST)] | None = None
    results: Annotated[str, Field(max_length=LONGEST)] | None = None
    publication: Annotated[str, Field(max_length=LONGEST)] | None = None


class QuestionModel(BaseModel):
    chapter: str
    question: str
    answer: str | None
    source: str = Field(description="proposal, facility, instrument, measured or team")
    field: str | None = Field(description="what PATCH calls it; null: the facility answers it")


class PlanModel(BaseModel):
    proposal: str
    title: str
    modified: str
    revision: int
    may_answer: bool
    answered: int
    questions: list[QuestionModel]


class ListedPlan(BaseModel):
    pid: str
    number: str
    title: str | None


class Left(BaseModel):
    pointer: str
    detail: str


class ImportModel(BaseModel):
    revision: int
    taken: list[str] = Field(description="answers that came from the plan")
    left_out: list[Left] = Field(description="what was in no form that the standard knows")


def add_plans(api: FastAPI) -> None:
    @api.get("/plans", response_model=list[ListedPlan], tags=["plans"])
    def plans(
        request: Request, offset: Annotated[int, Query(ge=0, le=2**53)] = 0, limit: Annotated[int, Query(ge=0, le=1000)] = 100
    ) -> Response:
        """Proposals whose plan you may read, the newest first."""
        found = services(request).plans.plans(viewer(request), offset=offset, limit=limit)
        return _json([{"pid": pid, "number": number, "title": title} for pid, number, title in found])

    @api.get("/proposals/{pid}/plan", response_model=PlanModel, tags=["plans"])
    def plan(request: Request, pid: PidPath) -> Response:
        """Each question with its answer as it is now, and where that comes from. The ETag is for a change."""
        return _plan(services(request).plans.plan(viewer(request), _plain(pid)))

    @api.patch("/proposals/{pid}/plan", response_model=PlanModel, tags=["plans"])
    def answer(request: Request, pid: PidPath, body: AnswersRequest, if_match: IfMatch = None) -> Response:
        """Answers of the team. `If-Match` is required."""
        if if_match is None:
            services(request).plans.plan(viewer(request), _plain(pid))
            return _unconditional()
        changes = body.model_dump(exclude_none=True)
        if changes.get("language", "eng") not in LANGUAGES:
            raise Invalid(
                "This language is not one that plans here are written in.", (Fault("/language", "three letters of ISO 639-3"),)
            )
        for name, value in changes.items():
            if isinstance(value, str) and not is_plain(value):
                raise Invalid("An answer has characters that are none.", (Fault(f"/{name}", "has control characters"),))
        return _plan(services(request).plans.answer(viewer(request), _plain(pid), _revision(if_match), changes))

    @api.get("/proposals/{pid}/dmp", tags=["plans"], response_class=Response)
    def document(request: Request, pid: PidPath) -> Response:
        """The plan for machines: RDA DMP Common Standard 1.2."""
        made = services(request).plans.plan(viewer(request), _plain(pid))
        return Response(orjson.dumps(madmp.document(made)), media_type=madmp.MEDIA_TYPE, headers={"ETag": _etag(made)})

    @api.put("/proposals/{pid}/dmp", response_model=ImportModel, tags=["plans"])
    def take(request: Request, pid: PidPath, body: dict[str, Any], if_match: IfMatch = None) -> Response:
        """A plan from DSW, ARGOS, DMPonline or another tool. What the facility knows (sizes, dates, access) stays as it is."""
        s, who = services(request), viewer(request)
        before = s.plans.plan(who, _plain(pid))
        if if_match is None:
            return _unconditional()
        found = read(body, before)
        made = s.plans.answer(who, pid, _revision(if_match), found.changes)
        said = {"revision": made.answers.revision, "taken": sorted(found.changes)}
        left = [{"pointer": f.pointer, "detail": f.detail} for f in found.left_out]
        return _json(said | {"left_out": left}, {"ETag": _etag(made)})


def _plan(made: Plan) -> Response:
    asked = questions(made, lambda size: f"{size} bytes")
    body = {
        "proposal": made.proposal.number,
        "title": made.title,
        "modified": iso(made.modified_us),
        "revision": made.answers.revision,
        "may_answer": made.may_answer,
        "answered": answered(asked),
        "questions": [
            {"chapter": q.chapter, "question": q.text, "answer": q.answer, "source": q.source.value, "field": q.field}
            for q in asked
        ],
    }
    return _json(body, {"ETag": _etag(made)})


def _etag(plan: Plan) -> str:
    return f'"plan-{plan.answers.revision}"'


def _unconditional() -> Response:
    body = {"type": "about:blank", "title": "Send If-Match", "status": 428, "detail": "Send the ETag that you read as If-Match."}
    return Response(orjson.dumps(body), 428, media_type="application/problem+json")


def _revision(if_match: str) -> int:
    number = if_match.strip().removeprefix("W/").strip('"').removeprefix("plan-")
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise Invalid(
            'Send If-Match with the ETag of the plan that you read, e.g. "plan-0".', (Fault("If-Match", "is missing or none"),)
        )
    return int(number)


def _plain(text: str) -> str:
    if not is_plain(text):
        raise Invalid("This is no identifier.", (Fault("/pid", "has control characters"),))
    return text


def _json(body: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), media_type="application/json", headers=headers)
