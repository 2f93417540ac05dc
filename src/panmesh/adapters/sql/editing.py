"""Layers of people in SQL: one transaction for the layer, the search columns, the audit entry and the change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select, update

from panmesh.access.artefact import Artefact
from panmesh.access.editing_policy import A_PERSON, may_edit, sees_editors
from panmesh.access.names import without
from panmesh.access.naming_policy import sees_names
from panmesh.access.policy import may_read
from panmesh.access.terms import AccessClass, Hold, Terms
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.audit import write_audit
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.materialise import materialise
from panmesh.adapters.sql.records import hidden_people, withheld_texts
from panmesh.adapters.sql.tables import change, dataset, layer, pid, terms
from panmesh.catalogue.editing import Change
from panmesh.kernel.errors import Conflict, Forbidden, NotFound, Stale


class SqlEditing:
    """Implements `catalogue.editing.EditingStore`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add_layer(self, viewer: Viewer, pid: str, values: Mapping[str, Any], revision: int, now_us: int) -> int:
        with self._db.write() as connection:
            row = self._editable(connection, viewer, pid, now_us)
            if row.revision != revision:
                raise Stale(
                    f"It has changed since you read it (revision {row.revision}, you have {revision}); read it again.",
                    str(row.revision),
                )
            connection.execute(
                layer.insert(),
                {
                    "dataset_id": row.id,
                    "source": "human",
                    "values_json": json.dumps({field: {"value": value} for field, value in values.items()}),
                    "by": viewer.login or viewer.name,
                    "at_us": now_us,
                },
            )
            return self._after(connection, viewer, row, "changed", now_us, values=dict(values))

    def history(self, viewer: Viewer, pid: str, now_us: int) -> tuple[Change, ...]:
        with self._db.read() as connection:
            row = self._row(connection, pid)
            if row is None or not may_read(viewer, terms_value(row), Artefact.FULL_METADATA, now_us):
                raise NotFound()
            query = select(layer).where(layer.c.dataset_id == row.dataset_id).order_by(layer.c.id.desc())
            named = sees_editors(viewer, terms_value(row))
            changes = tuple(_change(one, named=named) for one in connection.execute(query))
            hidden = [] if sees_names(viewer, terms_value(row)) else hidden_people(connection, row.dataset_id)
            if not hidden:
                return changes
            names, orcids = withheld_texts(hidden)
            return tuple(replace(one, values=without(dict(one.values), names, orcids)) for one in changes)

    def undo(self, viewer: Viewer, pid: str, layer_id: int, now_us: int) -> int:
        with self._db.write() as connection:
            row = self._editable(connection, viewer, pid, now_us)
            found = connection.execute(select(layer).where(layer.c.id == layer_id, layer.c.dataset_id == row.id)).first()
            if found is None:
                raise NotFound("This dataset has no such change.")
            if found.source != "human":
                raise Conflict("Only changes by people can be undone; correct the value instead.")
            if found.undone_us is not None:
                raise Conflict("This change is undone already.")
            connection.execute(
                update(layer).where(layer.c.id == layer_id).values(undone_us=now_us, undone_by=viewer.login or viewer.name)
            )
            return self._after(connection, viewer, row, "undone", now_us, layer=layer_id)

    def _row(self, connection: Connection, wanted: str) -> Any:
        concept = select(pid.c.concept).where(pid.c.pid == wanted)
        query = (
            select(
                dataset.c.id.label("dataset_id"),
                dataset.c.pid,
                dataset.c.revision,
                *(c for c in terms.c if c.name != "id"),
                terms.c.id.label("terms_id"),
            )
            .join(terms, terms.c.id == dataset.c.terms_id)
            .where(dataset.c.pid.in_(concept))
        )
        return connection.execute(query).first()

    def _editable(self, connection: Connection, viewer: Viewer, wanted: str, now_us: int) -> Any:
        """The row with `id` and `revision`; NotFound for those who may not know of it, Forbidden for those who only may not change it."""
        row = self._row(connection, wanted)
        if row is None or not may_read(viewer, terms_value(row), Artefact.CORE_METADATA, now_us):
            raise NotFound()
        if not may_edit(viewer, terms_value(row), now_us):
            raise Forbidden("The principal investigator, the instrument's staff and the data stewards may change this.")
        return connection.execute(
            select(dataset.c.id, dataset.c.pid, dataset.c.revision).where(dataset.c.id == row.dataset_id)
        ).one()

    def _after(self, connection: Connection, viewer: Viewer, row: Any, what: str, now_us: int, **detail: Any) -> int:
        materialise(connection, row.id, now_us)
        write_audit(connection, viewer, f"metadata {what}", row.pid, now_us, **detail)
        connection.execute(change.insert(), {"at_us": now_us, "kind": "dataset", "pid": row.pid, "what": "updated"})
        return int(connection.execute(select(dataset.c.revision).where(dataset.c.id == row.id)).scalar_one())


def terms_value(row: Any) -> Terms:
    return Terms(
        id=row.terms_id,
        access=AccessClass(row.access),
        team_id=row.team_id,
        instrument_id=row.instrument_id,
        policy_version=row.policy_version,
        core_from_proposal=row.core_from_proposal,
        results_shared=row.results_shared,
        starts_us=row.starts_us,
        ends_us=row.ends_us,
        opens_us=row.opens_us,
        declassified_us=row.declassified_us,
        held_us=row.held_us,
        hold=Hold(row.hold) if row.hold else None,
        withdrawn_us=row.withdrawn_us,
        deleted_us=row.deleted_us,
    )


def _change(row: Any, *, named: bool) -> Change:
    return Change(
        id=row.id,
        source=row.source,
        by=row.by if named or row.source == "file" else A_PERSON,
        at_us=row.at_us,
        values={field: said.get("value") for field, said in json.loads(row.values_json).items()},
        undone_us=row.undone_us,
        undone_by=row.undone_by if named or row.undone_by in (None, "ingest") else A_PERSON,
    )
