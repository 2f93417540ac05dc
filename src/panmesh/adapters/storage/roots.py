"""Storages on mounted file systems: names to paths and back, never out of the root.

Names that are no UTF-8 are left out of ingest and reported: they cannot be stored as text in every database.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from panmesh.ingest.files import FileStat
from panmesh.ingest.names import ignored
from panmesh.ingest.profile import Profile
from panmesh.kernel.errors import Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    key: str
    path: Path  # absolute, resolved
    profile: Profile
    watch: bool = True


class Roots:
    """Implements `ingest.files.Storages`."""

    def __init__(self, roots: Mapping[str, Root]) -> None:
        self._roots = dict(roots)

    def keys(self) -> tuple[str, ...]:
        return tuple(self._roots)

    def root(self, storage: str) -> Root:
        try:
            return self._roots[storage]
        except KeyError:
            raise Invalid(
                f"There is no storage {storage!r} in the configuration; there are: {', '.join(self._roots) or 'none'}."
            ) from None

    def absolute(self, storage: str, path: str) -> Path:
        root = self.root(storage).path
        if path.startswith("/") or "\x00" in path or any(part in ("..", ".") for part in path.split("/")):
            raise Invalid(f"{path!r} is no path inside a storage.")
        return root / path

    def resolve(self, storage: str, path: str) -> Path:
        """Like `absolute`, and the file behind all symbolic links lies in the storage too."""
        plain = self.absolute(storage, path)
        real = Path(os.path.realpath(plain))
        if not real.is_relative_to(self.root(storage).path):
            raise Invalid(f"{path!r} leads out of the storage by a symbolic link.")
        return real

    def locate(self, path: str) -> tuple[str, str] | None:
        key, colon, rest = path.partition(":")
        if colon and key in self._roots and not path.startswith("/"):
            return key, "/".join(p for p in rest.split("/") if p)
        real = Path(os.path.realpath(path))
        best = max(
            (r for r in self._roots.values() if real.is_relative_to(r.path)), key=lambda r: len(r.path.parts), default=None
        )
        if best is None:
            return None
        return best.key, "" if real == best.path else real.relative_to(best.path).as_posix()

    def stat(self, storage: str, path: str) -> FileStat | None:
        try:
            real = self.resolve(storage, path)
            info = os.stat(real)
        except (OSError, Invalid):
            return None
        return (
            FileStat(path=path, size=info.st_size, modified_us=info.st_mtime_ns // 1000, inode=info.st_ino)
            if S_ISREG(info.st_mode)
            else None
        )

    def walk(self, storage: str, folder: str) -> Iterator[FileStat]:
        for inner in self.folders(storage, folder):
            yield from self.list_folder(storage, inner)

    def folders(self, storage: str, folder: str) -> Iterator[str]:
        """The folder and all below, parents first; hidden ones left out; symbolic links not followed."""
        yield folder
        try:
            with os.scandir(self.absolute(storage, folder) if folder else self.root(storage).path) as entries:
                names = sorted(
                    e.name for e in entries if e.is_dir(follow_symlinks=False) and not ignored(e.name) and _is_text(e.name)
                )
        except OSError:
            return  # it went while we looked
        for name in names:
            yield from self.folders(storage, f"{folder}/{name}" if folder else name)

    def list_folder(self, storage: str, folder: str) -> Iterator[FileStat]:
        base = self.absolute(storage, folder) if folder else self.root(storage).path
        try:
            with os.scandir(base) as entries:
                names = sorted(
                    e.name for e in entries if not ignored(e.name) and _is_text(e.name) and not e.is_dir(follow_symlinks=False)
                )
        except OSError:
            return
        handle = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in names:
                try:
                    info = os.stat(name, dir_fd=handle)
                except OSError:
                    continue  # it went while we looked, or is a dangling link
                if S_ISREG(info.st_mode):
                    path = f"{folder}/{name}" if folder else name
                    yield FileStat(path=path, size=info.st_size, modified_us=info.st_mtime_ns // 1000, inode=info.st_ino)
        finally:
            os.close(handle)

    def profile(self, storage: str, path: str) -> Profile:
        return self.root(storage).profile


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
