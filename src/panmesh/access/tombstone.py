"""What stays to be said of data that are gone: since when, and why; everybody may read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    at_us: int  # when they were withdrawn; of deleted ones, when they were deleted
    reason: str | None  # None: nobody wrote it down


# Pids of visits and runs → by pid, of those whose data were withdrawn or deleted and that everybody may know of.
Tombstones = Callable[[Sequence[str]], Mapping[str, Tombstone]]


def no_tombstones(_pids: Sequence[str]) -> Mapping[str, Tombstone]:
    return {}
