"""What FAIR scores look at, for many runs at once: a fixed number of statements, whatever their number."""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, case, func, select

from panmesh.access.terms import AccessClass, State
from panmesh.adapters.sql.permission import state_label
from panmesh.adapters.sql.tables import (
    dataset,
    dataset_person,
    dataset_technique,
    dataset_version,
    facility,
    instrument,
    investigation,
    layer,
    parameter,
    relation,
    sample,
    terms,
)
from panmesh.catalogue.file_types import lasts
from panmesh.catalogue.layers import Layer, merge
from panmesh.catalogue.model import DatasetKind, DigestState, Origin
from panmesh.publication.fair_facts import DIGESTED, FairFacts, file_facts, resolvable

Dois = Callable[[Sequence[str]], Mapping[str, str]]


def scored_rows(connection: Connection, ids: Sequence[int], now_us: int) -> Sequence[Any]:
    """Of our own, and not set aside."""
    d = dataset.c
    query = (
        select(
            d.id, d.pid, d.title, d.kind, d.start_us, d.end_us, d.time_basis, d.created_us, d.format, d.file_count, d.has_plot,
            d.instrument_id, d.investigation_id, d.revision, d.version_id, d.terms_id, facility.c.time_zone, terms.c.opens_us,
            state_label(now_us).label("state"), instrument.c.pid.label("instrument_pid"), investigation.c.proposal_id,
            d.sample_id, sample.c.pid.label("sample_pid"), sample.c.identifier, sample.c.formula,
            dataset_version.c.facts, dataset_version.c.digest_state,
        )
        .select_from(dataset)
        .join(terms, terms.c.id == d.terms_id)
        .join(facility, facility.c.id == d.facility_id)
        .outerjoin(dataset_version, dataset_version.c.id == d.version_id)
        .outerjoin(instrument, instrument.c.id == d.instrument_id)
        .outerjoin(investigation, investigation.c.id == d.investigation_id)
        .outerjoin(sample, sample.c.id == d.sample_id)
        .where(d.id.in_(ids), d.origin != Origin.MIRRORED.value, terms.c.access != AccessClass.ASIDE.value)
    )  # fmt: skip
    return connection.execute(query).all()


def facts_of_many(connection: Connection, rows: Sequence[Any], dois: Mapping[str, str]) -> dict[int, FairFacts]:
    """`dois`: of these runs, their instruments and samples."""
    ids = [row.id for row in rows]
    named = func.sum(case((func.trim(dataset_person.c.name) != "", 1), else_=0))
    known = func.sum(case((func.coalesce(dataset_person.c.orcid, "") != "", 1), else_=0))
    of = dataset_person.c.dataset_id
    people = {r[0]: (int(r[1]), int(r[2])) for r in connection.execute(select(of, named, known).where(of.in_(ids)).group_by(of))}
    techniques = _having(connection, dataset_technique.c.dataset_id, ids)
    conditions = _having(connection, parameter.c.dataset_id, ids)
    sources = _having(connection, relation.c.derived_id, ids)
    described = _described(connection, ids)
    return {
        row.id: FairFacts(
            state=State(row.state),
            opens=State(row.state) in (State.OPEN, State.PROPRIETARY) or row.opens_us is not None,
            doi=row.pid in dois,
            title=row.title,
            described=row.id in described,
            techniques=row.id in techniques,
            instrument=row.instrument_id is not None,
            instrument_pid=row.instrument_pid in dois,
            visit=row.investigation_id is not None,
            proposal=row.proposal_id is not None,
            sample=row.sample_id is not None,
            sample_said=bool(row.identifier or row.formula),
            sample_pid=row.sample_id is not None and (row.sample_pid in dois or resolvable(row.identifier)),
            people=people.get(row.id, (0, 0))[0],
            with_orcid=people.get(row.id, (0, 0))[1],
            zoned=row.start_us is not None and row.end_us is not None and row.time_basis != "assumed",
            conditions=row.id in conditions,
            plot=bool(row.has_plot),
            hdf5=row.format == "hdf5",
            lasting=lasts(row.format),
            files=row.file_count or 0,
            elsewhere=row.digest_state == DigestState.ELSEWHERE.value,
            digested=row.digest_state is not None and DigestState(row.digest_state) in DIGESTED,
            processed=row.kind == DatasetKind.PROCESSED.value,
            sources=row.id in sources,
            file=file_facts(json.loads(zlib.decompress(row.facts)).get("entry") if row.facts else None),
        )
        for row in rows
    }


def _having(connection: Connection, column: Any, ids: Sequence[int]) -> set[int]:
    return set(connection.execute(select(column).where(column.in_(ids)).distinct()).scalars())


def _described(connection: Connection, ids: Sequence[int]) -> set[int]:
    """Only layers that speak of a description are opened."""
    c = layer.c
    found: dict[int, list[Layer]] = defaultdict(list)
    for row in connection.execute(select(layer).where(c.dataset_id.in_(ids), c.values_json.like('%"description"%'))):
        values = json.loads(row.values_json)
        said = {"description": values["description"]} if "description" in values else {}
        one = Layer(id=row.id, source=row.source, values=said, by=row.by, at_us=row.at_us, undone_us=row.undone_us)
        found[row.dataset_id].append(one)
    return {number for number, layers in found.items() if (e := merge(layers).get("description")) is not None and e.value}
