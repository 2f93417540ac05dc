"""What the world is told is kept as it should be, by itself: lists for harvesters, records written ahead, use counted, runs scored."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable

import structlog

from panmesh.app.compose import Composition
from panmesh.kernel.clock import DAY_US
from panmesh.publication.usage import Recorder, count_days

log = structlog.get_logger("panmesh.publishing")

LOOK_SECONDS = 5.0
PAUSE_SECONDS = 0.05  # between two pieces of work: others write then
AHEAD = 50  # records written in one piece
AHEAD_SECONDS = 30.0
COUNT_US = DAY_US // 24
SCORE_SECONDS = 2.0


WRITE_SECONDS = 60.0


def write_uses(recorder: Recorder, ended: threading.Event) -> None:
    """In each process that serves; what was noted since the last time is lost with a process that is killed."""
    while not ended.wait(WRITE_SECONDS):
        _write(recorder)
    _write(recorder)


def _write(recorder: Recorder) -> None:
    try:
        recorder.write()
    except Exception as error:  # a thread that ends would count nothing any more
        log.error("use was not written", error=f"{type(error).__name__}: {error}")


class Publishing:
    def __init__(self, app: Composition, stopped: threading.Event) -> None:
        self._app = app
        self._stopped = stopped
        self._counted_us = 0
        self._scored_us = 0
        self._behind = False  # records wait to be written
        self._forgotten: int | None = 0  # how far the look for records with another address or name of the facility in them is
        self._scored_id: int | None = None  # how far the look at every run is

    def loop(self) -> None:
        stamp: Hashable = None
        pause = LOOK_SECONDS
        while not self._stopped.wait(pause):
            found = self._app.database.stamp()
            with self._app.database.alone("publish") as mine:
                if mine:
                    self.round(changed=found != stamp)
                    stamp = self._app.database.stamp()
            pause = PAUSE_SECONDS if mine and self._behind else LOOK_SECONDS

    def round(self, *, changed: bool = True) -> None:
        """`changed`: something was committed; embargoes end, and days, without that."""
        moved = self._app.harvest_upkeep.renew(lambda: not self._stopped.wait(PAUSE_SECONDS))
        if moved:
            log.info("lists for harvesters renewed", items=moved)
        self._write_ahead(news=bool(moved) or changed)
        now_us = self._app.clock()
        self._score(now_us, changed=changed)
        if now_us - self._counted_us > COUNT_US:
            self._counted_us = now_us
            if days := count_days(self._app.usage_store, now_us):
                log.info("use counted", days=days)
            self._app.usage_store.hold(now_us)

    def _write_ahead(self, *, news: bool) -> None:
        """Some seconds of it in a round: a million records take the better part of an hour, and what changes meanwhile is to be listed."""
        if not news and not self._behind:
            return
        began, self._behind = time.monotonic(), True
        while (piece := time.monotonic()) - began < AHEAD_SECONDS:
            if self._forgotten is not None:
                self._forgotten = self._app.harvest_texts.forget_others(self._forgotten)
            elif not self._app.harvest.write_ahead(AHEAD):
                self._behind = False
                return
            took = time.monotonic() - piece
            if self._stopped.wait(max(PAUSE_SECONDS, took)):  # whoever looks at pages meanwhile has the other half of the time
                return

    def _score(self, now_us: int, *, changed: bool) -> None:
        """What changed at once; every run from time to time, a few seconds of it in a round."""
        scores = self._app.fair_scores
        while changed and scores.follow(now_us) and not self._stopped.wait(PAUSE_SECONDS):
            pass
        if self._scored_id is None and now_us - self._scored_us < COUNT_US:
            return
        began = time.monotonic()
        here: int | None = self._scored_id or 0
        while here is not None and time.monotonic() - began < SCORE_SECONDS and not self._stopped.wait(0.01):
            here = scores.sweep(now_us, here)
        self._scored_id = here
        if here is None:
            self._scored_us = now_us
            scores.keep_month(now_us)
