"""The port through which ingest sees storages: where they are, what lies in them, what each is like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from panmesh.ingest.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStat:
    path: str  # in the storage
    size: int
    modified_us: int
    inode: int


class Storages(Protocol):
    def keys(self) -> tuple[str, ...]: ...

    def absolute(self, storage: str, path: str) -> Path:
        """Raises Invalid when the path would leave the storage."""
        ...

    def open(self, storage: str, path: str) -> int:
        """A handle for reading, which the caller closes. Raises Invalid when a link leads out of the storage, OSError otherwise."""
        ...

    def locate(self, path: str) -> tuple[str, str] | None:
        """(storage, path in it) of an absolute path or "storage:path"; None when it lies in no storage."""
        ...

    def stat(self, storage: str, path: str) -> FileStat | None:
        """None: not there, or no regular file."""
        ...

    def walk(self, storage: str, folder: str) -> Iterator[FileStat]:
        """All regular files below the folder, hidden and temporary ones left out."""
        ...

    def list_folder(self, storage: str, folder: str) -> Iterator[FileStat]:
        """The regular files right in the folder; none when it went. Raises OSError when it is there and cannot be read."""
        ...

    def profile(self, storage: str, path: str) -> Profile: ...
