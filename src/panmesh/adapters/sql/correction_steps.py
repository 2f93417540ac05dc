"""One dataset moved or discarded, one split, one merge, and each taken back: within the transaction of whoever asks.

What a step returns is kept with the correction, and is all that undoing it needs.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, or_, select, update

from panmesh.access.terms import AccessClass
from panmesh.adapters.sql.derived import move_results
from panmesh.adapters.sql.materialise import materialise
from panmesh.adapters.sql.tables import (
    change,
    dataset,
    file_decision,
    investigation,
    layer,
    pid,
    relation,
    set_aside,
    terms,
    unit,
    unit_dataset,
)
from panmesh.adapters.sql.versions import cut_version, newest_manifest
from panmesh.catalogue.correction import AT_ONCE
from panmesh.catalogue.manifest import FileRow, ManifestStore, content_key, together
from panmesh.ingest.units import UnitState
from panmesh.kernel.errors import Conflict, Fault, Invalid
from panmesh.kernel.pid import mint

Kept = dict[str, Any]  # JSON
NO_POLICY = "none"  # of the terms that all discarded runs share
_PLACE = ("investigation_id", "terms_id", "instrument_id", "quarantine")


@dataclass(frozen=True, slots=True)
class Steps:
    connection: Connection
    manifests: ManifestStore
    correction_id: int
    now_us: int

    # --- to a visit --------------------------------------------------------------------------------------------------

    def move(self, row: Any, visit: Any) -> tuple[Kept, Kept]:
        """`visit`: a row of `investigation`. Returns (before, after)."""
        if (row.investigation_id, row.terms_id) == (visit.id, visit.terms_id):
            raise Conflict(f"It belongs to {visit.visit_id} already.")
        results = self._results(row.id)
        before = {number: _place(one) for number, one in self._rows(results).items()}
        target = {"investigation_id": visit.id, "terms_id": visit.terms_id, "instrument_id": visit.instrument_id}
        self._put(row, {**target, "quarantine": None})
        move_results(self.connection, row.id, self.now_us)
        after = self._rows(results)
        moved = {number: one for number, one in after.items() if _place(one) != before[number]}
        return (
            {"place": _place(row), "results": {one.pid: before[number] for number, one in moved.items()}},
            {"place": {**target, "quarantine": None}, "results": {one.pid: _place(one) for one in moved.values()}},
        )

    def unmove(self, row: Any, before: Kept, after: Kept) -> None:
        if _place(row) != after["place"]:
            raise Conflict(f"{row.pid} was placed elsewhere meanwhile: {self._where(row)}.")
        self._put(row, before["place"])
        move_results(self.connection, row.id, self.now_us)
        query = select(dataset).where(dataset.c.pid.in_(list(before["results"])))
        for result in self.connection.execute(query).all():
            if (
                _place(result) in (after["results"][result.pid], before["place"])
                and _place(result) != before["results"][result.pid]
            ):
                self._put(result, before["results"][result.pid])

    # --- out of sight ------------------------------------------------------------------------------------------------

    def discard(self, row: Any) -> tuple[Kept, Kept]:
        self._set_aside(row, "discarded", None)
        self._tell(row.pid, "discarded")
        return {"place": _place(row)}, {}

    def undiscard(self, row: Any, before: Kept) -> None:
        self._take_back(row, before["place"])

    # --- several into one --------------------------------------------------------------------------------------------

    def merge(self, first: Any, others: Sequence[Any]) -> list[tuple[Kept, Kept]]:
        """(before, after) of the first and of each other, in their order."""
        for one in others:
            if (one.terms_id, one.investigation_id, one.kind) != (first.terms_id, first.investigation_id, first.kind):
                raise Conflict(
                    f"{one.pid} and {first.pid} do not belong to the same visit, or one is raw and the other is derived: move them "
                    "to one visit first."
                )
        own = self._files(first)
        rows = together(own, [row for one in others for row in self._files(one)], first.path or "")
        _few(rows)
        self._renew(first, rows)
        kept: list[tuple[Kept, Kept]] = [({"own": [[r.storage, r.path] for r in own]}, {})]
        for one in others:
            pids = self._redirect(one, first.pid)
            relations = self._relate(one.id, first.id)
            self._set_aside(one, "merged", first.pid)
            self._tell(one.pid, f"merged into {first.pid}")
            kept.append(({"place": _place(one), "pids": pids}, {"relations": relations}))
        return kept

    def unmerge(self, first: Any, before: Kept, others: Sequence[tuple[Any, Kept, Kept]]) -> None:
        theirs = {(r.storage, r.path) for one, _, _ in others for r in self._files(one)}
        theirs -= {(storage, path) for storage, path in before["own"]}
        self._renew(first, [r for r in self._files(first) if (r.storage, r.path) not in theirs])
        for one, was, then in others:
            self._take_back(one, was["place"])
            self._restore_pids(one.pid, was["pids"])
            for derived, source in then["relations"]:
                self.connection.execute(delete(relation).where(relation.c.derived_id == derived, relation.c.source_id == source))

    # --- one into two ------------------------------------------------------------------------------------------------

    def split(self, row: Any, names: Sequence[str]) -> tuple[Kept, Kept, Any]:
        """(before, after, the row of the new dataset)."""
        files = self._files(row)
        _few(files)
        by_name = {one.name: one for one in files}
        faults = tuple(
            Fault(f"/files/{i}", f"{name!r} is no file of {row.pid}") for i, name in enumerate(names) if name not in by_name
        )
        if faults:
            raise Invalid("; ".join(f.detail for f in faults[:5]) + ".", faults)
        chosen = sorted((by_name[name] for name in names), key=lambda one: one.name)
        if any((one.storage, one.path) == (row.storage, row.path) for one in chosen):
            raise Conflict(f"{row.path} is what the dataset was read from, and stays with it: choose the other files.")
        if len(chosen) == len(files):
            raise Conflict("Those are all of its files: nothing would stay. Choose some of them.")
        made = self._part(row, chosen)
        taken = {(one.storage, one.path) for one in chosen}
        siblings = self._siblings(row)
        for one in siblings:
            self._renew(one, [f for f in self._files(one) if (f.storage, f.path) not in taken])
        decided = [
            {"storage": s, "path": p, "dataset_id": made.id, "correction_id": self.correction_id} for s, p in sorted(taken)
        ]
        self.connection.execute(file_decision.insert(), decided)
        self._read_again(taken)
        return {"from": [one.pid for one in siblings]}, {"made": made.pid}, made

    def unsplit(self, before: Kept, after: Kept) -> None:
        made = self.connection.execute(select(dataset).where(dataset.c.pid == after["made"])).first()
        if made is None:
            raise Conflict(f"{after['made']}, which the split made, is no longer there.")
        self._untouched(made)
        files = self._files(made)
        sources = self.connection.execute(select(dataset).where(dataset.c.pid.in_(before["from"])).order_by(dataset.c.id)).all()
        if not sources:
            raise Conflict(f"{', '.join(before['from'])}, which it was split from, is no longer there.")
        for one in sources:
            self._renew(one, together(self._files(one), files, one.path or ""))
        c = self.connection
        c.execute(delete(file_decision).where(file_decision.c.dataset_id == made.id))
        c.execute(delete(unit_dataset).where(unit_dataset.c.dataset_id == made.id))
        self._redirect(made, sources[0].pid)
        self._set_aside(made, "unsplit", sources[0].pid)
        self._read_again({(f.storage, f.path) for f in files})
        self._tell(made.pid, f"merged into {sources[0].pid}")

    # --- parts -------------------------------------------------------------------------------------------------------

    def _files(self, row: Any) -> list[FileRow]:
        return list(self.manifests.iterate(newest_manifest(self.connection, row)))

    def _renew(self, row: Any, files: Iterable[FileRow]) -> None:
        rows = sorted(files, key=lambda one: one.name)
        cut_version(self.connection, row.id, self.manifests.write(rows), content_key(rows), self.now_us)

    def _rows(self, ids: Iterable[int]) -> dict[int, Any]:
        query = select(dataset).where(dataset.c.id.in_(list(ids)))
        return {row.id: row for row in self.connection.execute(query)}

    def _results(self, source_id: int) -> set[int]:
        """All that was made from it, and from that."""
        found: set[int] = set()
        edge = {source_id}
        while edge:
            query = select(relation.c.derived_id).where(relation.c.source_id.in_(edge))
            edge = set(self.connection.execute(query).scalars()) - found - {source_id}
            found |= edge
        return found

    def _put(self, row: Any, place: Kept) -> None:
        self.connection.execute(update(dataset).where(dataset.c.id == row.id).values(**place))
        materialise(self.connection, row.id, self.now_us)
        self._tell(row.pid, "moved")

    def _set_aside(self, row: Any, what: str, into: str | None) -> None:
        c = self.connection
        of_none = (terms.c.access == AccessClass.ASIDE.value, terms.c.policy_version == NO_POLICY)  # visits are set aside too
        aside = c.execute(select(terms.c.id).where(*of_none).limit(1)).scalar()
        if aside is None:
            new = terms.insert().values(access=AccessClass.ASIDE.value, policy_version=NO_POLICY).returning(terms.c.id)
            aside = c.execute(new).scalar_one()
        c.execute(
            set_aside.insert(),
            {"dataset_id": row.id, "what": what, "into_pid": into, "terms_id": row.terms_id, "correction_id": self.correction_id},
        )
        values = {"terms_id": aside, "investigation_id": None, "quarantine": None, "revision": dataset.c.revision + 1}
        c.execute(update(dataset).where(dataset.c.id == row.id).values(**values))

    def _take_back(self, row: Any, place: Kept) -> None:
        gone = self.connection.execute(
            delete(set_aside).where(set_aside.c.dataset_id == row.id, set_aside.c.correction_id == self.correction_id)
        )
        if gone.rowcount != 1:
            raise Conflict(f"{row.pid} is no longer where the correction put it.")
        self._put(row, place)

    def _redirect(self, row: Any, into: str) -> list[list[Any]]:
        """All pids of a dataset lead to another one; returns what they were."""
        c = self.connection
        found = c.execute(select(pid.c.pid, pid.c.kind, pid.c.version).where(pid.c.concept == row.pid).order_by(pid.c.pid)).all()
        c.execute(update(pid).where(pid.c.concept == row.pid).values(concept=into, kind="alias", version=None))
        return [list(one) for one in found]

    def _restore_pids(self, concept: str, pids: Sequence[Sequence[Any]]) -> None:
        for text, kind, version in pids:
            values = {"concept": concept, "kind": kind, "version": version}
            self.connection.execute(update(pid).where(pid.c.pid == text).values(**values))

    def _relate(self, old: int, new: int) -> list[tuple[int, int]]:
        """What was made from the old one, or it from, is related to the new one too; returns the relations added."""
        c = self.connection
        found = c.execute(select(relation).where(or_(relation.c.derived_id == old, relation.c.source_id == old))).all()
        added = []
        for one in found:
            ends = (new if one.derived_id == old else one.derived_id, new if one.source_id == old else one.source_id)
            there = and_(relation.c.derived_id == ends[0], relation.c.source_id == ends[1])
            if ends[0] == ends[1] or c.execute(select(relation.c.id).where(there)).first() is not None:
                continue
            values = {k: v for k, v in one._mapping.items() if k != "id"} | {"derived_id": ends[0], "source_id": ends[1]}
            c.execute(relation.insert(), values)
            added.append(ends)
        return added

    def _siblings(self, row: Any) -> list[Any]:
        """Itself and the other entries of its file: they have the same files."""
        same = and_(dataset.c.storage == row.storage, dataset.c.path == row.path, dataset.c.terms_id == row.terms_id)
        query = select(dataset).where(or_(dataset.c.id == row.id, same)).order_by(dataset.c.id)
        return list(self.connection.execute(query))

    def _part(self, row: Any, files: Sequence[FileRow]) -> Any:
        """A dataset of these files, beside the one that they come from. Its own words are few until its first file is read."""
        c, first = self.connection, files[0]
        new = mint(os.urandom)
        values = {
            "pid": new,
            "identity": hashlib.sha256(f"split\0{new}".encode()).digest(),
            **{k: getattr(row, k) for k in ("facility_id", "origin", "kind", *_PLACE)},
            "storage": first.storage,
            "path": first.path,
            "read_state": "stored",
            "version": 0,
            "created_us": self.now_us,
            "updated_us": self.now_us,
        }
        number = c.execute(dataset.insert().values(**values).returning(dataset.c.id)).scalar_one()
        c.execute(pid.insert(), {"pid": new, "kind": "dataset", "concept": new, "version": None, "origin": row.origin})
        said: Kept = {"title": {"value": first.path.rpartition("/")[2]}}
        if row.instrument_name:
            said["instrument_name"] = {"value": row.instrument_name}
        c.execute(
            layer.insert(),
            {"dataset_id": number, "source": "default", "values_json": json.dumps(said), "by": "split", "at_us": self.now_us},
        )
        rows = together([], files, first.path)
        cut_version(c, number, self.manifests.write(rows), content_key(rows), self.now_us)
        materialise(c, number, self.now_us)
        self._tell(new, "created")
        self._tell(new, "closed")
        return c.execute(select(dataset).where(dataset.c.id == number)).one()

    def _untouched(self, made: Any) -> None:
        c = self.connection
        edited = select(layer.c.by).where(
            layer.c.dataset_id == made.id, layer.c.source.in_(["human", "push"]), layer.c.undone_us.is_(None)
        )
        used = select(relation.c.id).where(or_(relation.c.derived_id == made.id, relation.c.source_id == made.id))
        aside = select(set_aside.c.dataset_id).where(set_aside.c.dataset_id == made.id)
        said = [
            text
            for query, text in ((edited, "was edited by people"), (used, "has derived data"), (aside, "was set aside"))
            if c.execute(query.limit(1)).first() is not None
        ]
        if said:
            raise Conflict(f"{made.pid}, which the split made, {' and '.join(said)} meanwhile: undo that first.")

    def _read_again(self, files: Iterable[tuple[str, str]]) -> None:
        for storage, path in sorted(files):
            self.connection.execute(
                update(unit)
                .where(unit.c.storage == storage, unit.c.path == path, unit.c.state != UnitState.GONE.value)
                .values(
                    state=UnitState.SEEN.value,
                    seen_us=self.now_us,
                    attempts=0,
                    claimed_by=None,
                    claimed_until_us=None,
                    primary_unit_id=None,
                )
            )

    def _where(self, row: Any) -> str:
        if row.quarantine is not None:
            return "in quarantine"
        query = select(investigation.c.visit_id).where(investigation.c.id == row.investigation_id)
        found = self.connection.execute(query).scalar()
        return "out of sight" if found is None else str(found)

    def _tell(self, text: str, what: str) -> None:
        self.connection.execute(change.insert(), {"at_us": self.now_us, "kind": "dataset", "pid": text, "what": what})


def _place(row: Any) -> Kept:
    return {name: getattr(row, name) for name in _PLACE}


def _few(files: Sequence[FileRow]) -> None:
    if len(files) > AT_ONCE:
        raise Conflict(f"It would be a matter of {len(files):,} files; datasets are split and merged up to {AT_ONCE:,} files.")
