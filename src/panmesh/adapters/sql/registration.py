"""Runs into the catalogue: one commit for a batch of files, fast for new datasets, exact for those that came before."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from panmesh.access.terms import AccessClass
from panmesh.adapters.sql.absorption import absorb_parts, wake_masters
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.decisions import merged_into, placed_by_hand, split_off, split_off_in, wake_merged
from panmesh.adapters.sql.derived import move_results
from panmesh.adapters.sql.directory import Directory
from panmesh.adapters.sql.file_names import keep_file_names
from panmesh.adapters.sql.ledger import Ledger, finish_units
from panmesh.adapters.sql.materialise import materialise
from panmesh.adapters.sql.moves import take_over_moved
from panmesh.adapters.sql.push_joining import join_pushed
from panmesh.adapters.sql.samples import sample_ids
from panmesh.adapters.sql.tables import (
    change,
    dataset,
    dataset_person,
    dataset_technique,
    dataset_version,
    finding,
    investigation,
    layer,
    parameter,
    pid,
    terms,
    unit_dataset,
)
from panmesh.adapters.sql.withheld_now import withheld_now
from panmesh.catalogue.manifest import ManifestRef
from panmesh.catalogue.model import DatasetKind, DigestState, Origin, ProposalKind
from panmesh.catalogue.withholding import hide
from panmesh.ingest.facts import ReadState
from panmesh.ingest.placing import InstrumentEntry, Visit
from panmesh.ingest.store import ClaimedUnit, Neighbour, NewDataset, PendingDigest, Sighting, SplitOff, UnitOutcome
from panmesh.kernel.faults import reach
from panmesh.kernel.pid import Pid, mint, version_pid


class SqlIngestStore:
    """Implements `ingest.store.IngestStore`."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        *,
        archives: frozenset[str] = frozenset(),
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """`archives`: keys of the storages that are the archive."""
        self._db = database
        self._archives = archives
        self._ledger = Ledger(database)
        self._directory = directory
        self._random = random_bytes

    # the ledger and the directory, as they are
    def sight(self, sightings: Sequence[Sighting], now_us: int) -> int:
        return self._ledger.sight(sightings, now_us)

    def known(self, storage: str, folder: str) -> dict[str, tuple[int, int, int | None]]:
        return self._ledger.known(storage, folder)

    def folders(self, storage: str, folder: str) -> set[str]:
        return self._ledger.folders(storage, folder)

    def gone(self, storage: str, paths: Sequence[str], now_us: int) -> None:
        self._ledger.gone(storage, paths, now_us)

    def claim(self, worker: str, limit: int, now_us: int, lease_us: int) -> list[ClaimedUnit]:
        self._directory.forget()  # what a batch is placed by is never older than the batch
        return self._ledger.claim(worker, limit, now_us, lease_us)

    def release(self, worker: str) -> None:
        self._ledger.release(worker)

    def instrument(self, name: str | None, now_us: int) -> InstrumentEntry:
        return self._directory.instrument(name, now_us)

    def visits(self, instrument_id: int, start_us: int | None, names: Sequence[str]) -> list[Visit]:
        return self._directory.visits(instrument_id, start_us, names)

    def masters_of(self, storage: str, path: str, candidates: Sequence[str]) -> list[Neighbour]:
        return self._ledger.masters_of(storage, path, candidates)

    def parts_of(self, storage: str, needs: Sequence[str], prefix: str) -> list[Neighbour]:
        return self._ledger.parts_of(storage, needs, prefix)

    def commit(self, worker: str, outcomes: Sequence[UnitOutcome], now_us: int) -> list[str]:
        reach("ingest.before-commit")
        with self._db.write() as connection:
            if any(o.bare or o.needs for o in outcomes):
                self._db.lock(connection, "families")  # a master and its data file, committed at once, must see each other
            if not finish_units(connection, worker, outcomes, now_us):
                return []
            placed = [
                _Placed(outcome, new, *self._terms(connection, new, now_us)) for outcome in outcomes for new in outcome.datasets
            ]
            known = _known(connection, [p.new.identity for p in placed])
            fresh = [p for p in placed if p.new.identity not in known]
            made = self._add(connection, fresh, now_us) if fresh else {}
            for item in placed:
                if item.new.identity in known:
                    self._renew(connection, item, known[item.new.identity], now_us)
            ids = made | {identity: row.id for identity, row in known.items()}
            _link_units(connection, placed, ids)
            absorb_parts(connection, outcomes, now_us)
            wake_masters(connection, outcomes, now_us)
            join_pushed(connection, [(o.unit.storage, o.unit.path) for o in outcomes if o.datasets], now_us)
            pids = connection.execute(select(dataset.c.pid).where(dataset.c.id.in_(list(ids.values())))).scalars().all()
        reach("ingest.after-commit")
        return list(pids)

    def split_off(self, storage: str, paths: Sequence[str]) -> Mapping[str, SplitOff]:
        with self._db.read() as connection:
            return split_off(connection, storage, paths)

    def split_off_in(self, storage: str, folder: str) -> frozenset[str]:
        with self._db.read() as connection:
            return split_off_in(connection, storage, folder)

    def merged_into(self, storage: str, paths: Sequence[str]) -> Mapping[bytes, tuple[ManifestRef, ...]]:
        with self._db.read() as connection:
            return merged_into(connection, storage, paths)

    def manifest(self, identity: bytes) -> ManifestRef | None:
        query = (
            select(dataset_version.c.manifest)
            .join(dataset, dataset.c.version_id == dataset_version.c.id)
            .where(dataset.c.identity == identity)
        )
        with self._db.read() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else ManifestRef.from_bytes(found)

    def pending_digests(self, limit: int) -> list[PendingDigest]:
        query = (
            select(dataset_version.c.id, dataset_version.c.manifest, dataset_version.c.total_bytes, dataset.c.pid)
            .join(dataset, dataset.c.id == dataset_version.c.dataset_id)
            .where(dataset_version.c.digest_state == DigestState.PENDING.value)
            .order_by(dataset_version.c.id)
            .limit(limit)
        )
        with self._db.read() as connection:
            return [
                PendingDigest(
                    version_id=row.id,
                    dataset_pid=row.pid,
                    total_bytes=row.total_bytes,
                    manifest=ManifestRef.from_bytes(row.manifest),
                )
                for row in connection.execute(query)
            ]

    def save_digests(
        self, version_id: int, before: ManifestRef, after: ManifestRef, key: bytes, failed: str | None, now_us: int
    ) -> bool:
        reach("digest.before-commit")
        state = DigestState.FAILED if failed else DigestState.DONE
        with self._db.write() as connection:
            done = connection.execute(
                update(dataset_version)
                .where(dataset_version.c.id == version_id, dataset_version.c.manifest == before.to_bytes())
                .values(manifest=after.to_bytes(), digest_state=state.value, digest_key=None if failed else key)
            )
            if done.rowcount != 1:
                return False
            if not failed and take_over_moved(connection, version_id, key, now_us, self._archives):
                return True
            row = connection.execute(
                select(dataset.c.pid)
                .join(dataset_version, dataset_version.c.dataset_id == dataset.c.id)
                .where(dataset_version.c.id == version_id)
            ).one()
            _feed(connection, [(row.pid, "digests failed" if failed else "digested")], now_us)
        reach("digest.after-commit")
        return True

    # --- inside one commit -------------------------------------------------------------------------------------------

    def _terms(self, connection: Connection, new: NewDataset, now_us: int) -> tuple[int | None, int]:
        """(investigation, terms) of a placed run."""
        place = new.place
        if place.visit is not None:
            return place.visit.id, place.visit.terms_id
        if place.quarantine is not None:
            return None, self._directory.quarantine_terms(connection, place.instrument, now_us)
        return self._directory.unscheduled(connection, place.instrument, new.storage, place.folder or "", now_us)

    def _add(self, connection: Connection, fresh: list[_Placed], now_us: int) -> dict[bytes, int]:
        withheld = withheld_now(connection)
        if withheld:
            fresh = [replace(p, new=replace(p.new, described=hide(p.new.described, withheld))) for p in fresh]
        samples = sample_ids(
            connection,
            [(p.new.place.instrument.facility_id, p.sample_scope, p.new.described.sample) for p in fresh],
            self._random,
        )
        rows = [_dataset_row(p, mint(self._random), sample, now_us) for p, sample in zip(fresh, samples, strict=True)]
        ids = connection.execute(dataset.insert().returning(dataset.c.id, sort_by_parameter_order=True), rows).scalars().all()
        pids = [row["pid"] for row in rows]
        _write_versions(connection, [(i, pid_, 1, p.new) for i, pid_, p in zip(ids, pids, fresh, strict=True)], now_us)
        connection.execute(pid.insert(), [_pid_row(p, "dataset", p, None) for p in pids])
        _write_details(connection, [(i, p.new) for i, p in zip(ids, fresh, strict=True)], now_us)
        told = [(p, what) for p, one in zip(pids, fresh, strict=True) for what in _told("created", one.new)]
        _feed(connection, told, now_us)
        return {p.new.identity: i for i, p in zip(ids, fresh, strict=True)}

    def _renew(self, connection: Connection, item: _Placed, row: Any, now_us: int) -> None:
        """A file that was read before: same bytes change nothing but what was understood; other bytes are a new version, unless it is still growing."""
        new = item.new
        current = connection.execute(select(dataset_version).where(dataset_version.c.id == row.version_id)).one()
        same = bytes(current.content_key) == new.content_key
        facts = {"facts": new.facts, "open": new.growing, "closed_us": None if new.growing else now_us}
        if same:
            connection.execute(update(dataset_version).where(dataset_version.c.id == current.id).values(**facts))
        elif current.open:
            connection.execute(
                update(dataset_version).where(dataset_version.c.id == current.id).values(**facts, **_manifest_columns(new))
            )
            keep_file_names(connection, [(row.id, new.manifest)])
        else:
            _write_versions(connection, [(row.id, Pid(row.pid), row.version + 1, new)], now_us)
            wake_merged(connection, row.id, now_us)
        fresh = not same and not current.open
        _feed(
            connection, [(row.pid, what) for what in _told("version" if fresh else "updated", new, was_open=current.open)], now_us
        )
        connection.execute(
            update(layer)
            .where(layer.c.dataset_id == row.id, layer.c.source == "file", layer.c.undone_us.is_(None))
            .values(undone_us=now_us, undone_by="ingest")
        )
        connection.execute(layer.insert(), _layer_row(row.id, new, now_us))
        connection.execute(delete(finding).where(finding.c.dataset_id == row.id))
        columns: dict[str, Any] = {
            "read_state": new.read_state,
            "format": new.format,
            "advice": new.advice,
            "growing": new.growing,
            "has_plot": new.has_plot,
            "file_count": new.manifest.file_count,
            "total_bytes": new.manifest.total_bytes,
            "updated_us": now_us,
            "series": new.series,
        }
        moves = _moves(row, new)
        if moves:
            columns |= {
                "quarantine": new.place.quarantine,
                "investigation_id": item.investigation_id,
                "terms_id": item.terms_id,
            }
        connection.execute(update(dataset).where(dataset.c.id == row.id).values(**columns))
        materialise(connection, row.id, now_us)
        if moves:
            move_results(connection, row.id, now_us)


def _told(what: str, new: NewDataset, *, was_open: bool = False) -> list[str]:
    """What the feed says of a run that was read: that it is closed, too, when it had not been before."""
    closed = not new.growing and (was_open or what != "updated")
    return [what, *(["closed"] if closed else []), *(["read failed"] if new.read_state == ReadState.FAILED.value else [])]


def _feed(connection: Connection, told: list[tuple[str, str]], now_us: int) -> None:
    connection.execute(change.insert(), [{"at_us": now_us, "kind": "dataset", "pid": one, "what": what} for one, what in told])


@dataclass(frozen=True, slots=True)
class _Placed:
    outcome: UnitOutcome
    new: NewDataset
    investigation_id: int | None
    terms_id: int

    @property
    def sample_scope(self) -> str:
        """Samples of one name are one sample within a proposal; without a proposal, within the folder's investigation."""
        visit = self.new.place.visit
        return f"proposal:{visit.proposal}" if visit is not None else f"terms:{self.terms_id}"


def _known(connection: Connection, identities: list[bytes]) -> dict[bytes, Any]:
    if not identities:
        return {}
    d = dataset.c
    columns = (
        d.id,
        d.pid,
        d.identity,
        d.version_id,
        d.version,
        d.quarantine,
        investigation.c.kind.label("visit_kind"),
        terms.c.access,
        placed_by_hand().label("by_hand"),
    )
    query = (
        select(*columns)
        .select_from(dataset)
        .join(terms, terms.c.id == d.terms_id)
        .outerjoin(investigation, investigation.c.id == d.investigation_id)
    )
    return {bytes(row.identity): row for row in connection.execute(query.where(dataset.c.identity.in_(identities)))}


def _moves(row: Any, new: NewDataset) -> bool:
    """Whether a run that was read before now belongs elsewhere: out of quarantine, or from the unscheduled into a visit or, where
    the staff alone knew of it, into quarantine. A run that has its visit stays there, and one that staff placed, or set aside."""
    if row.by_hand:
        return False
    if row.quarantine is not None:
        return new.place.quarantine is None
    if row.visit_kind != ProposalKind.UNSCHEDULED.value:
        return False
    return new.place.visit is not None or (new.place.quarantine is not None and row.access == AccessClass.INTERNAL.value)


def _dataset_row(placed: _Placed, new_pid: Pid, sample_id: int | None, now_us: int) -> dict[str, Any]:
    new = placed.new
    return {
        "pid": new_pid,
        "identity": new.identity,
        "facility_id": new.place.instrument.facility_id,
        "instrument_id": new.place.instrument.id,
        "investigation_id": placed.investigation_id,
        "terms_id": placed.terms_id,
        "sample_id": sample_id,
        "origin": Origin.NATIVE.value,
        "kind": DatasetKind.RAW.value,
        "storage": new.storage,
        "path": new.path,
        "entry": new.entry,
        "series": new.series,
        "quarantine": new.place.quarantine,
        "read_state": new.read_state,
        "format": new.format,
        "advice": new.advice,
        "growing": new.growing,
        "has_plot": new.has_plot,
        "version": 1,
        "file_count": new.manifest.file_count,
        "total_bytes": new.manifest.total_bytes,
        "created_us": now_us,
        "updated_us": now_us,
        "revision": 1,
        **new.described.columns,
    }


def _manifest_columns(new: NewDataset) -> dict[str, Any]:
    return {
        "manifest": new.manifest.to_bytes(),
        "content_key": new.content_key,
        "file_count": new.manifest.file_count,
        "total_bytes": new.manifest.total_bytes,
        "digest_state": DigestState.PENDING.value,
    }


def _write_versions(connection: Connection, versions: list[tuple[int, Pid, int, NewDataset]], now_us: int) -> None:
    rows = [
        {
            "pid": version_pid(concept, number),
            "dataset_id": dataset_id,
            "number": number,
            "open": new.growing,
            "facts": new.facts,
            "created_us": now_us,
            "closed_us": None if new.growing else now_us,
            **_manifest_columns(new),
        }
        for dataset_id, concept, number, new in versions
    ]
    ids = (
        connection.execute(dataset_version.insert().returning(dataset_version.c.id, sort_by_parameter_order=True), rows)
        .scalars()
        .all()
    )
    connection.execute(pid.insert(), [_pid_row(version_pid(c, n), "version", c, n) for _, c, n, _ in versions])
    pairs = [{"b_id": d, "b_version": v, "b_number": n} for (d, _, n, _), v in zip(versions, ids, strict=True)]
    connection.execute(_POINT_TO_VERSION, pairs)
    fresh = all(number == 1 for _, _, number, _ in versions)
    keep_file_names(connection, [(dataset_id, new.manifest) for dataset_id, _, _, new in versions], fresh=fresh)


def _write_details(connection: Connection, items: list[tuple[int, NewDataset]], now_us: int) -> None:
    connection.execute(layer.insert(), [_layer_row(i, new, now_us) for i, new in items])
    for table, rows in (
        (parameter, [{"dataset_id": i, **row} for i, new in items for row in new.described.parameters]),
        (dataset_technique, [{"dataset_id": i, "technique_pid": t} for i, new in items for t in new.described.techniques]),
        (dataset_person, [{"dataset_id": i, **row} for i, new in items for row in new.described.people]),
    ):
        if rows:
            connection.execute(table.insert(), rows)


def _layer_row(dataset_id: int, new: NewDataset, now_us: int) -> dict[str, Any]:
    return {"dataset_id": dataset_id, "source": "file", "values_json": json.dumps(new.layer), "by": "ingest", "at_us": now_us}


def _pid_row(text: str, kind: str, concept: str, number: int | None) -> dict[str, Any]:
    return {"pid": text, "kind": kind, "concept": concept, "version": number, "origin": Origin.NATIVE.value}


def _link_units(connection: Connection, placed: list[_Placed], ids: dict[bytes, int]) -> None:
    units = [p.outcome.unit.id for p in placed]
    if not units:
        return
    connection.execute(delete(unit_dataset).where(unit_dataset.c.unit_id.in_(units)))
    connection.execute(unit_dataset.insert(), [{"unit_id": p.outcome.unit.id, "dataset_id": ids[p.new.identity]} for p in placed])


_POINT_TO_VERSION = (
    update(dataset)
    .where(dataset.c.id == bindparam("b_id"))
    .values(version_id=bindparam("b_version"), version=bindparam("b_number"))
)
