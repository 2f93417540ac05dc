"""What upkeep asks of the tables: which bytes to compare next, what to try again, which scans have come to rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select, update

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.tables import change, dataset, dataset_version, finding, unit, unit_dataset
from panmesh.catalogue.manifest import ManifestRef
from panmesh.catalogue.model import DigestState
from panmesh.ingest.units import UnitState

BLOCK = 500  # datasets read at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The newest version of one dataset."""

    dataset_id: int
    pid: str
    version_id: int
    manifest: ManifestRef


class SqlUpkeep:
    def __init__(self, database: Database) -> None:
        self._db = database

    def datasets(self) -> Iterator[Kept]:
        """All whose bytes are here, block by block: neither held in memory at once, nor read in one long transaction."""
        last = 0
        while block := self._kept(_kept().where(dataset.c.id > last).order_by(dataset.c.id).limit(BLOCK)):
            yield from block
            last = block[-1].dataset_id

    def number(self) -> int:
        """Of those datasets."""
        with self._db.read() as connection:
            return int(connection.execute(select(func.count()).select_from(_kept().subquery())).scalar_one())

    def due(self, not_since_us: int, limit: int) -> list[Kept]:
        """Those whose bytes were neither written nor compared since then, the longest waiting first."""
        last = func.coalesce(dataset_version.c.verified_us, dataset_version.c.created_us)
        return self._kept(_kept().where(last < not_since_us).order_by(last, dataset.c.id).limit(limit))

    def _kept(self, query: Select[Any]) -> list[Kept]:
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        return [
            Kept(dataset_id=r.id, pid=r.pid, version_id=r.version_id, manifest=ManifestRef.from_bytes(r.manifest)) for r in rows
        ]

    def save_findings(self, one: Kept, found: Mapping[str, tuple[str, str | None]], now_us: int, *, compared: bool) -> None:
        """`found`: file → (what is wrong, detail for staff). `compared`: every byte was read."""
        kinds = {name: kind for name, (kind, _) in found.items()}
        if not compared:
            with self._db.read() as connection:  # writers wait for nobody who has nothing to write
                if _known_findings(connection, one) == kinds:
                    return
        with self._db.write() as connection:
            if compared:
                connection.execute(
                    update(dataset_version).where(dataset_version.c.id == one.version_id).values(verified_us=now_us)
                )
            if _known_findings(connection, one) == kinds:
                return
            connection.execute(delete(finding).where(finding.c.dataset_id == one.dataset_id))
            if found:
                rows = [
                    {"dataset_id": one.dataset_id, "name": name, "kind": kind, "detail": detail, "noticed_us": now_us}
                    for name, (kind, detail) in found.items()
                ]
                connection.execute(finding.insert(), rows)
            connection.execute(change.insert(), {"at_us": now_us, "kind": "dataset", "pid": one.pid, "what": "verified"})

    def storages(self) -> frozenset[str]:
        """Keys of those on which the bytes of datasets are said to be."""
        with self._db.read() as connection:
            return frozenset(connection.execute(_kept().with_only_columns(dataset.c.storage).distinct()).scalars()) - {None, ""}

    def total_bytes(self) -> int:
        with self._db.read() as connection:
            return int(connection.execute(select(func.coalesce(func.sum(dataset.c.total_bytes), 0))).scalar_one())

    def retry_failed_digests(self) -> int:
        """A disk that was away, a file that was being written: what could not be digested is tried again."""
        with self._db.write() as connection:
            return connection.execute(
                update(dataset_version)
                .where(dataset_version.c.digest_state == DigestState.FAILED.value)
                .values(digest_state=DigestState.PENDING.value)
            ).rowcount

    def growing(self, limit: int = 1000) -> list[tuple[str, str]]:
        """(storage, path) of single files that a writer holds open, those looked at longest ago first."""
        found = (
            select(unit.c.storage, unit.c.path)
            .join(unit_dataset, unit_dataset.c.unit_id == unit.c.id)
            .join(dataset, dataset.c.id == unit_dataset.c.dataset_id)
            .where(dataset.c.growing.is_(True), unit.c.state == UnitState.CATALOGUED.value)
            .order_by(unit.c.read_us)
            .limit(limit)
        )
        with self._db.read() as connection:
            return [(row.storage, row.path) for row in connection.execute(found)]

    def wake_quiet(self, quiet_since_us: int, now_us: int, limit: int = 200) -> int:
        """Scans under way that nothing was written to since then are read once more, to be closed."""
        growing = (
            select(unit.c.id)
            .join(unit_dataset, unit_dataset.c.unit_id == unit.c.id)
            .join(dataset, dataset.c.id == unit_dataset.c.dataset_id)
            .where(
                dataset.c.growing.is_(True),
                unit.c.state.in_([UnitState.CATALOGUED.value, UnitState.STORED.value]),
                unit.c.modified_us < quiet_since_us,
                unit.c.read_us < quiet_since_us,
            )
            .order_by(unit.c.read_us)
            .limit(limit)
        )
        with self._db.write() as connection:
            ids = list(connection.execute(growing).scalars())
            if ids:
                connection.execute(
                    update(unit)
                    .where(unit.c.id.in_(ids))
                    .values(state=UnitState.SEEN.value, seen_us=now_us, claimed_by=None, claimed_until_us=None)
                )
        return len(ids)

    def segments(self) -> frozenset[str]:
        """Names of all manifest segments that a version refers to."""
        found: set[str] = set()
        with self._db.read() as connection:
            for blob in connection.execute(select(dataset_version.c.manifest)).scalars():
                found.update(segment.name for segment in ManifestRef.from_bytes(blob).segments)
        return frozenset(found)


def _kept() -> Select[Any]:
    """The newest versions of the datasets whose bytes are here."""
    return (
        select(dataset.c.id, dataset.c.pid, dataset_version.c.id.label("version_id"), dataset_version.c.manifest)
        .join(dataset_version, dataset_version.c.id == dataset.c.version_id)
        .where(dataset_version.c.digest_state != DigestState.ELSEWHERE.value)
    )


def _known_findings(connection: Connection, one: Kept) -> dict[str, str]:
    known = select(finding.c.name, finding.c.kind).where(finding.c.dataset_id == one.dataset_id)
    return {f.name: f.kind for f in connection.execute(known)}
