"""A version of the data policy: its numbers, kept from the day it was first applied, and the dates that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from panmesh.access.terms import AccessClass, State, Terms, opens_as_decided, opens_at, state
from panmesh.kernel.clock import add_years, facility_day, facility_midnight
from panmesh.kernel.errors import Conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRules:
    """What a facility decides. A proposal is accepted under one version, and stays under it (contract a.1)."""

    version: str = "default-1"
    embargo_years: int = 3
    core_from_proposal: bool = False
    retention_years: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Embargo:
    """What decides when one visit opens, besides its end."""

    years: int
    plain_us: int | None = None  # when it opened before anything was decided; None: so many years after its end
    extended_to_us: int | None = None
    released_us: int | None = None
    asked_to_us: int | None = None  # an extension that nobody decided yet
    tombstone: str | None = None  # why the data were withdrawn or deleted, for everybody


def pinned(rules: PolicyRules, known: Mapping[str, PolicyRules]) -> PolicyRules:
    """Raises Conflict when a version that was applied already would now say something else."""
    was = known.get(rules.version)
    if was is None or was == rules:
        return rules
    differs = ", ".join(
        f"{f.name} was {getattr(was, f.name)} and would be {getattr(rules, f.name)}"
        for f in fields(rules)
        if getattr(was, f.name) != getattr(rules, f.name)
    )
    raise Conflict(
        f"The policy {rules.version!r} is in force for proposals that were accepted under it, and cannot change: {differs}. "
        "Give the new rules a version of their own in [policy]; what was accepted before keeps the old ones."
    )


def first_open(terms: Terms, embargo: Embargo, zone: str) -> int | None:
    """The first open instant; None: no day is set, because the end is not known or the data are proprietary."""
    plain = plain_opening(terms, embargo, zone)
    if plain is None:
        return None
    return opens_as_decided(
        plain,
        zone,
        extended_to_us=embargo.extended_to_us,
        released_us=embargo.released_us,
        asked_to_us=embargo.asked_to_us,
    )


def plain_opening(terms: Terms, embargo: Embargo, zone: str) -> int | None:
    if embargo.plain_us is not None:
        return embargo.plain_us
    if terms.ends_us is None or (terms.access is AccessClass.PROPRIETARY and terms.declassified_us is None):
        return None
    return opens_at(ends_us=terms.ends_us, embargo_years=embargo.years, zone=zone)


def retained_until(ends_us: int, rules: PolicyRules, zone: str) -> int:
    """The first instant at which the facility may delete the data: that many years after the end."""
    return facility_midnight(add_years(facility_day(ends_us, zone), rules.retention_years), zone)


LICENCE = "CC-BY-4.0"  # SPDX


def licence(terms: Terms, now_us: int) -> str | None:
    """None: nothing is licensed before it opens, nor when it is held or gone (contract a.5)."""
    return LICENCE if state(terms, now_us) is State.OPEN else None
