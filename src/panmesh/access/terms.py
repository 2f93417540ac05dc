"""The terms under which an investigation (or a part of it) may be read, and the state that follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from panmesh.kernel.clock import add_years, facility_day, facility_midnight

UNDECIDED_DAYS = 30


class AccessClass(StrEnum):
    PUBLIC = "public"  # embargo, then open
    PROPRIETARY = "proprietary"  # never opens unless declassified
    INTERNAL = "internal"  # unscheduled or in quarantine: staff only
    ASIDE = "aside"  # discarded by staff, or merged into another dataset: nobody reads it, until that is undone
    OPEN = "open"  # open from the first day (configured for unscheduled runs, demo, imported public records)


class Hold(StrEnum):
    SENSITIVE = "sensitive"
    LEGAL = "legal"


class State(StrEnum):
    PLANNED = "planned"
    COLLECTING = "collecting"
    EMBARGOED = "embargoed"
    OPEN = "open"
    HELD = "held"
    WITHDRAWN = "withdrawn"
    DELETED = "deleted"
    PROPRIETARY = "proprietary"
    INTERNAL = "internal"
    ASIDE = "aside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Facts only; instants are UTC microseconds, None: has not happened or is not known."""

    id: int
    access: AccessClass
    team_id: int | None = None
    instrument_id: int | None = None  # whose staff look after it
    policy_version: str = "default-1"
    core_from_proposal: bool = False  # policy: core metadata is public before the experiment
    results_shared: bool = False
    starts_us: int | None = None
    ends_us: int | None = None  # scheduled end, pinned when the visit closes
    opens_us: int | None = None  # first open instant (facility midnight); computed by `opens_at`
    declassified_us: int | None = None
    held_us: int | None = None
    hold: Hold | None = None
    withdrawn_us: int | None = None
    deleted_us: int | None = None


def opens_at(*, ends_us: int, embargo_years: int, zone: str) -> int:
    """The facility midnight after the last day of the embargo; 29 February ends on the 28th."""
    last = add_years(facility_day(ends_us, zone), embargo_years)
    return facility_midnight(last.fromordinal(last.toordinal() + 1), zone)


def opens_as_decided(
    plain_us: int,
    zone: str,
    *,
    extended_to_us: int | None = None,
    released_us: int | None = None,
    asked_to_us: int | None = None,
) -> int:
    """until = min(released, max(plain, extended to)): `plain_us` is what `opens_at` says, or the record that came from elsewhere.

    `asked_to_us`: an extension that is asked for and not decided; it delays the opening by `UNDECIDED_DAYS` at most.
    """
    until = plain_us if extended_to_us is None else max(plain_us, extended_to_us)
    if asked_to_us is not None:
        latest = facility_midnight(facility_day(until, zone) + timedelta(days=UNDECIDED_DAYS), zone)
        until = max(until, min(asked_to_us, latest))
    return until if released_us is None else min(released_us, until)


def state(terms: Terms, now_us: int) -> State:
    """A pure function of the facts and the instant; nothing flips it. The order below is the order of precedence."""
    if terms.access is AccessClass.ASIDE:
        return State.ASIDE
    if terms.access is AccessClass.PROPRIETARY and not _declassified(terms, now_us):
        return State.PROPRIETARY
    if _past(terms.deleted_us, now_us):
        return State.DELETED
    if _past(terms.withdrawn_us, now_us):
        return State.WITHDRAWN
    if _past(terms.held_us, now_us):
        return State.HELD
    if terms.access is AccessClass.INTERNAL:
        return State.INTERNAL
    if terms.access is AccessClass.OPEN or _past(terms.opens_us, now_us):
        return State.OPEN
    if _past(terms.ends_us, now_us):
        return State.EMBARGOED
    return State.COLLECTING if _past(terms.starts_us, now_us) else State.PLANNED


def _declassified(terms: Terms, now_us: int) -> bool:
    """From the day it was said, but not before there is anything: what is planned the team may read less of than what is proprietary."""
    begun = any(_past(at, now_us) for at in (terms.starts_us, terms.ends_us, terms.opens_us))
    return begun and _past(terms.declassified_us, now_us)


def _past(instant_us: int | None, now_us: int) -> bool:
    return instant_us is not None and instant_us <= now_us
