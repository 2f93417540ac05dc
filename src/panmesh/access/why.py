"""Why somebody may, or may not, read each part of a record: which clause of the policy, until when, whom to ask; in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read, personal, readers, standings
from panmesh.access.requests import Kind
from panmesh.access.rules import Embargo, PolicyRules
from panmesh.access.steps import Held
from panmesh.access.terms import AccessClass, State, Terms, state
from panmesh.access.viewer import ANONYMOUS, Standing, Viewer
from panmesh.kernel.clock import Clock, facility_day
from panmesh.kernel.errors import Forbidden


class Holding(Protocol):
    def held(self, viewer: Viewer, about: str, now_us: int) -> tuple[str, Held]: ...
    def kinds(self, viewer: Viewer, about: str, now_us: int) -> tuple[Kind, ...]: ...
    def granted_until(self, viewer: Viewer, terms_id: int, now_us: int) -> int | None: ...


class Accounts(Protocol):
    def viewer(self, login: str) -> Viewer: ...


class WhyService:
    def __init__(self, store: Holding, accounts: Accounts, clock: Clock) -> None:
        self._store = store
        self._accounts = accounts
        self._clock = clock

    def why(self, viewer: Viewer, about: str, login: str | None = None) -> Why:
        """`login`: somebody else, whose rights only the steward and the admin may look into; "" is anybody. Raises NotFound for what
        the viewer, or the one asked about, may not know of."""
        now_us = self._clock()
        about, held = self._store.held(viewer, about, now_us)
        who = viewer
        if login is not None:
            if not (viewer.steward or viewer.admin or viewer.operator):
                raise Forbidden("Only data stewards and administrators look into the rights of others.")
            who = self._accounts.viewer(login) if login else ANONYMOUS
        known = may_read(who, held.terms, Artefact.PID_RECORD, now_us)
        ask = self._store.kinds(who, about, now_us) if known else ()
        granted_us = self._store.granted_until(who, held.terms.id, now_us)
        return why(who, about, held.terms, held.embargo, held.rules, held.zone, now_us, ask, granted_us)


PARTS = {
    "Title, times, instrument and team": Artefact.CORE_METADATA,
    "Sample, quantities and plots": Artefact.FULL_METADATA,
    "Measured files": Artefact.RAW,
    "Processed files": Artefact.PROCESSED,
    "Logbook": Artefact.LOGBOOK,
    "Results of analysts": Artefact.RESULT,
    "Text of the proposal": Artefact.PROPOSAL_TEXT,
}
_AS = {
    Standing.PI: "you lead its team",
    Standing.MEMBER: "you are in its team",
    Standing.GRANTEE: "you were given access for a time",
    Standing.STAFF: "you look after the instrument (each reading is recorded)",
    Standing.STEWARD: "you are a data steward (each reading is recorded)",
    Standing.ADMIN: "you are an administrator of the facility (each reading is recorded)",
    Standing.EMERGENCY: "you broke the glass, with a reason that is recorded",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    part: str
    may: bool
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is the same for several parts is said once."""

    parts: tuple[str, ...]
    may: bool
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    about: str
    viewer: str  # whose rights these are
    state: State
    clause: str  # of the policy that is in force for it
    until: date | None  # first day on which everybody may read
    reasons: tuple[Reason, ...]
    ask: tuple[Kind, ...]  # what the viewer may ask for
    whom: str

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The reasons, parts of the same answer together, in the order of the first of them."""
        found: dict[tuple[bool, str], list[str]] = {}
        for one in self.reasons:
            found.setdefault((one.may, one.because), []).append(one.part)
        return tuple(Answer(parts=tuple(parts), may=may, because=because) for (may, because), parts in found.items())


def why(
    viewer: Viewer,
    about: str,
    terms: Terms,
    embargo: Embargo,
    rules: PolicyRules,
    zone: str,
    now_us: int,
    ask: tuple[Kind, ...],
    granted_us: int | None = None,
) -> Why:
    """Raises nothing: what the viewer may not know of is not asked about here. `granted_us`: when access for a time ends that they have."""
    ends = facility_day(granted_us, zone) if granted_us is not None else None
    current = state(terms, now_us)
    dated = terms.opens_us is not None and current in (State.PLANNED, State.COLLECTING, State.EMBARGOED)
    return Why(
        about=about,
        viewer=viewer.name if viewer.user_id is not None or viewer.operator else "anybody who is not signed in",
        state=current,
        clause=_clause(current, terms, embargo, rules, zone),
        until=facility_day(terms.opens_us, zone) if dated and terms.opens_us is not None else None,
        reasons=tuple(_reason(viewer, part, artefact, terms, now_us, ends) for part, artefact in PARTS.items()),
        ask=ask,
        whom=_whom(current),
    )


def _reason(viewer: Viewer, part: str, artefact: Artefact, terms: Terms, now_us: int, ends: date | None) -> Reason:
    may = may_read(viewer, terms, artefact, now_us)
    allowed = readers(terms, artefact, now_us)
    if may:
        if Standing.ANYONE in allowed:
            return Reason(part=part, may=True, because="everybody may")
        if viewer.operator:
            return Reason(part=part, may=True, because="you are the operator of the host")
        held = (standings(viewer, terms) | personal(viewer, terms.id)) & allowed
        standing, words = next((standing, words) for standing, words in _AS.items() if standing in held)
        if standing is Standing.GRANTEE and ends is not None:
            return Reason(part=part, may=True, because=f"you were given access until {_said(ends)}")
        return Reason(part=part, may=True, because=words)
    if not allowed:
        return Reason(part=part, may=False, because="nobody may any more")
    who = [words for standing, words in _WHO.items() if standing in allowed]
    listed = ", ".join(who[:-1]) + (" and " if len(who) > 1 else "") + who[-1]
    return Reason(part=part, may=False, because=f"only {listed}")


_WHO = {
    Standing.PI: "its principal investigator",
    Standing.MEMBER: "its team",
    Standing.STAFF: "the instrument's staff",
    Standing.STEWARD: "the data stewards",
    Standing.ADMIN: "the facility's administrators",
}


def _clause(current: State, terms: Terms, embargo: Embargo, rules: PolicyRules, zone: str) -> str:
    version = f"policy {rules.version}"
    match current:
        case State.PLANNED | State.COLLECTING:
            return f"Before a visit ends, it is for its team ({version})."
        case State.EMBARGOED:
            return _embargo_clause(terms, embargo, rules, zone)
        case State.OPEN:
            return _opened_clause(terms, embargo, version, zone)
        case State.HELD:
            cause = "a legal reason" if terms.hold is None or terms.hold.value == "legal" else "being sensitive"
            return f"The data are held back for {cause}; a hold comes before every date ({version})."
        case State.WITHDRAWN:
            day = _said(facility_day(terms.withdrawn_us or 0, zone))
            return f"The data were withdrawn on {day}; what they were stays readable as a tombstone ({version}).{_reason_of(embargo)}"
        case State.DELETED:
            day = _said(facility_day(terms.deleted_us or 0, zone))
            return f"The data were deleted on {day}, after {rules.retention_years} years of keeping ({version}).{_reason_of(embargo)}"
        case State.PROPRIETARY:
            return f"The beam time was paid for: the data are the user's, and open only if they ask for it ({version})."
        case State.INTERNAL:
            return "It belongs to no visit: only the facility's staff see it."
        case State.ASIDE:
            return "It was set aside."


def _opened_clause(terms: Terms, embargo: Embargo, version: str, zone: str) -> str:
    if terms.access is AccessClass.OPEN:
        return f"It never was under embargo: the data are open to everybody under CC BY 4.0 ({version})."
    if embargo.released_us is not None and embargo.released_us == terms.opens_us:
        day = _said(facility_day(embargo.released_us, zone))
        return f"Its embargo was ended early, on {day}: the data are open to everybody under CC BY 4.0 ({version})."
    return f"Its embargo is over: the data are open to everybody under CC BY 4.0 ({version})."


def _reason_of(embargo: Embargo) -> str:
    return f" The reason: “{' '.join(embargo.tombstone.split())}”." if embargo.tombstone else ""


def _embargo_clause(terms: Terms, embargo: Embargo, rules: PolicyRules, zone: str) -> str:
    years = "a year" if embargo.years == 1 else f"{embargo.years} years"
    if terms.ends_us is None:
        said = [f"Data are for the team during {years} after the end of the visit (policy {rules.version})."]
    else:
        ended = _said(facility_day(terms.ends_us, zone))
        said = [
            f"Data are for the team during {years} after the end of the visit, which was on {ended} (policy {rules.version})."
        ]
    if embargo.extended_to_us is not None:
        said.append(f"The embargo was extended to {_said(facility_day(embargo.extended_to_us, zone))}.")
    if embargo.asked_to_us is not None:
        said.append("An extension is asked for; until it is decided the opening waits, 30 days at most.")
    return " ".join(said)


def _said(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _whom(current: State) -> str:
    if current in (State.PLANNED, State.COLLECTING, State.EMBARGOED):
        return "The principal investigator decides who else may read; after 30 days without an answer, a data steward does."
    if current in (State.HELD, State.WITHDRAWN, State.DELETED):
        return "A data steward of the facility decides."
    return "The principal investigator and the facility's staff can tell more."
