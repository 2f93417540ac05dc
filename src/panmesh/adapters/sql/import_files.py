"""Versions of imported datasets: the names and sizes of files that are elsewhere, and what else the source said."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import bindparam, update

from panmesh.adapters.sql.file_names import keep_file_names
from panmesh.adapters.sql.import_ground import Ground
from panmesh.adapters.sql.tables import dataset, dataset_version
from panmesh.catalogue.imported import ImportedDataset
from panmesh.catalogue.manifest import FileRow, ManifestRef, pack
from panmesh.catalogue.model import DigestState
from panmesh.kernel.pid import Pid, version_pid


def manifest_of(ground: Ground, record: ImportedDataset) -> ManifestRef:
    """Names, sizes and where the source says they are; no storage of ours has them."""
    rows = _file_rows(record)
    if ground.dry_run:
        return ManifestRef(file_count=len(rows), total_bytes=sum(r.size for r in rows), inline=pack([]))
    return ground.manifests.write(rows)


def _file_rows(record: ImportedDataset) -> list[FileRow]:
    found: dict[str, FileRow] = {}
    for file in record.files:
        name = file.name if file.name not in found else _other_name(file.name, file.path, found)
        found[name] = FileRow(
            name=name,
            size=file.size or 0,
            modified_us=file.modified_us or 0,
            storage="",
            path=file.path or "",  # not said
            sha256=file.sha256,
        )
    return [found[name] for name in sorted(found)]


def _other_name(name: str, path: str | None, taken: Mapping[str, Any]) -> str:
    """Two files of one name in different folders: the second is called by its path."""
    wanted, number = (path or name).lstrip("/") or name, 2
    while wanted in taken:
        wanted, number = f"{number}/{name}", number + 1
    return wanted


def content_key(record: ImportedDataset) -> bytes:
    return hashlib.sha256(
        orjson.dumps(sorted([f.name, f.path, f.size, f.modified_us, f.sha256 and f.sha256.hex()] for f in record.files))
    ).digest()


def write_versions(ground: Ground, versions: Sequence[tuple[int, ImportedDataset, int, ManifestRef]]) -> None:
    c = ground.connection
    rows = [
        {
            "pid": version_pid(Pid(record.pid), number),
            "dataset_id": dataset_id,
            "number": number,
            "open": False,
            "manifest": manifest.to_bytes(),
            "content_key": content_key(record),
            "file_count": manifest.file_count,
            "total_bytes": manifest.total_bytes,
            "digest_state": DigestState.ELSEWHERE.value,
            "facts": facts_of(ground, record),
            "created_us": ground.now_us,
            "closed_us": ground.now_us,
        }
        for dataset_id, record, number, manifest in versions
    ]
    ids = c.execute(dataset_version.insert().returning(dataset_version.c.id, sort_by_parameter_order=True), rows).scalars().all()
    ground.keep_pids([(version_pid(Pid(r.pid), n), "version", r.pid, n) for _, r, n, _ in versions])
    pairs = [{"b_id": d, "b_version": v, "b_number": n} for (d, _, n, _), v in zip(versions, ids, strict=True)]
    c.execute(_POINT_TO_VERSION, pairs)
    fresh = all(number == 1 for _, _, number, _ in versions)
    keep_file_names(c, [(dataset_id, manifest) for dataset_id, _, _, manifest in versions], fresh=fresh)


def facts_of(ground: Ground, record: ImportedDataset) -> bytes | None:
    """What the source says beyond our fields, kept with the version."""
    said = {"source": ground.source, "extra": record.extra} if record.extra else {"source": ground.source}
    return zlib.compress(orjson.dumps({"entry": None, "problems": [], "imported": said}, option=orjson.OPT_NON_STR_KEYS), 1)


_POINT_TO_VERSION = (
    update(dataset)
    .where(dataset.c.id == bindparam("b_id"))
    .values(version_id=bindparam("b_version"), version=bindparam("b_number"))
)
