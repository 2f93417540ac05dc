"""How many datasets there are of each value of a field, as SQL counts them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from panmesh.adapters.sql.conditions import Compiler
from panmesh.adapters.sql.tables import (
    dataset,
    dataset_technique,
    facility,
    instrument,
    investigation,
    proposal,
    sample,
    terms,
)
from panmesh.catalogue.query import Field
from panmesh.kernel import techniques


def facet_label(field: Field, row: Any) -> str:
    known = techniques.label(row.value) if field is Field.TECHNIQUE else getattr(row, "name", None)
    return str(known or row.value)


def facet_query(field: Field, compiler: Compiler, where: ColumnElement[bool]) -> Select[Any]:
    number = func.count().label("number")
    match field:
        case Field.FACILITY:
            query = (
                select(facility.c.facility_key.label("value"), func.min(facility.c.name).label("name"), number)
                .select_from(dataset)
                .join(facility, facility.c.id == dataset.c.facility_id)
            )
        case Field.INSTRUMENT:
            query = (
                select(instrument.c.instrument_key.label("value"), func.min(instrument.c.name).label("name"), number)
                .select_from(dataset)
                .join(instrument, instrument.c.id == dataset.c.instrument_id)
            )
        case Field.TECHNIQUE:
            query = (
                select(dataset_technique.c.technique_pid.label("value"), number)
                .select_from(dataset)
                .join(dataset_technique, dataset_technique.c.dataset_id == dataset.c.id)
            )
        case Field.STATE:
            query = (
                select(compiler.state_label().label("value"), number)
                .select_from(dataset)
                .join(terms, terms.c.id == dataset.c.terms_id)
            )
        case Field.PROPOSAL:
            query = (
                select(proposal.c.number.label("value"), number)
                .select_from(dataset)
                .join(investigation, investigation.c.id == dataset.c.investigation_id)
                .join(proposal, proposal.c.id == investigation.c.proposal_id)
            )
        case Field.SAMPLE:
            query = (
                select(sample.c.name.label("value"), number).select_from(dataset).join(sample, sample.c.id == dataset.c.sample_id)
            )
        case _:
            column = getattr(dataset.c, field.value)
            query = select(column.label("value"), number).select_from(dataset).where(column.is_not(None))
    return query.where(where).group_by("value").order_by(number.desc(), "value")
