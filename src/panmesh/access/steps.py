"""What may be done to the terms of a visit: each step a pure function of what is known, refused in words where the policy refuses it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from panmesh.access.rules import Embargo, PolicyRules, first_open, retained_until
from panmesh.access.terms import AccessClass, Hold, State, Terms, state
from panmesh.kernel.clock import facility_day
from panmesh.kernel.errors import Conflict


class Step(StrEnum):
    ASK_EXTENSION = "ask extension"  # asked for: the opening waits for the answer, so many days at most
    EXTEND = "extend"
    KEEP_DATE = "keep date"  # an extension was refused, or taken back
    RELEASE = "release"
    HOLD = "hold"
    UNHOLD = "unhold"
    WITHDRAW = "withdraw"
    DELETE = "delete"
    DECLASSIFY = "declassify"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Everything that the state of one visit follows from."""

    terms: Terms
    embargo: Embargo
    rules: PolicyRules
    zone: str


def take(held: Held, step: Step, now_us: int, *, to_us: int | None = None, hold: Hold = Hold.LEGAL) -> Held:
    """The facts after the step, the day of opening computed anew. Raises Conflict."""
    changed = _STEPS[step](held, now_us, to_us, hold)
    return replace(changed, terms=replace(changed.terms, opens_us=first_open(changed.terms, changed.embargo, changed.zone)))


def _only(held: Held, now_us: int, allowed: frozenset[State], what: str) -> None:
    current = state(held.terms, now_us)
    if current not in allowed:
        raise Conflict(f"{what} is possible only while the data are {' or '.join(sorted(allowed))}; these are {current.value}.")


def _later(held: Held, now_us: int, to_us: int | None) -> int:
    _only(held, now_us, frozenset({State.EMBARGOED}), "An extension")
    plain = first_open(held.terms, replace(held.embargo, asked_to_us=None), held.zone)
    if to_us is None or plain is None or to_us <= plain:
        day = facility_day(plain, held.zone).isoformat() if plain is not None else "no day"
        raise Conflict(f"An extension ends after the day on which the data open anyway ({day}).")
    return to_us


def _ask_extension(held: Held, now_us: int, to_us: int | None, _hold: Hold) -> Held:
    return replace(held, embargo=replace(held.embargo, asked_to_us=_later(held, now_us, to_us)))


def _extend(held: Held, now_us: int, to_us: int | None, _hold: Hold) -> Held:
    return replace(held, embargo=replace(held.embargo, extended_to_us=_later(held, now_us, to_us), asked_to_us=None))


def _keep_date(held: Held, now_us: int, to_us: int | None, _hold: Hold) -> Held:
    """`to_us`: the extension that was in force before. What opened while the question waited stays open; what is held back meanwhile
    opens, when the hold ends, on the day that was kept."""
    if state(held.terms, now_us) is State.OPEN:
        return held
    return replace(held, embargo=replace(held.embargo, extended_to_us=to_us, asked_to_us=None))


def _release(held: Held, now_us: int, _to: int | None, _hold: Hold) -> Held:
    _only(held, now_us, frozenset({State.EMBARGOED}), "Opening early")
    return replace(held, embargo=replace(held.embargo, released_us=now_us, asked_to_us=None))


def _hold(held: Held, now_us: int, _to: int | None, hold: Hold) -> Held:
    _only(held, now_us, frozenset({State.PLANNED, State.COLLECTING, State.EMBARGOED, State.OPEN}), "A hold")
    return replace(held, terms=replace(held.terms, held_us=now_us, hold=hold))


def _unhold(held: Held, now_us: int, _to: int | None, _hold: Hold) -> Held:
    _only(held, now_us, frozenset({State.HELD}), "Ending a hold")
    return replace(held, terms=replace(held.terms, held_us=None, hold=None))


def _withdraw(held: Held, now_us: int, _to: int | None, _hold: Hold) -> Held:
    _only(held, now_us, frozenset({State.EMBARGOED, State.OPEN, State.HELD}), "Withdrawing")
    return replace(held, terms=replace(held.terms, withdrawn_us=now_us))


def _delete(held: Held, now_us: int, _to: int | None, _hold: Hold) -> Held:
    """Proprietary data whenever their owner says so, without a tombstone; all others when their retention has ended."""
    terms = held.terms
    if state(terms, now_us) is State.PROPRIETARY:
        return replace(held, terms=replace(terms, access=AccessClass.ASIDE, deleted_us=now_us))
    _only(held, now_us, frozenset({State.EMBARGOED, State.OPEN, State.HELD, State.WITHDRAWN}), "Deleting")
    kept = retained_until(terms.ends_us, held.rules, held.zone) if terms.ends_us is not None else None
    if kept is None or now_us < kept:
        day = facility_day(kept, held.zone).isoformat() if kept is not None else "a day that is not known"
        raise Conflict(f"The data are kept until {day}, {held.rules.retention_years} years after the visit.")
    return replace(held, terms=replace(terms, deleted_us=now_us))


def _declassify(held: Held, now_us: int, _to: int | None, _hold: Hold) -> Held:
    _only(held, now_us, frozenset({State.PROPRIETARY}), "Giving up that data are proprietary")
    return replace(held, terms=replace(held.terms, declassified_us=now_us))


_STEPS = {
    Step.ASK_EXTENSION: _ask_extension,
    Step.EXTEND: _extend,
    Step.KEEP_DATE: _keep_date,
    Step.RELEASE: _release,
    Step.HOLD: _hold,
    Step.UNHOLD: _unhold,
    Step.WITHDRAW: _withdraw,
    Step.DELETE: _delete,
    Step.DECLASSIFY: _declassify,
}
