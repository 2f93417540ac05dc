"""Routes of a person's own data in /api/v1, and of names that are withheld from the public."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Path, Request, Response
from pydantic import BaseModel, Field

from panmesh.http.services import services, viewer
from panmesh.kernel.clock import iso
from panmesh.protocols.api.models import Model


class ProfileRequest(Model):
    """All three: what is null is taken away."""

    name: Annotated[str, Field(max_length=300)]
    orcid: Annotated[str, Field(max_length=40)] | None = None
    affiliation: Annotated[str, Field(max_length=300)] | None = None


class ProfileModel(BaseModel):
    login: str
    name: str
    email: str | None
    orcid: str | None
    affiliation: str | None
    withheld: bool = Field(description="the name is not shown to the public")


class NameRequest(Model):
    """Without anything: your own name and ORCID iD. A name alone: another writing of yours; with a reason, for stewards: of somebody else."""

    name: Annotated[str, Field(max_length=300)] | None = None
    orcid: Annotated[str, Field(max_length=40)] | None = None
    reason: Annotated[str, Field(max_length=300)] | None = None


class NameModel(BaseModel):
    id: int
    name: str | None
    orcid: str | None
    own: bool
    since: str
    reason: str
    places: int = Field(description="runs whose file names this person")


def add_personal(api: FastAPI) -> None:
    @api.get("/me/data", tags=["people"])
    def data(request: Request) -> Response:
        """Everything that is held of you."""
        return _json(services(request).personal.export(viewer(request)))

    @api.get("/me/profile", response_model=ProfileModel, tags=["people"])
    def profile(request: Request) -> Response:
        return _json(services(request).personal.profile(viewer(request)))

    @api.put("/me/profile", response_model=ProfileModel, tags=["people"])
    def correct(request: Request, body: ProfileRequest) -> Response:
        """Correct your name, ORCID iD and affiliation."""
        s, who = services(request), viewer(request)
        s.personal.correct(who, name=body.name, orcid=body.orcid, affiliation=body.affiliation)
        return _json(s.personal.profile(who))

    @api.get("/withheld-names", response_model=list[NameModel], tags=["people"])
    def names(request: Request) -> Response:
        """Your own; for stewards and admins, all."""
        return _names(request)

    @api.post("/withheld-names", response_model=list[NameModel], status_code=201, tags=["people"])
    def withhold(request: Request, body: NameRequest) -> Response:
        """From now on the public sees “Name withheld”, and finds nothing by this name."""
        s, who = services(request), viewer(request)
        if body.reason is not None or body.orcid is not None:
            s.personal.withhold(who, name=body.name, orcid=body.orcid, reason=body.reason or "")
        else:
            s.personal.withhold_own(who, body.name)
        return _names(request, 201)

    @api.delete("/withheld-names/{number}", status_code=204, tags=["people"])
    def show_again(request: Request, number: Annotated[int, Path(ge=1, le=2**53)]) -> Response:
        services(request).personal.show_again(viewer(request), number)
        return Response(status_code=204)


def _names(request: Request, status: int = 200) -> Response:
    found = services(request).personal.withheld(viewer(request))
    shape: list[dict[str, Any]] = [
        {
            "id": n.id,
            "name": n.name,
            "orcid": n.orcid,
            "own": n.own,
            "since": iso(n.since_us),
            "reason": n.reason,
            "places": n.places,
        }
        for n in found
    ]
    return _json(shape, status)


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
