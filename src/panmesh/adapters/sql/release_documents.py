"""The document of a release: what federations list of it, a publication with the runs of its newest version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, literal, select, update

from panmesh.adapters.sql.tables import affiliation, dataset, document, document_dataset, facility, member, person
from panmesh.catalogue.model import Origin
from panmesh.kernel.text import fold
from panmesh.publication.record import CC_BY, Agent
from panmesh.publication.release import Description


def keep_publication(
    connection: Connection, concept: str, terms_id: int, said: Description, pids: Sequence[str], now_us: int
) -> int:
    """Makes it or renews it; its number. Of its runs each viewer sees those that they may know of."""
    values = {
        "terms_id": terms_id,
        "title": said.title,
        "title_folded": fold(said.title),
        "summary": said.abstract,
        "summary_folded": fold(said.abstract),
        "release_us": now_us,
        "license": CC_BY.id,
    }
    number = connection.execute(select(document.c.id).where(document.c.pid == concept)).scalar()
    if number is None:
        fixed = {
            "pid": concept,
            "facility_id": connection.execute(select(facility.c.id).order_by(facility.c.id).limit(1)).scalar_one(),
            "origin": Origin.NATIVE.value,
            "type": "publication",
            "keywords_json": json.dumps([]),
        }
        number = connection.execute(document.insert().values(**fixed, **values).returning(document.c.id)).scalar_one()
    else:
        connection.execute(update(document).where(document.c.id == number).values(**values))
    connection.execute(delete(document_dataset).where(document_dataset.c.document_id == number))
    for start in range(0, len(pids), 500):
        rows = select(literal(number), dataset.c.id).where(dataset.c.pid.in_(pids[start : start + 500]))
        connection.execute(insert(document_dataset).from_select(["document_id", "dataset_id"], rows))
    _keep_creators(connection, number, concept, said.creators)
    return int(number)


def _keep_creators(connection: Connection, number: int, concept: str, creators: Sequence[Agent]) -> None:
    connection.execute(delete(member).where(member.c.document_id == number))
    rows = [
        {
            "document_id": number,
            "person_id": _person(connection, concept, at, one),
            "affiliation_id": _affiliation(connection, one),
            "role": "creator",
            "position": at,
        }
        for at, one in enumerate(creators)
    ]
    if rows:
        connection.execute(member.insert(), rows)


def _person(connection: Connection, concept: str, at: int, one: Agent) -> int:
    parts = one.parts
    values = {"full_name": one.name, "orcid": one.orcid, "first_name": parts[1] if parts else None}
    values |= {"last_name": parts[0] if parts else None}
    key = f"orcid:{one.orcid}" if one.orcid else f"release:{concept}:{at}"
    return _keep(connection, person, "person_key", key, values, renew=one.orcid is None)


def _affiliation(connection: Connection, one: Agent) -> int | None:
    if not one.affiliation:
        return None
    key = one.affiliation_ror or f"name:{fold(one.affiliation)}"
    return _keep(connection, affiliation, "affiliation_key", key, {"name": one.affiliation}, renew=False)


def _keep(connection: Connection, table: Table, column: str, key: str, values: dict[str, Any], *, renew: bool) -> int:
    number = connection.execute(select(table.c.id).where(table.c[column] == key)).scalar()
    if number is None:
        return int(connection.execute(table.insert().values(**{column: key}, **values).returning(table.c.id)).scalar_one())
    if renew:
        connection.execute(update(table).where(table.c.id == number).values(**values))
    return int(number)
