"""The metadata of many runs changed at once: choose, see line by line what changes, do it, look back, undo."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from panmesh.access.viewer import Viewer
from panmesh.catalogue.correcting import PATIENCE_US
from panmesh.catalogue.correction import AT_ONCE
from panmesh.catalogue.naming import run_title
from panmesh.http.filters import query_of
from panmesh.http.problems import status_of
from panmesh.http.services import Services, services, viewer
from panmesh.kernel import techniques
from panmesh.kernel.errors import Fault, Invalid, PanmeshError, Unauthenticated
from panmesh.portal.pages_correction import FIELDS as SEARCHED
from panmesh.portal.pages_correction import chosen_of
from panmesh.portal.rendering import offset_of, page, render, zone_of

PER_PAGE = 25
FIELDS = {"title": "Title", "sample": "Sample", "techniques": "Technique", "description": "Description"}


def routes() -> list[Route]:
    return [
        Route("/edits", page(edits), name="edits"),
        Route("/edits/new", page(choose), name="choose-edit"),
        Route("/edits/preview", page(preview), methods=["POST"], name="preview-edit"),
        Route("/edits", page(make), methods=["POST"], name="make-edit"),
        Route("/edits/{number:int}", page(edit), name="edit-of-many"),
        Route("/edits/{number:int}/undo", page(undo), methods=["POST"], name="undo-edit"),
    ]


def edits(request: Request, _form: dict[str, str]) -> Response:
    offset = offset_of(request)
    found = services(request).bulk_edits.history(_signed_in(request), offset=offset, limit=PER_PAGE + 1)
    return render(request, "bulk-edits.html", edits=found[:PER_PAGE], more=len(found) > PER_PAGE, offset=offset, fields=FIELDS)


def choose(request: Request, _form: dict[str, str]) -> Response:
    """What to change of the runs of the address: `pid` (several), or a search."""
    return _form_page(request, services(request), _signed_in(request), chosen_of(request))


def preview(request: Request, form: dict[str, str]) -> Response:
    s, who = services(request), _signed_in(request)
    try:
        pids, values = _pids(s, who, form), values_of(form)
        seen = s.bulk_edits.preview(who, pids, values)
    except Invalid as error:
        return _form_page(request, s, who, form, error)
    kept = {name: form[name] for name in form if name != "csrf"} | {"count": str(len(pids))}
    return render(request, "bulk-preview.html", p=seen, kept=kept, values=_worded(values), fields=FIELDS, worded=_worded)


def make(request: Request, form: dict[str, str]) -> Response:
    s, who = services(request), _signed_in(request)
    pids = _pids(s, who, form)
    if form.get("count") and form["count"] != str(len(pids)):
        raise Invalid(f"The choice was of {form['count']} runs and is of {len(pids)} now. Go back and look at it again.")
    made = s.bulk_edits.make(who, pids, values_of(form), form.get("reason", ""), patience_us=PATIENCE_US)
    return RedirectResponse(f"/edits/{made.id}", 303)


def edit(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), _signed_in(request)
    one = s.bulk_edits.one(who, request.path_params["number"])
    known = s.search.many(who, one.pids + tuple(pid for pid, _ in one.refused), files=0)
    titles = {pid: run_title(found.record.summary) for pid, found in known.items()}
    return render(request, "bulk-edit.html", e=one, titles=titles, values=_worded(dict(one.values)), fields=FIELDS)


def undo(request: Request, _form: dict[str, str]) -> Response:
    number = request.path_params["number"]
    one = services(request).bulk_edits.undo(_signed_in(request), number, patience_us=PATIENCE_US)
    return RedirectResponse(f"/edits/{one.id}", 303)


def values_of(form: dict[str, str]) -> dict[str, Any]:
    """Fields whose box is ticked; an empty one is taken away."""
    given = {name: form.get(name, "").strip() for name in FIELDS if form.get(f"set-{name}")}
    written = [label for name, label in FIELDS.items() if name not in given and form.get(name, "").strip()]
    if given and written:
        raise Invalid(f"Tick what shall change: there is something written for {written[0]}, and it is not ticked.")
    if not given:
        raise Invalid("Tick what shall change.", (Fault("/", "nothing is ticked"),))
    values: dict[str, Any] = {name: text or None for name, text in given.items()}
    if values.get("sample"):
        values["sample"] = {"name": values["sample"]}
    if values.get("techniques"):
        values["techniques"] = [part.strip() for part in values["techniques"].split(";") if part.strip()]
    return values


def _worded(values: Any) -> dict[str, str]:
    """As people write them."""
    return {name: _text(value) for name, value in values.items()}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return str(value.get("name", ""))
    if isinstance(value, list):
        return "; ".join(techniques.label(one) or str(one) for one in value)
    return str(value)


def _form_page(request: Request, s: Services, who: Viewer, form: dict[str, str], fault: PanmeshError | None = None) -> Response:
    pids = _pids(s, who, form)
    runs = [s.search.get(who, pid).summary for pid in pids[:10]]
    status = 200 if fault is None else status_of(fault)[0]
    return render(request, "bulk-form.html", status=status, pids=pids, runs=runs, form=form, fault=fault, fields=FIELDS)


def _pids(s: Services, who: Viewer, form: dict[str, str]) -> tuple[str, ...]:
    """Those of the form, or all that its search finds of what the viewer may know of."""
    if form.get("pids"):
        return tuple(dict.fromkeys(form["pids"].split()))
    given: dict[str, list[str]] = {}
    for name, value in parse_qsl(form.get("search", "")):
        if name in SEARCHED:
            given.setdefault(name, []).append(value)
    found: list[str] = []
    while True:
        part = s.search.search(who, query_of(given, zone=zone_of(s), offset=len(found), limit=1000))
        found += [str(one.pid) for one in part.items]
        if part.total > AT_ONCE:
            raise Invalid(f"{part.total:,} runs fit; at most {AT_ONCE:,} are changed at once. Narrow the search.")
        if not part.items or len(found) >= part.total:
            break
    if not found:
        raise Invalid("No run fits that choice any more.", (Fault("search", "no run fits"),))
    return tuple(found)


def _signed_in(request: Request) -> Viewer:
    who = viewer(request)
    if who.user_id is None:
        raise Unauthenticated("Sign in to change metadata.")
    return who
