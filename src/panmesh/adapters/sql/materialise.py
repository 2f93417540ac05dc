"""The columns that search uses, made anew from the layers of one dataset: after an edit, an undo, or a new reading of its file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Table, delete, select, update

from panmesh.access.names import Withheld
from panmesh.adapters.sql.dialects import insert_many, update_many
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
from panmesh.catalogue.effective import Described, Surroundings, describe
from panmesh.catalogue.layers import Layer, merge
from panmesh.catalogue.withholding import hide

PIECE = 200  # datasets written at once


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
    materialise_many(connection, [dataset_id], now_us)


def materialise_many(connection: Connection, ids: Sequence[int], now_us: int) -> None:
    """Each a revision further. As many statements for two hundred as for one."""
    withheld = withheld_now(connection)
    for begin in range(0, len(ids), PIECE):
        _piece(connection, ids[begin : begin + PIECE], withheld, now_us)


def _piece(connection: Connection, ids: Sequence[int], withheld: Withheld, now_us: int) -> None:
    touched = {"updated_us": now_us, "revision": dataset.c.revision + 1}
    connection.execute(update(dataset).where(dataset.c.id.in_(ids)).values(**touched))  # first: nobody else changes them now
    rows = connection.execute(_AROUND.where(dataset.c.id.in_(ids))).all()
    layers = layers_of_many(connection, ids)
    values = {row.id: {field: won.value for field, won in merge(layers.get(row.id, [])).items()} for row in rows}
    named = technique_names(connection, chain.from_iterable(one.get("techniques") or () for one in values.values()))
    described = {row.id: hide(_described(row, values[row.id], named), withheld) for row in rows}
    scoped = [(row.facility_id, _scope(row), described[row.id].sample) for row in rows]
    samples = sample_ids(connection, scoped, os.urandom)
    columns = [{"id": row.id, **described[row.id].columns, "sample_id": one} for row, one in zip(rows, samples, strict=True)]
    update_many(connection, dataset, columns, key="id")
    _replace(connection, parameter, {number: one.parameters for number, one in described.items()})
    techniques = {number: [{"technique_pid": pid} for pid in one.techniques] for number, one in described.items()}
    _replace(connection, dataset_technique, techniques)
    _replace(connection, dataset_person, {number: one.people for number, one in described.items()})


def _described(row: Any, values: Mapping[str, Any], named: Mapping[str, str]) -> Described:
    around = Surroundings(
        facility=row.facility or "",
        instrument=row.instrument or "",
        proposal=row.proposal or "",
        visit=row.visit_id or "",
        visit_title=row.visit_title or "",
        technique_names=named,
    )
    return describe(values, around, path=row.path or "")


def _scope(row: Any) -> str:
    """Within which a sample's name means one sample."""
    return f"proposal:{row.proposal}" if row.proposal else f"terms:{row.terms_id}"


def _replace(connection: Connection, table: Table, rows: Mapping[int, Sequence[Mapping[str, Any]]]) -> None:
    """`rows`: of each dataset."""
    connection.execute(delete(table).where(table.c.dataset_id.in_(list(rows))))
    insert_many(connection, table, [{"dataset_id": number, **row} for number, some in rows.items() for row in some])


_AROUND = (
    select(
        dataset.c.id,
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
