"""Digests after the fact: a dataset is visible at once, its bytes are counted in the background, and later compared again."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Executor
from dataclasses import replace
from typing import Protocol

from panmesh.catalogue.manifest import FileRow, ManifestRef, ManifestStore
from panmesh.ingest.files import Storages
from panmesh.ingest.store import IngestStore, PendingDigest
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Invalid
from panmesh.kernel.faults import reach


class FileDigests(Protocol):
    """What `adapters.storage.digest.Digests` has."""

    @property
    def size(self) -> int: ...
    @property
    def modified_us(self) -> int: ...
    @property
    def sha256(self) -> bytes: ...
    @property
    def blake3(self) -> bytes: ...
    @property
    def crc32(self) -> int: ...
    @property
    def adler32(self) -> int: ...
    @property
    def blocks(self) -> tuple[bytes, ...]: ...


class DigestFile(Protocol):
    def __call__(self, handle: int, /) -> FileDigests:
        """Raises OSError when the file cannot be read or is written meanwhile."""
        ...


class DigestService:
    def __init__(
        self,
        *,
        store: IngestStore,
        manifests: ManifestStore,
        storages: Storages,
        clock: Clock,
        digest: DigestFile,
        pool: Executor | None = None,
    ) -> None:
        self._store = store
        self._manifests = manifests
        self._storages = storages
        self._clock = clock
        self._digest = digest
        self._pool = pool

    def work(self, limit: int = 16) -> int:
        """Digest up to `limit` versions; returns how many were dealt with."""
        pending = self._store.pending_digests(limit)
        small = [p for p in pending if p.manifest.inline is not None]
        if self._pool is not None and len(small) == len(pending) and len(pending) > 1:
            results = self._pool.map(self._compute, pending)
        else:
            results = map(self._compute, pending)
        for one, (after, key, failed) in zip(pending, results, strict=True):
            reach("digest.computed")
            self._store.save_digests(one.version_id, one.manifest, after, key, failed, self._clock())
        return len(pending)

    def _compute(self, one: PendingDigest) -> tuple[ManifestRef, bytes, str | None]:
        """(manifest with digests, key of all of them together, what failed)."""
        failures: list[str] = []
        together = hashlib.sha256()

        def kept(row: FileRow) -> FileRow:
            after = digested(row)
            together.update(after.sha256 or b"")
            return after

        def digested(row: FileRow) -> FileRow:
            if row.sha256 is not None:
                return row
            try:
                handle = self._storages.open(row.storage, row.path)
                try:
                    found = self._digest(handle)
                finally:
                    os.close(handle)
            except (OSError, Invalid) as error:
                failures.append(f"{row.name}: {getattr(error, 'strerror', None) or error}")
                return row
            if found.size != row.size:
                failures.append(f"{row.name}: has {found.size} bytes now, had {row.size}")
                return row
            if found.modified_us != row.modified_us:
                failures.append(f"{row.name}: was written again since it was seen")
                return row
            return replace(
                row, sha256=found.sha256, blake3=found.blake3, crc32=found.crc32, adler32=found.adler32, blocks=found.blocks
            )

        after = self._manifests.transform(one.manifest, kept)
        return after, together.digest(), "; ".join(failures[:3]) or None
