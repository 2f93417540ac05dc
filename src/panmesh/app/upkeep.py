"""The house kept in order, by itself: bytes compared again, failures tried again, scans closed, what nothing refers to removed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from panmesh.adapters.sql.retention import forget
from panmesh.adapters.sql.revisions import forget_changes
from panmesh.adapters.storage.verify import Pace
from panmesh.app.compose import Composition
from panmesh.app.disk_rights import check
from panmesh.app.indexing import is_due, make_index
from panmesh.app.verify import Verified, verify_one
from panmesh.kernel.clock import DAY_US

log = structlog.get_logger("panmesh.upkeep")

ROUND_SECONDS = 30.0
RETRY_US = 3600 * 1_000_000  # digests that failed
COLLECT_US = DAY_US
SLOWEST = 8 << 20  # bytes a second: a small facility is compared sooner than it must be
HASTE = 2.0  # times the pace that would just do, so that a night of standstill does not matter


@dataclass
class Upkeep:
    app: Composition
    stopped: threading.Event
    _retried_us: int = 0
    _collected_us: int = 0
    _nightly_us: int = 0

    def loop(self) -> None:
        while not self.stopped.wait(ROUND_SECONDS):
            with self.app.database.alone("upkeep") as mine:
                if mine:
                    self.round()

    def round(self) -> None:
        now = self.app.clock()
        finished = self.app.corrections.finish_stopped()
        if finished:
            log.info("corrections that had stopped are finished", corrections=finished)
        edits = self.app.bulk_edits.finish_stopped()
        if edits:
            log.info("changes to many runs that had stopped are finished", changes=edits)
        self._renew_names(now)
        if self.app.audit_chain.waits():
            self.app.audit_chain.seal()
        forget_changes(self.app.database)
        self._look_at_growing()
        woken = self.app.upkeep.wake_quiet(now - int(self.app.settings.ingest.quiet_minutes * 60e6), now)
        if woken:
            log.info("scans at rest are read once more", units=woken)
        if now - self._retried_us > RETRY_US:
            self._retried_us = now
            again = self.app.upkeep.retry_failed_digests()
            if again:
                log.info("digests tried again", versions=again)
        if now - self._nightly_us > DAY_US:
            self._nightly_us = now
            self._nightly(now)
        if now - self._collected_us > COLLECT_US:
            self._collected_us = now
            self.app.manifests.collect_garbage(self.app.upkeep.segments())
        if is_due(self.app):
            make_index(self.app)
        self.verify_some(now)

    def _nightly(self, now_us: int) -> None:
        kept = self.app.settings.retention.model_dump()
        gone = forget(self.app.database, {name.removesuffix("_days"): days for name, days in kept.items()}, now_us)
        if gone:
            log.info("forgotten by rule", **gone)
        if self.app.settings.acl.check:
            report = check(self.app)
            log.info("rights on the disk compared", folders=report.folders, differ=len(report.drifts))

    def _renew_names(self, now_us: int) -> None:
        """Texts for search in which a name is withheld, or shown again: many runs in pieces."""
        while (done := self.app.personal.renew_texts(now_us)) and not self.stopped.is_set():
            log.info("texts for search made anew for withheld names", runs=done)

    def _look_at_growing(self) -> None:
        """Files that a writer holds open: the kernel tells of them only when they are closed."""
        for storage, path in self.app.upkeep.growing():
            stat = self.app.storages.stat(storage, path)
            if stat is not None:
                self.app.ingest.sight(storage, [stat])

    def verify_some(self, now_us: int, limit: int = 16) -> Verified:
        """The datasets that waited longest, if they waited longer than `verify_days`, at a pace that leaves the disk to others."""
        result = Verified()
        days = self.app.settings.ingest.verify_days
        if days == 0:
            return result
        due = self.app.upkeep.due(now_us - int(days * DAY_US), limit)
        if not due:
            return result
        pace: Callable[[int], object] = Pace(max(SLOWEST, HASTE * self.app.upkeep.total_bytes() / (days * 86_400)))
        for one in due:
            if self.stopped.is_set():
                break
            verify_one(self.app, one, result, deep=True, progress=pace)
        if result.wrong:
            log.warning(
                "files are not what the catalogue says",
                missing=result.missing,
                changed=result.changed,
                unreadable=result.unreadable,
            )
        return result
