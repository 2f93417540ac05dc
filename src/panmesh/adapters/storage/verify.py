"""Whether a file on disk still is what the manifest says: by a look (size and time), or by reading every byte."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from panmesh.adapters.storage.digest import ChangedWhileRead, digest_handle
from panmesh.adapters.storage.roots import Roots
from panmesh.catalogue.manifest import FileRow
from panmesh.kernel.errors import Invalid


class Condition(StrEnum):
    PRESENT = "present"  # there, with the size and time that we know; its bytes were not read
    VERIFIED = "verified"  # every byte was read, and the SHA-256 is the same
    MISSING = "missing"
    CHANGED = "changed"
    UNREADABLE = "unreadable"  # there, but the disk or the permissions say no: not the same as missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    condition: Condition
    detail: str | None = None  # for staff: what is different, or why it cannot be read


def check(storages: Roots, row: FileRow, *, deep: bool, progress: Callable[[int], object] | None = None) -> Checked:
    """`deep` reads the bytes of files that have a digest; pass a `Pace` as progress to leave the disk to others."""
    try:
        handle = storages.open(row.storage, row.path)
    except (FileNotFoundError, NotADirectoryError):
        return Checked(condition=Condition.MISSING)
    except (OSError, Invalid) as error:
        return Checked(condition=Condition.UNREADABLE, detail=getattr(error, "strerror", None) or str(error))
    try:
        info = os.fstat(handle)
        if info.st_size != row.size:
            return Checked(condition=Condition.CHANGED, detail=f"has {info.st_size} bytes, had {row.size}")
        if info.st_mtime_ns // 1000 != row.modified_us:
            return Checked(condition=Condition.CHANGED, detail="was written again: same size, other time")
        if not deep or row.sha256 is None:
            return Checked(condition=Condition.PRESENT)
        return _compared(handle, row, progress)
    except ChangedWhileRead:
        return Checked(condition=Condition.CHANGED, detail="is being written")
    except OSError as error:
        return Checked(condition=Condition.UNREADABLE, detail=error.strerror)
    finally:
        os.close(handle)


def _compared(handle: int, row: FileRow, progress: Callable[[int], object] | None) -> Checked:
    found = digest_handle(handle, progress)
    if found.sha256 == row.sha256:
        return Checked(condition=Condition.VERIFIED)
    bad = [str(number) for number, (a, b) in enumerate(zip(found.blocks, row.blocks, strict=False)) if a != b]
    where = f" in blocks {', '.join(bad[:10])}{' …' if len(bad) > 10 else ''} of 16 MiB" if bad else ""
    return Checked(condition=Condition.CHANGED, detail=f"same size and time, other bytes{where}")


class Pace:
    """Called with the bytes read, it waits so that no more than so many a second are read on average."""

    def __init__(
        self,
        bytes_per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._rate = bytes_per_second
        self._clock = clock
        self._wait = wait
        self._free_at = clock()

    def __call__(self, count: int) -> None:
        now = self._clock()
        self._free_at = max(self._free_at, now) + count / self._rate
        if self._free_at > now:
            self._wait(self._free_at - now)
