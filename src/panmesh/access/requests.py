"""Requests about the terms of a visit: who may ask for what, who answers, until when; one workflow for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read, standings
from panmesh.access.steps import Held
from panmesh.access.terms import State, Terms, state
from panmesh.access.viewer import Scope, Standing, Viewer
from panmesh.kernel.clock import DAY_US, Clock
from panmesh.kernel.errors import Fault, Forbidden, Invalid, Unauthenticated
from panmesh.kernel.text import is_plain

ESCALATION_US = 30 * DAY_US  # then the steward may answer for a principal investigator who does not
REMINDER_US = 7 * DAY_US
EMERGENCY_US = DAY_US // 3
LONGEST = 4000  # signs of a reason
MOST_DAYS = 3650


class Kind(StrEnum):
    ACCESS = "access"  # somebody outside the team asks to read, for a time
    EXTENSION = "extension"
    RELEASE = "release"
    HOLD = "hold"
    UNHOLD = "unhold"
    WITHDRAWAL = "withdrawal"
    DELETION = "deletion"
    DECLASSIFICATION = "declassification"
    SUCCESSION = "succession"  # another principal investigator
    EMERGENCY = "emergency"  # break the glass


class Answer(StrEnum):
    ASKED = "asked"
    GRANTED = "granted"
    REFUSED = "refused"
    TAKEN_BACK = "taken back"
    EXPIRED = "expired"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody asks for."""

    kind: Kind
    about: str  # pid of a visit or run
    reason: str
    to_us: int | None = None  # extension: the first open instant
    days: int = 365  # access: for so long
    login: str | None = None  # succession: of the new principal investigator
    hold: str = "legal"  # access.terms.Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    id: int
    kind: Kind
    about: str
    title: str
    visit: str | None  # pid
    asked_by: str  # name
    asked_us: int
    reason: str
    wanted: Mapping[str, Any]
    answer: Answer
    deadline_us: int
    decided_by: str | None
    decided_us: int | None
    words: str | None
    revision: int
    state: State
    opens_us: int | None
    may_decide: bool
    may_undo: bool
    mine: bool


@dataclass(frozen=True, slots=True)
class _Rule:
    may_ask: frozenset[Standing]
    may_decide: frozenset[Standing]
    days: int  # then it expires
    states: frozenset[State]
    undo: bool = False
    at_once: bool = True  # when the one who asks may decide


_PI = frozenset({Standing.PI})
_STEWARD = frozenset({Standing.STEWARD})
_OFFICE = frozenset({Standing.STEWARD, Standing.ADMIN})
_TEAM = frozenset({Standing.PI, Standing.MEMBER})
_STAFF = frozenset({Standing.STAFF, Standing.STEWARD, Standing.ADMIN})
_EMBARGOED = frozenset({State.EMBARGOED})
_BEFORE = frozenset({State.PLANNED, State.COLLECTING, State.EMBARGOED})
_ALL = frozenset(State) - {State.ASIDE, State.INTERNAL}
_PRESENT = frozenset({State.EMBARGOED, State.OPEN, State.HELD})

RULES: Mapping[Kind, _Rule] = {
    Kind.ACCESS: _Rule(frozenset({Standing.ANYONE}), _PI, 60, _BEFORE, undo=True, at_once=False),
    # An extension is approved by somebody else than the one who asks for it.
    Kind.EXTENSION: _Rule(_TEAM | _STEWARD, _OFFICE, 60, _EMBARGOED, undo=True, at_once=False),
    Kind.RELEASE: _Rule(_TEAM, _PI, 30, _EMBARGOED),
    Kind.HOLD: _Rule(_TEAM | _STAFF, _STEWARD, 30, _BEFORE | {State.OPEN}, undo=True),
    Kind.UNHOLD: _Rule(_TEAM | _STAFF, _STEWARD, 30, frozenset({State.HELD}), undo=True),
    Kind.WITHDRAWAL: _Rule(_PI | _STEWARD, _STEWARD, 30, _PRESENT),
    Kind.DELETION: _Rule(_PI | _STEWARD, _STEWARD, 30, _PRESENT | {State.WITHDRAWN, State.PROPRIETARY}),
    Kind.DECLASSIFICATION: _Rule(_PI, _PI, 30, frozenset({State.PROPRIETARY})),
    Kind.SUCCESSION: _Rule(_TEAM | _OFFICE, _OFFICE, 60, _ALL, undo=True),
    Kind.EMERGENCY: _Rule(_STAFF, _STAFF, 1, _BEFORE | {State.HELD}),
}


def may_ask(viewer: Viewer, terms: Terms, kind: Kind, now_us: int) -> bool:
    """Nobody asks about what they may not know of, nor for what they have."""
    if viewer.user_id is None or Scope.WRITE not in viewer.scopes or not may_read(viewer, terms, Artefact.PID_RECORD, now_us):
        return False
    rule, current = RULES[kind], state(terms, now_us)
    if current not in rule.states or _standings(viewer, terms, kind).isdisjoint(rule.may_ask):
        return False
    if kind in (Kind.ACCESS, Kind.EMERGENCY):
        return not may_read(viewer, terms, Artefact.RAW, now_us)
    return True


def may_decide(viewer: Viewer, terms: Terms, kind: Kind, now_us: int, *, asked_us: int, asked_by: int, has_pi: bool) -> bool:
    """A request that its principal investigator does not answer, or that has none, is the steward's."""
    if viewer.user_id is None or Scope.WRITE not in viewer.scopes:
        return False
    rule, held = RULES[kind], _standings(viewer, terms, kind)
    if not rule.at_once and viewer.user_id == asked_by:
        return False
    if not held.isdisjoint(deciders(terms, kind, now_us)):
        return True
    left = now_us - asked_us >= ESCALATION_US or not has_pi
    return kind is Kind.ACCESS and left and Standing.STEWARD in held


def deciders(terms: Terms, kind: Kind, now_us: int) -> frozenset[Standing]:
    """Whose answer it is. Proprietary data are those of who paid for them: nobody else has them deleted."""
    if kind is Kind.DELETION and state(terms, now_us) is State.PROPRIETARY:
        return _PI
    return RULES[kind].may_decide


def at_once(viewer: Viewer, terms: Terms, kind: Kind, now_us: int) -> bool:
    """Whether asking is deciding: the one who asks could answer it."""
    asked_by = viewer.user_id or 0
    return RULES[kind].at_once and may_decide(viewer, terms, kind, now_us, asked_us=now_us, asked_by=asked_by, has_pi=True)


def deadline(kind: Kind, now_us: int) -> int:
    return now_us + (EMERGENCY_US if kind is Kind.EMERGENCY else RULES[kind].days * DAY_US)


def _standings(viewer: Viewer, terms: Terms, kind: Kind) -> frozenset[Standing]:
    held = standings(viewer, terms)
    # Whoever looks after any instrument may have to look at another one's data, when its own staff cannot.
    return held | {Standing.STAFF} if kind is Kind.EMERGENCY and viewer.staff else held


class RequestStore(Protocol):
    def kinds(self, viewer: Viewer, about: str, now_us: int) -> tuple[Kind, ...]:
        """What this viewer may ask about it. Raises NotFound when they may not know of it."""
        ...

    def held(self, viewer: Viewer, about: str, now_us: int) -> tuple[str, Held]:
        """The pid it is known under now, and what its state follows from. Raises NotFound like `kinds`."""
        ...

    def ask(self, viewer: Viewer, wanted: Wanted, now_us: int) -> Request: ...
    def decide(self, viewer: Viewer, number: int, *, grant: bool, words: str, revision: int, now_us: int) -> Request: ...
    def take_back(self, viewer: Viewer, number: int, now_us: int) -> Request: ...
    def undo(self, viewer: Viewer, number: int, now_us: int) -> Request: ...
    def request(self, viewer: Viewer, number: int, now_us: int) -> Request: ...
    def requests(
        self, viewer: Viewer, now_us: int, *, about: str | None, waiting: bool, offset: int, limit: int
    ) -> Sequence[Request]: ...


class RequestService:
    def __init__(self, store: RequestStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def kinds(self, viewer: Viewer, about: str) -> tuple[Kind, ...]:
        return self._store.kinds(viewer, about, self._clock())

    def ask(self, viewer: Viewer, wanted: Wanted) -> Request:
        """Raises Invalid, Forbidden, Conflict; NotFound for what the viewer may not know of."""
        _signed_in(viewer)
        faults: list[Fault] = []
        if not 10 <= len(wanted.reason.strip()) <= LONGEST:
            faults.append(Fault("/reason", f"say why, in 10 to {LONGEST} signs: whoever decides reads it"))
        if wanted.kind is Kind.EXTENSION and wanted.to_us is None:
            faults.append(Fault("/to", "is missing: the first day on which the data are open"))
        if wanted.kind is Kind.SUCCESSION and not wanted.login:
            faults.append(Fault("/login", "is missing: the login of the new principal investigator"))
        if not 1 <= wanted.days <= MOST_DAYS:
            faults.append(Fault("/days", f"1 to {MOST_DAYS}"))
        if not is_plain([wanted.reason, wanted.login]):
            faults.append(Fault("/reason", "contains signs that are no text"))
        if faults:
            raise Invalid("The request is not complete: " + "; ".join(f.detail for f in faults) + ".", tuple(faults))
        return self._store.ask(viewer, wanted, self._clock())

    def decide(self, viewer: Viewer, number: int, *, grant: bool, words: str, revision: int) -> Request:
        """`revision`: of the request as it was read. Raises Stale when somebody else was quicker."""
        _signed_in(viewer)
        if len(words) > LONGEST or not is_plain(words) or (not grant and not words.strip()):
            detail = f"Say why it is refused, in at most {LONGEST} signs."
            raise Invalid(detail, (Fault("/words", detail),))
        return self._store.decide(viewer, number, grant=grant, words=words.strip(), revision=revision, now_us=self._clock())

    def take_back(self, viewer: Viewer, number: int) -> Request:
        _signed_in(viewer)
        return self._store.take_back(viewer, number, self._clock())

    def undo(self, viewer: Viewer, number: int) -> Request:
        _signed_in(viewer)
        return self._store.undo(viewer, number, self._clock())

    def request(self, viewer: Viewer, number: int) -> Request:
        _signed_in(viewer)
        return self._store.request(viewer, number, self._clock())

    def requests(
        self, viewer: Viewer, *, about: str | None = None, waiting: bool = False, offset: int = 0, limit: int = 50
    ) -> Sequence[Request]:
        """Those that the viewer asked, or may decide, or whose visit they lead; the newest first."""
        _signed_in(viewer)
        now_us = self._clock()
        return self._store.requests(viewer, now_us, about=about, waiting=waiting, offset=offset, limit=limit)


def _signed_in(viewer: Viewer) -> None:
    if viewer.user_id is None:
        raise Unauthenticated("Sign in to ask, and to decide: whoever reads a request must know from whom it is.")
    if Scope.WRITE not in viewer.scopes:
        raise Forbidden("This token may not write: make one with the scope 'write'.")
