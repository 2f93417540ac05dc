"""Files that were moved or renamed: the dataset keeps its pid, its history and its corrections, and has a new place."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, exists, select, update

from panmesh.adapters.sql.absorption import remove_dataset
from panmesh.adapters.sql.event_notices import tell_of_archive
from panmesh.adapters.sql.file_names import keep_file_names
from panmesh.adapters.sql.tables import change, dataset, dataset_version, finding, layer, pid, unit, unit_dataset
from panmesh.catalogue.manifest import ManifestRef
from panmesh.ingest.units import UnitState


def take_over_moved(
    connection: Connection, version_id: int, key: bytes, now_us: int, archives: frozenset[str] = frozenset()
) -> bool:
    """If a dataset of the same investigation had the bytes of this new one, and all its files are gone, the two are one: the older one
    stays, the newer pid leads to it. False, and nothing is changed: when several fit, or none; or when this version is an old one. `archives`: storages of whose use
    the team is told."""
    new = connection.execute(_dataset_of(version_id)).first()
    if new is None or new.version != 1 or new.investigation_id is None:
        return False
    of_unit = select(unit.c.id).join(unit_dataset, unit_dataset.c.unit_id == unit.c.id)
    mine = unit_dataset.c.dataset_id == dataset.c.id
    candidates = connection.execute(
        select(dataset)
        .join(dataset_version, dataset_version.c.id == dataset.c.version_id)
        .where(
            dataset_version.c.digest_key == key,
            dataset.c.id != new.id,
            dataset.c.investigation_id == new.investigation_id,
            dataset.c.kind == new.kind,
            dataset.c.entry.is_not_distinct_from(new.entry),
            exists(of_unit.where(mine)),
            ~exists(of_unit.where(mine, unit.c.state != UnitState.GONE.value)),
        )
        .limit(2)
    ).all()
    if len(candidates) != 1:
        return False
    old = candidates[0]
    _move(connection, old, new, now_us)
    if new.storage in archives and old.storage not in archives:
        tell_of_archive(connection, old.terms_id, new.storage, now_us)
    return True


def _dataset_of(version_id: int) -> Any:
    return select(dataset).where(dataset.c.version_id == version_id)


def _move(connection: Connection, old: Any, new: Any, now_us: int) -> None:
    at = connection.execute(
        select(dataset_version.c.manifest, dataset_version.c.content_key).where(dataset_version.c.id == new.version_id)
    ).one()
    units = list(connection.execute(select(unit_dataset.c.unit_id).where(unit_dataset.c.dataset_id == new.id)).scalars())
    connection.execute(update(layer).where(layer.c.dataset_id == new.id, layer.c.source != "file").values(dataset_id=old.id))
    connection.execute(update(pid).where(pid.c.concept == new.pid).values(concept=old.pid, kind="alias", version=None))
    remove_dataset(connection, new.id, into=old.id)
    connection.execute(
        update(dataset_version)
        .where(dataset_version.c.id == old.version_id)
        .values(manifest=at.manifest, content_key=at.content_key)
    )
    keep_file_names(connection, [(old.id, ManifestRef.from_bytes(at.manifest))])
    connection.execute(delete(unit_dataset).where(unit_dataset.c.dataset_id == old.id))
    connection.execute(unit_dataset.insert(), [{"unit_id": one, "dataset_id": old.id} for one in units])
    connection.execute(delete(finding).where(finding.c.dataset_id == old.id))
    connection.execute(
        update(dataset)
        .where(dataset.c.id == old.id)
        .values(identity=new.identity, storage=new.storage, path=new.path, updated_us=now_us, revision=dataset.c.revision + 1)
    )
    connection.execute(change.insert(), {"at_us": now_us, "kind": "dataset", "pid": old.pid, "what": "moved on disk"})
