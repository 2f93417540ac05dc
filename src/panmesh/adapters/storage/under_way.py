"""Files that a writer has made and not closed yet. One that is written for readers too (HDF5 in SWMR mode) is theirs from then on."""

from __future__ import annotations

import time
from collections import OrderedDict

LOOK_SECONDS = 2.0  # between two looks at those that are open
LONGEST_SECONDS = (
    600.0  # that a writer takes to open its new file to readers; one that did not by then is told of when it is closed
)
MOST = 1000  # of the latest are looked at
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_FLAGS, _SWMR = 11, 0x04  # where a superblock of version 3 says how the file is open


class UnderWay:
    def __init__(self) -> None:
        self._open: OrderedDict[str, float] = OrderedDict()  # since when, the oldest first
        self._looked = time.monotonic()

    def began(self, path: str) -> None:
        self._open[path] = time.monotonic()
        while len(self._open) > MOST:
            self._open.popitem(last=False)

    def ended(self, path: str) -> None:
        self._open.pop(path, None)

    def readable(self) -> list[str]:
        """Those that readers may open by now, each once."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return []
        self._looked = now
        found = [path for path in self._open if _for_readers(path)]
        for path in [*found, *(path for path, since in self._open.items() if now - since > LONGEST_SECONDS)]:
            self.ended(path)
        return found


def _for_readers(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            head = file.read(_FLAGS + 1)
    except OSError:
        return False  # it went meanwhile, which is told by itself
    return len(head) > _FLAGS and head.startswith(_SIGNATURE) and head[8] >= 3 and bool(head[_FLAGS] & _SWMR)
