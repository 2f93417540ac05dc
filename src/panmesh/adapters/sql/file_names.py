"""The names in short file lists, so that datasets are found by them in SQL. A dataset without a row: ask its manifest."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete

from panmesh.adapters.sql.tables import file_names
from panmesh.catalogue.manifest import ManifestRef, unpack
from panmesh.kernel.text import fold


def keep_file_names(connection: Connection, manifests: Sequence[tuple[int, ManifestRef]], *, fresh: bool = False) -> None:
    """For (dataset id, its newest manifest). `fresh`: these datasets are new and have no row yet."""
    if not fresh:
        connection.execute(delete(file_names).where(file_names.c.dataset_id.in_([number for number, _ in manifests])))
    rows = [
        {"dataset_id": number, "names": "\n".join(fold(row.name) for row in unpack(manifest.inline))}
        for number, manifest in manifests
        if manifest.inline is not None
    ]
    if rows:
        connection.execute(file_names.insert(), rows)
