"""Files of datasets: their names and sizes are in manifests. Short lists are found by a table of their names, long ones are looked through."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select, true

from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.dialects import contains
from panmesh.adapters.sql.patterns import fits_expression
from panmesh.catalogue.graph import SHAPES, All, Entity, GraphCondition, GraphOp, Node, Selection, Test, Text
from panmesh.catalogue.graph_match import in_order, matches
from panmesh.catalogue.manifest import FileRow, ManifestRef, ManifestStore
from panmesh.kernel.text import fold, storable

_NO_ID = re.compile(r"[^0-9A-Za-z_.-]")
MOST = 1000  # files of one dataset in an answer, unless the scope says another limit
_TEXT = SHAPES[Entity.FILE].text


class Files:
    def __init__(self, connection: Connection, manifests: ManifestStore) -> None:
        self._connection = connection
        self._manifests = manifests

    def having(self, condition: GraphCondition | None) -> list[int]:
        """Ids of the datasets with a file that satisfies the condition."""
        version, dataset, names = t.dataset_version, t.dataset, t.file_names
        query = (
            select(dataset.c.id, dataset.c.pid, version.c.manifest)
            .join(version, version.c.id == dataset.c.version_id)
            .outerjoin(names, names.c.dataset_id == dataset.c.id)
            .where(dataset.c.file_count > 0, or_(names.c.names.is_(None), _likely(condition, names.c.names)))
            .execution_options(yield_per=1000)
        )
        found = self._connection.execute(query)
        return [row.id for row in found if self._any(row.pid, ManifestRef.from_bytes(row.manifest), condition)]

    def of(self, rows: Sequence[Any], selection: Selection) -> list[list[Node]]:
        """For each dataset row its files; none where the row is None."""
        ids = [row["_version_id"] for row in rows if row is not None]
        query = select(t.dataset_version.c.id, t.dataset_version.c.manifest).where(t.dataset_version.c.id.in_(ids))
        manifests = {row.id: ManifestRef.from_bytes(row.manifest) for row in self._connection.execute(query)} if ids else {}
        return [[] if row is None else self._nodes(row["pid"], manifests[row["_version_id"]], selection) for row in rows]

    def _nodes(self, pid: str, manifest: ManifestRef, selection: Selection) -> list[Node]:
        found: list[Node] = []
        most = selection.skip + (selection.limit or MOST)
        for number, row in enumerate(self._manifests.iterate(manifest), 1):
            values = values_of(pid, number, row)
            if matches(selection.where, values, _TEXT, fits_expression):
                found.append(Node(Entity.FILE, values, {}))
                if len(found) >= most and not selection.order:
                    break
        return in_order(found, selection.order)

    def _any(self, pid: str, manifest: ManifestRef, condition: GraphCondition | None) -> bool:
        rows = enumerate(self._manifests.iterate(manifest), 1)
        return any(matches(condition, values_of(pid, number, row), _TEXT, fits_expression) for number, row in rows)


def values_of(pid: str, number: int, row: FileRow) -> dict[str, Any]:
    identity = f"{_NO_ID.sub('_', pid)}~{number}"
    return {"id": identity, "name": row.name, "path": row.path or None, "size": row.told_size, "dataset_id": pid}


def _likely(condition: GraphCondition | None, names: Any) -> ColumnElement[bool]:
    """What the names must contain for the condition to be possible; true where nothing can be said."""
    if isinstance(condition, All):
        return and_(true(), *(_likely(part, names) for part in condition.parts))
    if isinstance(condition, Text):
        return and_(true(), *(contains(names, storable(fold(word))) for word in condition.words))
    if isinstance(condition, Test) and condition.field == "name" and condition.op in (GraphOp.EQ, GraphOp.LIKE, GraphOp.ILIKE):
        longest = max((fold(part) for part in str(condition.value).replace("_", "%").split("%")), key=len, default="")
        return contains(names, storable(longest)) if longest else true()
    return true()
