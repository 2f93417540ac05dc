"""The last answers, for whoever asks the same after it is decided that they may: walking a tree goes back and forth."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from panmesh.catalogue.arrays import ArrayAnswer

LARGEST = 8 << 20  # bytes of one answer


class KeptAnswers:
    def __init__(self, most: int) -> None:
        """`most`: bytes of all."""
        self._most, self._size, self._lock = most, 0, Lock()
        self._kept: OrderedDict[str, ArrayAnswer] = OrderedDict()

    def get(self, key: str) -> ArrayAnswer | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, key: str, answer: ArrayAnswer) -> None:
        """Only what depends on nothing but the state of the file that is part of the key."""
        if answer.growing or answer.depends or len(answer.body) > LARGEST:
            return
        with self._lock:
            old = self._kept.pop(key, None)
            self._kept[key] = answer
            self._size += _cost(answer) - (_cost(old) if old else 0)
            while self._size > self._most:
                self._size -= _cost(self._kept.popitem(last=False)[1])


def _cost(answer: ArrayAnswer) -> int:
    return len(answer.body) + 500
