"""Who is looking, with everything that decides what they may read: resolved once per request."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain


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


class Teams(Mapping[int, TeamRole]):
    """Team → role. Staff of large collaborations are in thousands of teams: held by role, so that nothing is done for each of them."""

    __slots__ = ("by_role",)

    def __init__(self, by_role: Mapping[TeamRole, frozenset[int]]) -> None:
        """A team stands under one role."""
        self.by_role = {role: by_role[role] for role in TeamRole if by_role.get(role)}

    @classmethod
    def of(cls, held: Mapping[int, TeamRole]) -> Teams:
        return cls({role: frozenset(team for team, other in held.items() if other is role) for role in TeamRole})

    def __getitem__(self, team: int) -> TeamRole:
        for role, held in self.by_role.items():
            if team in held:
                return role
        raise KeyError(team)

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self.by_role.values())

    def __len__(self) -> int:
        return sum(map(len, self.by_role.values()))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Teams):
            return self.by_role == other.by_role
        return dict(self) == other if isinstance(other, Mapping) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self.by_role.items()))

    def __repr__(self) -> str:
        return repr(dict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    user_id: int | None = None  # None: not signed in
    name: str = "anonymous"
    login: str | None = None
    teams: Mapping[int, TeamRole] = field(default_factory=dict)  # live memberships at the time of the request; made `Teams`
    instruments: frozenset[int] = frozenset()  # ids of instruments they look after
    admin: bool = False
    steward: bool = False
    scopes: frozenset[Scope] = ALL_SCOPES
    granted: frozenset[int] = frozenset()  # ids of terms that somebody let them read, for a time
    emergencies: frozenset[int] = frozenset()  # ids of terms whose glass they broke, for some hours
    operator: bool = False  # the command line of the host, with full rights

    def __post_init__(self) -> None:
        if not isinstance(self.teams, Teams):
            object.__setattr__(self, "teams", Teams.of(self.teams))

    @property
    def memberships(self) -> Teams:
        """The same, by role."""
        assert isinstance(self.teams, Teams)
        return self.teams

    @property
    def rights(self) -> Hashable:
        """All that decides what they may read: equal for viewers who may read the same."""
        return self.operator, self.admin, self.steward, self.instruments, self.teams, self.granted, self.emergencies

    @property
    def staff(self) -> bool:
        """Whether they have any staff role at all (menus, dashboards); what they may read is decided per terms."""
        return self.admin or self.steward or self.operator or bool(self.instruments)

    def keeps(self, before: Viewer) -> bool:
        """Whether nothing that they had before was taken from them since."""
        now, then = (self.admin, self.steward, self.operator), (before.admin, before.steward, before.operator)
        return (
            self.user_id == before.user_id
            and all(held <= self.memberships.by_role.get(role, frozenset()) for role, held in before.memberships.by_role.items())
            and self.instruments >= before.instruments
            and self.scopes >= before.scopes
            and self.granted >= before.granted
            and self.emergencies >= before.emergencies
            and all(has or not had for has, had in zip(now, then, strict=True))
        )


ANONYMOUS = Viewer(scopes=frozenset({Scope.READ, Scope.DATA}))
OPERATOR = Viewer(name="operator", login="operator", operator=True, admin=True, steward=True)
