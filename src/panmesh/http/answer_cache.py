"""Answers to anonymous questions, kept while nothing was committed and no embargo ended: the truth of now, without asking again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from panmesh.http.shared import Recent
from panmesh.kernel.clock import Clock

STAMP_S = 0.005  # seconds that a server's word that nothing was committed is trusted; of our own commits we know at once
SHORT_US = 1_000_000  # how long an answer is kept while it is not known when access next changes by the clock
LARGEST = 1 << 20  # bytes of one answer


@dataclass(frozen=True, slots=True)
class Kept:
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]


class AnswerCache:
    """`stamp` changes with every commit to the database, by whatever process."""

    def __init__(
        self,
        stamp: Callable[[], Hashable],
        horizon: Callable[[], int | None],
        last_commit: Callable[[], object],
        clock: Clock,
        *,
        quick: bool,
        most: int = 64 << 20,
    ) -> None:
        """`quick`: the stamp is had without waiting for a server. `last_commit`: another one after each commit of this process.
        `horizon`: when access next changes by the clock."""
        self._ask_stamp = stamp
        self._stamps = Recent(stamp, last_commit, STAMP_S)
        self._quick = quick
        self._find_horizon = horizon
        self._clock = clock
        self._most = most
        self._size = 0
        self._kept: OrderedDict[Hashable, tuple[Hashable, int, Any, int]] = OrderedDict()
        self._horizon: tuple[Hashable, int, int] | None = None  # under that stamp, from then, until then
        self._lock = threading.Lock()

    async def stamp(self) -> Hashable:
        """Of now, or of at most `STAMP_S` seconds ago."""
        return self._ask_stamp() if self._quick else await self._stamps.get()

    def __contains__(self, key: Hashable) -> bool:
        """Whether there is anything at all, true or not any more."""
        return key in self._kept

    def get(self, key: Hashable, stamp: Hashable) -> Any:
        """What was put for this key under the same stamp; None when there is nothing, or the clock has changed it."""
        now = self._clock()
        with self._lock:
            found = self._kept.get(key)
            if found is None or found[0] != stamp or now < found[1]:
                return None
            if now >= self._until(stamp, found[1]):
                return None
            self._kept.move_to_end(key)
            return found[2]

    def _until(self, stamp: Hashable, at_us: int) -> int:
        known = self._horizon
        if known is not None and known[0] == stamp and at_us >= known[1]:
            return known[2]
        return at_us + SHORT_US

    def put(self, key: Hashable, stamp: Hashable, at_us: int, answer: Any, size: int) -> None:
        """`stamp` and `at_us` as they were before the answer was looked up."""
        if size > LARGEST:
            return
        with self._lock:
            old = self._kept.pop(key, None)
            self._size += size - (old[3] if old else 0)
            self._kept[key] = (stamp, at_us, answer, size)
            while self._size > self._most:
                _, gone = self._kept.popitem(last=False)
                self._size -= gone[3]

    def knows_horizon(self, stamp: Hashable) -> bool:
        known = self._horizon
        return known is not None and known[0] == stamp and self._clock() < known[2]

    def learn_horizon(self, stamp: Hashable) -> None:
        """Looks it up; the stamp is the one from before. What comes next by the clock ends all that is kept."""
        from_us = self._clock()
        until = self._find_horizon()
        with self._lock:
            self._horizon = (stamp, from_us, 2**63 if until is None else until)
