"""Who is looking, with everything that decides what they may read: resolved once per request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Standing(StrEnum):
    """How a viewer stands to given terms; several may hold at once."""

    ANYONE = "anyone"
    GRANTEE = "grantee"
    MEMBER = "member"
    PI = "pi"
    STAFF = "staff"  # instrument scientist or local contact of that instrument
    ADMIN = "admin"
    STEWARD = "steward"
    EMERGENCY = "emergency"  # staff who broke the glass, with a reason, for some hours


class TeamRole(StrEnum):
    PI = "pi"
    MEMBER = "member"
    GRANTEE = "grantee"


class MemberSource(StrEnum):
    """Who said that somebody is in a team: only what a schedule said is taken back by a later schedule."""

    SCHEDULE = "schedule"
    IMPORT = "import"
    PERSON = "person"


class Scope(StrEnum):
    """What an API token was made for. A browser session has all of them."""

    READ = "read"  # metadata
    DATA = "data"  # bytes
    WRITE = "write"  # metadata, derived data
    INGEST = "ingest"
    ADMIN = "admin"


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    user_id: int | None = None  # None: not signed in
    name: str = "anonymous"
    login: str | None = None
    teams: Mapping[int, TeamRole] = field(default_factory=dict)  # live memberships at the time of the request
    instruments: frozenset[int] = frozenset()  # ids of instruments they look after
    admin: bool = False
    steward: bool = False
    scopes: frozenset[Scope] = ALL_SCOPES
    granted: frozenset[int] = frozenset()  # ids of terms that somebody let them read, for a time
    emergencies: frozenset[int] = frozenset()  # ids of terms whose glass they broke, for some hours
    operator: bool = False  # the command line of the host, with full rights

    @property
    def staff(self) -> bool:
        """Whether they have any staff role at all (menus, dashboards); what they may read is decided per terms."""
        return self.admin or self.steward or self.operator or bool(self.instruments)

    def keeps(self, before: Viewer) -> bool:
        """Whether nothing that they had before was taken from them since."""
        now, then = (self.admin, self.steward, self.operator), (before.admin, before.steward, before.operator)
        return (
            self.user_id == before.user_id
            and self.teams.items() >= before.teams.items()
            and self.instruments >= before.instruments
            and self.scopes >= before.scopes
            and self.granted >= before.granted
            and self.emergencies >= before.emergencies
            and all(has or not had for has, had in zip(now, then, strict=True))
        )


ANONYMOUS = Viewer(scopes=frozenset({Scope.READ, Scope.DATA}))
OPERATOR = Viewer(name="operator", login="operator", operator=True, admin=True, steward=True)
