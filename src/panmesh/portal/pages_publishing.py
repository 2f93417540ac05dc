"""Publish for my paper: pick runs, see what is missing, describe, preview, publish. Left at any step, it is there again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from panmesh.access.policy import standings
from panmesh.access.requests import Kind as RequestKind
from panmesh.access.requests import Wanted
from panmesh.access.terms import State, state
from panmesh.access.viewer import ANONYMOUS, Standing, Viewer
from panmesh.catalogue.citation import as_text
from panmesh.http.filters import query_of_address
from panmesh.http.landing import base_of, cited
from panmesh.http.services import Services, services, viewer
from panmesh.kernel.errors import Fault, Invalid, NotFound, PanmeshError, Stale, Unauthenticated
from panmesh.kernel.pid import is_native
from panmesh.portal.pages_basket import moved, visitor_of
from panmesh.portal.rendering import page, render, repeated, zone_of
from panmesh.publication import identifiers
from panmesh.publication.describing import faults
from panmesh.publication.record import Agent, Funding
from panmesh.publication.release import MOST_RUNS, RELATIONS, Description, Draft, Paper
from panmesh.publication.suggesting import Suggestions

STEPS = {"runs": "Runs", "check": "Check", "describe": "Describe", "preview": "Preview and publish"}
REASON = "The data of our paper are to be open with it."
_AROUND = "<>()[]{}\"'“”.;"  # what stands around an identifier in mails and manuscripts
_ROWS = ("creators", "papers", "funding")


def routes() -> list[Route]:
    return [
        Route("/publications/new", page(new), methods=["GET", "POST"]),
        Route("/publications/{key}", page(resume)),
        Route("/publications/{key}/runs", page(runs), methods=["GET", "POST"]),
        Route("/publications/{key}/open", page(open_early), methods=["POST"]),
        Route("/publications/{key}/check", page(check)),
        Route("/publications/{key}/describe", page(describe), methods=["GET", "POST"]),
        Route("/publications/{key}/preview", page(preview)),
        Route("/publications/{key}/publish", page(publish), methods=["POST"]),
    ]


def new(request: Request, form: dict[str, str]) -> Response:
    """From ticked runs, a basket, a search or a list of pids."""
    s, who = services(request), viewer(request)
    if who.user_id is None:
        raise Unauthenticated("Sign in to publish.")
    if request.method == "GET":
        found = s.baskets.baskets(who, visitor_of(request))
        counts = {one.key: len(s.baskets.runs(who, one)) for one in found}
        query = str(request.url.query)
        total = s.search.count(who, query_of_address(query, zone=zone_of(s))) if query else None
        return render(
            request,
            "publish-new.html",
            baskets=found,
            counts=counts,
            query=query,
            total=total,
            most=MOST_RUNS,
            fault=None,
            text="",
        )
    text = form.get("pids", "")
    try:
        made = s.releases.begin(who, _picked(request, s, who, form))
    except (NotFound, Invalid) as error:
        found = s.baskets.baskets(who, visitor_of(request))
        counts = {one.key: len(s.baskets.runs(who, one)) for one in found}
        given = {
            "baskets": found,
            "counts": counts,
            "query": "",
            "total": None,
            "most": MOST_RUNS,
            "fault": error.detail,
            "text": text,
        }
        return render(request, "publish-new.html", status=422, **given)
    return RedirectResponse(f"/publications/{made.key}/runs", 303)


def resume(request: Request, _form: dict[str, str]) -> Response:
    """Where it was left."""
    draft = services(request).releases.draft(viewer(request), request.path_params["key"])
    if draft.published is not None:
        return RedirectResponse(f"/releases/{draft.published}", 303)
    step = "runs" if not draft.pids or draft.discarded else "describe" if faults(draft.description) else "preview"
    return RedirectResponse(f"/publications/{draft.key}/{step}", 303)


def runs(request: Request, form: dict[str, str]) -> Response:
    s, who, draft = _draft(request)
    if request.method == "POST":
        return _change_runs(request, s, who, draft, form)
    found = s.releases.runs(who, draft)
    closed = _embargoed(s, who, draft)
    return _step(request, draft, "runs", runs=found, why=s.releases.obstacles(who, draft), closed=closed, reason=REASON)


def open_early(request: Request, form: dict[str, str]) -> Response:
    """By the principal investigator at once; for anybody else of the team, a request to them."""
    s, who, draft = _draft(request)
    about = form.get("about", "")
    if about not in {one.about for one in s.releases.candidates(who, draft)}:
        raise NotFound()
    s.requests.ask(who, Wanted(kind=RequestKind.RELEASE, about=about, reason=form.get("reason", "")))
    return RedirectResponse(f"/publications/{draft.key}/runs#early", 303)


def check(request: Request, _form: dict[str, str]) -> Response:
    s, who, draft = _draft(request)
    why = s.releases.obstacles(who, draft)
    found = {str(run.pid): run for run in s.releases.runs(who, draft)}
    return _step(
        request,
        draft,
        "check",
        must=faults(draft.description) if draft.description.abstract else (),
        stopped=[(found.get(pid), reason) for pid, reason in why.items()],
        found=s.releases.check(who, draft),
        count=len(draft.pids),
    )


def describe(request: Request, form: dict[str, str]) -> Response:
    s, who, draft = _draft(request)
    suggested = s.releases.suggestions(who, draft)
    if request.method == "GET":
        wrong = faults(draft.description) if request.query_params.get("checked") else ()
        return _form(request, draft, draft.description, wrong, suggested)
    said = described(form, suggested)
    try:
        draft = s.releases.change(who, draft.key, _number(form.get("revision")), said=said)
    except (Invalid, Stale) as error:
        return _form(request, draft, said, (), suggested, error)
    here = f"/publications/{draft.key}"
    do = form.get("do", "")
    if do == "later":
        return RedirectResponse("/publications", 303)
    if do == "save":
        return RedirectResponse(f"{here}/describe?checked=1" if faults(draft.description) else f"{here}/preview", 303)
    return RedirectResponse(f"{here}/describe#{do.partition(':')[2].partition(':')[0] or 'title'}", 303)


def preview(request: Request, _form: dict[str, str]) -> Response:
    """As the world will see it."""
    s, who, draft = _draft(request)
    release = s.releases.as_published(who, draft)
    record = s.records.at(base_of(request, s)).of_release(release, release.pid)
    why = s.releases.obstacles(who, draft)
    return _step(
        request,
        draft,
        "preview",
        r=release,
        record=record,
        shown=s.releases.shown(ANONYMOUS, release),
        citation=as_text(cited(record)),
        must=faults(draft.description),
        stopped=len(why),
        relations=RELATIONS,
    )


def publish(request: Request, form: dict[str, str]) -> Response:
    s, who, draft = _draft(request)
    made = s.releases.publish(who, draft.key, _number(form.get("revision")))
    return RedirectResponse(f"/releases/{made.pid}?published=1", 303)


def pids_in(text: str) -> list[str]:
    """Of a pasted list: one in a line or between blanks or commas, bare, in brackets or quotes, or as addresses of pages."""
    return [_bare(part) for part in re.split(r"[\s,;]+", text) if part.strip(_AROUND)]


def _bare(part: str) -> str:
    address = unquote(part.strip(_AROUND).partition("?")[0].partition("#")[0]).rstrip("/")
    named = address.rpartition("/datasets/")[2]
    native = named.rpartition("/")[2].lower()
    return native if is_native(native) else identifiers.doi(named) or named


def described(form: dict[str, str], suggested: Suggestions) -> Description:
    """What the form says, after the button that was pressed: rows moved, taken out or added; what is known here is filled in."""
    places = {name: ror for name, ror in suggested.institutions if ror}
    people = {one.name: one for one in suggested.people}
    rows: dict[str, list[Any]] = {
        "creators": [_creator(row, people, places) for row in _rows(form, "creator")],
        "papers": [_paper(row) for row in _rows(form, "paper")],
        "funding": [Funding(**row) for row in _rows(form, "funding")],
    }
    kind, _, rest = form.get("do", "").partition(":")
    name, _, number = rest.partition(":")
    listed, at = rows.get(name, []), _number(number)
    if kind == "remove" and at < len(listed):
        del listed[at]
    elif kind == "up" and 0 < at < len(listed):
        listed[at - 1], listed[at] = listed[at], listed[at - 1]
    elif kind == "take" and name == "creators" and at < len(suggested.people):
        listed.append(suggested.people[at])
    elif kind == "take" and name == "funding" and at < len(suggested.funders):
        listed.append(suggested.funders[at])
    return Description(
        title=form.get("title", ""),
        abstract=form.get("abstract", ""),
        creators=tuple(rows["creators"]),
        papers=tuple(rows["papers"]),
        funding=tuple(rows["funding"]),
    )


def papers_and_funding(form: dict[str, str]) -> tuple[tuple[Paper, ...], tuple[Funding, ...]]:
    """Of the form of what is published already; rows without anything in them are none."""
    papers = tuple(_paper(row) for row in _rows(form, "paper"))
    return papers, tuple(Funding(**row) for row in _rows(form, "funding"))


_FIELDS = {
    "creator": ("name", "orcid", "affiliation", "ror"),
    "paper": ("doi", "relation", "title"),
    "funding": ("funder", "funder_id", "award", "award_title"),
}


def _rows(form: dict[str, str], kind: str) -> list[dict[str, str]]:
    """`creator-0-name`, `creator-0-orcid` …; blank rows are left out."""
    found = []
    for number in range(500):
        row = {name: form.get(f"{kind}-{number}-{name}", "") for name in _FIELDS[kind]}
        if f"{kind}-{number}-{_FIELDS[kind][0]}" not in form:
            break
        if any(value.strip() for name, value in row.items() if name != "relation"):
            found.append(row)
    return found


def _creator(row: dict[str, str], people: dict[str, Agent], places: dict[str, str]) -> Agent:
    known = people.get(row["name"].strip())
    place = row["affiliation"].strip()
    return Agent(
        name=row["name"],
        orcid=row["orcid"] or (known.orcid if known else None),
        affiliation=row["affiliation"],
        affiliation_ror=row["ror"] or places.get(place),
    )


def _paper(row: dict[str, str]) -> Paper:
    return Paper(doi=row["doi"], relation=row["relation"] or "IsSupplementTo", title=row["title"])


def _picked(request: Request, s: Services, who: Viewer, form: dict[str, str]) -> Sequence[str]:
    if form.get("basket"):
        return [run.pid for run in s.baskets.runs(who, s.baskets.open(who, form["basket"], visitor_of(request)))]
    if form.get("query"):
        query = query_of_address(form["query"], zone=zone_of(s))
        total = s.search.count(who, query)
        if total > MOST_RUNS:
            raise Invalid(f"The search has {total:,} runs; a publication holds at most {MOST_RUNS:,}. Narrow it first.")

        return [run.pid for run in s.search.search(who, replace(query, limit=MOST_RUNS, offset=0)).items]
    found = [*repeated(request, "pid"), *(_of_doi(s, who, pid) for pid in pids_in(form.get("pids", "")))]
    if not found:
        raise Invalid("No run is picked: tick some in a search, choose a basket, or paste their pids.", (Fault("/pids", "none"),))
    return found


def _of_doi(s: Services, who: Viewer, name: str) -> str:
    """The pid of the run that has the DOI; of other names, and DOIs of other things, the name itself."""
    if not name.startswith("10."):
        return name
    try:
        return s.dois.subject_of(who, name).pid
    except NotFound:
        return s.dois.pid_of(name) or name


def _change_runs(request: Request, s: Services, who: Viewer, draft: Draft, form: dict[str, str]) -> Response:
    do, revision, here = form.get("do", ""), _number(form.get("revision")), f"/publications/{draft.key}/runs"
    if do == "discard":
        s.releases.discard(who, draft.key)
        return RedirectResponse(here, 303)
    if do == "restore":
        s.releases.bring_back(who, draft.key)
        return RedirectResponse(here, 303)
    if do == "without":
        why = s.releases.obstacles(who, draft)
        s.releases.change(who, draft.key, revision, pids=[pid for pid in draft.pids if pid not in why])
    elif do == "add":
        try:
            s.releases.change(who, draft.key, revision, pids=[*draft.pids, *_picked(request, s, who, form)])
        except (NotFound, Invalid) as error:
            found, why = s.releases.runs(who, draft), s.releases.obstacles(who, draft)
            given = {"closed": _embargoed(s, who, draft), "reason": REASON, "fault": error.detail, "text": form.get("pids", "")}
            return _step(request, draft, "runs", status=422, runs=found, why=why, **given)
    elif do in ("remove", "up", "down"):
        seen = [run.pid for run in s.releases.runs(who, draft)]
        s.releases.change(who, draft.key, revision, pids=moved(draft.pids, seen, do, form.get("pid", "")))
    else:
        raise Invalid("This form asks for nothing that can be done here.")
    return RedirectResponse(here, 303)


def _embargoed(s: Services, who: Viewer, draft: Draft) -> list[dict[str, Any]]:
    """By what would be opened together: from when it is open, whether somebody asked already, whether the viewer decides."""
    now_us = s.clock()
    groups: dict[int, dict[str, Any]] = {}
    for one in s.releases.candidates(who, draft):
        if state(one.terms, now_us) is State.EMBARGOED:
            group = groups.setdefault(
                one.terms.id,
                {
                    "about": one.about,
                    "pids": [],
                    "opens_us": one.terms.opens_us,
                    "leads": Standing.PI in standings(who, one.terms),
                    "may": RequestKind.RELEASE in s.requests.kinds(who, one.about),
                    "asked": [],
                },
            )
            group["pids"].append(one.pid)
    for group in groups.values():
        found = s.requests.requests(who, about=group["about"], waiting=True) if group["may"] else ()
        group["asked"] = [one for one in found if one.kind is RequestKind.RELEASE]
    return list(groups.values())


def _form(
    request: Request,
    draft: Draft,
    said: Description,
    wrong: tuple[Fault, ...],
    suggested: Suggestions,
    error: PanmeshError | None = None,
) -> Response:
    named = {one.name for one in said.creators}
    return _step(
        request,
        draft,
        "describe",
        status=422 if error is not None else 200,
        said=said,
        faults={fault.pointer: fault.detail for fault in wrong},
        error=error,
        people=[(n, one) for n, one in enumerate(suggested.people) if one.name not in named],
        institutions=suggested.institutions,
        funders=[(n, one) for n, one in enumerate(suggested.funders) if one not in said.funding],
        relations=RELATIONS,
    )


def _draft(request: Request) -> tuple[Services, Viewer, Draft]:
    s, who = services(request), viewer(request)
    return s, who, s.releases.draft(who, request.path_params["key"])


def _step(request: Request, draft: Draft, step: str, *, status: int = 200, **values: Any) -> Response:
    if draft.published is not None:
        return RedirectResponse(f"/releases/{draft.published}", 303)
    return render(request, f"publish-{step}.html", status=status, draft=draft, step=step, steps=STEPS, **values)


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
