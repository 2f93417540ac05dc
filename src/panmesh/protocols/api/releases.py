"""Routes of releases in /api/v1: drafts of them, publishing, versions, what may be added later."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Header, Path, Query, Request, Response

from panmesh.catalogue.citation import as_text
from panmesh.http.landing import base_of, cited
from panmesh.http.services import services, viewer
from panmesh.kernel.errors import Fault, Invalid
from panmesh.protocols.api import release_models as models
from panmesh.publication.describing import faults
from panmesh.publication.release import Draft, Release

Key = Annotated[str, Path(max_length=100, description="of one's own draft")]
PidPath = Annotated[str, Path(max_length=300, description="pid of the release (its newest version), or of a version")]
IfMatch = Annotated[str | None, Header(max_length=200, description="ETag that you read")]


def add_releases(api: FastAPI) -> None:
    add_drafts(api)

    @api.get("/releases", response_model=models.ReleasePage, tags=["releases"])
    def releases(
        request: Request, offset: Annotated[int, Query(ge=0, le=2**53)] = 0, limit: Annotated[int, Query(ge=1, le=200)] = 50
    ) -> Response:
        """What was published, the newest first."""
        found, total = services(request).releases.published(offset, limit)
        return _json({"items": [models.listed(one) for one in found], "total": total})

    @api.get("/releases/{pid}", response_model=models.ReleaseModel, tags=["releases"])
    def release(request: Request, pid: PidPath) -> Response:
        return _release(request, services(request).releases.release(pid))

    @api.patch("/releases/{pid}", response_model=models.ReleaseModel, tags=["releases"])
    def amend(request: Request, pid: PidPath, body: models.AmendRequest, if_match: IfMatch = None) -> Response:
        """Papers and funders, which are often known only later. Nothing else of a version ever changes. `If-Match` is required."""
        s, who = services(request), viewer(request)
        if if_match is None:
            s.releases.release(pid)
            return _unconditional()
        papers, funding = models.papers_of(body.papers), models.funding_of(body.funding)
        return _release(request, s.releases.amend(who, pid, _revision(if_match), papers=papers, funding=funding))

    @api.post("/releases/{pid}/versions", response_model=models.DraftModel, status_code=201, tags=["releases"])
    def next_version(request: Request, pid: PidPath) -> Response:
        """A draft of the next version, with the runs and the description of the newest."""
        return _draft(request, services(request).releases.next_version(viewer(request), pid), 201)

    @api.post("/releases/{pid}/withdrawal", response_model=models.ReleaseModel, tags=["releases"])
    def withdraw(request: Request, pid: PidPath, body: models.WithdrawRequest) -> Response:
        """By the data steward. The page stays, and says why."""
        return _release(request, services(request).releases.withdraw(viewer(request), pid, body.reason))

    @api.get("/datasets/{pid}/releases", response_model=list[models.ListedRelease], tags=["datasets"])
    def holding(request: Request, pid: Annotated[str, Path(max_length=300)]) -> Response:
        """Releases that hold this run."""
        s = services(request)
        run = s.search.get(viewer(request), pid).summary
        return _json([models.listed(one) for one in s.releases.holding(run.pid)])


def add_drafts(api: FastAPI) -> None:
    @api.get("/releases/drafts", response_model=list[models.DraftModel], tags=["releases"])
    def drafts(request: Request) -> Response:
        """One's own, the last changed first."""
        s, who = services(request), viewer(request)
        return _json([_plain(request, one) for one in s.releases.drafts(who)])

    @api.post("/releases/drafts", response_model=models.DraftModel, status_code=201, tags=["releases"])
    def begin(request: Request, body: models.DraftRequest) -> Response:
        """Nothing is published, and nobody else sees it, until it is published."""
        said = models.described(body.description) if body.description is not None else None
        return _draft(request, services(request).releases.begin(viewer(request), body.pids, said), 201)

    @api.get("/releases/drafts/{key}", response_model=models.DraftModel, tags=["releases"])
    def draft(request: Request, key: Key) -> Response:
        return _draft(request, services(request).releases.draft(viewer(request), key))

    @api.patch("/releases/drafts/{key}", response_model=models.DraftModel, tags=["releases"])
    def change(request: Request, key: Key, body: models.DraftPatch, if_match: IfMatch = None) -> Response:
        """`If-Match` is required."""
        s, who = services(request), viewer(request)
        if if_match is None:
            s.releases.draft(who, key)
            return _unconditional()
        said = models.described(body.description) if body.description is not None else None
        made = s.releases.change(who, key, _revision(if_match), pids=body.pids, said=said, strict=True)
        return _draft(request, made)

    @api.delete("/releases/drafts/{key}", status_code=204, tags=["releases"])
    def discard(request: Request, key: Key) -> Response:
        services(request).releases.discard(viewer(request), key)
        return Response(status_code=204)

    @api.post("/releases/drafts/{key}/restoration", response_model=models.DraftModel, tags=["releases"])
    def bring_back(request: Request, key: Key) -> Response:
        """A draft that was put away: it goes on as it was."""
        return _draft(request, services(request).releases.bring_back(viewer(request), key))

    @api.get("/releases/drafts/{key}/check", response_model=models.CheckModel, tags=["releases"])
    def check(request: Request, key: Key) -> Response:
        """What must be mended before it can be published, and what should be added."""
        s, who = services(request), viewer(request)
        one = s.releases.draft(who, key)
        why, found = s.releases.obstacles(who, one), s.releases.check(who, one)
        known = {run.pid for run in s.releases.runs(who, one)}
        must = models.faulty(faults(one.description))
        must += [{"pointer": f"/pids/{n}", "detail": why[pid]} for n, pid in enumerate(one.pids) if pid in why and pid in known]
        hints = (*found.of_release, *found.of_runs)
        should = [{"text": h.text, "field": h.field, "runs": [asdict(run) for run in h.runs]} for h in hints]
        return _json({"must": must, "should": should, "assessed": found.assessed})

    @api.post("/releases/drafts/{key}/publish", response_model=models.ReleaseModel, status_code=201, tags=["releases"])
    def publish(request: Request, key: Key, if_match: IfMatch = None) -> Response:
        """Freezes it for good. `If-Match` is required: what is published is what you read."""
        s, who = services(request), viewer(request)
        if if_match is None:
            s.releases.draft(who, key)
            return _unconditional()
        return _release(request, s.releases.publish(who, key, _revision(if_match)), 201)


def _release(request: Request, one: Release, status: int = 200) -> Response:
    s = services(request)
    record = s.records.at(base_of(request, s)).of_release(one, one.pid)
    told = models.release(one, s.releases.shown(viewer(request), one), s.releases.doi(one.pid), as_text(cited(record)))
    return _json(told, status, {"ETag": f'"release-{one.revision}"'})


def _plain(request: Request, one: Draft) -> dict[str, Any]:
    known = [str(run.pid) for run in services(request).releases.runs(viewer(request), one)]
    return models.draft(one, known)


def _draft(request: Request, one: Draft, status: int = 200) -> Response:
    return _json(_plain(request, one), status, {"ETag": f'"draft-{one.revision}"'})


def _unconditional() -> Response:
    body = {"type": "about:blank", "title": "Send If-Match", "status": 428, "detail": "Send the ETag that you read as If-Match."}
    return Response(orjson.dumps(body), 428, media_type="application/problem+json")


def _revision(etag: str) -> int:
    text = etag.strip().removeprefix("W/").strip('"').rpartition("-")[2]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid("If-Match is the ETag that you read.", (Fault("/if-match", "no ETag of ours"),))
    return int(text)


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, {"Cache-Control": "private, no-store"} | (headers or {}), "application/json")
