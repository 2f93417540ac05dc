"""Routes of teams in /api/v1: who is in, until when; invited, put in, taken out, taken back."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field

from panmesh.access.teams import InvitationState, Team, What
from panmesh.access.viewer import MemberSource, TeamRole
from panmesh.http.services import services, viewer
from panmesh.kernel.clock import facility_midnight, iso
from panmesh.kernel.errors import NotFound
from panmesh.kernel.text import is_plain
from panmesh.protocols.api.models import Model

About = Annotated[str, Path(max_length=300, description="pid or number of a proposal, or pid of a visit")]
Number = Annotated[int, Path(ge=1, le=2**53)]
LastDay = Annotated[
    date | None, Field(ge=date(2000, 1, 1), le=date(2200, 1, 1), description="the last day in the team; null: no end")
]


class InvitationRequest(Model):
    address: Annotated[str, Field(max_length=254, description="mail address")]
    role: TeamRole = TeamRole.MEMBER
    until: LastDay = None


class MemberRequest(Model):
    login: Annotated[str, Field(max_length=64, description="of somebody you work with in another team; for stewards, of anybody")]
    role: TeamRole = TeamRole.MEMBER
    until: LastDay = None


class MemberChange(Model):
    role: TeamRole
    until: LastDay = None


class MemberModel(BaseModel):
    number: int
    name: str
    orcid: str | None
    role: TeamRole
    since: str | None
    until: str | None = Field(description="from this instant on they read nothing by it")
    source: MemberSource
    by: str | None
    ended: bool
    you: bool
    etag: str = Field(
        description="of this membership: send it as `If-Match` to change nothing that somebody else changed meanwhile"
    )


class GrantModel(BaseModel):
    request: int
    name: str
    visit: str | None
    until: str
    emergency: bool


class InvitationModel(BaseModel):
    id: int
    address: str
    role: TeamRole
    until: str | None
    invited_by: str
    at: str
    valid_until: str
    state: InvitationState
    taken_by: str | None
    mail: str = Field(description="waiting, sent, failed; none: no mail server")


class ChangeModel(BaseModel):
    id: int
    at: str
    by: str
    who: str
    what: What
    role: TeamRole | None
    until: str | None
    undone: str | None
    may_undo: bool


class FormerModel(BaseModel):
    number: int
    name: str
    role: TeamRole
    until: str


class TeamModel(BaseModel):
    about: str
    number: str
    title: str | None
    visits: list[str]
    total: int
    members: list[MemberModel]
    grants: list[GrantModel]
    invitations: list[InvitationModel]
    changes: list[ChangeModel]
    former: list[FormerModel] = Field(description="named with the visits they took part in, without any right")
    may_change: bool


class ListedTeam(BaseModel):
    pid: str
    number: str
    title: str | None


def add_teams(api: FastAPI) -> None:
    @api.get("/teams", response_model=list[ListedTeam], tags=["teams"])
    def teams(
        request: Request, offset: Annotated[int, Query(ge=0, le=2**53)] = 0, limit: Annotated[int, Query(ge=0, le=1000)] = 100
    ) -> Response:
        """Of the proposals that you are in; for stewards and admins, all."""
        found = services(request).teams.teams(viewer(request), offset=offset, limit=limit)
        return _json([{"pid": pid, "number": number, "title": title} for pid, number, title in found])

    @api.get("/teams/{about}", response_model=TeamModel, tags=["teams"])
    def team(
        request: Request,
        about: About,
        contains: Annotated[str | None, Query(max_length=200, description="part of a name")] = None,
        offset: Annotated[int, Query(ge=0, le=2**53)] = 0,
        limit: Annotated[int, Query(ge=0, le=1000)] = 100,
    ) -> Response:
        """Who is in, in which role, since and until when, and who said so."""
        contains = _plain(contains) if contains is not None else None
        found = services(request).teams.team(viewer(request), _plain(about), offset=offset, limit=limit, contains=contains)
        return _json(_shape(found))

    @api.post("/teams/{about}/invitations", response_model=TeamModel, status_code=201, tags=["teams"])
    def invite(request: Request, about: About, body: InvitationRequest) -> Response:
        """By mail, with a link that works once. Whether the address belongs to an account here is told to nobody."""
        s, who = services(request), viewer(request)
        s.teams.invite(who, _plain(about), body.address, body.role, _instant(request, body.until))
        return _now(request, about, 201)

    @api.delete("/teams/{about}/invitations/{number}", response_model=TeamModel, tags=["teams"])
    def revoke(request: Request, about: About, number: Number) -> Response:
        services(request).teams.revoke(viewer(request), _plain(about), number)
        return _now(request, about)

    @api.post("/teams/{about}/members", response_model=TeamModel, status_code=201, tags=["teams"])
    def add(request: Request, about: About, body: MemberRequest) -> Response:
        """Put somebody in at once."""
        until = _instant(request, body.until)
        services(request).teams.add(viewer(request), _plain(about), body.login, body.role, until)
        return _now(request, about, 201)

    @api.patch("/teams/{about}/members/{number}", response_model=TeamModel, tags=["teams"])
    def change(
        request: Request,
        about: About,
        number: Number,
        body: MemberChange,
        if_match: Annotated[str | None, Header(max_length=200, description="the member's `etag`")] = None,
    ) -> Response:
        """Another role, another last day. With `If-Match`: 412 when somebody else changed them meanwhile."""
        until = _instant(request, body.until)
        seen = if_match.strip().removeprefix("W/").strip('"') if if_match is not None and if_match.strip() != "*" else None
        services(request).teams.change(viewer(request), _plain(about), number, body.role, until, seen)
        return _now(request, about)

    @api.delete("/teams/{about}/members/{number}", status_code=204, tags=["teams"])
    def remove(request: Request, about: About, number: Number) -> Response:
        """Take somebody out, or leave: from this moment nothing is read by it."""
        services(request).teams.remove(viewer(request), _plain(about), number)
        return Response(status_code=204)

    @api.delete("/teams/{about}/former/{number}", response_model=TeamModel, tags=["teams"])
    def not_an_author(request: Request, about: About, number: Number) -> Response:
        """Somebody who was in the team by mistake: no longer named with its visits."""
        services(request).teams.not_an_author(viewer(request), _plain(about), number)
        return _now(request, about)

    @api.post("/teams/{about}/changes/{number}/undo", response_model=TeamModel, tags=["teams"])
    def undo(request: Request, about: About, number: Number) -> Response:
        services(request).teams.undo(viewer(request), _plain(about), number)
        return _now(request, about)


def _now(request: Request, about: str, status: int = 200) -> Response:
    return _json(_shape(services(request).teams.team(viewer(request), about)), status)


def _instant(request: Request, last: date | None) -> int | None:
    if last is None:
        return None
    zone = next((f.time_zone for f in services(request).search.facilities()), "UTC")
    return facility_midnight(last + timedelta(days=1), zone)


def _shape(team: Team) -> dict[str, Any]:
    return {
        "about": team.about,
        "number": team.number,
        "title": team.title,
        "visits": team.visits,
        "total": team.total,
        "members": [_plain_fields(m, "since_us", "until_us") for m in team.members],
        "grants": [_plain_fields(g, "until_us") for g in team.grants],
        "invitations": [_plain_fields(i, "until_us", "at_us", "valid_until_us", without=_SECRET) for i in team.invitations],
        "changes": [_plain_fields(c, "at_us", "until_us", "undone_us") for c in team.changes],
        "former": [_plain_fields(f, "until_us") for f in team.former],
        "may_change": team.may_keep,
    }


_SECRET = ("key", "team_id", "about", "about_pid")


def _plain_fields(one: Any, *instants: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
    found = {name: getattr(one, name) for name in one.__slots__ if name not in without}
    return {name.removesuffix("_us"): iso(value) if name in instants else value for name, value in found.items()}


def _plain(text: str) -> str:
    if not is_plain(text):
        raise NotFound()
    return text


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
