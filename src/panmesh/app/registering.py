"""DOIs are made, kept true and compared, by itself: where an account of DataCite is configured."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable

import structlog

from panmesh.app.compose import Composition
from panmesh.publication.doi_sending import Sent
from panmesh.publication.dois import RegistryFailed

log = structlog.get_logger("panmesh.dois")

LOOK_SECONDS = 1.0
CLOCK_SECONDS = 5.0  # also when nothing is committed: embargoes end, and attempts are due, by the clock
COMPARE_SECONDS = 60.0
BATCH = 100
COMPARED = 500  # with each look: 720,000 a day, of five requests where nothing differs


class Registering:
    def __init__(self, app: Composition, stopped: threading.Event | None = None) -> None:
        self._app = app
        self._stopped = stopped or threading.Event()

    def loop(self) -> None:
        if self._app.registry is None:
            return
        stamp: Hashable = None
        looked = compared = 0.0
        while not self._stopped.wait(LOOK_SECONDS):
            found = self._app.database.stamp()
            if found == stamp and time.monotonic() - looked < CLOCK_SECONDS:
                continue
            looked = time.monotonic()
            self.round()
            stamp = self._app.database.stamp()
            if time.monotonic() - compared > COMPARE_SECONDS:
                self.compare(COMPARED)
                compared = time.monotonic()

    def round(self) -> Sent:
        """Until nothing is due, or DataCite wants a pause."""
        app, whole = self._app, Sent()
        prefix = app.settings.datacite.prefix
        if app.registry is None or prefix is None:
            return whole
        app.dois.follow(app.automatic_dois, app.clock())
        app.dois.name(prefix)
        while not self._stopped.is_set():
            sent = app.doi_sender.round(BATCH, self._stopped.is_set)
            whole.looked, whole.requests = whole.looked + sent.looked, whole.requests + sent.requests
            whole.failed += sent.failed
            if not sent.requests and sent.looked < BATCH:
                break  # what was confirmed may have woken others
        if whole.requests or whole.failed:
            log.info("DOIs sent", looked=whole.looked, confirmed=whole.requests, failed=whole.failed)
        return whole

    def compare(self, limit: int, before_us: int | None = None) -> tuple[int, int]:
        try:
            compared, differed = self._app.doi_comparing.compare_some(limit, before_us)
        except RegistryFailed as error:
            log.warning("DOIs could not be compared", reason=error.detail)
            return 0, 0
        if differed:
            log.warning("DOIs differed at DataCite", compared=compared, differed=differed)
        return compared, differed
