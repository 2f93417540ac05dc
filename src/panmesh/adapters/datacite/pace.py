"""How fast DataCite is asked: a burst that a day's work rarely exceeds, then so many requests a minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

_BURST_MINUTES = 5  # DataCite counts the requests of five minutes


class Pace:
    """Shared by the threads that send: each waits for its turn, first come, first served."""

    def __init__(
        self, per_minute: int, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._rate, self._burst = per_minute / 60, per_minute * _BURST_MINUTES
        self._clock, self._sleep = clock, sleep
        self._left, self._at = float(self._burst), clock()
        self._lock = Lock()

    def wait(self) -> None:
        with self._lock:
            now = self._clock()
            self._left = min(self._burst, self._left + (now - self._at) * self._rate) - 1
            self._at = now
            pause = -self._left / self._rate
        if pause > 0:
            self._sleep(pause)
