"""What stays to be said of data that are gone: since when, and why; everybody may read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    at_us: int  # when they were withdrawn; of deleted ones, when they were deleted
    reason: str | None  # None: nobody wrote it down


class Tombstones(Protocol):
    def __call__(self, pids: Sequence[str]) -> Mapping[str, Tombstone]:
        """By pid, of those of these visits and runs whose data were withdrawn or deleted and that everybody may know of."""
        ...


def no_tombstones(_pids: Sequence[str]) -> Mapping[str, Tombstone]:
    return {}
