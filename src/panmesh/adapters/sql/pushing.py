"""Datasets that scripts push, in SQL: placed as files are, described by a layer of their own, their records kept as they were sent."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import orjson
from sqlalchemy import Connection, and_, or_, select, update

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read
from panmesh.access.pushing_policy import may_push
from panmesh.access.terms import Terms
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.audit import write_audit
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.directory import Directory
from panmesh.adapters.sql.editing import terms_value
from panmesh.adapters.sql.file_names import keep_file_names
from panmesh.adapters.sql.import_datasets import layer_values
from panmesh.adapters.sql.import_ground import Ground
from panmesh.adapters.sql.imported_techniques import keep_techniques
from panmesh.adapters.sql.materialise import materialise
from panmesh.adapters.sql.push_joining import join_pushed
from panmesh.adapters.sql.push_showing import shown_to
from panmesh.adapters.sql.push_tables import pushed_file, pushed_record
from panmesh.adapters.sql.tables import (
    change,
    dataset,
    dataset_version,
    instrument,
    investigation,
    layer,
    pid,
    proposal,
    relation,
    terms,
    unit_dataset,
)
from panmesh.catalogue.file_types import format_of
from panmesh.catalogue.manifest import FileRow, ManifestRef, ManifestStore, content_key
from panmesh.catalogue.model import DatasetKind, DigestState, Origin
from panmesh.ingest.placing import Claim, InstrumentEntry, Visit, place
from panmesh.ingest.pushing import PushedDataset, PushedRecord, RecordKind
from panmesh.ingest.store import Place
from panmesh.kernel.errors import Conflict, Fault, Forbidden, Invalid, NotFound
from panmesh.kernel.pid import Pid, version_pid
from panmesh.kernel.text import key_of

REFUSED = "Into a visit its team and the facility's staff may bring data; what belongs to no visit, the staff of its instrument."


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a pushed dataset belongs, in one transaction."""

    place: Place
    investigation_id: int | None
    terms_id: int


class SqlPushes:
    """Implements `ingest.pushing.PushStore`."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        manifests: ManifestStore,
        facility_key: str,
        *,
        margin_us: int,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._db = database
        self._directory = directory
        self._manifests = manifests
        self._facility_key = facility_key
        self._margin_us = margin_us
        self._random = random_bytes

    def add(self, viewer: Viewer, pushed: PushedDataset, folder: tuple[str, str] | None, now_us: int) -> str:
        where = self._place(viewer, pushed, folder, now_us)
        with self._db.write() as connection:
            self._db.lock(connection, "directory")
            new = Pid(pushed.record.pid)
            if self._is_there(connection, viewer, new, pushed.body):
                return new
            spot = self._spot(connection, where, folder, now_us)
            if not may_push(viewer, _terms(connection, spot.terms_id), in_visit=where.visit is not None):
                raise Forbidden(REFUSED)
            number = self._insert(connection, new, pushed, spot, now_us)
            self._describe(connection, viewer, number, pushed, where, now_us)
            self._relate(connection, viewer, number, pushed, now_us)
            self._keep(connection, viewer, RecordKind.DATASET, new, number, pushed.body, now_us)
            write_audit(connection, viewer, "dataset pushed", new, now_us)
            connection.execute(change.insert(), {"at_us": now_us, "kind": "dataset", "pid": new, "what": "created"})
        return new

    def change(self, viewer: Viewer, pid: str, pushed: PushedDataset, folder: tuple[str, str] | None, now_us: int) -> None:
        where = self._place(viewer, pushed, folder, now_us)
        with self._db.write() as connection:
            self._db.lock(connection, "directory")
            row = self._mine(connection, viewer, pid, now_us)
            kept = select(pushed_record.c.id).where(pushed_record.c.kind == "dataset", pushed_record.c.dataset_id == row.id)
            record = connection.execute(kept.order_by(pushed_record.c.id).limit(1)).scalar()
            body = {"body_json": _text(pushed.body), "updated_us": now_us, "updated_by": _by(viewer)}
            if record is None:
                self._keep(connection, viewer, RecordKind.DATASET, row.pid, row.id, pushed.body, now_us)
            else:
                connection.execute(update(pushed_record).where(pushed_record.c.id == record).values(**body))
            if row.quarantine is not None and where.visit is not None:
                spot = self._spot(connection, where, folder, now_us)
                if may_push(viewer, _terms(connection, spot.terms_id), in_visit=True):
                    there = {"investigation_id": spot.investigation_id, "terms_id": spot.terms_id, "quarantine": None}
                    connection.execute(update(dataset).where(dataset.c.id == row.id).values(**there))
            self._describe(connection, viewer, row.id, pushed, where, now_us)
            write_audit(connection, viewer, "dataset pushed again", row.pid, now_us)
            connection.execute(change.insert(), {"at_us": now_us, "kind": "dataset", "pid": row.pid, "what": "updated"})

    def add_part(
        self, viewer: Viewer, pid: str, kind: RecordKind, key: str, body: Mapping[str, Any], files: Sequence[FileRow], now_us: int
    ) -> None:
        with self._db.write() as connection:
            self._db.lock(connection, "families")
            row = self._mine(connection, viewer, pid, now_us)
            self._keep(connection, viewer, kind, key, row.id, body, now_us)
            if files:
                self._list_files(connection, row, files, now_us)
                self._join(connection, row, files, now_us)
            write_audit(connection, viewer, f"{kind.value} pushed", row.pid, now_us)
            connection.execute(change.insert(), {"at_us": now_us, "kind": "dataset", "pid": row.pid, "what": "updated"})

    def keep(self, viewer: Viewer, kind: RecordKind, key: str, body: Mapping[str, Any], now_us: int, *, new: bool) -> None:
        with self._db.write() as connection:
            self._db.lock(connection, "directory")
            where = (pushed_record.c.kind == kind.value, pushed_record.c.key == key)
            old = connection.execute(select(pushed_record).where(*where)).first()
            if new and old is not None:
                if old.created_by == _by(viewer) and orjson.loads(old.body_json) == body:
                    return
                raise Conflict(f"There is a {kind.value} {key!r} already.")
            if new:
                self._keep(connection, viewer, kind, key, None, body, now_us)
                return
            if old is None:
                raise NotFound()
            if old.created_by != _by(viewer) and not (viewer.operator or viewer.admin or viewer.steward):
                raise Forbidden(f"Only who brought a {kind.value}, and the facility's data stewards, may change it.")
            values = {"body_json": _text(body), "updated_us": now_us, "updated_by": _by(viewer)}
            connection.execute(update(pushed_record).where(pushed_record.c.id == old.id).values(**values))

    def parts(self, viewer: Viewer, dataset_ids: Sequence[int], kinds: Sequence[RecordKind]) -> dict[int, list[PushedRecord]]:
        found: dict[int, list[PushedRecord]] = {}
        wanted = [kind.value for kind in kinds]
        with self._db.read() as connection:
            for first in range(0, len(dataset_ids), 500):
                mine = pushed_record.c.dataset_id.in_(dataset_ids[first : first + 500])
                query = select(pushed_record).where(mine, pushed_record.c.kind.in_(wanted)).order_by(pushed_record.c.id)
                for row in shown_to(connection, viewer, connection.execute(query).all()):
                    found.setdefault(row.dataset_id or 0, []).append(row)
        return found

    def one(self, viewer: Viewer, kind: RecordKind, key: str) -> PushedRecord | None:
        with self._db.read() as connection:
            where = (pushed_record.c.kind == kind.value, pushed_record.c.key == key)
            rows = connection.execute(select(pushed_record).where(*where)).all()
            return next(iter(shown_to(connection, viewer, rows)), None)

    def all(self, viewer: Viewer, kind: RecordKind, limit: int) -> list[PushedRecord]:
        with self._db.read() as connection:
            query = select(pushed_record).where(pushed_record.c.kind == kind.value).order_by(pushed_record.c.id).limit(limit)
            return shown_to(connection, viewer, connection.execute(query).all())

    def pids_holding(self, texts: Sequence[str], limit: int) -> list[str]:
        somewhere = or_(*(pushed_record.c.body_json.contains(_text(one), autoescape=True) for one in texts))
        query = (
            select(dataset.c.pid)
            .join(pushed_record, pushed_record.c.dataset_id == dataset.c.id)
            .where(pushed_record.c.kind == RecordKind.DATASET.value, somewhere)
            .order_by(dataset.c.id.desc())
            .limit(limit)
        )
        with self._db.read() as connection:
            return list(connection.execute(query).scalars())

    # --- where it belongs --------------------------------------------------------------------------------------------

    def _place(self, viewer: Viewer, pushed: PushedDataset, folder: tuple[str, str] | None, now_us: int) -> Place:
        """As files are placed: instrument, time and id agree, else it waits in quarantine."""
        self._directory.forget()
        start, said = pushed.record.start_us, list(pushed.visits)
        entry = self._instrument(viewer, pushed, now_us)
        if not entry.scheduled:
            return Place(instrument=entry, folder=folder[1] if folder is not None else "pushed")
        claim = Claim(start_us=start, proposal=said[0] if said else None, visit=None, path=folder[1] if folder else "")
        found: list[Visit] = []
        for one in [*said] or [""]:
            visits = self._directory.visits(entry.id, start, [one] if one else [])
            placed = place(
                Claim(start_us=start, proposal=one or None, visit=None, path=claim.path), visits, margin_us=self._margin_us
            )
            if placed.visit is not None and placed.visit not in found:
                found.append(placed.visit)
        if len(found) == 1:
            return Place(instrument=entry, visit=found[0])
        reason = "Several visits fit." if found else "It names no visit of this instrument that took place then."
        return Place(instrument=entry, quarantine=reason)

    def _instrument(self, viewer: Viewer, pushed: PushedDataset, now_us: int) -> InstrumentEntry:
        for named in pushed.instruments:
            if (entry := self._known(named)) is not None:
                return entry
        if (entry := self._of_visit(pushed)) is not None:
            return entry
        if not viewer.staff:
            named = ", ".join(pushed.instruments) or "none"
            detail = (
                f"the instrument is not known here (named: {named}), nor a visit under {', '.join(pushed.visits) or 'no number'}."
            )
            raise Invalid(detail, (Fault("/instrumentId", detail),))
        return self._directory.instrument(next(iter(pushed.instruments), None), now_us)

    def _known(self, named: str) -> InstrumentEntry | None:
        with self._db.read() as connection:
            concept = select(pid.c.concept).where(pid.c.pid == named)
            found = connection.execute(
                select(instrument.c.instrument_key).where(or_(instrument.c.pid == named, instrument.c.pid.in_(concept)))
            ).scalar()
            sent = select(pushed_record.c.body_json).where(pushed_record.c.kind == "instrument", pushed_record.c.key == named)
            body = connection.execute(sent).scalar()
        name = found or (orjson.loads(body).get("name") if body else None) or named
        return self._directory.known(str(name))

    def _of_visit(self, pushed: PushedDataset) -> InstrumentEntry | None:
        """Scripts often name a proposal and no instrument: the one that the proposal had then."""
        start, keys = pushed.record.start_us, [key for name in pushed.visits if (key := key_of(name))]
        if start is None or not keys:
            return None
        running = and_(investigation.c.starts_us <= start + self._margin_us, investigation.c.ends_us > start - self._margin_us)
        query = (
            select(instrument.c.instrument_key)
            .join(investigation, investigation.c.instrument_id == instrument.c.id)
            .join(proposal, proposal.c.id == investigation.c.proposal_id)
            .where(running, or_(proposal.c.number_folded.in_(keys), investigation.c.visit_id.in_(list(pushed.visits))))
            .distinct()
            .limit(2)
        )
        with self._db.read() as connection:
            found = connection.execute(query).scalars().all()
        return self._directory.known(found[0]) if len(found) == 1 else None

    def _spot(self, connection: Connection, where: Place, folder: tuple[str, str] | None, now_us: int) -> _Spot:
        if where.visit is not None:
            return _Spot(where, where.visit.id, where.visit.terms_id)
        if where.quarantine is not None:
            return _Spot(where, None, self._directory.quarantine_terms(connection, where.instrument, now_us))
        storage = folder[0] if folder is not None else "scripts"
        return _Spot(where, *self._directory.unscheduled(connection, where.instrument, storage, where.folder or "", now_us))

    def _mine(self, connection: Connection, viewer: Viewer, wanted: str, now_us: int) -> Any:
        """The dataset, when the viewer may push into it; NotFound where they may not know of it."""
        concept = select(pid.c.concept).where(pid.c.pid == wanted)
        row = connection.execute(select(dataset).where(dataset.c.pid.in_(concept))).first()
        held = _terms(connection, row.terms_id) if row is not None else None
        if row is None or held is None or not may_read(viewer, held, Artefact.CORE_METADATA, now_us):
            raise NotFound()
        if not may_push(viewer, held, in_visit=row.quarantine is None) or not may_read(
            viewer, held, Artefact.FULL_METADATA, now_us
        ):
            raise Forbidden(REFUSED)
        if row.origin != Origin.NATIVE.value:
            raise Conflict("This record was brought from another catalogue: it is changed there, or by corrections here.")
        return row

    # --- rows --------------------------------------------------------------------------------------------------------

    def _is_there(self, connection: Connection, viewer: Viewer, new: Pid, body: Mapping[str, Any]) -> bool:
        """Whether the very same was sent before by the same person. Raises Conflict when the pid means something else."""
        if connection.execute(select(pid.c.pid).where(pid.c.pid.in_([new, version_pid(new, 1)]))).first() is None:
            return False
        old = connection.execute(
            select(pushed_record).where(pushed_record.c.kind == "dataset", pushed_record.c.key == new)
        ).first()
        if old is not None and old.created_by == _by(viewer) and orjson.loads(old.body_json) == body:
            return True
        raise Conflict(f"The pid {new!r} is taken.")

    def _insert(self, connection: Connection, new: Pid, pushed: PushedDataset, spot: _Spot, now_us: int) -> int:
        entry, manifest = spot.place.instrument, self._manifests.write([])
        row = {
            "pid": new,
            "identity": hashlib.sha256(f"pushed|{self._facility_key}|{new}".encode()).digest(),
            "facility_id": entry.facility_id,
            "instrument_id": entry.id,
            "investigation_id": spot.investigation_id,
            "terms_id": spot.terms_id,
            "origin": Origin.NATIVE.value,
            "kind": (DatasetKind.RAW if pushed.record.kind == "raw" else DatasetKind.PROCESSED).value,
            "quarantine": spot.place.quarantine,
            "read_state": "stored",
            "version": 1,
            "file_count": 0,
            "total_bytes": 0,
            "created_us": now_us,
            "updated_us": now_us,
        }
        number = connection.execute(dataset.insert().values(**row).returning(dataset.c.id)).scalar_one()
        version = {
            "pid": version_pid(new, 1),
            "dataset_id": number,
            "number": 1,
            "manifest": manifest.to_bytes(),
            "content_key": content_key([]),
            "file_count": 0,
            "total_bytes": 0,
            "digest_state": DigestState.ELSEWHERE.value,
            "created_us": now_us,
            "closed_us": now_us,
        }
        version_id = connection.execute(dataset_version.insert().values(**version).returning(dataset_version.c.id)).scalar_one()
        connection.execute(update(dataset).where(dataset.c.id == number).values(version_id=version_id))
        pids = [(new, "dataset", None), (version_pid(new, 1), "version", 1)]
        connection.execute(
            pid.insert(),
            [{"pid": p, "kind": k, "concept": new, "version": n, "origin": Origin.NATIVE.value} for p, k, n in pids],
        )
        return int(number)

    def _describe(
        self, connection: Connection, viewer: Viewer, number: int, pushed: PushedDataset, where: Place, now_us: int
    ) -> None:
        """A layer of what the script says, in place of what scripts said before; what people said above it stays."""
        ground = Ground(
            connection=connection,
            by=viewer,
            origin=Origin.NATIVE,
            source="script",
            now_us=now_us,
            facility_id=where.instrument.facility_id,
            facility_key=self._facility_key,
            policy_version="",
            manifests=self._manifests,
            random_bytes=self._random,
            dry_run=False,
            seen=set(),
        )
        named = keep_techniques(ground, [pushed.record])
        name = connection.execute(select(instrument.c.name).where(instrument.c.id == where.instrument.id)).scalar_one()
        values = layer_values(pushed.record, [named[t.pid] for t in pushed.record.techniques], name, None)
        old = (layer.c.dataset_id == number, layer.c.source == "push", layer.c.undone_us.is_(None))
        connection.execute(update(layer).where(*old).values(undone_us=now_us, undone_by=_by(viewer)))
        said = json.dumps({field: {"value": value} for field, value in values.items()})
        row = {"dataset_id": number, "source": "push", "values_json": said, "by": _by(viewer), "at_us": now_us}
        connection.execute(layer.insert(), row)
        materialise(connection, number, now_us)

    def _relate(self, connection: Connection, viewer: Viewer, number: int, pushed: PushedDataset, now_us: int) -> None:
        """To what it was made from, as far as that is here and the sender may know of it."""
        concepts = select(pid.c.concept).where(pid.c.pid.in_(pushed.record.sources))
        for row in connection.execute(select(dataset.c.id, dataset.c.terms_id).where(dataset.c.pid.in_(concepts))).all():
            if may_read(viewer, _terms(connection, row.terms_id), Artefact.FULL_METADATA, now_us):
                made = {"derived_id": number, "source_id": row.id, "software": _software(pushed.body), "parameters_json": "{}"}
                connection.execute(relation.insert(), made | {"software_version": None, "at_us": now_us})

    def _list_files(self, connection: Connection, row: Any, files: Sequence[FileRow], now_us: int) -> None:
        """More files of the same version. The list of a dataset that is read from disk is the disk's."""
        if connection.execute(select(unit_dataset.c.unit_id).where(unit_dataset.c.dataset_id == row.id).limit(1)).first():
            return
        version = connection.execute(select(dataset_version).where(dataset_version.c.id == row.version_id)).one()
        known = {one.name: one for one in self._manifests.iterate(ManifestRef.from_bytes(version.manifest))}
        rows = sorted((known | {one.name: one for one in files}).values(), key=attrgetter("name"))
        manifest = self._manifests.write(rows)
        ours = all(one.storage for one in rows)
        counts = {"file_count": manifest.file_count, "total_bytes": manifest.total_bytes}
        state = DigestState.PENDING if ours else DigestState.ELSEWHERE
        values = {"manifest": manifest.to_bytes(), "content_key": content_key(rows), "digest_state": state.value, **counts}
        connection.execute(update(dataset_version).where(dataset_version.c.id == version.id).values(**values))
        connection.execute(
            update(dataset)
            .where(dataset.c.id == row.id)
            .values(**counts, format=format_of(one.name for one in rows), updated_us=now_us)
        )
        keep_file_names(connection, [(row.id, manifest)])

    def _join(self, connection: Connection, row: Any, files: Sequence[FileRow], now_us: int) -> None:
        mine = {(one.storage, one.path) for one in files if one.storage}
        if not mine:
            return
        known = select(pushed_file.c.storage, pushed_file.c.path).where(pushed_file.c.dataset_id == row.id)
        fresh = mine - {(one.storage, one.path) for one in connection.execute(known)}
        if fresh:
            connection.execute(pushed_file.insert(), [{"storage": s, "path": p, "dataset_id": row.id} for s, p in fresh])
        join_pushed(connection, sorted(mine), now_us)

    def _keep(
        self,
        connection: Connection,
        viewer: Viewer,
        kind: RecordKind,
        key: str,
        number: int | None,
        body: Mapping[str, Any],
        now_us: int,
    ) -> None:
        where = (pushed_record.c.kind == kind.value, pushed_record.c.key == key)
        if connection.execute(select(pushed_record.c.id).where(*where)).first() is not None:
            raise Conflict(f"There is a {kind.value} {key!r} already.")
        row = {"kind": kind.value, "key": key, "dataset_id": number, "body_json": _text(body), "created_us": now_us}
        row |= {"created_by": _by(viewer), "updated_us": now_us, "updated_by": _by(viewer)}
        connection.execute(pushed_record.insert(), row)


def _terms(connection: Connection, terms_id: int) -> Terms:
    row = connection.execute(
        select(terms.c.id.label("terms_id"), *(c for c in terms.c if c.name != "id")).where(terms.c.id == terms_id)
    )
    return terms_value(row.one())


def _by(viewer: Viewer) -> str:
    return viewer.login or viewer.name


def _text(body: Mapping[str, Any] | str) -> str:
    return orjson.dumps(body).decode()


def _software(body: Mapping[str, Any]) -> str:
    said = body.get("usedSoftware")
    return ", ".join(str(one) for one in said)[:255] if isinstance(said, list) else ""
