"""The versions of the policy that are in force, and everything that the state of one visit follows from, in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, delete, select, update

from panmesh.access.rules import Embargo, PolicyRules, first_open, pinned, plain_opening
from panmesh.access.steps import Held
from panmesh.access.terms import AccessClass, Terms
from panmesh.adapters.sql.permission import terms_of
from panmesh.adapters.sql.request_tables import embargo, policy_rules
from panmesh.adapters.sql.tables import facility, terms
from panmesh.kernel.errors import NotFound


def pin(connection: Connection, rules: PolicyRules, now_us: int) -> PolicyRules:
    """Keep the rules when they are applied first. Raises Conflict when their version said something else before."""
    known = rules_in_force(connection)
    pinned(rules, known)
    if rules.version not in known:
        connection.execute(policy_rules.insert().values(**asdict(rules), since_us=now_us))
    return rules


def rules_of(connection: Connection, version: str, current: PolicyRules) -> PolicyRules:
    """`current`: for what was accepted before versions were kept, and for records without a policy of ours."""
    return rules_in_force(connection).get(version, current)


def planned_opening(connection: Connection, terms_id: int | None, planned: Mapping[str, Any], rules: PolicyRules) -> int | None:
    """When a visit opens that ends as a schedule says: what was decided about it before is kept."""
    row = connection.execute(select(embargo).where(embargo.c.terms_id == terms_id)).first() if terms_id is not None else None
    decided = replace(_embargo(row, rules), plain_us=None)
    return first_open(_as_planned(connection, terms_id, planned), decided, zone_of(connection))


def keep_plain(connection: Connection, terms_id: int, planned: Mapping[str, Any], rules: PolicyRules) -> None:
    """A schedule moved the end: what is decided from now on begins with the day that follows from it."""
    plain = plain_opening(_as_planned(connection, terms_id, planned), Embargo(years=rules.embargo_years), zone_of(connection))
    connection.execute(update(embargo).where(embargo.c.terms_id == terms_id).values(plain_us=plain))


def _as_planned(connection: Connection, terms_id: int | None, planned: Mapping[str, Any]) -> Terms:
    declassified = select(terms.c.declassified_us).where(terms.c.id == terms_id)
    return Terms(
        id=terms_id or 0,
        access=AccessClass(planned["access"]),
        ends_us=planned["ends_us"],
        declassified_us=connection.execute(declassified).scalar() if terms_id is not None else None,
    )


def held_of(connection: Connection, terms_id: int, current: PolicyRules, *, writing: bool = True) -> Held:
    """`writing`: nobody else changes these terms until the end of the transaction."""
    query = select(terms).where(terms.c.id == terms_id)
    found = connection.execute(query.with_for_update() if writing else query).mappings().first()
    if found is None:
        raise NotFound()
    rules = rules_of(connection, found["policy_version"], current)
    row = connection.execute(select(embargo).where(embargo.c.terms_id == terms_id)).first()
    decided = _embargo(row, rules)
    if row is None:
        decided = replace(decided, plain_us=found["opens_us"])
    return Held(terms=terms_of(found), embargo=decided, rules=rules, zone=zone_of(connection))


def keep_held(connection: Connection, held: Held) -> None:
    """The facts as a step left them."""
    facts = held.terms
    values = {
        "access": facts.access.value,
        "opens_us": facts.opens_us,
        "declassified_us": facts.declassified_us,
        "held_us": facts.held_us,
        "hold": facts.hold.value if facts.hold is not None else None,
        "withdrawn_us": facts.withdrawn_us,
        "deleted_us": facts.deleted_us,
    }
    connection.execute(update(terms).where(terms.c.id == facts.id).values(**values))
    connection.execute(delete(embargo).where(embargo.c.terms_id == facts.id))
    decided = {
        "plain_us": held.embargo.plain_us,
        "extended_to_us": held.embargo.extended_to_us,
        "released_us": held.embargo.released_us,
        "asked_to_us": held.embargo.asked_to_us,
        "tombstone": held.embargo.tombstone,
    }
    connection.execute(embargo.insert().values(terms_id=facts.id, **decided))


def _embargo(row: Any, rules: PolicyRules) -> Embargo:
    if row is None:
        return Embargo(years=rules.embargo_years)
    return Embargo(
        years=rules.embargo_years,
        plain_us=row.plain_us,
        extended_to_us=row.extended_to_us,
        released_us=row.released_us,
        asked_to_us=row.asked_to_us,
        tombstone=row.tombstone,
    )


def rules_in_force(connection: Connection) -> dict[str, PolicyRules]:
    return {
        row.version: PolicyRules(
            version=row.version,
            embargo_years=row.embargo_years,
            core_from_proposal=row.core_from_proposal,
            retention_years=row.retention_years,
        )
        for row in connection.execute(select(policy_rules))
    }


def zone_of(connection: Connection) -> str:
    return connection.execute(select(facility.c.time_zone).order_by(facility.c.id).limit(1)).scalar() or "UTC"
