"""Do the files still have the bytes that the catalogue says? Missing and changed ones are noted, and shown on their pages."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select

from panmesh.adapters.sql.tables import change, dataset, dataset_version, finding
from panmesh.adapters.storage.verify import Condition, check
from panmesh.app.compose import Composition
from panmesh.catalogue.manifest import FileRow, ManifestRef


@dataclass(slots=True)
class Verified:
    files: int = 0
    compared: int = 0  # digests computed again and equal
    missing: int = 0
    changed: int = 0
    unreadable: int = 0


def verify(app: Composition, *, deep: bool) -> Verified:
    """Shallow: is it there, with its size and time. Deep: read every byte and compare SHA-256."""
    result = Verified()
    with app.database.read() as connection:
        current = connection.execute(
            select(dataset.c.id, dataset.c.pid, dataset_version.c.manifest).join(
                dataset_version, dataset_version.c.id == dataset.c.version_id
            )
        ).all()
    for row in current:
        found = {
            file.name: kind
            for file in app.manifests.iterate(ManifestRef.from_bytes(row.manifest))
            if (kind := _state(app, file, deep, result)) is not None
        }
        with app.database.write() as connection:
            before = {
                f.name: f.kind
                for f in connection.execute(select(finding.c.name, finding.c.kind).where(finding.c.dataset_id == row.id))
            }
            if before == found:
                continue
            connection.execute(delete(finding).where(finding.c.dataset_id == row.id))
            now = app.clock()
            if found:
                connection.execute(
                    finding.insert(), [{"dataset_id": row.id, "name": n, "kind": k, "noticed_us": now} for n, k in found.items()]
                )
            connection.execute(change.insert(), {"at_us": now, "kind": "dataset", "pid": row.pid, "what": "verified"})
    return result


def _state(app: Composition, file: FileRow, deep: bool, result: Verified) -> str | None:
    result.files += 1
    found = check(app.storages, file, deep=deep)
    match found.condition:
        case Condition.MISSING:
            result.missing += 1
        case Condition.CHANGED:
            result.changed += 1
        case Condition.UNREADABLE:
            result.unreadable += 1
        case Condition.VERIFIED:
            result.compared += 1
            return None
        case Condition.PRESENT:
            return None
    return found.condition.value
