"""Who is in a team, kept by its principal investigator: invited, until when, in which role, taken out; each change can be taken back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from panmesh.access.accounts import PasswordHasher, check_login, check_password, is_mail_address
from panmesh.access.viewer import MemberSource, Scope, TeamRole, Viewer
from panmesh.kernel.clock import DAY_US, Clock
from panmesh.kernel.errors import Fault, Forbidden, Invalid, Unauthenticated
from panmesh.kernel.text import is_plain

MOST_OPEN = 200  # invitations of one team
MOST_A_DAY = 50  # invitations of one person
LONGEST_DAYS = 3650
LONGEST_NAME = 200


class What(StrEnum):
    """What was changed."""

    ADDED = "added"
    JOINED = "joined"  # by an invitation
    REMOVED = "removed"
    LEFT = "left"
    CHANGED = "changed"  # role or end


class InvitationState(StrEnum):
    OPEN = "open"
    TAKEN = "taken"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    number: int  # of the account
    name: str
    orcid: str | None
    role: TeamRole
    since_us: int | None  # None: before that was kept
    until_us: int | None
    source: MemberSource
    by: str | None  # name of who put them in
    ended: bool
    you: bool
    etag: str  # of this membership: two who lead a team do not undo what the other did, unseen


def member_etag(role: str, until_us: int | None, since_us: int | None, source: str) -> str:
    said = f"{role}|{until_us}|{since_us}|{source}"
    return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Somebody outside the team who was let in to one visit, as they asked."""

    request: int
    name: str
    visit: str | None  # pid
    until_us: int
    emergency: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    id: int
    team_id: int
    about: str
    about_pid: str
    address: str
    role: TeamRole
    until_us: int | None  # of the membership
    invited_by: str
    at_us: int
    valid_until_us: int  # of the link
    state: InvitationState
    taken_by: str | None
    mail: str  # waiting, sent, failed, none
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamChange:
    id: int
    at_us: int
    by: str
    who: str
    what: What
    role: TeamRole | None
    until_us: int | None
    undone_us: int | None
    may_undo: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """Who is named with the visits that they took part in, and has no right any more."""

    number: int
    name: str
    role: TeamRole
    until_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    about: str  # pid of the proposal, or of the visit that has none
    number: str  # of the proposal, or the visit's name
    title: str | None
    visits: tuple[str, ...]  # pids, at most ten
    members: tuple[Member, ...]
    total: int
    offset: int
    grants: tuple[Grant, ...]
    invitations: tuple[Invitation, ...]
    changes: tuple[TeamChange, ...]
    former: tuple[Former, ...]
    known: tuple[tuple[int, str], ...]  # accounts of people who work with the viewer elsewhere, and may be put in at once
    may_keep: bool
    may_name_leaders: bool
    schedule_returns: bool  # whom a person takes out comes back with the next schedule that names them
    opens_us: int | None  # of its last visit: after that everybody reads


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    login: str
    name: str
    password_hash: str


class TeamStore(Protocol):
    def about(self, viewer: Viewer, about: str) -> str | None:
        """The pid by which the team is kept, where the viewer may see it."""
        ...

    def team(self, viewer: Viewer, about: str, now_us: int, *, offset: int, limit: int, contains: str | None) -> Team:
        """Raises NotFound for what is not there and for what the viewer may not see."""
        ...

    def teams(self, viewer: Viewer, now_us: int, *, offset: int, limit: int) -> Sequence[tuple[str, str, str | None]]:
        """(pid, number, title) of the proposals whose team the viewer is in, or may keep."""
        ...

    def add(
        self, viewer: Viewer, about: str, *, account: int | str, role: TeamRole, until_us: int | None, now_us: int
    ) -> None: ...
    def change(
        self, viewer: Viewer, about: str, account: int, *, role: TeamRole, until_us: int | None, seen: str | None, now_us: int
    ) -> None:
        """`seen`: the `etag` of the membership as it was read. Raises Stale when it is another one."""
        ...

    def remove(self, viewer: Viewer, about: str, account: int, now_us: int) -> None: ...
    def not_an_author(self, viewer: Viewer, about: str, former: int, now_us: int) -> None: ...
    def undo(self, viewer: Viewer, about: str, change: int, now_us: int) -> None: ...


class InvitationStore(Protocol):
    def invite(
        self,
        viewer: Viewer,
        about: str,
        *,
        address: str,
        role: TeamRole,
        until_us: int | None,
        key: str,
        valid_until_us: int,
        mailed: bool,
        now_us: int,
    ) -> Invitation: ...
    def revoke(self, viewer: Viewer, about: str, invitation: int, now_us: int) -> None: ...
    def invitation(self, number: int, now_us: int) -> Invitation | None: ...
    def take(self, viewer: Viewer, number: int, key: str, new: NewAccount | None, now_us: int) -> tuple[str, str]:
        """(pid of the proposal, login of who joined). Raises Conflict when it was taken, ended or taken back meanwhile."""
        ...

    def take_mail(self, now_us: int, until_us: int) -> tuple[Invitation, int] | None:
        """An invitation whose mail is due, and the attempts before; nobody else takes it until then."""
        ...

    def mailed(self, number: int, state: str, error: str | None, next_us: int) -> None: ...


class TeamService:
    def __init__(
        self,
        store: TeamStore,
        invitations: InvitationStore,
        passwords: PasswordHasher,
        clock: Clock,
        secret: Callable[[int], str],
        *,
        valid_days: int,
        mails: bool,
        new_accounts: bool,
    ) -> None:
        """`valid_days`: of the link of an invitation. `new_accounts`: whoever is invited may make an account."""
        self._store = store
        self._invitations = invitations
        self._passwords = passwords
        self._clock = clock
        self._secret = secret
        self._valid_us = valid_days * DAY_US
        self._mails = mails
        self.new_accounts = new_accounts

    def team(self, viewer: Viewer, about: str, *, offset: int = 0, limit: int = 100, contains: str | None = None) -> Team:
        _signed_in(viewer)
        return self._store.team(viewer, about, self._clock(), offset=offset, limit=limit, contains=contains)

    def about(self, viewer: Viewer, about: str) -> str | None:
        return self._store.about(viewer, about) if viewer.user_id is not None or viewer.operator else None

    def teams(self, viewer: Viewer, *, offset: int = 0, limit: int = 100) -> Sequence[tuple[str, str, str | None]]:
        _signed_in(viewer)
        return self._store.teams(viewer, self._clock(), offset=offset, limit=limit)

    def add(self, viewer: Viewer, about: str, account: int | str, role: TeamRole, until_us: int | None = None) -> None:
        """At once, without asking them: somebody who works with the viewer elsewhere; for the steward and the admin, anybody."""
        _may_write(viewer)
        now_us = self._clock()
        _check_until(until_us, role, now_us)
        self._store.add(viewer, about, account=account, role=role, until_us=until_us, now_us=now_us)

    def change(
        self, viewer: Viewer, about: str, account: int, role: TeamRole, until_us: int | None, seen: str | None = None
    ) -> None:
        """`seen`: the `etag` of what is changed; Stale when somebody changed it meanwhile. None: whatever it is."""
        _may_write(viewer)
        now_us = self._clock()
        _check_until(until_us, role, now_us)
        self._store.change(viewer, about, account, role=role, until_us=until_us, seen=seen, now_us=now_us)

    def remove(self, viewer: Viewer, about: str, account: int) -> None:
        """Also oneself. From this moment nothing is read by this membership; with past visits they stay named."""
        _may_write(viewer)
        self._store.remove(viewer, about, account, self._clock())

    def not_an_author(self, viewer: Viewer, about: str, former: int) -> None:
        _may_write(viewer)
        self._store.not_an_author(viewer, about, former, self._clock())

    def undo(self, viewer: Viewer, about: str, change: int) -> None:
        _may_write(viewer)
        self._store.undo(viewer, about, change, self._clock())

    def invite(self, viewer: Viewer, about: str, address: str, role: TeamRole, until_us: int | None = None) -> Invitation:
        """By mail address, whether or not it belongs to an account: nobody learns here who has one. Raises Invalid, Conflict, TooMany."""
        _may_write(viewer)
        now_us = self._clock()
        plain = address.strip()
        if not is_mail_address(plain):
            raise Invalid(f"{plain[:100]!r} is no mail address.", (Fault("/address", "is no mail address"),))
        _check_until(until_us, role, now_us)
        return self._invitations.invite(
            viewer,
            about,
            address=plain,
            role=role,
            until_us=until_us,
            key=self._secret(18),
            valid_until_us=now_us + self._valid_us,
            mailed=self._mails,
            now_us=now_us,
        )

    def revoke(self, viewer: Viewer, about: str, invitation: int) -> None:
        _may_write(viewer)
        self._invitations.revoke(viewer, about, invitation, self._clock())

    def invitation(self, number: int) -> Invitation | None:
        return self._invitations.invitation(number, self._clock())

    def accept(self, viewer: Viewer, invitation: Invitation) -> str:
        """Somebody who is signed in joins; returns the proposal's pid. Whoever calls has proven that they hold the link."""
        if viewer.user_id is None:
            raise Unauthenticated("Sign in to join the team.")
        _may_write(viewer)
        return self._invitations.take(viewer, invitation.id, invitation.key, None, self._clock())[0]

    def accept_new(self, invitation: Invitation, *, login: str, name: str, password: str) -> tuple[str, str]:
        """Somebody without an account makes one and joins, in one step: (pid of the proposal, login)."""
        if not self.new_accounts:
            raise Forbidden("Accounts are made by the facility here: ask it for one, sign in, and open the link again.")
        folded = check_login(login)
        shown = " ".join(name.split())
        if not shown or len(shown) > LONGEST_NAME or not is_plain(shown):
            raise Invalid("Your name is missing, or too long.", (Fault("/name", f"1 to {LONGEST_NAME} signs"),))
        hashed = self._passwords.hash(check_password(password))
        new = NewAccount(login=folded, name=shown, password_hash=hashed)
        return self._invitations.take(Viewer(), invitation.id, invitation.key, new, self._clock())


def _check_until(until_us: int | None, role: TeamRole, now_us: int) -> None:
    if until_us is None:
        return
    if role is TeamRole.PI:
        raise Invalid("Who leads a team leads it without an end; name somebody else instead.", (Fault("/until", "not for a PI"),))
    if not now_us < until_us <= now_us + LONGEST_DAYS * DAY_US:
        raise Invalid("The last day is tomorrow or later, and within ten years.", (Fault("/until", "in the future"),))


def _signed_in(viewer: Viewer) -> None:
    if viewer.user_id is None and not viewer.operator:
        raise Unauthenticated("Sign in to see a team.")


def _may_write(viewer: Viewer) -> None:
    _signed_in(viewer)
    if not viewer.operator and Scope.WRITE not in viewer.scopes:
        raise Forbidden("This token may not write: make one with the scope 'write'.")
