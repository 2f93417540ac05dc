"""People and affiliations of imported documents: each once, recognised by ORCID, login or the source's own id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, delete, select, update

from panmesh.adapters.sql.import_ground import Ground
from panmesh.adapters.sql.tables import affiliation, member, person
from panmesh.adapters.sql.withheld_now import withheld_now
from panmesh.catalogue.imported import ImportedAffiliation, ImportedMember, ImportedPerson


def keep_members(ground: Ground, document_id: int, members: Sequence[ImportedMember]) -> None:
    """Those of the document, in the source's order, in place of the ones that it had."""
    rows = [
        {
            "document_id": document_id,
            "person_id": None if one.person is None else _person(ground, one.person),
            "affiliation_id": None if one.affiliation is None else _affiliation(ground, one.affiliation),
            "role": one.role,
            "position": position,
        }
        for position, one in enumerate(members)
    ]
    ground.connection.execute(delete(member).where(member.c.document_id == document_id))
    if rows:
        ground.connection.execute(member.insert(), rows)


def _person(ground: Ground, one: ImportedPerson) -> int:
    values = {
        "full_name": one.full_name,
        "first_name": one.first_name,
        "last_name": one.last_name,
        "orcid": one.orcid,
        "researcher_id": one.researcher_id,
        "withheld": withheld_now(ground.connection).holds(one.full_name, one.orcid),
    }
    if one.orcid:
        return _keep(ground, person, "person_key", f"orcid:{one.orcid}", values)
    if one.login:
        return _keep(ground, person, "person_key", f"login:{one.login}", values)
    return _keep(ground, person, "person_key", _own(ground, person, "person_key", one.key, "full_name", one.full_name), values)


def _affiliation(ground: Ground, one: ImportedAffiliation) -> int:
    values = {"name": one.name, "address": one.address, "city": one.city, "country": one.country}
    key = _own(ground, affiliation, "affiliation_key", one.key, "name", one.name)
    return _keep(ground, affiliation, "affiliation_key", key, values)


def _own(ground: Ground, table: Table, column: str, key: str, name: str, value: str | None) -> str:
    """The source's id, unless another source gave it to somebody else: ids like "1" are."""
    row = ground.connection.execute(select(table.c[name]).where(table.c[column] == key)).first()
    return key if row is None or row[0] == value else f"{ground.source}:{key}"[-500:]


def _keep(ground: Ground, table: Table, column: str, key: str, values: dict[str, Any]) -> int:
    c = ground.connection
    row = c.execute(select(table).where(table.c[column] == key)).first()
    if row is None:
        return int(c.execute(table.insert().values(**{column: key}, **values).returning(table.c.id)).scalar_one())
    told = {name: value for name, value in values.items() if value is not None and getattr(row, name) != value}
    if told:
        c.execute(update(table).where(table.c.id == row.id).values(**told))
    return int(row.id)
