"""The columns that search uses, made anew from the layers of one dataset: after an edit, an undo, or a new reading of its file."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, select, update

from panmesh.adapters.sql.samples import sample_ids
from panmesh.adapters.sql.tables import (
    dataset,
    dataset_person,
    dataset_technique,
    facility,
    instrument,
    investigation,
    layer,
    parameter,
    proposal,
)
from panmesh.adapters.sql.technique_names import technique_names
from panmesh.adapters.sql.withheld_now import withheld_now
from panmesh.catalogue.effective import Surroundings, describe
from panmesh.catalogue.layers import Layer, merge
from panmesh.catalogue.withholding import hide


def layers_of(connection: Connection, dataset_id: int) -> list[Layer]:
    return layers_of_many(connection, [dataset_id]).get(dataset_id, [])


def layers_of_many(connection: Connection, ids: Sequence[int]) -> dict[int, list[Layer]]:
    query = select(layer).where(layer.c.dataset_id.in_(ids)).order_by(layer.c.dataset_id, layer.c.id)
    found: dict[int, list[Layer]] = {}
    for row in connection.execute(query):
        found.setdefault(row.dataset_id, []).append(
            Layer(
                id=row.id,
                source=row.source,
                values=json.loads(row.values_json),
                by=row.by,
                at_us=row.at_us,
                undone_us=row.undone_us,
            )
        )
    return found


def materialise(connection: Connection, dataset_id: int, now_us: int) -> None:
    row = connection.execute(_AROUND.where(dataset.c.id == dataset_id)).one()
    values = {field: winner.value for field, winner in merge(layers_of(connection, dataset_id)).items()}
    around = Surroundings(
        facility=row.facility or "",
        instrument=row.instrument or "",
        proposal=row.proposal or "",
        visit=row.visit_id or "",
        visit_title=row.visit_title or "",
        technique_names=technique_names(connection, values.get("techniques") or ()),
    )
    described = hide(describe(values, around, path=row.path or ""), withheld_now(connection))
    scope = f"proposal:{row.proposal}" if row.proposal else f"terms:{row.terms_id}"
    sample_id = sample_ids(connection, [(row.facility_id, scope, described.sample)], os.urandom)[0]
    columns: dict[str, Any] = {
        **described.columns,
        "sample_id": sample_id,
        "updated_us": now_us,
        "revision": dataset.c.revision + 1,
    }
    connection.execute(update(dataset).where(dataset.c.id == dataset_id).values(**columns))
    for table, rows in (
        (parameter, [{"dataset_id": dataset_id, **p} for p in described.parameters]),
        (dataset_technique, [{"dataset_id": dataset_id, "technique_pid": t} for t in described.techniques]),
        (dataset_person, [{"dataset_id": dataset_id, **p} for p in described.people]),
    ):
        connection.execute(delete(table).where(table.c.dataset_id == dataset_id))
        if rows:
            connection.execute(table.insert(), rows)


_AROUND = (
    select(
        dataset.c.path,
        dataset.c.facility_id,
        dataset.c.terms_id,
        facility.c.facility_key.label("facility"),
        instrument.c.instrument_key.label("instrument"),
        proposal.c.number.label("proposal"),
        investigation.c.visit_id,
        investigation.c.title.label("visit_title"),
    )
    .select_from(dataset)
    .join(facility, facility.c.id == dataset.c.facility_id)
    .outerjoin(instrument, instrument.c.id == dataset.c.instrument_id)
    .outerjoin(investigation, investigation.c.id == dataset.c.investigation_id)
    .outerjoin(proposal, proposal.c.id == investigation.c.proposal_id)
)
