"""The pages of corrections: choose what to do with runs, see what it changes, do it, look back, undo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.correcting import PATIENCE_US
from panmesh.catalogue.correction import Wanted, What, need_staff
from panmesh.http.filters import query_of
from panmesh.http.problems import status_of
from panmesh.http.services import Services, services, viewer
from panmesh.kernel.errors import Conflict, Fault, Invalid, NotFound, PanmeshError
from panmesh.portal.rendering import offset_of, render, zone_of

PER_PAGE = 25
SHOWN = 10  # runs named on the page of a choice
FILES = 100  # with a box to tick; more are named in words
FIELDS = (
    "q",
    "from",
    "to",
    "quantity",
    "person",
    "visit",
    "state",
    "instrument",
    "technique",
    "sample",
    "proposal",
    "kind",
    "series",
    "format",
    "year",
    "facility",
)


def choose(request: Request, _form: dict[str, str]) -> Response:
    """What to do with the runs of the address: `pid` (several), or a search, with `waiting` for those in quarantine."""
    s, who = services(request), viewer(request)
    need_staff(who, Scope.READ)
    return _form_page(request, s, who, chosen_of(request))


def chosen_of(request: Request) -> dict[str, str]:
    """The choice of the address, as a form keeps it. Raises Invalid when there is none."""
    pids = [one for one in request.query_params.getlist("pid") if one]
    given = [(name, value) for name, value in request.query_params.multi_items() if name in FIELDS and value.strip()]
    if pids:
        return {"pids": " ".join(dict.fromkeys(pids))}
    if given or request.query_params.get("waiting"):
        return {"search": urlencode(given), "waiting": "1" if request.query_params.get("waiting") else ""}
    raise Invalid("No run is chosen. Go back and tick some, or choose them by a search.", (Fault("pid", "no run"),))


def preview(request: Request, form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    need_staff(who, Scope.WRITE)
    try:
        wanted = _wanted(s, who, form)
        seen = s.corrections.preview(who, wanted)
    except (Invalid, Conflict, NotFound) as error:
        if isinstance(error, NotFound) and not form.get("visit"):
            raise
        return _form_page(request, s, who, form, error)
    kept = {name: form[name] for name in form if name != "csrf"} | {"count": str(len(wanted.pids))}
    return render(request, "correction-preview.html", p=seen, kept=kept, wanted=wanted)


def make(request: Request, form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    need_staff(who, Scope.WRITE)
    wanted = _wanted(s, who, form)
    if form.get("count") and form["count"] != str(len(wanted.pids)):
        raise Conflict(f"The choice was of {form['count']} runs and is of {len(wanted.pids)} now. Go back and look at it again.")
    return RedirectResponse(f"/corrections/{s.corrections.make(who, wanted, patience_us=PATIENCE_US).id}", 303)


def corrections(request: Request, _form: dict[str, str]) -> Response:
    s, who = services(request), viewer(request)
    pid = request.query_params.get("pid") or None
    page = s.corrections.history(who, pid=pid, offset=offset_of(request), limit=PER_PAGE)
    return render(request, "corrections.html", page=page, pid=pid)


def correction(request: Request, _form: dict[str, str]) -> Response:
    one = services(request).corrections.one(viewer(request), request.path_params["number"])
    return render(request, "correction.html", c=one)


def undo(request: Request, _form: dict[str, str]) -> Response:
    one = services(request).corrections.undo(viewer(request), request.path_params["number"], patience_us=PATIENCE_US)
    return RedirectResponse(f"/corrections/{one.id}", 303)


def discarded(request: Request, _form: dict[str, str]) -> Response:
    page = services(request).corrections.discarded(viewer(request), offset=offset_of(request), limit=PER_PAGE)
    return render(request, "discarded.html", page=page)


def _form_page(
    request: Request, s: Services, who: Viewer, form: Mapping[str, str], fault: PanmeshError | None = None
) -> Response:
    pids = _pids(s, who, form)
    runs = [s.search.get(who, pid) for pid in pids[:SHOWN]]
    files = s.search.files(who, pids[0], limit=FILES) if len(pids) == 1 else None
    own = (runs[0].summary.path or "").rpartition("/")[2] if runs else ""
    return render(
        request,
        "correct.html",
        status=200 if fault is None else status_of(fault)[0],
        pids=pids,
        runs=runs,
        files=[f for f in files.items if f.name != own] if files is not None else [],
        file_total=files.total if files is not None else 0,
        visits=[v for v in s.search.investigations(who, limit=200).items if v.proposal],
        suggestions=s.corrections.suggestions(who, pids[:1]).get(pids[0], ()) if len(pids) == 1 else (),
        form=form,
        fault=fault,
    )


def _pids(s: Services, who: Viewer, form: Mapping[str, str]) -> tuple[str, ...]:
    if form.get("pids"):
        return tuple(dict.fromkeys(form["pids"].split()))
    given: dict[str, list[str]] = {}
    for name, value in parse_qsl(form.get("search", "")):
        if name in FIELDS:
            given.setdefault(name, []).append(value)
    found = s.corrections.chosen(who, query_of(given, zone=zone_of(s)), waiting=bool(form.get("waiting")))
    if not found:
        raise Invalid("No run fits that choice any more.", (Fault("search", "no run fits"),))
    return found


def _wanted(s: Services, who: Viewer, form: Mapping[str, Any]) -> Wanted:
    what = form.get("what", "")
    if what not in set(What):
        raise Invalid("Say what to do: move, split, merge or discard.", (Fault("what", "is none of these"),))
    ticked = [form[name] for name in form if name.startswith("file-")]
    named = [line.strip() for line in form.get("files", "").splitlines() if line.strip()]
    return Wanted(
        what=What(what),
        pids=_pids(s, who, form),
        reason=form.get("reason", ""),
        visit=form.get("visit", "").strip() or None,
        files=tuple(dict.fromkeys([*ticked, *named])),
    )
