"""Corrections in SQL: written down first, then done piece by piece, each piece one transaction; undone in the same way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, update

from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.audit import write_audit
from panmesh.adapters.sql.correction_steps import Kept, Steps
from panmesh.adapters.sql.correction_views import Views
from panmesh.adapters.sql.correction_wishes import Wishes, check_undo
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.ledger import in_chunks
from panmesh.adapters.sql.suggesting import suggest_visits
from panmesh.adapters.sql.tables import correction, correction_item, dataset, investigation
from panmesh.catalogue.correction import (
    PIECE,
    Correction,
    CorrectionState,
    DatasetChange,
    Discarded,
    ItemState,
    Preview,
    Refusal,
    Wanted,
    What,
)
from panmesh.catalogue.manifest import ManifestStore
from panmesh.catalogue.model import Page
from panmesh.catalogue.query import DatasetQuery
from panmesh.catalogue.suggestion import Suggestion
from panmesh.kernel.errors import Conflict
from panmesh.kernel.faults import reach

_OPEN = {CorrectionState.RUNNING: ItemState.PLANNED, CorrectionState.UNDOING: ItemState.DONE}  # what waits in it
_AT_ONCE = (What.MERGE, What.SPLIT)  # in the transaction that writes them down: they are done whole, or not at all
_ACTIONS = {What.MOVE: "assigned", What.SPLIT: "split", What.MERGE: "merged", What.DISCARD: "discarded"}


class _Shown(Exception):
    pass


class SqlCorrections:
    """Implements `catalogue.ports.CorrectionStore`."""

    def __init__(self, database: Database, manifests: ManifestStore) -> None:
        self._db = database
        self._manifests = manifests

    def preview(self, viewer: Viewer, wanted: Wanted, now_us: int) -> Preview:
        """Does the first piece and takes it back. What changes for the rest follows from the terms."""
        found: list[Preview] = []
        try:
            with self._db.write() as c:
                wishes = Wishes(c, viewer, wanted, now_us)
                views = Views(c, viewer, now_us)
                number = self._write_down(c, viewer, wanted, wishes, now_us)
                pids = [row.pid for row in wishes.rows]
                first = pids if wanted.what in _AT_ONCE else pids[:PIECE]
                before = views.stands(first)
                effects = views.effects(pids, wishes.target, wanted.what)
                piece = _Piece(c, self._manifests, number, now_us)
                piece.do(wanted.what, first, wanted.files, wishes.target)
                after = views.stands([*first, *piece.made])
                changes = [_changed(views, pid, before.get(pid), after.get(pid), piece) for pid in (*first, *piece.made)]
                refused = (*wishes.refused, *(Refusal(pid=p, why=w) for p, w in piece.refused))
                total = len(pids) - len(piece.refused)
                shown = tuple(one for one in changes if one is not None)
                found.append(Preview(what=wanted.what, total=total, changes=shown, effects=effects, refused=refused))
                raise _Shown
        except _Shown:
            return found[0]

    def begin(self, viewer: Viewer, wanted: Wanted, now_us: int) -> int:
        with self._db.write() as c:
            number = self._write_down(c, viewer, wanted, Wishes(c, viewer, wanted, now_us), now_us)
            if wanted.what in _AT_ONCE:
                self._go_on(c, number, now_us)
            return number

    def step(self, number: int, now_us: int) -> tuple[int, int]:
        with self._db.write() as c:
            self._db.lock(c, f"correction {number}")
            left, total = self._go_on(c, number, now_us)
            reach("correction.before-commit")
        reach("correction.after-commit")
        return total - left, total

    def begin_undo(self, viewer: Viewer, number: int, now_us: int) -> None:
        with self._db.write() as c:
            self._db.lock(c, f"correction {number}")
            one = Views(c, viewer, now_us).one(number)
            check_undo(c, viewer, one, now_us)
            c.execute(
                update(correction_item)
                .where(correction_item.c.correction_id == number, correction_item.c.state == ItemState.PLANNED.value)
                .values(state=ItemState.UNDONE.value)
            )
            values = {"state": CorrectionState.UNDOING.value, "undone_us": now_us, "undone_by": viewer.login or viewer.name}
            c.execute(update(correction).where(correction.c.id == number).values(touched_us=now_us, **values))
            write_audit(c, viewer, "correction undone", None, now_us, correction=number, what=one.what.value)
            if one.what in _AT_ONCE:
                self._go_on(c, number, now_us)

    def hand_over(self, number: int) -> None:
        with self._db.write() as c:
            c.execute(update(correction).where(correction.c.id == number).values(touched_us=0))

    def stopped(self, before_us: int) -> list[int]:
        query = select(correction.c.id).where(
            correction.c.state.in_([s.value for s in _OPEN]), correction.c.touched_us < before_us
        )
        with self._db.read() as c:
            return list(c.execute(query.order_by(correction.c.id)).scalars())

    def one(self, viewer: Viewer, number: int, now_us: int) -> Correction:
        with self._db.read() as c:
            return Views(c, viewer, now_us).one(number)

    def history(self, viewer: Viewer, now_us: int, *, pid: str | None, offset: int, limit: int) -> Page[Correction]:
        with self._db.read() as c:
            return Views(c, viewer, now_us).history(pid, offset, limit)

    def discarded(self, viewer: Viewer, now_us: int, *, offset: int, limit: int) -> Page[Discarded]:
        with self._db.read() as c:
            return Views(c, viewer, now_us).discarded(offset, limit)

    def suggestions(self, viewer: Viewer, pids: Sequence[str], now_us: int) -> Mapping[str, tuple[Suggestion, ...]]:
        with self._db.read() as c:
            return suggest_visits(c, viewer, pids, now_us)

    def chosen(self, viewer: Viewer, query: DatasetQuery, *, waiting: bool, most: int, now_us: int) -> tuple[str, ...]:
        with self._db.read() as c:
            return Views(c, viewer, now_us).chosen(query, waiting=waiting, most=most)

    def _write_down(self, c: Connection, viewer: Viewer, wanted: Wanted, wishes: Wishes, now_us: int) -> int:
        values = {
            "at_us": now_us,
            "account_id": viewer.user_id,
            "actor": viewer.login or viewer.name,
            "what": wanted.what.value,
            "reason": wanted.reason,
            "to_pid": wishes.target.pid if wishes.target is not None else None,
            "state": CorrectionState.RUNNING.value,
            "total": len(wishes.rows) + len(wishes.refused),
            "touched_us": now_us,
        }
        number = int(c.execute(correction.insert().values(**values).returning(correction.c.id)).scalar_one())
        items = [_item(number, row.pid, row.terms_id, ItemState.PLANNED, None) for row in wishes.rows]
        items += [_item(number, r.pid, wishes.terms[r.pid], ItemState.REFUSED, r.why) for r in wishes.refused]
        if wanted.what is What.SPLIT:
            items[0]["before_json"] = json.dumps({"files": wanted.files})
        c.execute(correction_item.insert(), items)
        return number

    def _go_on(self, c: Connection, number: int, now_us: int) -> tuple[int, int]:
        """The next piece; (how many are left, of how many)."""
        row = c.execute(select(correction).where(correction.c.id == number)).one()
        waits = _OPEN.get(CorrectionState(row.state))
        if waits is None:
            return 0, row.total
        self._piece(c, row, waits, now_us)
        left = _count(c, number, waits)
        if left == 0:
            over = CorrectionState.DONE if waits is ItemState.PLANNED else CorrectionState.UNDONE
            c.execute(update(correction).where(correction.c.id == number).values(state=over.value))
        return left, row.total

    def _piece(self, c: Connection, row: Any, waits: ItemState, now_us: int) -> None:
        """The next items that wait, in order; undone in the reverse order."""
        i = correction_item.c
        order = i.id if waits is ItemState.PLANNED else i.id.desc()
        query = select(correction_item).where(i.correction_id == row.id, i.state == waits.value).order_by(order)
        what = What(row.what)
        items = c.execute(query if what in _AT_ONCE else query.limit(PIECE)).all()
        piece = _Piece(c, self._manifests, row.id, now_us)
        if waits is ItemState.PLANNED:
            files = tuple(json.loads(items[0].before_json).get("files", ())) if items else ()
            visit = c.execute(select(investigation).where(investigation.c.pid == row.to_pid)).first()
            piece.do(what, [one.dataset_pid for one in items], files, visit)
            self._keep(c, row, items, piece, now_us)
        else:
            piece.undo(what, items)
            refused = dict(piece.refused)
            for one in items:
                why = refused.get(one.dataset_pid)
                values = {"state": ItemState.UNDONE.value if why is None else ItemState.REFUSED.value, "note": why}
                c.execute(update(correction_item).where(i.id == one.id).values(**values))
        c.execute(update(correction).where(correction.c.id == row.id).values(touched_us=now_us))

    def _keep(self, c: Connection, row: Any, items: Sequence[Any], piece: _Piece, now_us: int) -> None:
        actor = Viewer(user_id=row.account_id, login=row.actor, name=row.actor)
        refused = dict(piece.refused)
        for one in items:
            why = refused.get(one.dataset_pid)
            before, after = piece.kept.get(one.dataset_pid, ({}, {}))
            values = {
                "state": (ItemState.DONE if why is None else ItemState.REFUSED).value,
                "note": why,
                "before_json": json.dumps(before),
                "after_json": json.dumps(after),
            }
            c.execute(update(correction_item).where(correction_item.c.id == one.id).values(**values))
            if why is None:
                said = {"to": row.to_pid, "reason": row.reason, "correction": row.id, "was": piece.was.get(one.dataset_pid)}
                write_audit(c, actor, _ACTIONS[What(row.what)], one.dataset_pid, now_us, **said)
        for made in piece.made:
            kept = _item(row.id, made, items[0].terms_id, ItemState.DONE, None)
            c.execute(correction_item.insert(), kept | {"before_json": json.dumps({"made": True})})
            c.execute(update(correction).where(correction.c.id == row.id).values(to_pid=made))


class _Piece:
    """Some datasets of one correction, within one transaction. One that stands fast by now is left out, and why is kept."""

    def __init__(self, c: Connection, manifests: ManifestStore, number: int, now_us: int) -> None:
        self._c = c
        self._steps = Steps(c, manifests, number, now_us)
        self.kept: dict[str, tuple[Kept, Kept]] = {}
        self.was: dict[str, str | None] = {}
        self.refused: list[tuple[str, str]] = []
        self.made: list[str] = []

    def do(self, what: What, pids: Sequence[str], files: Sequence[str], visit: Any) -> None:
        rows = self._rows(pids)
        self.refused += [(pid, "It is no longer there.") for pid in pids if pid not in rows]
        there = [rows[pid] for pid in pids if pid in rows]
        if not there:
            return
        if what is What.MERGE:
            self._together(there)
            return
        if what is What.SPLIT:
            [row] = there
            before, after, made = self._steps.split(row, files)
            self.kept[row.pid] = before, after
            self.made.append(made.pid)
            return
        for row in there:
            try:
                self.was[row.pid] = row.quarantine or self._visit_of(row)
                if what is What.MOVE:
                    self.kept[row.pid] = self._steps.move(row, visit)
                else:
                    self.kept[row.pid] = self._steps.discard(row)
            except Conflict as error:
                self.refused.append((row.pid, error.detail))

    def undo(self, what: What, items: Sequence[Any]) -> None:
        rows = self._rows([one.dataset_pid for one in items])
        said = {one.dataset_pid: (json.loads(one.before_json), json.loads(one.after_json)) for one in items}
        gone = [pid for pid in said if pid not in rows]
        if what is What.MERGE:
            if gone:
                raise Conflict(f"{', '.join(gone)} is no longer there.")
            first = min(items, key=lambda one: one.id).dataset_pid
            others = [(rows[pid], *kept) for pid, kept in said.items() if pid != first]
            self._steps.unmerge(rows[first], said[first][0], others)
            return
        if what is What.SPLIT:
            for before, after in said.values():
                if "made" not in before:
                    self._steps.unsplit(before, after)
            return
        for pid, (before, after) in said.items():
            try:
                if pid in gone:
                    raise Conflict("It is no longer there.")
                if what is What.MOVE:
                    self._steps.unmove(rows[pid], before, after)
                else:
                    self._steps.undiscard(rows[pid], before)
            except Conflict as error:
                self.refused.append((pid, error.detail))

    def _together(self, rows: Sequence[Any]) -> None:
        kept = self._steps.merge(rows[0], rows[1:])
        self.kept = {row.pid: one for row, one in zip(rows, kept, strict=True)}

    def _rows(self, pids: Sequence[str]) -> dict[str, Any]:
        return {
            row.pid: row
            for chunk in in_chunks(list(pids))
            for row in self._c.execute(select(dataset).where(dataset.c.pid.in_(chunk)))
        }

    def _visit_of(self, row: Any) -> str | None:
        return self._c.execute(select(investigation.c.pid).where(investigation.c.id == row.investigation_id)).scalar()


def _item(number: int, pid: str, terms_id: int, state: ItemState, note: str | None) -> dict[str, Any]:
    return {
        "correction_id": number,
        "dataset_pid": pid,
        "terms_id": terms_id,
        "state": state.value,
        "note": note,
        "before_json": "{}",
        "after_json": "{}",
    }


def _count(c: Connection, number: int, state: ItemState) -> int:
    where = (correction_item.c.correction_id == number, correction_item.c.state == state.value)
    return c.execute(select(func.count()).select_from(correction_item).where(*where)).scalar_one()


def _changed(views: Views, pid: str, before: Any, after: Any, piece: _Piece) -> DatasetChange | None:
    if pid in dict(piece.refused):
        return None
    kept = piece.kept.get(pid, ({}, {}))
    return views.change(pid, before, after, tuple(kept[0].get("results", ())), new=pid in piece.made)
