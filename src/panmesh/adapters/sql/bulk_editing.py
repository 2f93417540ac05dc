"""Changes to the metadata of many datasets in SQL: written down first, then done in pieces, each one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from panmesh.access.artefact import Artefact
from panmesh.access.editing_policy import may_edit
from panmesh.access.policy import may_read
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.audit import write_audit
from panmesh.adapters.sql.bulk_tables import bulk_edit, bulk_edit_item
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.dialects import insert_many
from panmesh.adapters.sql.editing import terms_value
from panmesh.adapters.sql.ledger import in_chunks
from panmesh.adapters.sql.materialise import layers_of, materialise_many
from panmesh.adapters.sql.tables import account, change, dataset, layer, pid, terms
from panmesh.catalogue.bulk_editing import BulkEdit, BulkPreview, Line
from panmesh.catalogue.correction import CorrectionState, ItemState
from panmesh.catalogue.layers import merge
from panmesh.kernel.errors import Conflict, NotFound
from panmesh.kernel.faults import reach

PIECE = 100  # datasets of one transaction
SHOWN = 200  # lines of a preview
_WAITING = {CorrectionState.RUNNING: ItemState.PLANNED, CorrectionState.UNDOING: ItemState.DONE}
_MAY_NOT = "only its principal investigator, the instrument's staff and the data stewards may change it"
_MEANWHILE = "it was changed meanwhile"


class SqlBulkEdits:
    """Implements `catalogue.bulk_editing.BulkStore`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def preview(self, viewer: Viewer, pids: Sequence[str], values: Mapping[str, Any], now_us: int) -> BulkPreview:
        lines: list[Line] = []
        refused: list[Line] = []
        same = total = 0
        with self._db.read() as c:
            for row in _known(c, viewer, pids, now_us):
                if not may_edit(viewer, terms_value(row), now_us):
                    refused.append(Line(pid=row.pid, title=row.title, revision=row.revision, before={}, refused=_MAY_NOT))
                    continue
                effective = merge(layers_of(c, row.dataset_id))
                before = {field: effective[field].value if field in effective else None for field in values}
                if before == dict(values):
                    same += 1
                    continue
                total += 1
                if len(lines) < SHOWN:
                    lines.append(Line(pid=row.pid, title=row.title, revision=row.revision, before=before))
        return BulkPreview(total=total, same=same, lines=tuple(lines), refused=tuple(refused))

    def begin(self, viewer: Viewer, pids: Sequence[str], values: Mapping[str, Any], reason: str, now_us: int) -> int:
        with self._db.write() as c:
            rows = _known(c, viewer, pids, now_us)
            said = {"account_id": viewer.user_id, "by": viewer.login or viewer.name, "values_json": json.dumps(dict(values))}
            said |= {"at_us": now_us, "touched_us": now_us, "reason": reason, "state": CorrectionState.RUNNING.value}
            number = int(c.execute(bulk_edit.insert().returning(bulk_edit.c.id), said | {"total": len(rows)}).scalar_one())
            items = []
            for place, row in enumerate(rows):
                allowed = may_edit(viewer, terms_value(row), now_us)
                state = ItemState.PLANNED if allowed else ItemState.REFUSED
                one = {"bulk_edit_id": number, "position": place, "dataset_id": row.dataset_id, "pid": row.pid}
                items.append(one | {"revision": row.revision, "state": state.value, "why": None if allowed else _MAY_NOT})
            c.execute(bulk_edit_item.insert(), items)
            write_audit(
                c, viewer, "metadata of many changed", None, now_us, bulk_edit=number, datasets=len(rows), values=dict(values)
            )
        return number

    def step(self, number: int, now_us: int) -> tuple[int, int]:
        with self._db.write() as c:
            self._db.lock(c, f"bulk edit {number}")
            one = c.execute(select(bulk_edit).where(bulk_edit.c.id == number)).one()
            state = CorrectionState(one.state)
            if state not in _WAITING:
                return one.total, one.total
            waiting = bulk_edit_item.c.bulk_edit_id == number, bulk_edit_item.c.state == _WAITING[state].value
            items = c.execute(select(bulk_edit_item).where(*waiting).order_by(bulk_edit_item.c.position).limit(PIECE)).all()
            if items:
                (_do if state is CorrectionState.RUNNING else _undo)(c, one, items, now_us)
            left = c.execute(select(func.count()).select_from(bulk_edit_item).where(*waiting)).scalar_one()
            if not left:
                ended = CorrectionState.DONE if state is CorrectionState.RUNNING else CorrectionState.UNDONE
                c.execute(update(bulk_edit).where(bulk_edit.c.id == number).values(state=ended.value))
            c.execute(update(bulk_edit).where(bulk_edit.c.id == number).values(touched_us=now_us))
            reach("bulk-edit.before-commit")
        return one.total - left, one.total

    def begin_undo(self, viewer: Viewer, number: int, now_us: int) -> None:
        with self._db.write() as c:
            self._db.lock(c, f"bulk edit {number}")
            one = _row(c, viewer, number)
            if one.state not in (CorrectionState.DONE.value, CorrectionState.RUNNING.value):
                raise Conflict("It is undone already, or being undone.")
            planned = bulk_edit_item.c.bulk_edit_id == number, bulk_edit_item.c.state == ItemState.PLANNED.value
            c.execute(update(bulk_edit_item).where(*planned).values(state=ItemState.UNDONE.value))
            values = {"state": CorrectionState.UNDOING.value, "undone_us": now_us, "undone_by": viewer.login or viewer.name}
            c.execute(update(bulk_edit).where(bulk_edit.c.id == number).values(touched_us=now_us, **values))
            write_audit(c, viewer, "metadata of many undone", None, now_us, bulk_edit=number)

    def stopped(self, before_us: int) -> list[int]:
        query = select(bulk_edit.c.id).where(
            bulk_edit.c.state.in_([s.value for s in _WAITING]), bulk_edit.c.touched_us < before_us
        )
        with self._db.read() as c:
            return list(c.execute(query.order_by(bulk_edit.c.id)).scalars())

    def one(self, viewer: Viewer, number: int) -> BulkEdit:
        with self._db.read() as c:
            return _value(c, _row(c, viewer, number))

    def history(self, viewer: Viewer, *, offset: int, limit: int) -> tuple[BulkEdit, ...]:
        query = select(bulk_edit).order_by(bulk_edit.c.id.desc()).offset(offset).limit(limit)
        if not _sees_all(viewer):
            query = query.where(bulk_edit.c.account_id == viewer.user_id)
        with self._db.read() as c:
            return tuple(_value(c, row) for row in c.execute(query).all())


def _known(c: Connection, viewer: Viewer, pids: Sequence[str], now_us: int) -> list[Any]:
    """In their order. Raises NotFound where the viewer may not know of one."""
    found: dict[str, Any] = {}
    for some in in_chunks(list(pids)):
        query = (
            select(
                pid.c.pid.label("asked"),
                dataset.c.id.label("dataset_id"),
                dataset.c.pid,
                dataset.c.title,
                dataset.c.revision,
                *(column for column in terms.c if column.name != "id"),
                terms.c.id.label("terms_id"),
            )
            .join(dataset, dataset.c.pid == pid.c.concept)
            .join(terms, terms.c.id == dataset.c.terms_id)
            .where(pid.c.pid.in_(some))
        )
        for row in c.execute(query):
            if may_read(viewer, terms_value(row), Artefact.CORE_METADATA, now_us):
                found[row.asked] = row
    missing = [one for one in pids if one not in found]
    if missing:
        raise NotFound(f"There is nothing under {missing[0]}, or you may not know of it.")
    return list({found[one].dataset_id: found[one] for one in pids}.values())


def _do(c: Connection, one: Any, items: Sequence[Any], now_us: int) -> None:
    """A layer for each that is still as it was seen."""
    revisions = _revisions(c, items)
    _mark(c, [i for i in items if revisions.get(i.dataset_id) != i.revision], state=ItemState.REFUSED.value, why=_MEANWHILE)
    changed = [item for item in items if revisions.get(item.dataset_id) == item.revision]
    if not changed:
        return
    said = json.dumps({field: {"value": value} for field, value in json.loads(one.values_json).items()})
    layers = [
        {"dataset_id": item.dataset_id, "source": "human", "by": one.by, "at_us": now_us, "values_json": said} for item in changed
    ]
    made = c.execute(layer.insert().returning(layer.c.id, sort_by_parameter_order=True), layers).scalars().all()
    by_position = {item.position: number for item, number in zip(changed, made, strict=True)}
    _mark(c, changed, state=ItemState.DONE.value, layer_id=by_position)
    _after(c, changed, now_us)


def _undo(c: Connection, one: Any, items: Sequence[Any], now_us: int) -> None:
    """Takes its layers away; what others changed since stays, above them."""
    gone = layer.c.id.in_([item.layer_id for item in items]), layer.c.undone_us.is_(None)
    c.execute(update(layer).where(*gone).values(undone_us=now_us, undone_by=one.undone_by))
    _mark(c, items, state=ItemState.UNDONE.value)
    _after(c, items, now_us)


def _after(c: Connection, items: Sequence[Any], now_us: int) -> None:
    materialise_many(c, [item.dataset_id for item in items], now_us)
    insert_many(c, change, [{"at_us": now_us, "kind": "dataset", "pid": item.pid, "what": "updated"} for item in items])
    revisions = _revisions(c, items)
    _mark(c, items, revision={item.position: revisions[item.dataset_id] for item in items})


def _revisions(c: Connection, items: Sequence[Any]) -> dict[int, int]:
    query = select(dataset.c.id, dataset.c.revision).where(dataset.c.id.in_([item.dataset_id for item in items]))
    return {row.id: row.revision for row in c.execute(query)}


def _mark(c: Connection, items: Sequence[Any], **values: Any) -> None:
    """A value for all of them, or one for each position."""
    if not items:
        return
    each = [name for name, value in values.items() if isinstance(value, dict)]
    here = bulk_edit_item.c.bulk_edit_id == items[0].bulk_edit_id, bulk_edit_item.c.position == bindparam("place")
    said = values | {name: bindparam(f"new_{name}") for name in each}
    rows = [{"place": i.position, **{f"new_{name}": values[name][i.position] for name in each}} for i in items]
    c.execute(update(bulk_edit_item).where(*here).values(**said), rows)


def _sees_all(viewer: Viewer) -> bool:
    return viewer.operator or viewer.steward or viewer.admin


def _row(c: Connection, viewer: Viewer, number: int) -> Any:
    row = c.execute(select(bulk_edit).where(bulk_edit.c.id == number)).first()
    if row is None or not (_sees_all(viewer) or row.account_id == viewer.user_id):
        raise NotFound()
    return row


def _value(c: Connection, row: Any) -> BulkEdit:
    items = bulk_edit_item.c
    of = items.bulk_edit_id == row.id
    numbers = c.execute(select(items.state, func.count().label("number")).where(of).group_by(items.state))
    states = {r.state: r.number for r in numbers}
    refused = c.execute(select(items.pid, items.why).where(of, items.state == ItemState.REFUSED.value).limit(SHOWN)).all()
    pids = c.execute(select(items.pid).where(of).order_by(items.position).limit(SHOWN)).scalars()
    name = c.execute(select(account.c.name).where(account.c.id == row.account_id)).scalar()
    return BulkEdit(
        id=row.id,
        at_us=row.at_us,
        by=name or row.by,
        values=json.loads(row.values_json),
        reason=row.reason,
        state=CorrectionState(row.state),
        total=row.total,
        done=states.get(ItemState.DONE.value, 0),
        refused=tuple((r.pid, r.why) for r in refused),
        pids=tuple(pids),
        undone_us=row.undone_us,
        undone_by=row.undone_by,
    )
