"""Routes of /api/v1. They parse, ask a service with the viewer, and shape the answer; nothing is decided here."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Header, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Send

from panmesh import __version__
from panmesh.access.audit import is_staff_read
from panmesh.access.viewer import Scope
from panmesh.catalogue.correction import Wanted, What
from panmesh.catalogue.query import FACET_FIELDS, Field, VisitQuery
from panmesh.http.asked_ranges import instant
from panmesh.http.conditional import matches
from panmesh.http.downloads import open_download
from panmesh.http.fairness import fairness_of
from panmesh.http.filters import query_of
from panmesh.http.problems import on_crash, on_http_error, on_panmesh_error, problem
from panmesh.http.services import Services, services, viewer
from panmesh.ingest.units import DerivedFile, DerivedRun, UnitState
from panmesh.kernel import techniques
from panmesh.kernel.clock import iso
from panmesh.kernel.errors import Fault, Invalid, PanmeshError, Unauthenticated
from panmesh.protocols.api import models, views
from panmesh.protocols.api.baskets import add_baskets
from panmesh.protocols.api.changes import add_changes
from panmesh.protocols.api.corrections import add_corrections
from panmesh.protocols.api.dois import add_dois
from panmesh.protocols.api.events import add_events
from panmesh.protocols.api.notes import add_notes
from panmesh.protocols.api.one_state import read_one_state
from panmesh.protocols.api.personal import add_personal
from panmesh.protocols.api.plans import add_plans
from panmesh.protocols.api.releases import add_releases
from panmesh.protocols.api.requests import add_requests
from panmesh.protocols.api.searches import add_searches
from panmesh.protocols.api.teams import add_teams
from panmesh.protocols.api.usage import add_usage
from panmesh.protocols.api.webhooks import add_webhooks
from panmesh.publication.fair import Letter

PidPath = Annotated[str, Path(max_length=300, description="persistent identifier")]
Offset = Annotated[int, Query(ge=0, le=2**53)]
Limit = Annotated[int, Query(ge=0, le=1000)]
_VISIT_WORDS = "each somewhere in the title, number or proposal, or in the name of the instrument"
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    code: {"description": text, "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for code, text in (
        (400, "Not well formed"),
        (401, "Not signed in, or the token is not valid"),
        (403, "Not allowed, or under embargo"),
        (404, "Absent, or you may not know of it"),
        (405, "Not a method of this route"),
        (409, "Not possible in this state"),
        (412, "Changed since you read it"),
        (413, "Too large"),
        (415, "Not a form that we take"),
        (416, "No such bytes"),
        (422, "Not well formed: see faults"),
        (428, "Send If-Match"),
        (429, "Too many attempts"),
        (503, "Not available now"),
    )
}

_SEARCH = {
    "text": "words that occur in title, sample, people, technique …",
    "from": "first day or instant of the start",
    "to": "last day or instant of the start",
    "facility": "key",
    "instrument": "key",
    "technique": "PaNET pid, name or synonym; narrower ones are included",
    "sample": "name",
    "proposal": "number",
    "visit": "pid of the investigation",
    "person": "part of a name as written in the file",
    "series": "scan series, as a run of it says",
    "state": "open, embargoed …",
    "mine": "true: of visits in whose team you are, or that you were let into",
    "kind": "raw or processed",
    "format": "of the file: hdf5, tiff …",
    "year": "of the start, in the facility's days",
    "flag": "good, doubtful or bad, as somebody said in the logbook that you may read",
    "tag": "of the logbook that you may read",
    "quantity": "name:low..high unit, e.g. incident_energy:10..20 keV; repeat for more",
    "sort": "relevance (with words, unless you say otherwise: where they stand in what you may read, best first), start, created, title, bytes, sample; '-' before it for descending",
}
_KNOWN = {*_SEARCH, "offset", "limit", "facets"}


def create_api(bundle: Services) -> FastAPI:
    api = FastAPI(
        title="panmesh",
        version=__version__,
        summary="Runs of a photon or neutron facility: found, read, corrected, taken home.",
        description="Send `Authorization: Bearer pmt_…` to see more than the public. Errors are problem+json (RFC 9457).",
        responses=_PROBLEMS,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    api.state.services = bundle
    read_one_state(api, lambda: bundle.one_state())
    api.add_exception_handler(PanmeshError, on_panmesh_error)
    api.add_exception_handler(HTTPException, on_http_error)
    api.add_exception_handler(RequestValidationError, _on_validation)
    api.add_exception_handler(Exception, on_crash)
    _datasets(api)
    _around(api)
    _ingest(api)
    add_corrections(api)
    add_events(api)
    add_changes(api)
    add_usage(api)
    add_webhooks(api)
    add_searches(api)
    add_notes(api)
    add_baskets(api)
    add_plans(api)
    add_releases(api)
    add_requests(api)
    add_dois(api)
    add_teams(api)
    add_personal(api)
    _people(api)
    _describe(api)
    return api


def _search_parameters() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "query",
            "description": text,
            "required": False,
            "schema": {"type": "array", "items": {"type": "string"}},
            "explode": True,
        }
        for name, text in _SEARCH.items()
    ]


def _datasets(api: FastAPI) -> None:
    @api.get(
        "/datasets", response_model=models.DatasetPage, tags=["datasets"], openapi_extra={"parameters": _search_parameters()}
    )
    def list_datasets(
        request: Request,
        offset: Offset = 0,
        limit: Limit = 20,
        facets: Annotated[
            str | None, Query(max_length=200, description="comma-separated: " + ", ".join(f.value for f in FACET_FIELDS))
        ] = None,
    ) -> Response:
        """Search. Totals and facets are exact, of what you may know of."""
        given = _given(request)
        if given.get("mine") and viewer(request).user_id is None:
            raise Unauthenticated()
        query = query_of(given, zone=_zone(request), offset=offset, limit=limit)
        page = services(request).search.search(viewer(request), query)
        body: dict[str, Any] = {
            "items": [views.dataset(s) for s in page.items],
            "total": page.total,
            "offset": offset,
            "limit": limit,
        }
        if facets:
            body["facets"] = _facets(request, query, facets)
        return _json(body, headers={"X-Total-Count": str(page.total)} | _next(request, offset, limit, page.total))

    @api.get("/datasets/{pid}", response_model=models.DatasetDetail, tags=["datasets"])
    def get_dataset(request: Request, pid: PidPath) -> Response:
        """By concept pid (the newest version), version pid, or an older identifier that leads here."""
        who = viewer(request)
        record = services(request).search.get(who, _plain(pid))
        summary = record.summary
        body = orjson.dumps(views.record(record))
        etag = f'"{summary.pid}-{record.version}-{record.revision}-{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
        if is_staff_read(who, summary.access.state, summary.access.readable, in_team=False):
            services(request).audit.record(who, "read", summary.pid)
        if matches(request.headers.get("if-none-match"), etag):
            return Response(status_code=304, headers={"ETag": etag})
        return Response(body, headers={"ETag": etag}, media_type="application/json")

    @api.patch("/datasets/{pid}", response_model=models.RevisionModel, tags=["datasets"])
    def patch_dataset(
        request: Request, pid: PidPath, change: models.PatchModel, if_match: Annotated[str | None, Header(max_length=200)] = None
    ) -> Response:
        """Correct metadata. What the file says is kept underneath; `undo` takes the correction back. `If-Match` is required."""
        who = viewer(request)
        if if_match is None:
            services(request).search.get(who, _plain(pid))  # absent and hidden answer alike, before anything else is said
            return Response(
                orjson.dumps(
                    {
                        "type": "about:blank",
                        "title": "Send If-Match",
                        "status": 428,
                        "detail": "Send the ETag that you read as If-Match.",
                    }
                ),
                428,
                media_type="application/problem+json",
            )
        values = {name: getattr(change, name) for name in change.model_fields_set}
        for name in ("start", "end"):
            if values.get(name) is not None:
                values[name] = instant(values[name], "UTC", end=False)
        revision = services(request).editing.change(who, _plain(pid), values, _revision(if_match))
        return _json({"pid": pid, "revision": revision})

    @api.get("/datasets/{pid}/history", response_model=list[models.ChangeModel], tags=["datasets"])
    def history(request: Request, pid: PidPath) -> Response:
        """All layers of the metadata, newest first."""
        changes = services(request).editing.history(viewer(request), _plain(pid))
        return _json(
            [
                {
                    "id": c.id,
                    "source": c.source,
                    "by": c.by,
                    "at": iso(c.at_us),
                    "values": dict(c.values),
                    "undone": iso(c.undone_us),
                    "undone_by": c.undone_by,
                }
                for c in changes
            ]
        )

    @api.post("/datasets/{pid}/undo", response_model=models.RevisionModel, tags=["datasets"])
    def undo(request: Request, pid: PidPath, body: models.UndoModel) -> Response:
        """Take one change by a person back."""
        return _json({"pid": pid, "revision": services(request).editing.undo(viewer(request), _plain(pid), body.change)})

    @api.get("/datasets/{pid}/fair", response_model=models.FairModel, tags=["datasets"])
    def fair(request: Request, pid: PidPath) -> Response:
        """Scores from the record and the file as you may read them, and what to add."""
        s = services(request)
        found = fairness_of(s, s.search.get(viewer(request), pid))
        points = [
            {"letter": p.letter.value, "name": p.name, "weight": p.weight, "share": p.share, "hint": p.hint, "field": p.field}
            for p in found.points
        ]
        letters = {letter.value: found.of(letter) for letter in Letter}
        return _json({"percent": found.percent, "complete": found.complete, "letters": letters, "points": points})

    @api.get("/datasets/{pid}/access", response_model=models.AccessAnswer, tags=["datasets"])
    def access(request: Request, pid: PidPath) -> Response:
        """Why you may, or may not, read it: in words."""
        e = services(request).search.explain(viewer(request), _plain(pid))
        return _json(
            {
                "state": e.state.value,
                "word": e.word,
                "sentence": e.sentence,
                "opens": e.opens.isoformat() if e.opens else None,
                "may_read_data": e.may_read_data,
                "ask": e.ask,
            }
        )

    @api.get("/datasets/{pid}/files", response_model=models.FilePage, tags=["files"])
    def files(
        request: Request,
        pid: PidPath,
        offset: Offset = 0,
        limit: Limit = 100,
        contains: Annotated[str | None, Query(max_length=300)] = None,
    ) -> Response:
        page = services(request).search.files(
            viewer(request), _plain(pid), offset=offset, limit=limit, contains=_optional(contains)
        )
        body = {
            "items": [views.file(f) for f in page.items],
            "total": page.total,
            "total_bytes": page.total_bytes,
            "offset": offset,
            "limit": limit,
        }
        return _json(body, headers=_next(request, offset, limit, page.total))

    @api.get(
        "/datasets/{pid}/files/{name:path}",
        tags=["files"],
        response_class=Response,
        responses={
            200: {
                "description": "the bytes",
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            },
            206: {"description": "the bytes asked for"},
            304: {"description": "unchanged"},
        },
    )
    @api.head("/datasets/{pid}/files/{name:path}", include_in_schema=False)
    def download(request: Request, pid: PidPath, name: str) -> Any:
        """The bytes, with Range, a strong ETag, and Repr-Digest."""
        return _Sent(open_download(services(request), viewer(request), _plain(pid), _plain(name), request.method))

    @api.post("/datasets", response_model=models.PidModel, status_code=201, tags=["datasets"])
    def register_derived(request: Request, body: models.DerivedModel) -> Response:
        """Register results of processing: they are linked to what they were made from and stand under its terms."""
        run = DerivedRun(
            title=body.title,
            sources=tuple(body.sources),
            files=tuple(DerivedFile(path=_plain(p)) for p in body.files),
            software=body.software,
            software_version=body.software_version,
            parameters=body.parameters,
            finished_us=instant(body.finished, "UTC", end=False) if body.finished else None,
        )
        pid = services(request).desk().register_derived(viewer(request), run)
        return _json({"pid": pid}, status=201, headers={"Location": f"/api/v1/datasets/{pid}"})


def _around(api: FastAPI) -> None:
    @api.get("/investigations", response_model=models.InvestigationPage, tags=["around"])
    def investigations(
        request: Request,
        offset: Offset = 0,
        limit: Limit = 50,
        text: Annotated[str, Query(max_length=200, description=_VISIT_WORDS)] = "",
        instrument: Annotated[str | None, Query(max_length=300, description="key or pid")] = None,
        proposal: Annotated[str | None, Query(max_length=300, description="number or pid")] = None,
        mine: Annotated[bool, Query(description="only of your teams, or that you were let in to")] = False,
    ) -> Response:
        """Visits that you may know of, the latest first; those without a schedule by their first run."""
        who = viewer(request)
        if mine and who.user_id is None:
            raise Unauthenticated()
        wanted = VisitQuery(words=_plain(text), mine=mine, instrument=_optional(instrument), proposal=_optional(proposal))
        page = services(request).search.investigations(who, wanted, offset=offset, limit=limit)
        body = {"items": [views.investigation(v) for v in page.items], "total": page.total, "offset": offset, "limit": limit}
        return _json(body, headers=_next(request, offset, limit, page.total))

    @api.get("/investigations/{pid}", response_model=models.InvestigationModel, tags=["around"])
    def investigation(request: Request, pid: PidPath) -> Response:
        return _json(views.investigation(services(request).search.investigation(viewer(request), _plain(pid))))

    @api.get("/instruments", response_model=list[models.InstrumentModel], tags=["around"])
    def instruments(request: Request) -> Response:
        return _json([views.instrument(v) for v in services(request).search.instruments(viewer(request))])

    @api.get("/instruments/{pid}", response_model=models.InstrumentModel, tags=["around"])
    def instrument(request: Request, pid: PidPath) -> Response:
        return _json(views.instrument(services(request).search.instrument(viewer(request), _plain(pid))))

    @api.get("/facilities", response_model=list[models.FacilityModel], tags=["around"])
    def facilities(request: Request) -> Response:
        found = services(request).search.facilities()
        return _json([{"key": f.key, "name": f.name, "time_zone": f.time_zone, "ror": f.ror} for f in found])

    @api.get("/samples/{pid}", response_model=models.SampleModel, tags=["around"])
    def sample(request: Request, pid: PidPath) -> Response:
        s = services(request).search.sample(viewer(request), _plain(pid))
        return _json(
            {"pid": s.pid, "name": s.name, "identifier": s.identifier, "formula": s.formula, "description": s.description}
        )

    @api.get("/quantities", response_model=list[models.FacetModel], tags=["around"])
    def quantities(request: Request) -> Response:
        """Names of the searchable quantities in what you may read; `label` is their usual unit."""
        found = services(request).search.quantities(viewer(request))
        return _json([{"value": q.value, "label": q.label, "count": q.count} for q in found])

    @api.get(
        "/quantities/spread",
        response_model=list[models.SpreadModel],
        tags=["around"],
        openapi_extra={"parameters": _search_parameters()},
    )
    def spread(
        request: Request, name: Annotated[str, Query(max_length=80, description="words that are in its name")] = ""
    ) -> Response:
        """Up to eight quantities of what the search finds and whose numbers you may read, those of most runs first: units as instruments
        write them, range, and a histogram of equally wide bars from `low` to `high` (on a logarithmic scale where `decades`)."""
        query = query_of(_given(request, and_also=("name",)), zone=_zone(request))
        found = services(request).search.spreads(viewer(request), query, _plain(name))
        return _json([asdict(q) for q in found])

    @api.get("/techniques", response_model=list[models.TechniqueModel], tags=["around"])
    def find_techniques(request: Request, text: Annotated[str, Query(max_length=200)] = "", limit: Limit = 20) -> Response:
        """PaNET terms by name or synonym."""
        return _json([{"pid": t.pid, "name": t.name} for t in techniques.search(_plain(text), limit)])


def _ingest(api: FastAPI) -> None:
    @api.post("/ingest", response_model=models.PushAnswer, status_code=202, tags=["ingest"])
    def push(request: Request, body: models.PushModel) -> Response:
        """Read a file or folder now: for instruments whose file system does not tell us (NFS, GPFS, Lustre)."""
        r = services(request).desk().push(viewer(request), _plain(body.path))
        return _json({"storage": r.storage, "path": r.path, "accepted": r.accepted, "pids": list(r.pids)}, status=202)

    @api.get("/ingest/units", response_model=models.UnitPage, tags=["ingest"])
    def units(
        request: Request,
        offset: Offset = 0,
        limit: Limit = 50,
        state: Annotated[list[UnitState] | None, Query()] = None,
        contains: Annotated[str | None, Query(max_length=300)] = None,
    ) -> Response:
        page = (
            services(request)
            .desk()
            .units(viewer(request), states=state or (), contains=_optional(contains), offset=offset, limit=limit)
        )
        items = [
            {
                "id": u.id,
                "storage": u.storage,
                "path": u.path,
                "state": u.state.value,
                "read_state": u.read_state,
                "format": u.format,
                "size": u.size,
                "reason": u.reason,
                "advice": u.advice,
                "attempts": u.attempts,
                "seen": iso(u.seen_us),
                "read": iso(u.read_us),
                "pids": list(u.dataset_pids),
            }
            for u in page.items
        ]
        return _json(
            {"items": items, "total": page.total, "offset": offset, "limit": limit},
            headers=_next(request, offset, limit, page.total),
        )

    @api.get("/ingest/counts", response_model=models.CountsModel, tags=["ingest"])
    def counts(request: Request) -> Response:
        c = services(request).desk().counts(viewer(request))
        return _json(
            {
                "by_state": c.by_state,
                "pending_digests": c.pending_digests,
                "quarantined": c.quarantined,
                "lag_seconds": None if c.lag_us is None else c.lag_us / 1e6,
                "last_hour": c.last_hour,
            }
        )

    @api.post("/ingest/units/retry", response_model=models.RetryAnswer, tags=["ingest"])
    def retry(request: Request, body: models.RetryModel) -> Response:
        return _json({"queued": services(request).desk().retry(viewer(request), body.units)})

    @api.get("/ingest/quarantine", response_model=models.QuarantinePage, tags=["ingest"])
    def quarantine(request: Request, offset: Offset = 0, limit: Limit = 50) -> Response:
        page = services(request).desk().quarantined(viewer(request), offset=offset, limit=limit)
        items = [
            {
                "pid": q.pid,
                "title": q.title,
                "storage": q.storage,
                "path": q.path,
                "reason": q.reason,
                "start": iso(q.start_us),
                "instrument": q.instrument,
                "proposal_in_file": q.proposal_in_file,
                "created": iso(q.created_us),
            }
            for q in page.items
        ]
        return _json({"items": items, "total": page.total, "offset": offset, "limit": limit})

    @api.post("/ingest/quarantine/{pid}/assign", response_model=models.PidModel, tags=["ingest"])
    def assign(request: Request, pid: PidPath, body: models.AssignModel) -> Response:
        """Move a dataset from quarantine to a visit; it takes the visit's terms."""
        wanted = Wanted(what=What.MOVE, pids=(_plain(pid),), visit=_plain(body.investigation), reason=body.reason, waiting=True)
        services(request).corrections.make(viewer(request), wanted)
        return _json({"pid": pid})


def _people(api: FastAPI) -> None:
    @api.get("/me", response_model=models.Me, tags=["people"])
    def me(request: Request) -> Response:
        v = viewer(request)
        return _json(
            {
                "login": v.login,
                "name": v.name,
                "signed_in": v.user_id is not None,
                "staff": v.staff,
                "scopes": sorted(s.value for s in v.scopes),
            }
        )

    @api.post("/session", response_model=models.NewToken, status_code=201, tags=["people"])
    def sign_in(request: Request, body: models.SignIn) -> Response:
        """For tools: a login and a password for a token of twelve hours' use."""
        address = request.client.host if request.client else "unknown"
        session = services(request).accounts.sign_in(_plain(body.login), body.password, address)
        services(request).accounts.sign_out(session.secret)
        scopes = frozenset({Scope.READ, Scope.DATA, Scope.WRITE, Scope.INGEST})
        secret, info = services(request).accounts.make_token(session.viewer, "signed in by a tool", scopes, 1)
        return _json(_token(info) | {"token": secret}, status=201)

    @api.get("/tokens", response_model=list[models.TokenModel], tags=["people"])
    def tokens(request: Request) -> Response:
        return _json([_token(t) for t in services(request).accounts.tokens(viewer(request))])

    @api.post("/tokens", response_model=models.NewToken, status_code=201, tags=["people"])
    def make_token(request: Request, body: models.TokenRequest) -> Response:
        scopes = frozenset(Scope(s) for s in body.scopes)
        secret, info = services(request).accounts.make_token(viewer(request), body.name, scopes, body.days)
        return _json(_token(info) | {"token": secret}, status=201)

    @api.delete("/tokens/{token_id}", status_code=204, tags=["people"])
    def revoke(request: Request, token_id: Annotated[int, Path(ge=1, le=2**53)]) -> Response:
        services(request).accounts.revoke(viewer(request), token_id)
        return Response(status_code=204)


def _describe(api: FastAPI) -> None:
    """OpenAPI 3.1 with the Problem shape among its components."""
    plain = api.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        document.setdefault("components", {}).setdefault("schemas", {}).setdefault("Problem", _problem_schema(document))
        document["components"].setdefault("securitySchemes", {"token": {"type": "http", "scheme": "bearer"}})
        document["servers"] = [{"url": "/api/v1"}]
        for item in document["paths"].values():
            for operation in item.values():
                responses = operation.get("responses", {})
                if "422" in responses:
                    responses["422"] = _PROBLEMS[422]
        return document

    api.openapi = openapi  # type: ignore[method-assign]


def _problem_schema(document: dict[str, Any]) -> dict[str, Any]:
    schema = models.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    for name, one in schema.pop("$defs", {}).items():
        document["components"]["schemas"].setdefault(name, one)
    return schema


# --- small parts ------------------------------------------------------------------------------------------------------


class _Sent(Response):
    """An answer that sends itself, in a form that FastAPI passes on untouched."""

    def __init__(self, answer: ASGIApp) -> None:
        self._answer = answer
        self.background = None

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        await self._answer(scope, receive, send)


def _json(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, dict(headers or {}), "application/json")


def _given(request: Request, and_also: tuple[str, ...] = ()) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        given.setdefault(name, []).append(_plain(value))
    unknown = sorted(set(given) - _KNOWN.union(and_also))
    if unknown:
        faults = tuple(Fault(name, "is no parameter of the search") for name in unknown)
        raise Invalid(f"Unknown: {', '.join(unknown)}. Known: {', '.join(sorted(_KNOWN))}.", faults)
    return {name: values for name, values in given.items() if name in _SEARCH}


def _facets(request: Request, query: Any, wanted: str) -> dict[str, Any]:
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    allowed = {f.value: f for f in FACET_FIELDS}
    unknown = [name for name in names if name not in allowed]
    if unknown:
        raise Invalid(f"No facet {', '.join(unknown)}; there are {', '.join(allowed)}.", (Fault("facets", "unknown facet"),))
    found = services(request).search
    return {
        name: [{"value": f.value, "label": f.label, "count": f.count} for f in found.facet(viewer(request), query, Field(name))]
        for name in dict.fromkeys(names)
    }


def _next(request: Request, offset: int, limit: int, total: int) -> dict[str, str]:
    if limit == 0 or offset + limit >= total:
        return {}
    url = request.url.include_query_params(offset=offset + limit, limit=limit)
    return {"Link": f'<{url.path}?{url.query}>; rel="next"'}


def _zone(request: Request) -> str:
    facilities = services(request).search.facilities()
    return facilities[0].time_zone if facilities else "UTC"


def _plain(text: str) -> str:
    """Text that every database can hold: no NUL, no lone surrogates."""
    if "\x00" in text or any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise Invalid("The text has signs that no identifier or name here has.", (Fault("/", "NUL or undecodable signs"),))
    return text


def _optional(text: str | None) -> str | None:
    return None if text is None else _plain(text)


def _revision(etag: str) -> int:
    """The revision in an ETag of ours (or a bare number); -1, which is never current, for anything else."""
    parts = etag.strip().removeprefix("W/").strip('"').split("-")
    candidate = parts[-2] if len(parts) >= 4 else parts[-1]
    return int(candidate) if candidate.isascii() and candidate.isdigit() and len(candidate) < 10 else -1


def _token(info: Any) -> dict[str, Any]:
    return {
        "id": info.id,
        "name": info.name,
        "scopes": sorted(s.value for s in info.scopes),
        "created": iso(info.created_us),
        "expires": iso(info.expires_us),
        "last_used": iso(info.last_used_us),
    }


async def _on_validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = tuple(Fault("/" + "/".join(str(p) for p in e["loc"]), str(e["msg"])) for e in error.errors())
    return problem(Invalid("The request is not well formed: " + "; ".join(f"{f.pointer} {f.detail}" for f in faults[:5]), faults))
