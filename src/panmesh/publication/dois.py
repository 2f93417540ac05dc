"""A DOI's life, from values alone: which state it should have, and the one step that leads there. No clock, database or request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from panmesh.access.terms import State
from panmesh.kernel.errors import PanmeshError
from panmesh.kernel.pid import ALPHABET, LENGTH, is_native
from panmesh.publication.record import GONE, Kind


class DoiState(StrEnum):
    """As DataCite has it."""

    NONE = "none"
    DRAFT = "draft"
    REGISTERED = "registered"  # resolves, and is found by no search
    FINDABLE = "findable"


FOR_EVER = frozenset({DoiState.REGISTERED, DoiState.FINDABLE})  # can never be deleted again
_COMING = frozenset({State.PLANNED, State.COLLECTING})
_TOLD = frozenset({State.EMBARGOED, State.OPEN, State.HELD})


def suffix_of(pid: str) -> str:
    """Opaque, and always the same for one pid: an intent that was lost with a database leads to the same name again."""
    if is_native(pid) and "." not in pid:
        return pid.removeprefix("pm-")
    number = int.from_bytes(hashlib.sha256(pid.encode()).digest()[:10], "big")
    return "".join(ALPHABET[(number >> (5 * i)) & 31] for i in range(LENGTH))


@dataclass(frozen=True, slots=True, kw_only=True)
class DoiSubject:
    """What decides which state the DOI of something should have."""

    native: bool  # ours to tell of; what was mirrored never gets a DOI of ours
    named: bool = True  # False: where runs are gathered whose instrument nobody knows, which is nothing to cite
    state: State | None = None  # None: its public record decides
    next_us: int | None = None  # when the clock alone may change it


def wanted_state(subject: DoiSubject | None, *, told: bool, gone: bool, confirmed: DoiState) -> DoiState:
    """`told`: there is a public record; `gone`: it is a tombstone. What resolves once resolves for ever: it is hidden, not deleted."""
    closed = DoiState.REGISTERED if confirmed in FOR_EVER else DoiState.NONE
    if subject is None or not subject.native or not subject.named:
        return closed
    if subject.state in _COMING:
        return closed if confirmed in FOR_EVER else DoiState.DRAFT
    if gone or subject.state in GONE or not told:
        return closed
    return DoiState.FINDABLE if subject.state is None or subject.state in _TOLD else closed


class Act(StrEnum):
    NOTHING = "nothing"
    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Step:
    act: Act
    event: str | None = None  # as DataCite calls it: publish, hide


NOTHING = Step(Act.NOTHING)


def step_to(wanted: DoiState, confirmed: DoiState, *, same: bool) -> Step:
    """The one request that leads from what is there to what should be; `same`: the metadata are those that were confirmed."""
    match confirmed, wanted:
        case DoiState.NONE, DoiState.DRAFT:
            return Step(Act.CREATE)
        case DoiState.NONE, DoiState.FINDABLE:
            return Step(Act.CREATE, "publish")
        case DoiState.DRAFT, DoiState.NONE:
            return Step(Act.DELETE)
        case ((DoiState.DRAFT | DoiState.REGISTERED), DoiState.FINDABLE):
            return Step(Act.CHANGE, "publish")
        case DoiState.FINDABLE, DoiState.REGISTERED:
            return Step(Act.CHANGE, "hide")
        case _ if confirmed is wanted and confirmed is not DoiState.NONE and not same:
            return Step(Act.CHANGE)
    return NOTHING


def digest_of(attributes: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps(attributes, sort_keys=True, ensure_ascii=False).encode()).digest()


# --- what can go wrong ------------------------------------------------------------------------------------------------


class Trouble(StrEnum):
    UNREACHABLE = "unreachable"  # down, or no answer in time: whether it did anything is not known
    BROKEN = "broken"  # an error of its own, or an answer that nobody understands: the same
    BUSY = "busy"  # asks to slow down
    ACCOUNT = "account"  # does not accept name or password, or the prefix is not ours
    REFUSED = "refused"  # does not accept the metadata: not sent again before they change, or somebody asks
    TAKEN = "taken"  # the name exists, and is not ours


FOR_ALL = frozenset({Trouble.UNREACHABLE, Trouble.BUSY, Trouble.ACCOUNT})  # the next DOI would meet the same
UNKNOWN = frozenset({Trouble.UNREACHABLE, Trouble.BROKEN})  # whether the request did anything
BY_HAND = frozenset({Trouble.REFUSED, Trouble.TAKEN})


class RegistryFailed(PanmeshError):
    """`detail` says what DataCite said, and what to do."""

    def __init__(self, trouble: Trouble, detail: str, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.trouble = trouble
        self.retry_after = retry_after  # seconds


SECOND_US = 1_000_000


def pause_us(attempts: int, *, first_s: int = 60, longest_s: int = 6 * 3600) -> int:
    """After so many failures in a row: doubled each time, up to the longest, for ever."""
    return min(first_s << min(attempts - 1, 20), longest_s) * SECOND_US


# --- ports ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A DOI as DataCite has it."""

    name: str
    state: DoiState
    url: str | None
    attributes: Mapping[str, Any]

    def names(self, pid: str) -> bool:
        """Whether it was made for this pid."""
        found = (*(self.attributes.get("alternateIdentifiers") or ()), *(self.attributes.get("identifiers") or ()))
        return any(pid in (one.get("alternateIdentifier"), one.get("identifier")) for one in found if isinstance(one, dict))


class Registry(Protocol):
    """DataCite. Each call raises RegistryFailed."""

    def look(self, name: str) -> Registered | None: ...

    def listed(self, names: Sequence[str]) -> Mapping[str, Registered]:
        """Those that DataCite's list has of them, in one request. The list follows some minutes behind: `look` has the last word."""
        ...

    def create(self, name: str, attributes: Mapping[str, Any], event: str | None) -> None:
        """Fails with `Trouble.TAKEN` where the name is there already."""
        ...

    def change(self, name: str, attributes: Mapping[str, Any], event: str | None) -> None: ...

    def delete(self, name: str) -> None:
        """Of a draft; one that is not there is deleted."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Doi:
    """A row of the outbox."""

    id: int
    kind: str
    pid: str
    suffix: str
    name: str | None
    asked_us: int
    standing: State | None
    wanted: DoiState
    confirmed: DoiState
    confirmed_us: int | None
    digest: bytes | None
    refused: bytes | None
    sent_us: int | None
    attempts: int
    due_us: int | None
    revision: int  # another one after each time that something woke it
    trouble: Trouble | None
    error: str | None
    failed_us: int | None
    checked_us: int | None
    finding: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found when a DOI was looked at."""

    standing: State | None
    wanted: DoiState
    due_us: int | None  # when the clock alone may change it


@dataclass(frozen=True, slots=True)
class Automatic:
    """Which subjects get a DOI by themselves."""

    investigations: bool = True  # when their session has ended
    datasets: bool = False  # the same
    proposals: bool = True  # with their first visit that everybody may know of
    instruments: bool = True

    @property
    def kinds(self) -> tuple[Kind, ...]:
        said = (
            (Kind.INSTRUMENT, self.instruments),
            (Kind.PROPOSAL, self.proposals),
            (Kind.INVESTIGATION, self.investigations),
            (Kind.DATASET, self.datasets),
        )
        return tuple(kind for kind, chosen in said if chosen)


class Outbox(Protocol):
    """Rows that are wanted, with what is known of each. Whoever sends holds the lease; what another one writes is not taken."""

    def follow(self, automatic: Automatic, now_us: int) -> int:
        """Everything that was committed, or that the clock did, wakes what it concerns, and writes the intents that follow by themselves."""
        ...

    def name(self, prefix: str) -> None:
        """The rows that have no name yet."""
        ...

    def lease(self, holder: str, now_us: int, until_us: int) -> bool: ...

    def release(self, holder: str) -> None: ...

    def due(self, now_us: int, limit: int) -> Sequence[Doi]: ...

    def unchecked(self, before_us: int, limit: int) -> Sequence[Doi]: ...

    def subject(self, kind: str, pid: str, now_us: int) -> DoiSubject | None: ...

    def settle(self, row: Doi, look: Look, *, mended: bool) -> None:
        """Nothing is to be sent; `mended`: so what failed before does not count any more."""
        ...

    def begin(self, row: Doi, holder: str, look: Look, now_us: int, until_us: int) -> bool:
        """Before a request, whose answer may never be known. Whether this one still sends, and now does so until then."""
        ...

    def confirm(self, row: Doi, holder: str, look: Look, state: DoiState, digest: bytes | None, now_us: int) -> bool: ...

    def fail(self, row: Doi, holder: str, error: RegistryFailed, *, unknown: bool, digest: bytes, now_us: int) -> None:
        """`unknown`: the request may have done what it asked for."""
        ...

    def paused(self, now_us: int) -> bool: ...

    def rest(self, reason: str, now_us: int, seconds: int | None) -> None:
        """DataCite is not asked for so long; None: longer each time, until something is confirmed."""
        ...

    def checked(self, row: Doi, *, state: DoiState, again: bool, finding: str | None, now_us: int) -> None:
        """It was compared with what DataCite has; `again`: what we have is sent again."""
        ...
