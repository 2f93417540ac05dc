"""The desk's rows: units, quarantine, derived data."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal_column, or_, select, true, update

from panmesh.access.artefact import Artefact
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.audit import write_audit
from panmesh.adapters.sql.conditions import Compiler
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.file_names import keep_file_names
from panmesh.adapters.sql.ledger import Ledger
from panmesh.adapters.sql.materialise import layers_of, materialise
from panmesh.adapters.sql.permission import readable_terms
from panmesh.adapters.sql.tables import (
    change,
    dataset,
    dataset_version,
    instrument,
    layer,
    pid,
    relation,
    unit,
    unit_dataset,
)
from panmesh.catalogue.layers import merge
from panmesh.catalogue.manifest import ManifestRef
from panmesh.catalogue.model import DatasetKind, DigestState, Origin, Page
from panmesh.ingest.units import DerivedRun, IngestCounts, QuarantinedView, UnitState, UnitView
from panmesh.kernel.errors import Conflict, NotFound
from panmesh.kernel.pid import Pid, mint, version_pid

# Written out: else the partial index does not fit.
_PENDING: ColumnElement[str] = literal_column(f"'{DigestState.PENDING.value}'")


class SqlDesk:
    """Implements `ingest.desk.DeskStore`."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._ledger = Ledger(database)

    def units(
        self, viewer: Viewer, now_us: int, states: Sequence[UnitState], contains: str | None, offset: int, limit: int
    ) -> Page[UnitView]:
        where: list[Any] = [may_know(viewer, now_us)]
        if states:
            where.append(unit.c.state.in_([s.value for s in states]))
        if contains:
            where.append(_path_contains(contains))
        with self._db.read() as connection:
            total = connection.execute(select(func.count()).select_from(unit).where(*where)).scalar_one()
            rows = connection.execute(
                select(unit).where(*where).order_by(unit.c.seen_us.desc(), unit.c.id.desc()).offset(offset).limit(limit)
            ).all()
            pids = self._pids(connection, viewer, now_us, [r.id for r in rows])
        items = tuple(
            UnitView(
                id=r.id,
                storage=r.storage,
                path=r.path,
                state=UnitState(r.state),
                read_state=r.read_state,
                format=r.format,
                size=r.size,
                reason=r.reason,
                advice=r.advice,
                attempts=r.attempts,
                seen_us=r.seen_us,
                read_us=r.read_us,
                dataset_pids=tuple(pids.get(r.id, ())),
            )
            for r in rows
        )
        return Page(items=items, total=total, offset=offset, limit=limit)

    def counts(self, viewer: Viewer, now_us: int) -> IngestCounts:
        known = may_know(viewer, now_us)
        pending = (
            select(func.count())
            .select_from(dataset_version)
            .join(dataset, dataset.c.id == dataset_version.c.dataset_id)
            .where(dataset_version.c.digest_state == _PENDING, _may_read(viewer, now_us))
        )
        oldest = select(func.min(unit.c.seen_us)).where(unit.c.state == UnitState.SEEN.value, known)
        recent = select(func.count()).select_from(unit).where(unit.c.read_us > now_us - 3_600_000_000, known)
        held = select(func.count()).select_from(dataset).where(dataset.c.quarantine.is_not(None), _may_read(viewer, now_us))
        with self._db.read() as connection:
            by_state = {
                r.state: r.number
                for r in connection.execute(
                    select(unit.c.state, func.count().label("number")).where(known).group_by(unit.c.state)
                )
            }
            first = connection.execute(oldest).scalar()
            return IngestCounts(
                by_state=by_state,
                pending_digests=connection.execute(pending).scalar_one(),
                quarantined=connection.execute(held).scalar_one(),
                lag_us=None if first is None else max(0, now_us - first),
                last_hour=connection.execute(recent).scalar_one(),
            )

    def retry(self, viewer: Viewer, unit_ids: Sequence[int], now_us: int) -> int:
        pieces = [list(unit_ids[at : at + 500]) for at in range(0, len(unit_ids), 500)]
        known = may_know(viewer, now_us)
        return sum(self._ledger.retry(and_(unit.c.id.in_(piece), known), now_us) for piece in pieces)

    def waiting(self) -> bool:
        with self._db.read() as connection:
            return connection.execute(select(unit.c.id).where(unit.c.state == UnitState.SEEN.value).limit(1)).first() is not None

    def pids_of(self, viewer: Viewer, storage: str, paths: Sequence[str], now_us: int) -> tuple[str, ...]:
        query = (
            select(dataset.c.pid)
            .join(unit_dataset, unit_dataset.c.dataset_id == dataset.c.id)
            .join(unit, unit.c.id == unit_dataset.c.unit_id)
            .where(unit.c.storage == storage, unit.c.path.in_(list(paths)), _may_read(viewer, now_us))
            .order_by(dataset.c.id)
        )
        with self._db.read() as connection:
            return tuple(connection.execute(query).scalars())

    def quarantined(self, viewer: Viewer, offset: int, limit: int, now_us: int) -> Page[QuarantinedView]:
        where = [dataset.c.quarantine.is_not(None), _may_read(viewer, now_us)]
        with self._db.read() as connection:
            total = connection.execute(select(func.count()).select_from(dataset).where(*where)).scalar_one()
            query = (
                select(dataset, instrument.c.name.label("instrument_title"))
                .outerjoin(instrument, instrument.c.id == dataset.c.instrument_id)
                .where(*where)
                .order_by(dataset.c.id.desc())
                .offset(offset)
                .limit(limit)
            )
            rows = connection.execute(query).all()
            said = {r.id: merge(layers_of(connection, r.id)).get("proposal") for r in rows}
        items = tuple(
            QuarantinedView(
                pid=r.pid,
                title=r.title,
                storage=r.storage,
                path=r.path,
                reason=r.quarantine,
                start_us=r.start_us,
                instrument=r.instrument_title,
                proposal_in_file=str(winner.value) if (winner := said[r.id]) is not None else None,
                created_us=r.created_us,
            )
            for r in rows
        )
        return Page(items=items, total=total, offset=offset, limit=limit)

    def add_derived(
        self, viewer: Viewer, run: DerivedRun, identity: bytes, manifest: ManifestRef, content_key: bytes, now_us: int
    ) -> str:
        with self._db.write() as connection:
            may = _may_read(viewer, now_us)
            sources = connection.execute(select(dataset).where(and_(dataset.c.pid.in_(run.sources), may))).all()
            if len(sources) != len(set(run.sources)):
                raise NotFound("Some of the datasets that it was made from are not here, or you may not know of them.")
            if len({s.terms_id for s in sources}) > 1:
                raise Conflict(
                    "The datasets that it was made from are under different terms; register one derived dataset for each visit."
                )
            known = connection.execute(select(dataset.c.id, dataset.c.pid).where(dataset.c.identity == identity)).first()
            if known is not None:
                return str(known.pid)
            first = sources[0]
            new = mint(os.urandom)
            row = {
                "pid": new,
                "identity": identity,
                "facility_id": first.facility_id,
                "instrument_id": first.instrument_id,
                "investigation_id": first.investigation_id,
                "terms_id": first.terms_id,
                "sample_id": first.sample_id,
                "origin": Origin.NATIVE.value,
                "kind": DatasetKind.PROCESSED.value,
                "read_state": "read",
                "version": 1,
                "file_count": manifest.file_count,
                "total_bytes": manifest.total_bytes,
                "created_us": now_us,
                "updated_us": now_us,
            }
            number = connection.execute(dataset.insert().values(**row).returning(dataset.c.id)).scalar_one()
            version = {
                "pid": version_pid(new, 1),
                "dataset_id": number,
                "number": 1,
                "manifest": manifest.to_bytes(),
                "content_key": content_key,
                "file_count": manifest.file_count,
                "total_bytes": manifest.total_bytes,
                "digest_state": DigestState.PENDING.value,
                "created_us": now_us,
                "closed_us": now_us,
            }
            version_id = connection.execute(
                dataset_version.insert().values(**version).returning(dataset_version.c.id)
            ).scalar_one()
            connection.execute(update(dataset).where(dataset.c.id == number).values(version_id=version_id))
            keep_file_names(connection, [(number, manifest)], fresh=True)
            connection.execute(pid.insert(), [_pid(new, "dataset", new, None), _pid(version_pid(new, 1), "version", new, 1)])
            values = _derived_values(run, first, [s.start_us for s in sources if s.start_us is not None])
            connection.execute(
                layer.insert(),
                {
                    "dataset_id": number,
                    "source": "push",
                    "values_json": json.dumps(values),
                    "by": viewer.login or viewer.name,
                    "at_us": now_us,
                },
            )
            connection.execute(relation.insert(), [_relation(number, s.id, run, now_us) for s in sources])
            materialise(connection, number, now_us)
            write_audit(
                connection, viewer, "derived data registered", new, now_us, sources=list(run.sources), software=run.software
            )
            told = [{"at_us": now_us, "kind": "dataset", "pid": new, "what": what} for what in ("created", "closed")]
            connection.execute(change.insert(), told)
        return new

    def _pids(self, connection: Any, viewer: Viewer, now_us: int, unit_ids: list[int]) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        if unit_ids:
            query = (
                select(unit_dataset.c.unit_id, dataset.c.pid)
                .join(dataset, dataset.c.id == unit_dataset.c.dataset_id)
                .where(unit_dataset.c.unit_id.in_(unit_ids))
                .where(dataset.c.terms_id.in_(readable_terms(viewer, Artefact.CORE_METADATA, now_us)))
                .order_by(dataset.c.id)
            )
            for row in connection.execute(query):
                found.setdefault(row.unit_id, []).append(row.pid)
        return found


def _path_contains(text: str) -> ColumnElement[bool]:
    """Part of a path, or its beginning with the storage's key as pages write it: "i22:2026/" or "i22/2026/"."""
    whole = [(unit.c.storage + sign + unit.c.path).startswith(text, autoescape=True) for sign in ":/" if sign in text]
    return or_(unit.c.path.contains(text, autoescape=True), *whole)


def may_know(viewer: Viewer, now_us: int) -> ColumnElement[bool]:
    """Units that the viewer may know of. Those without a dataset of their own (waiting, part of another one, gone) are for the whole
    facility's staff: nothing is known yet of whose they are."""
    if viewer.operator:
        return true()
    mine = (
        select(unit_dataset.c.unit_id)
        .join(dataset, dataset.c.id == unit_dataset.c.dataset_id)
        .where(dataset.c.terms_id.in_(readable_terms(viewer, Artefact.FULL_METADATA, now_us)))
    )
    known = or_(unit.c.id.in_(mine), unit.c.primary_unit_id.in_(mine))
    if viewer.admin or viewer.steward:
        return or_(known, unit.c.id.not_in(select(unit_dataset.c.unit_id)))
    return known


def _may_read(viewer: Viewer, now_us: int) -> ColumnElement[bool]:
    """Of the few rows that wait for somebody."""
    return Compiler(viewer, now_us, few=True).may(Artefact.FULL_METADATA)


def _derived_values(run: DerivedRun, first: Any, starts: list[int]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "title": {"value": run.title},
        "program": {"value": f"{run.software} {run.software_version or ''}".strip()},
    }
    if starts:
        values["start"] = {"value": min(starts)}
    if run.finished_us is not None:
        values["end"] = {"value": run.finished_us}
    if first.instrument_name:
        values["instrument_name"] = {"value": first.instrument_name}
    return values


def _relation(derived: int, source: int, run: DerivedRun, now_us: int) -> dict[str, Any]:
    return {
        "derived_id": derived,
        "source_id": source,
        "software": run.software,
        "software_version": run.software_version,
        "parameters_json": json.dumps(run.parameters or {}),
        "at_us": run.finished_us or now_us,
    }


def _pid(text: Pid, kind: str, concept: Pid, number: int | None) -> dict[str, Any]:
    return {"pid": text, "kind": kind, "concept": concept, "version": number, "origin": Origin.NATIVE.value}
