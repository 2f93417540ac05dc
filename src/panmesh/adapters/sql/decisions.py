"""What staff decided, as far as reading files again must respect it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, select, update

from panmesh.access.terms import AccessClass
from panmesh.adapters.sql.tables import (
    correction,
    correction_item,
    dataset,
    dataset_version,
    file_decision,
    set_aside,
    terms,
    unit,
    unit_dataset,
)
from panmesh.catalogue.correction import ItemState, What
from panmesh.catalogue.manifest import ManifestRef
from panmesh.ingest.store import SplitOff
from panmesh.ingest.units import UnitState


def placed_by_hand() -> ColumnElement[bool]:
    """Of a row of `dataset` joined with its `terms`."""
    moved = (
        select(correction_item.c.id)
        .join(correction, correction.c.id == correction_item.c.correction_id)
        .where(
            correction_item.c.dataset_pid == dataset.c.pid,
            correction_item.c.state == ItemState.DONE.value,
            correction.c.what == What.MOVE.value,
        )
        .correlate(dataset)
    )
    return moved.exists() | (terms.c.access == AccessClass.ASIDE.value)


def split_off(c: Connection, storage: str, paths: Sequence[str]) -> dict[str, SplitOff]:
    mine = select(file_decision.c.dataset_id).where(file_decision.c.storage == storage, file_decision.c.path.in_(list(paths)))
    query = (
        select(dataset.c.id, dataset.c.identity, dataset.c.storage, dataset.c.path, unit.c.id.label("unit_id"))
        .select_from(dataset)
        .outerjoin(unit, (unit.c.storage == dataset.c.storage) & (unit.c.path == dataset.c.path))
        .where(dataset.c.id.in_(mine))
    )
    found: dict[str, SplitOff] = {}
    for row in c.execute(query).all():
        files = c.execute(select(file_decision.c.path).where(file_decision.c.dataset_id == row.id)).scalars().all()
        one = SplitOff(
            identity=bytes(row.identity), storage=row.storage, path=row.path, unit_id=row.unit_id, files=tuple(sorted(files))
        )
        found |= dict.fromkeys(set(files) & set(paths), one)
    return found


def split_off_in(c: Connection, storage: str, folder: str) -> frozenset[str]:
    prefix = f"{folder}/" if folder else ""
    query = select(file_decision.c.path).where(
        file_decision.c.storage == storage, file_decision.c.path >= prefix, file_decision.c.path < prefix + "\U0010ffff"
    )
    return frozenset(c.execute(query).scalars())


def merged_into(c: Connection, storage: str, paths: Sequence[str]) -> dict[bytes, tuple[ManifestRef, ...]]:
    part = dataset.alias()
    query = (
        select(dataset.c.identity, dataset_version.c.manifest)
        .select_from(dataset)
        .join(set_aside, (set_aside.c.into_pid == dataset.c.pid) & (set_aside.c.what == "merged"))
        .join(part, part.c.id == set_aside.c.dataset_id)
        .join(dataset_version, dataset_version.c.id == part.c.version_id)
        .where(dataset.c.storage == storage, dataset.c.path.in_(list(paths)))
        .order_by(part.c.id)
    )
    found: dict[bytes, tuple[ManifestRef, ...]] = {}
    for row in c.execute(query):
        key = bytes(row.identity)
        found[key] = (*found.get(key, ()), ManifestRef.from_bytes(row.manifest))
    return found


def wake_merged(c: Connection, dataset_id: int, now_us: int) -> None:
    """Files of a dataset that was merged into another one have changed: that one is read again, and takes them as they are."""
    into = select(set_aside.c.into_pid).where(set_aside.c.dataset_id == dataset_id, set_aside.c.what == "merged")
    units = select(unit_dataset.c.unit_id).join(dataset, dataset.c.id == unit_dataset.c.dataset_id).where(dataset.c.pid.in_(into))
    c.execute(
        update(unit)
        .where(unit.c.id.in_(units), unit.c.state != UnitState.GONE.value)
        .values(state=UnitState.SEEN.value, seen_us=now_us, attempts=0, claimed_by=None, claimed_until_us=None)
    )
