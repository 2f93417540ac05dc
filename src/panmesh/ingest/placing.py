"""Which visit a run belongs to (law 10), decided from values: instrument, time and id must agree, else it waits in quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from panmesh.kernel.text import key_of

MARGIN_US = 2 * 3600 * 1_000_000  # a run may start this long before the scheduled start or after the scheduled end


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentEntry:
    id: int
    facility_id: int
    key: str
    scheduled: bool
    names: frozenset[str]  # key_of the key, the name and the aliases


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    id: int
    pid: str
    terms_id: int
    instrument_id: int
    visit_id: str
    title: str
    proposal: str  # number
    starts_us: int
    ends_us: int
    visit_key: str  # key_of the visit id
    proposal_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a run says of where it belongs."""

    start_us: int | None
    proposal: str | None
    visit: str | None
    path: str  # in its storage: folders often carry the visit id


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    visit: Visit | None  # None: quarantine, or unscheduled
    reason: str | None = None  # of the quarantine, in words


def place(claim: Claim, visits: Sequence[Visit], *, margin_us: int = MARGIN_US) -> Placed:
    """For an instrument with a schedule. `visits` are those of that instrument."""
    if claim.start_us is None:
        return Placed(visit=None, reason="The file says no start time, so no visit can be matched.")
    said = [text for text in (claim.visit, claim.proposal) if text]
    ids = {key_of(text) for text in said} or _ids_of_path(claim.path)
    running = [v for v in visits if v.starts_us - margin_us <= claim.start_us < v.ends_us + margin_us]
    named = [v for v in visits if v.visit_key in ids or v.proposal_key in ids]
    both = [v for v in running if v in named]
    exact = [v for v in both if v.starts_us <= claim.start_us < v.ends_us] or both
    if claim.visit and len(exact) > 1:
        exact = [v for v in exact if v.visit_key == key_of(claim.visit)] or exact
    if len(exact) == 1:
        return Placed(visit=exact[0])
    return Placed(visit=None, reason=_why(said, running, named, exact))


def _why(said: list[str], running: list[Visit], named: list[Visit], exact: list[Visit]) -> str:
    if len(exact) > 1:
        return "Several visits fit: " + ", ".join(sorted(v.visit_id for v in exact)) + "."
    scheduled = ", ".join(sorted(v.visit_id for v in running)) or "none"
    if not said and not named:
        return f"Neither the file nor its folder names a proposal. Scheduled at that time: {scheduled}."
    if not named:
        return f"The file names {' / '.join(said)}, which this instrument's schedule does not have. Scheduled at that time: {scheduled}."
    return f"The run names {', '.join(sorted({v.visit_id for v in named}))}, which was not scheduled then. Scheduled at that time: {scheduled}."


def _ids_of_path(path: str) -> set[str]:
    return {key for part in path.split("/")[:-1] if len(key := key_of(part)) >= 4}
