"""Records of other catalogues into ours: one transaction for a batch, what is the same passed over, what is ours never overwritten."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import select

from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.audit import write_audit
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.import_datasets import bring_datasets
from panmesh.adapters.sql.import_documents import bring_documents, is_visit
from panmesh.adapters.sql.import_ground import Ground
from panmesh.adapters.sql.import_links import settle_links
from panmesh.adapters.sql.import_places import Places
from panmesh.adapters.sql.tables import facility
from panmesh.catalogue.imported import Imported, ImportedDataset, ImportedDocument, ImportedInstrument, Rejected
from panmesh.catalogue.importing import Change, Fate
from panmesh.catalogue.manifest import ManifestStore
from panmesh.catalogue.model import Origin
from panmesh.catalogue.tidying import tidy
from panmesh.kernel.errors import Invalid
from panmesh.kernel.faults import reach


class _DryRun(Exception):
    pass


class SqlImports:
    """Implements `catalogue.importing.ImportStore`."""

    def __init__(
        self,
        database: Database,
        manifests: ManifestStore,
        facility_key: str,
        *,
        policy_version: str,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._db = database
        self._manifests = manifests
        self._facility_key = facility_key
        self._policy_version = policy_version
        self._random = random_bytes
        self._seen: set[str] = set()

    def store(
        self, by: Viewer, batch: Sequence[Imported], *, origin: Origin, source: str, now_us: int, dry_run: bool = False
    ) -> list[Fate]:
        if origin is Origin.NATIVE:
            raise Invalid("what is brought from elsewhere is migrated or mirrored, never native.")
        fates: list[Fate] = []
        records = list(_tidied(batch, fates))
        try:
            with self._db.write() as connection:
                self._db.lock(connection, "directory")
                if self._db.sqlite:  # mapped pages would count as memory: a million records touch all of them
                    connection.exec_driver_sql("PRAGMA mmap_size = 0")
                mine = select(facility.c.id).where(facility.c.facility_key == self._facility_key)
                ground = Ground(
                    connection=connection,
                    by=by,
                    origin=origin,
                    source=source,
                    now_us=now_us,
                    facility_id=connection.execute(mine).scalar_one(),
                    facility_key=self._facility_key,
                    policy_version=self._policy_version,
                    manifests=self._manifests,
                    random_bytes=self._random,
                    dry_run=dry_run,
                    seen=self._seen,
                    fates=fates,
                )
                for group in _rounds(records):
                    _bring(ground, group)
                if dry_run:
                    raise _DryRun
                made = Counter(f.kind for f in fates if not f.part and f.change in (Change.NEW, Change.UPDATED))
                if made:
                    write_audit(connection, by, "imported", None, now_us, source=source, origin=origin.value, **made)
                reach("import.before-commit")
        except _DryRun:
            pass
        reach("import.after-commit")
        return fates


def _bring(ground: Ground, group: Sequence[Imported]) -> None:
    places = Places(ground)
    places.bring_instruments([r for r in group if isinstance(r, ImportedInstrument)])
    documents = [r for r in group if isinstance(r, ImportedDocument)]
    changed = bring_documents(ground, places, [r for r in documents if is_visit(r, ground.origin)])
    datasets = bring_datasets(ground, places, [r for r in group if isinstance(r, ImportedDataset)])
    changed += bring_documents(ground, places, [r for r in documents if not is_visit(r, ground.origin)])
    settle_links(ground, changed, datasets)


def _tidied(batch: Sequence[Imported], fates: list[Fate]) -> Iterator[Imported]:
    for record in batch:
        clean, notes = tidy(record)
        if isinstance(clean, Rejected):
            fates.append(Fate(kind=clean.kind, pid=clean.pid, change=Change.DROPPED, reason=clean.reason))
            continue
        kind = type(clean).__name__.removeprefix("Imported").lower()
        fates += [Fate(kind=kind, pid=clean.pid, change=Change.UPDATED, reason=note, part=True) for note in sorted(notes)]
        yield clean


def _rounds(records: Sequence[Imported]) -> Iterator[list[Imported]]:
    """A pid that comes twice: the second time is a round of its own, except of a nested record, which adds nothing."""
    rest = list(records)
    while rest:
        group: dict[tuple[type, str], Imported] = {}
        later: list[Imported] = []
        for record in rest:
            key = type(record), record.pid
            if key not in group or group[key].nested and not record.nested:
                group[key] = record
            elif not record.nested:
                later.append(record)
        yield list(group.values())
        rest = later
