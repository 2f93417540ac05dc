"""A new version of a dataset whose files are others than before."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select, update

from panmesh.adapters.sql.file_names import keep_file_names
from panmesh.adapters.sql.tables import change, dataset, dataset_version, pid
from panmesh.catalogue.manifest import ManifestRef
from panmesh.catalogue.model import DigestState
from panmesh.kernel.pid import Pid, version_pid


def newest_manifest(connection: Connection, row: Any) -> ManifestRef:
    """Of a row of `dataset`."""
    found = connection.execute(select(dataset_version.c.manifest).where(dataset_version.c.id == row.version_id)).scalar_one()
    return ManifestRef.from_bytes(found)


def cut_version(connection: Connection, dataset_id: int, manifest: ManifestRef, content_key: bytes, now_us: int) -> None:
    """What was read of the files stays as it was; the version before stays what it is."""
    row = connection.execute(select(dataset).where(dataset.c.id == dataset_id)).one()
    before = connection.execute(select(dataset_version).where(dataset_version.c.id == row.version_id)).first()
    number = (0 if before is None else row.version) + 1
    values = {
        "pid": version_pid(Pid(row.pid), number),
        "dataset_id": dataset_id,
        "number": number,
        "open": False if before is None else before.open,
        "manifest": manifest.to_bytes(),
        "content_key": content_key,
        "file_count": manifest.file_count,
        "total_bytes": manifest.total_bytes,
        "digest_state": DigestState.PENDING.value,
        "facts": None if before is None else before.facts,
        "created_us": now_us,
        "closed_us": now_us if before is None else before.closed_us,
    }
    version_id = connection.execute(dataset_version.insert().values(**values).returning(dataset_version.c.id)).scalar_one()
    origin = {"pid": values["pid"], "kind": "version", "concept": row.pid, "version": number, "origin": row.origin}
    connection.execute(pid.insert(), origin)
    connection.execute(
        update(dataset)
        .where(dataset.c.id == dataset_id)
        .values(
            version_id=version_id,
            version=number,
            file_count=manifest.file_count,
            total_bytes=manifest.total_bytes,
            updated_us=now_us,
            revision=dataset.c.revision + 1,
        )
    )
    keep_file_names(connection, [(dataset_id, manifest)])
    connection.execute(change.insert(), {"at_us": now_us, "kind": "dataset", "pid": row.pid, "what": "version"})
