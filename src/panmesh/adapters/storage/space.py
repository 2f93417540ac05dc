"""How much room is left where storages are. A disk that does not answer is not waited for, and asked by one thread only."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from panmesh.ingest.dashboard import Space

PATIENCE_SECONDS = 0.5


class FreeSpace:
    def __init__(self, root: Callable[[str], Path]) -> None:
        """`root`: of a storage, by its key."""
        self._root = root
        self._asked: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()

    def __call__(self, storage: str) -> Space | None:
        """None: it does not answer, or is not there."""
        found: list[Space] = []
        with self._lock:
            if (before := self._asked.get(storage)) is not None and before.is_alive():
                return None
            asking = threading.Thread(target=self._ask, args=(storage, found), daemon=True, name=f"space of {storage}")
            self._asked[storage] = asking
            asking.start()
        asking.join(PATIENCE_SECONDS)
        return found[0] if found else None

    def _ask(self, storage: str, found: list[Space]) -> None:
        try:
            said = os.statvfs(self._root(storage))
        except OSError:
            return
        found.append(Space(free=said.f_bavail * said.f_frsize, total=said.f_blocks * said.f_frsize))
