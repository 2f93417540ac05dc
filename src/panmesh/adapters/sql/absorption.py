"""Data files that had a dataset of their own until their master came: from then on their pid leads to the master's dataset."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, or_, select, tuple_, update

from panmesh.adapters.sql.push_tables import pushed_file, pushed_record
from panmesh.adapters.sql.tables import (
    change,
    dataset,
    dataset_person,
    dataset_sample,
    dataset_technique,
    dataset_version,
    document_dataset,
    file_decision,
    file_names,
    finding,
    layer,
    parameter,
    pid,
    relation,
    set_aside,
    unit,
    unit_claim,
    unit_dataset,
)
from panmesh.ingest import names
from panmesh.ingest.store import UnitOutcome
from panmesh.ingest.units import UnitState


def absorb_parts(connection: Connection, outcomes: Sequence[UnitOutcome], now_us: int) -> None:
    for outcome in outcomes:
        if outcome.absorbs:
            connection.execute(
                update(unit)
                .where(unit.c.id.in_(outcome.absorbs))
                .values(state=UnitState.PART.value, primary_unit_id=outcome.unit.id, dataset_count=0)
            )
            _redirect(connection, list(outcome.absorbs), outcome.unit.id, now_us)
        if outcome.state is UnitState.PART and outcome.part_of is not None:
            _redirect(connection, [outcome.unit.id], outcome.part_of, now_us)
            _wake(connection, outcome.part_of, now_us)


def wake_masters(connection: Connection, outcomes: Sequence[UnitOutcome], now_us: int) -> None:
    """Data files that did not see their master, because both were read at the same time: the master is read again and takes them in."""
    alone = [o for o in outcomes if o.bare and o.part_of is None and o.datasets]
    for storage in {o.unit.storage for o in alone}:
        mine = [o for o in alone if o.unit.storage == storage]
        ids, paths = [o.unit.id for o in mine], [o.unit.path for o in mine]
        claiming = select(unit_claim.c.unit_id).where(unit_claim.c.storage == storage, unit_claim.c.path.in_(paths))
        beside = list({c for path in paths for c in names.master_candidates(path)})
        found = connection.execute(
            select(unit.c.id).where(
                unit.c.storage == storage,
                or_(unit.c.id.in_(claiming), unit.c.path.in_(beside)),
                unit.c.bare.is_(False),
                unit.c.state != UnitState.GONE.value,
                unit.c.id.not_in(ids),
            )
        )
        for master in found.scalars().all():
            _wake(connection, master, now_us)


def _wake(connection: Connection, master: int, now_us: int) -> None:
    """The master is read again, so that its manifest has the new file."""
    connection.execute(
        update(unit)
        .where(unit.c.id == master)
        .values(state=UnitState.SEEN.value, seen_us=now_us, attempts=0, claimed_by=None, claimed_until_us=None)
    )


def _redirect(connection: Connection, parts: list[int], master: int, now_us: int) -> None:
    old = connection.execute(
        select(dataset.c.id, dataset.c.pid)
        .join(unit_dataset, unit_dataset.c.dataset_id == dataset.c.id)
        .where(unit_dataset.c.unit_id.in_(parts))
    ).all()
    target = connection.execute(
        select(dataset.c.id, dataset.c.pid)
        .join(unit_dataset, unit_dataset.c.dataset_id == dataset.c.id)
        .where(unit_dataset.c.unit_id == master)
        .order_by(dataset.c.id)
    ).first()
    for row in old:
        if target is None or row.id == target.id:
            continue
        connection.execute(
            update(layer).where(layer.c.dataset_id == row.id, layer.c.source != "file").values(dataset_id=target.id)
        )
        connection.execute(update(pid).where(pid.c.concept == row.pid).values(concept=target.pid, kind="alias", version=None))
        remove_dataset(connection, row.id, into=target.id)
        connection.execute(
            change.insert(), {"at_us": now_us, "kind": "dataset", "pid": row.pid, "what": f"merged into {target.pid}"}
        )


_OF_DATASET = (
    dataset_version, layer, parameter, dataset_technique, dataset_person, dataset_sample, document_dataset, file_names, finding, unit_dataset, set_aside, file_decision,
)  # fmt: skip


def remove_dataset(connection: Connection, dataset_id: int, *, into: int) -> None:
    """The rows of one dataset that is one with another from now on; its pid stays in the pid table, and what scripts sent goes along."""
    connection.execute(update(pushed_record).where(pushed_record.c.dataset_id == dataset_id).values(dataset_id=into))
    taken = select(pushed_file.c.storage, pushed_file.c.path).where(pushed_file.c.dataset_id == into)
    both = tuple_(pushed_file.c.storage, pushed_file.c.path).in_(connection.execute(taken).all())
    connection.execute(delete(pushed_file).where(pushed_file.c.dataset_id == dataset_id, both))
    connection.execute(update(pushed_file).where(pushed_file.c.dataset_id == dataset_id).values(dataset_id=into))
    for table in _OF_DATASET:
        connection.execute(delete(table).where(table.c.dataset_id == dataset_id))
    connection.execute(delete(relation).where(or_(relation.c.derived_id == dataset_id, relation.c.source_id == dataset_id)))
    connection.execute(delete(dataset).where(dataset.c.id == dataset_id))
