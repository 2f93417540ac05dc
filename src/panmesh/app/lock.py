"""On SQLite exactly one process does the work: a lock on a file that the kernel lets go when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from panmesh.kernel.errors import Conflict


class WorkerLock:
    def __init__(self, data: Path) -> None:
        self._path = data / "worker.lock"
        self._handle: int | None = None

    def take(self) -> bool:
        """Whether this process has it now."""
        if self._handle is not None:
            return True
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        self._handle = handle
        return True

    def require(self) -> None:
        if not self.take():
            holder = self._path.read_text().strip() or "another process"
            raise Conflict(
                f"A worker is running already (process {holder}). On SQLite there can be only one; stop it, or move to PostgreSQL "
                "([database] url = …), where any number may run."
            )

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
