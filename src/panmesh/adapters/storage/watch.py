"""Files as they are closed: inotify on local file systems, for whole trees, with folders that appear later."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import select
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from panmesh.adapters.storage.under_way import UnderWay
from panmesh.ingest.names import ignored

_IN_CLOSE_WRITE, _IN_MOVED_TO, _IN_MOVED_FROM, _IN_CREATE, _IN_DELETE = 0x8, 0x80, 0x40, 0x100, 0x200
_IN_ISDIR, _IN_Q_OVERFLOW, _IN_IGNORED, _IN_ONLYDIR, _IN_DONT_FOLLOW = 0x40000000, 0x4000, 0x8000, 0x01000000, 0x02000000
_MASK = _IN_CLOSE_WRITE | _IN_MOVED_TO | _IN_MOVED_FROM | _IN_CREATE | _IN_DELETE | _IN_ONLYDIR | _IN_DONT_FOLLOW
_DRAIN_SECONDS = 0.1  # under a flood of events, what has come so far is told after this
# Kernel file systems with writers on other machines. Of the FUSE ones all but those known to be local count as such.
_REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "beegfs_nodev", "fhgfs", "ceph", "glusterfs", "9p"}
    | {"virtiofs", "afs", "orangefs", "pvfs2", "panfs", "wekafs", "gfs2", "ocfs2", "vboxsf", "prl_fs"}
)
_LOCAL_FUSE = frozenset({"fuseblk", "fuse.fuse-overlayfs", "fuse.ntfs-3g", "fuse.bindfs"})

_HEAD = struct.Struct("iIII")  # inotify(7): watch, mask, cookie, length of the name
_OCTAL = re.compile(r"\\([0-7]{3})")  # blanks and the like in /proc/self/mounts

_libc = ctypes.CDLL(None, use_errno=True)


class Overflow(Exception):
    """The kernel lost events: everything is to be scanned once."""


def inotify_reliable(path: Path, mounts: Path = Path("/proc/self/mounts")) -> bool:
    """False on file systems whose other writers this kernel does not see (NFS, GPFS, Lustre …)."""
    real = Path(os.path.realpath(path))
    best, kind = Path(), ""
    for line in os.fsdecode(mounts.read_bytes()).splitlines():
        _, written, type_, *_ = line.split(" ")
        place = Path(_OCTAL.sub(lambda m: chr(int(m[1], 8)), written))
        if real.is_relative_to(place) and len(place.parts) >= len(best.parts):
            best, kind = place, type_
    return kind not in _REMOTE and (not kind.startswith("fuse") or kind in _LOCAL_FUSE)


class Watcher:
    """Watches trees. `events` yields paths of files that were closed after writing, moved in, or opened to readers while they are
    written, and of files and folders that went (folders with "/" at the end; of what lay in them nothing more is told).

    `unwatched` has the folders that could not be watched, with the reason: their files are seen by a scan only.
    """

    def __init__(self) -> None:
        self._handle = int(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
        if self._handle < 0:
            error = ctypes.get_errno()
            raise OSError(error, f"inotify cannot be started ({os.strerror(error)}); raise fs.inotify.max_user_instances")
        self._folders: dict[int, str] = {}
        self._roots: list[str] = []
        self._under_way = UnderWay()
        self.unwatched: dict[str, str] = {}

    def add(self, folder: str, *, tell: bool = True) -> list[str]:
        """Watch a folder and all below; returns the files that are there already (a folder may fill before it is watched)."""
        if folder not in self._roots:
            self._roots.append(folder)
        return self._add(folder, tell)

    def events(self, timeout: float) -> Iterator[tuple[str, bool]]:
        """(path, whether it is there) for what happened, waiting at most `timeout` seconds for the first. Of a path with several
        events the last one counts. Raises Overflow after the last, when all folders are watched again and are to be scanned."""
        happened = select.select([self._handle], [], [], timeout)[0]
        yield from ((path, True) for path in self._under_way.readable())
        if not happened:
            return
        seen: dict[str, bool] = {}
        overflow = False
        until = time.monotonic() + _DRAIN_SECONDS
        while time.monotonic() < until:
            try:
                data = os.read(self._handle, 1 << 16)
            except BlockingIOError:
                break
            for number, mask, name in _parsed(data):
                overflow = overflow or bool(mask & _IN_Q_OVERFLOW)
                self._event(number, mask, name, seen)
        if overflow:
            for root in self._roots:  # folders made meanwhile are among what was lost
                self._add(root, False)
        yield from seen.items()
        if overflow:
            raise Overflow

    def close(self) -> None:
        os.close(self._handle)

    def _add(self, folder: str, tell: bool) -> list[str]:
        there: list[str] = []
        waiting = [folder]
        while waiting:
            current = waiting.pop()
            try:
                self._folders[self._watch(current)] = current
                with os.scandir(current) as entries:
                    for entry in entries:
                        if ignored(entry.name):
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        elif tell:
                            there.append(entry.path)
                            self._under_way.began(entry.path)  # perhaps: what is in a new folder may be half written
            except (FileNotFoundError, NotADirectoryError):
                continue  # it went, or is no folder any more
            except OSError as error:
                hint = "; raise fs.inotify.max_user_watches" if error.errno == errno.ENOSPC else ""
                self.unwatched[current] = f"{error.strerror}{hint}"
            else:
                self.unwatched.pop(current, None)
        return there

    def _watch(self, folder: str) -> int:
        number = int(_libc.inotify_add_watch(self._handle, os.fsencode(folder), _MASK))
        if number < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), folder)
        return number

    def _forget(self, folder: str) -> None:
        """A folder that was moved away keeps its watches, under names that are wrong now."""
        for number, path in list(self._folders.items()):
            if path == folder or path.startswith(f"{folder}/"):
                del self._folders[number]
                _libc.inotify_rm_watch(self._handle, number)

    def _event(self, number: int, mask: int, name: str, seen: dict[str, bool]) -> None:
        folder = self._folders.get(number)
        if mask & _IN_IGNORED:
            self._folders.pop(number, None)
            return
        if folder is None or not name or ignored(name):
            return
        path = f"{folder}/{name}"
        came = bool(mask & (_IN_CREATE | _IN_MOVED_TO | _IN_CLOSE_WRITE))
        if mask & _IN_ISDIR:
            if came:
                seen.update(dict.fromkeys(self._add(path, True), True))
            else:
                self._forget(path)
                seen[f"{path}/"] = False
        elif mask & _IN_CREATE:
            self._under_way.began(path)
        else:
            self._under_way.ended(path)
            seen[path] = bool(mask & (_IN_CLOSE_WRITE | _IN_MOVED_TO))


def _parsed(data: bytes) -> Iterator[tuple[int, int, str]]:
    """(watch, mask, name) of each event in what the kernel gave."""
    offset = 0
    while offset < len(data):
        number, mask, _, size = _HEAD.unpack_from(data, offset)
        offset += _HEAD.size
        yield number, mask, os.fsdecode(data[offset : offset + size].rstrip(b"\0"))
        offset += size
