"""Storages on mounted file systems: names to paths and back, never out of the root.

Names that are no UTF-8 are left out of ingest and reported: they cannot be stored as text in every database.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISLNK, S_ISREG

from panmesh.ingest.files import FileStat
from panmesh.ingest.names import ignored
from panmesh.ingest.profile import Profile
from panmesh.kernel.errors import Invalid

_OPENAT2 = 437  # the same number on every architecture
_RESOLVE_NO_XDEV, _RESOLVE_NO_SYMLINKS, _RESOLVE_BENEATH, _RESOLVE_CACHED = 0x01, 0x04, 0x08, 0x20
_LOCAL = {"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "tmpfs", "overlay"}  # an open never waits for another machine
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_CACHED = struct.pack("QQQ", _READ, 0, _RESOLVE_CACHED | _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_XDEV)

_libc = ctypes.CDLL(None, use_errno=True)


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
        self._local: dict[Path, bool] = {}

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
        _check_inside(path)
        return root / path

    def resolve(self, storage: str, path: str) -> Path:
        """Like `absolute`, and the file behind all symbolic links lies in the storage too, and is of who made the links: we may read more
        than they."""
        plain, root = self.absolute(storage, path), self.root(storage).path
        real = Path(os.path.realpath(plain))
        if not real.is_relative_to(root):
            raise Invalid(f"{path!r} leads out of the storage by a symbolic link.")
        if real != plain and not _may_lead(root, plain, real):
            raise Invalid(f"{path!r} leads by a symbolic link to nothing, or to what is of somebody else.")
        return real

    def open(self, storage: str, path: str) -> int:
        """A handle for reading; the caller closes it. Raises Invalid when a link leads where `resolve` forbids, OSError when there is
        no regular file to read. The kernel follows no link while it opens, so that none can be swapped in between."""
        root = self.root(storage).path
        real = self.resolve(storage, path)
        handle = open_beneath(root, real.relative_to(root))
        if not S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError(errno.EINVAL, "is no regular file", path)
        return handle

    def open_at_hand(self, storage: str, path: str) -> int | None:
        """As `open`, without ever waiting: on a disk of this machine, by names that the kernel has in memory, and no link among them.
        None: it is not so, or nothing is known of it; `open` does it, or says why not."""
        root = self.root(storage).path
        if not self._is_local(root):
            return None
        _check_inside(path)
        handle = open_cached(root, path)
        if handle is not None and not S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            return None
        return handle

    def _is_local(self, root: Path) -> bool:
        if root not in self._local:
            self._local[root] = file_system(root) in _LOCAL
        return self._local[root]

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
            with os.scandir(self._base(storage, folder)) as entries:
                names = sorted(
                    e.name for e in entries if e.is_dir(follow_symlinks=False) and not ignored(e.name) and _is_text(e.name)
                )
        except OSError:
            return  # it went while we looked; one that cannot be read raises when it is listed
        for name in names:
            yield from self.folders(storage, f"{folder}/{name}" if folder else name)

    def list_folder(self, storage: str, folder: str) -> Iterator[FileStat]:
        """Raises OSError when the folder is there and cannot be read: "I could not look" must not pass for "all files went"."""
        try:
            handle = os.open(self._base(storage, folder), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return
        try:
            names: list[str] = []  # of a million files: nothing but the names is kept
            links: set[str] = set()
            with os.scandir(handle) as entries:
                for entry in entries:
                    if ignored(entry.name) or not _is_text(entry.name) or entry.is_dir(follow_symlinks=False):
                        continue
                    names.append(entry.name)
                    if entry.is_symlink():
                        links.add(entry.name)
            names.sort()
            for name in names:
                path = f"{folder}/{name}" if folder else name
                stat = self.stat(storage, path) if name in links else _stat_in(handle, name, path)
                if stat is not None:
                    yield stat
        finally:
            os.close(handle)

    def is_empty(self, storage: str) -> bool:
        """Whether nothing at all lies in the storage, as when it is not mounted; also when it is not there."""
        try:
            with os.scandir(self.root(storage).path) as entries:
                return next(entries, None) is None
        except (FileNotFoundError, NotADirectoryError):
            return True

    def profile(self, storage: str, path: str) -> Profile:
        return self.root(storage).profile

    def _base(self, storage: str, folder: str) -> Path:
        return self.absolute(storage, folder) if folder else self.root(storage).path


def _check_inside(path: str) -> None:
    if path.startswith("/") or "\x00" in path or any(part in ("..", ".") for part in path.split("/")):
        raise Invalid(f"{path!r} is no path inside a storage.")


def open_beneath(root: Path, relative: Path) -> int:
    """Open for reading what no link leads to: openat2(2) with RESOLVE_NO_SYMLINKS; where the kernel has no such call, the last part of
    the path is no link. Pipes do not make us wait."""
    folder = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        how = struct.pack("QQQ", _READ, 0, _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS)
        handle = int(_libc.syscall(_OPENAT2, folder, os.fsencode(relative), how, len(how)))
        if handle >= 0:
            return handle
        error = ctypes.get_errno()
        if error == errno.ELOOP:
            raise Invalid(f"{str(relative)!r} has become a symbolic link.")
        if error not in (errno.ENOSYS, errno.EPERM):
            raise OSError(error, os.strerror(error), str(relative))
        return os.open(relative, _READ | os.O_NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)


def open_cached(root: Path, relative: str) -> int | None:
    """openat2(2) with RESOLVE_CACHED: None where the disk, another file system or a link would have to be asked."""
    folder = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        handle = int(_libc.syscall(_OPENAT2, folder, os.fsencode(relative), _CACHED, len(_CACHED)))
        return handle if handle >= 0 else None
    finally:
        os.close(folder)


def file_system(folder: Path) -> str | None:
    """Kind of the file system that a folder lies on, as the kernel names it; None: not known."""
    number = os.stat(folder).st_dev
    wanted = f"{os.major(number)}:{os.minor(number)}"
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            before, _, after = line.partition(" - ")
            if before.split()[2] == wanted:
                return after.split()[0]
    return None


def _may_lead(root: Path, plain: Path, real: Path) -> bool:
    """Whether each link on the way is of the file's owner, of the storage's, or of root: as SymLinksIfOwnerMatch of web servers. The service
    reads the files of all teams, and a link of one of them must not lend that right."""
    try:
        trusted = {0, os.stat(root).st_uid, os.stat(real).st_uid}
        places = [place for place in (plain, *plain.parents) if place != root and place.is_relative_to(root)]
        return all(found.st_uid in trusted for found in map(os.lstat, places) if S_ISLNK(found.st_mode))
    except FileNotFoundError:
        return False


def _stat_in(handle: int, name: str, path: str) -> FileStat | None:
    try:
        info = os.stat(name, dir_fd=handle, follow_symlinks=False)
    except FileNotFoundError:
        return None  # it went while we looked
    if not S_ISREG(info.st_mode):
        return None
    return FileStat(path=path, size=info.st_size, modified_us=info.st_mtime_ns // 1000, inode=info.st_ino)


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
