"""Data management plans in the portal: read, answered, printed, taken to other tools and brought from them."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from panmesh.http.services import services, viewer
from panmesh.kernel.errors import Fault, Invalid, Unauthenticated
from panmesh.kernel.text import is_plain
from panmesh.portal import words
from panmesh.portal.rendering import offset_of, page, render, uploaded
from panmesh.publication.plan import Known, Plan, Visit, available_until, expected_bytes, is_actual, licence_from
from panmesh.publication.plan_questions import answered, questions
from panmesh.wire import madmp
from panmesh.wire.madmp_read import read

PER_PAGE = 50
LARGEST = 4 << 20  # bytes of a plan that is brought
_TEXTS = ("ethical_description", "third_party_rights", "results", "publication")
_KNOWN = ("ethical_issues", "personal_data", "sensitive_data")


def routes() -> list[Route]:
    return [
        Route("/plans", page(plans), name="plans"),
        Route("/proposals/{pid}/plan", page(plan), name="plan"),
        Route("/proposals/{pid}/plan", page(answer), methods=["POST"], name="answer-plan"),
        Route("/proposals/{pid}/plan.json", page(document), name="plan-document"),
        Route("/proposals/{pid}/plan/bring", page(bring, uploads=True), methods=["POST"], name="bring-plan"),
    ]


def plans(request: Request, _form: dict[str, str]) -> Response:
    who, offset = viewer(request), offset_of(request)
    if who.user_id is None:
        raise Unauthenticated("Sign in to see the plans of your proposals.")
    found = services(request).plans.plans(who, offset=offset, limit=PER_PAGE + 1)
    return render(request, "plans.html", plans=found[:PER_PAGE], offset=offset, more=len(found) > PER_PAGE, per_page=PER_PAGE)


def plan(request: Request, _form: dict[str, str]) -> Response:
    return _shown(request, services(request).plans.plan(viewer(request), request.path_params["pid"]))


def answer(request: Request, form: dict[str, str]) -> Response:
    pid, s, who = request.path_params["pid"], services(request), viewer(request)
    revision = form.get("revision", "")
    if not revision.isascii() or not revision.isdigit():
        raise Invalid("The form is not complete; reload the page.")
    if form.get("do") == "undo":
        made = s.plans.restore(who, pid, int(revision), max(int(revision) - 1, 0))
        return RedirectResponse(f"/proposals/{made.proposal.pid}/plan", 303)
    changes: dict[str, Any] = {name: form[name].strip() for name in _TEXTS if name in form}
    changes |= {name: Known(form[name]) for name in _KNOWN if form.get(name) in [known.value for known in Known]}
    funder, drop = _funder(form), form.get("drop_funder", "")
    if funder is not None or drop:
        kept = [one for number, one in enumerate(s.plans.plan(who, pid).answers.funding) if str(number) != drop]
        changes["funding"] = (*kept, funder) if funder is not None else tuple(kept)
    made = s.plans.answer(who, pid, int(revision), changes)
    return RedirectResponse(f"/proposals/{made.proposal.pid}/plan#answers", 303)


def _funder(form: dict[str, str]) -> dict[str, Any] | None:
    """One more funder, as the standard writes it; None where nothing was filled in."""
    name, identifier, grant = (form.get(key, "").strip() for key in ("funder_name", "funder_id", "grant_id"))
    if not (name or identifier or grant):
        return None
    if not (name or identifier):
        raise Invalid("Say who gave the grant: the name of the funder, or its identifier.")
    kind = (
        "ror"
        if "ror.org/" in identifier
        else "fundref"
        if "doi.org/10.13039" in identifier
        else "url"
        if "://" in identifier
        else "other"
    )
    made: dict[str, Any] = {"funder_id": {"identifier": identifier or name, "type": kind}}
    made |= {"funder_name": name} if name else {}
    return made | ({"grant_id": {"identifier": grant, "type": "other"}, "funding_status": "granted"} if grant else {})


def document(request: Request, _form: dict[str, str]) -> Response:
    made = services(request).plans.plan(viewer(request), request.path_params["pid"])
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in made.proposal.number)
    headers = {"Content-Disposition": f'attachment; filename="plan-{name}.json"'}
    return Response(
        orjson.dumps(madmp.document(made), option=orjson.OPT_INDENT_2), media_type="application/json", headers=headers
    )


def bring(request: Request, form: dict[str, str]) -> Response:
    pid, s, who = request.path_params["pid"], services(request), viewer(request)
    before = s.plans.plan(who, pid)
    files = uploaded(request)
    if not files:
        raise Invalid("Choose the file of a plan: JSON, as DSW, ARGOS or DMPonline export it.")
    found = read(_parsed(files[0][1]), before)
    made = s.plans.answer(who, pid, before.answers.revision, found.changes)
    return _shown(request, made, taken=sorted(found.changes), left_out=found.left_out)


def _parsed(data: bytes) -> Any:
    if len(data) > LARGEST:
        raise Invalid("The file is larger than any plan: 4 MB at most.")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Invalid("The file is no JSON. Export the plan as 'RDA DMP Common Standard' or 'maDMP'.") from error


def _shown(request: Request, made: Plan, *, taken: list[str] | None = None, left_out: tuple[Fault, ...] = ()) -> Response:
    asked = questions(made, words.size)
    chapters = [(name, list(found)) for name, found in groupby(asked, key=lambda q: q.chapter)]
    return render(
        request,
        "plan.html",
        plan=made,
        chapters=chapters,
        asked=len(asked),
        answered=answered(asked),
        left=[q for q in asked if q.answer is None],
        taken=taken,
        left_out=[fault for fault in left_out if is_plain(fault.pointer)],
        visits=[_visit(made, visit) for visit in made.proposal.visits],
    )


def _visit(made: Plan, visit: Visit) -> dict[str, Any]:
    """A line of the table: expected until it is measured."""
    actual, zone = is_actual(visit, made.now_us), made.proposal.zone
    return {
        "visit": visit,
        "actual": actual,
        "size": visit.measured.size if actual else expected_bytes(visit),
        "opens": licence_from(visit, zone),
        "kept": available_until(visit, made.facility, zone),
    }
