"""What somebody wants corrected, looked up under their eyes: what they may not know of, may not correct, or what stands fast."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from panmesh.access.artefact import Artefact
from panmesh.access.editing_policy import may_correct, may_place
from panmesh.access.policy import may_read
from panmesh.access.terms import Terms
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.ledger import in_chunks
from panmesh.adapters.sql.permission import readable_terms, terms_of
from panmesh.adapters.sql.tables import (
    audit,
    correction,
    correction_item,
    dataset,
    document,
    document_dataset,
    investigation,
    pid,
    terms,
)
from panmesh.catalogue.correction import UNDO_US, Correction, CorrectionState, ItemState, Refusal, Wanted, What
from panmesh.catalogue.model import Origin
from panmesh.kernel.errors import Conflict, Forbidden, NotFound
from panmesh.kernel.text import storable

_WHO = "The staff of the instrument, the data stewards and the admins may correct this."


class Wishes:
    """Raises NotFound, Forbidden; Conflict when nothing of it can be done."""

    def __init__(self, c: Connection, viewer: Viewer, wanted: Wanted, now_us: int) -> None:
        self._c = c
        rows = self._datasets(viewer, wanted.pids, now_us)
        self.target = self._visit(viewer, wanted.visit, now_us) if wanted.visit is not None else None
        self.terms: dict[str, int] = {row.pid: row.terms_id for row in rows}
        fast = self._fast(rows, wanted)
        self.rows = [row for row in rows if row.pid not in fast]
        self.refused = tuple(Refusal(pid=pid_, why=why) for pid_, why in fast.items())
        if fast and (not self.rows or wanted.what in (What.MERGE, What.SPLIT)):
            raise Conflict(self.refused[0].why if len(rows) == 1 else "; ".join(f"{r.pid}: {r.why}" for r in self.refused[:5]))

    def _visit(self, viewer: Viewer, wanted: str, now_us: int) -> Any:
        known = investigation.c.terms_id.in_(readable_terms(viewer, Artefact.CORE_METADATA, now_us))
        named = select(pid.c.concept).where(pid.c.pid == storable(wanted))
        query = select(investigation).where(
            or_(
                investigation.c.pid == storable(wanted),
                investigation.c.pid.in_(named),
                investigation.c.visit_id == storable(wanted),
            ),
            known,
            investigation.c.natural_key.not_like("%|quarantine"),
        )
        rows = self._c.execute(query.limit(2)).all()
        if not rows:
            raise NotFound("There is no such visit, or you may not know of it.")
        if len(rows) > 1:
            raise Conflict(f"Several visits are called {wanted}: say which by its pid.")
        [row] = rows
        if not may_place(viewer, _terms(self._c, {row.terms_id})[row.terms_id]):
            raise Forbidden("The staff of that visit's instrument, the data stewards and the admins may put runs there.")
        return row

    def _datasets(self, viewer: Viewer, pids: tuple[str, ...], now_us: int) -> list[Any]:
        """In the order asked for, each once."""
        found: dict[str, Any] = {}
        for chunk in in_chunks([storable(one) for one in pids]):
            query = (
                select(pid.c.pid.label("asked"), dataset)
                .select_from(pid)
                .join(dataset, dataset.c.pid == pid.c.concept)
                .where(pid.c.pid.in_(chunk))
            )
            found |= {row.asked: row for row in self._c.execute(query)}
        known = _terms(self._c, {row.terms_id for row in found.values()})
        rows = {}
        for asked in pids:
            row = found.get(storable(asked))
            if row is None or not may_read(viewer, known[row.terms_id], Artefact.CORE_METADATA, now_us):
                raise NotFound()
            rows[row.pid] = row
        if not all(may_correct(viewer, known[row.terms_id], now_us) for row in rows.values()):
            raise Forbidden(_WHO)
        return list(rows.values())

    def _fast(self, rows: list[Any], wanted: Wanted) -> dict[str, str]:
        """pid → why it stands where it is."""
        published = self._published([row.id for row in rows])
        again = self._assigned([row.pid for row in rows if row.quarantine is None]) if wanted.waiting else set()
        found: dict[str, str] = {}
        for row in rows:
            if row.origin == Origin.MIRRORED.value:
                found[row.pid] = "It is a copy of another catalogue's record: correct it there."
            elif row.id in published:
                found[row.pid] = f"It is part of the publication {published[row.id]}: what is cited stays as it is."
            elif wanted.waiting and row.quarantine is None and row.pid not in again:
                found[row.pid] = (
                    "The dataset found its visit by itself; only what is or was in quarantine is assigned by hand. Correct it from its page."
                )
            elif self.target is not None and (row.investigation_id, row.terms_id) == (self.target.id, self.target.terms_id):
                found[row.pid] = f"It belongs to {self.target.visit_id} already."
        return found

    def _published(self, ids: list[int]) -> dict[int, str]:
        found: dict[int, str] = {}
        for chunk in in_chunks(ids):
            query = (
                select(document_dataset.c.dataset_id, document.c.doi)
                .select_from(document_dataset)
                .join(document, document.c.id == document_dataset.c.document_id)
                .where(document_dataset.c.dataset_id.in_(chunk), document.c.type == "publication", document.c.doi.is_not(None))
            )
            found |= {row.dataset_id: row.doi for row in self._c.execute(query)}
        return found

    def _assigned(self, pids: list[str]) -> set[str]:
        """By a person, who may have been wrong: it can be assigned again."""
        found: set[str] = set()
        for chunk in in_chunks(pids):
            said = select(audit.c.pid).where(audit.c.pid.in_(chunk), audit.c.action == "assigned")
            found |= {one for one in self._c.execute(said).scalars() if one}
        return found


def check_undo(c: Connection, viewer: Viewer, one: Correction, now_us: int) -> None:
    """Raises Forbidden, Conflict."""
    if one.state in (CorrectionState.UNDONE, CorrectionState.UNDOING):
        raise Conflict("This correction is undone already.")
    if now_us - one.at_us >= UNDO_US:
        raise Conflict("Corrections are undone for 30 days. This one is older: make a new one.")
    mine = select(correction_item.c.terms_id).where(correction_item.c.correction_id == one.id)
    now = (
        select(dataset.c.terms_id)
        .join(correction_item, correction_item.c.dataset_pid == dataset.c.pid)
        .where(correction_item.c.correction_id == one.id)
    )
    concerned = {*c.execute(mine.distinct()).scalars(), *c.execute(now.distinct()).scalars()}
    if not all(may_place(viewer, of) for of in _terms(c, concerned).values() if of.access != "aside"):
        raise Forbidden(_WHO)
    later = _later(c, one.id)
    if later:
        raise Conflict(f"It was corrected again since: undo first {', '.join(later)}.")
    _check_places(c, one)


def _later(c: Connection, number: int) -> list[str]:
    other = correction_item.alias()
    query = (
        select(correction.c.id, correction.c.what, correction.c.actor, other.c.dataset_pid)
        .select_from(correction)
        .join(other, other.c.correction_id == correction.c.id)
        .join(
            correction_item,
            and_(correction_item.c.dataset_pid == other.c.dataset_pid, correction_item.c.correction_id == number),
        )
        .where(
            correction.c.id > number,
            other.c.state.in_([ItemState.DONE.value, ItemState.PLANNED.value]),
            correction_item.c.state == ItemState.DONE.value,
        )
        .order_by(correction.c.id.desc())
    )
    said: dict[int, str] = {}
    for row in c.execute(query.limit(200)):
        said.setdefault(row.id, f"number {row.id} ({row.what} of {row.dataset_pid} by {row.actor})")
    return list(said.values())[:5]


def _check_places(c: Connection, one: Correction) -> None:
    """Runs that something else than a correction has placed since: a schedule, an import."""
    if one.what is not What.MOVE:
        return
    query = (
        select(correction_item.c.dataset_pid, correction_item.c.after_json, dataset.c.terms_id, investigation.c.visit_id)
        .select_from(correction_item)
        .outerjoin(dataset, dataset.c.pid == correction_item.c.dataset_pid)
        .outerjoin(investigation, investigation.c.id == dataset.c.investigation_id)
        .where(correction_item.c.correction_id == one.id, correction_item.c.state == ItemState.DONE.value)
        .order_by(correction_item.c.id)
    )
    said = [
        f"{row.dataset_pid} ({'gone' if row.terms_id is None else 'now in ' + (row.visit_id or 'quarantine')})"
        for row in c.execute(query)
        if json.loads(row.after_json)["place"]["terms_id"] != row.terms_id
    ]
    if said:
        more = f" and {len(said) - 5} more" if len(said) > 5 else ""
        raise Conflict(
            f"Something else placed these since, so that there is nothing to go back from: {', '.join(said[:5])}{more}."
        )


def _terms(c: Connection, ids: set[int]) -> dict[int, Terms]:
    found: dict[int, Terms] = {}
    for chunk in in_chunks(sorted(ids)):
        found |= {row["id"]: terms_of(row) for row in c.execute(select(terms).where(terms.c.id.in_(chunk))).mappings()}
    return found
