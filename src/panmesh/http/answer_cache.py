"""Answers to anonymous questions, kept for as long as nothing was committed and at most a second: what opens by the clock opens in time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from panmesh.kernel.clock import Clock

LIFETIME_US = 1_000_000
LARGEST = 1 << 20  # bytes of one answer


@dataclass(frozen=True, slots=True)
class Kept:
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]


class AnswerCache:
    """`stamp` changes with every commit to the database, by whatever process."""

    def __init__(self, stamp: Callable[[], Hashable], clock: Clock, *, quick: bool, most: int = 64 << 20) -> None:
        """`quick`: the stamp is had without waiting for a server."""
        self.stamp = stamp
        self.quick = quick
        self._clock = clock
        self._most = most
        self._size = 0
        self._kept: OrderedDict[Hashable, tuple[Hashable, int, Kept]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, stamp: Hashable) -> Kept | None:
        with self._lock:
            found = self._kept.get(key)
            if found is None or found[0] != stamp or not 0 <= self._clock() - found[1] < LIFETIME_US:
                return None
            self._kept.move_to_end(key)
            return found[2]

    def put(self, key: Hashable, stamp: Hashable, at_us: int, answer: Kept) -> None:
        """`stamp` and `at_us` as they were before the answer was looked up."""
        if len(answer.body) > LARGEST:
            return
        with self._lock:
            old = self._kept.pop(key, None)
            self._size += len(answer.body) - (len(old[2].body) if old else 0)
            self._kept[key] = (stamp, at_us, answer)
            while self._size > self._most:
                _, (_, _, gone) = self._kept.popitem(last=False)
                self._size -= len(gone.body)
