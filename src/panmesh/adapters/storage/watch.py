"""Files as they are closed: inotify on local file systems, for whole trees, with folders that appear later."""

from __future__ import annotations

import ctypes
import os
import select
import struct
from collections.abc import Iterator
from pathlib import Path

from panmesh.ingest.names import ignored

_IN_CLOSE_WRITE, _IN_MOVED_TO, _IN_MOVED_FROM, _IN_CREATE, _IN_DELETE = 0x8, 0x80, 0x40, 0x100, 0x200
_IN_ISDIR, _IN_Q_OVERFLOW, _IN_IGNORED, _IN_ONLYDIR, _IN_DONT_FOLLOW = 0x40000000, 0x4000, 0x8000, 0x01000000, 0x02000000
_MASK = _IN_CLOSE_WRITE | _IN_MOVED_TO | _IN_MOVED_FROM | _IN_CREATE | _IN_DELETE | _IN_ONLYDIR | _IN_DONT_FOLLOW
_REMOTE = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "lustre",
        "gpfs",
        "beegfs",
        "ceph",
        "fuse.sshfs",
        "glusterfs",
        "fuse.glusterfs",
        "9p",
    }
)

_libc = ctypes.CDLL(None, use_errno=True)


class Overflow(Exception):
    """The kernel lost events: everything is to be scanned once."""


def inotify_reliable(path: Path) -> bool:
    """False on file systems whose other writers this kernel does not see (NFS, GPFS, Lustre …)."""
    best, kind = "", ""
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as mounts:
        for line in mounts:
            _, place, type_, *_ = line.split(" ")
            place = place.encode().decode("unicode_escape")
            if os.path.commonpath([place, str(path)]) == place and len(place) >= len(best):
                best, kind = place, type_
    return kind not in _REMOTE


class Watcher:
    """Watches trees. `events` yields paths of files that were closed after writing or moved in, and of files that went."""

    def __init__(self) -> None:
        self._handle = int(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
        if self._handle < 0:
            raise OSError(ctypes.get_errno(), "inotify cannot be started")
        self._folders: dict[int, str] = {}

    def add(self, folder: str) -> list[str]:
        """Watch a folder and all below; returns the files that are there already (a folder may fill before it is watched)."""
        there: list[str] = []
        waiting = [folder]
        while waiting:
            current = waiting.pop()
            number = int(_libc.inotify_add_watch(self._handle, os.fsencode(current), _MASK))
            if number < 0:
                error = ctypes.get_errno()
                if error in (2, 20):  # it went, or is no folder any more
                    continue
                raise OSError(error, f"cannot watch {current}: {os.strerror(error)}; raise fs.inotify.max_user_watches")
            self._folders[number] = current
            try:
                with os.scandir(current) as entries:
                    for entry in entries:
                        if ignored(entry.name):
                            continue
                        (waiting if entry.is_dir(follow_symlinks=False) else there).append(entry.path)
            except OSError:
                continue
        return there

    def events(self, timeout: float) -> Iterator[tuple[str, bool]]:
        """(path, whether it is there) for what happened, waiting at most `timeout` seconds for the first. Raises Overflow."""
        if not select.select([self._handle], [], [], timeout)[0]:
            return
        seen: dict[str, bool] = {}
        overflow = False
        while True:
            try:
                data = os.read(self._handle, 1 << 16)
            except BlockingIOError:
                break
            offset = 0
            while offset < len(data):
                number, mask, _, size = struct.unpack_from("iIII", data, offset)
                name = os.fsdecode(data[offset + 16 : offset + 16 + size].rstrip(b"\0"))
                offset += 16 + size
                overflow = overflow or bool(mask & _IN_Q_OVERFLOW)
                self._event(number, mask, name, seen)
        yield from seen.items()
        if overflow:
            raise Overflow

    def close(self) -> None:
        os.close(self._handle)

    def _event(self, number: int, mask: int, name: str, seen: dict[str, bool]) -> None:
        folder = self._folders.get(number)
        if mask & _IN_IGNORED:
            self._folders.pop(number, None)
            return
        if folder is None or not name or ignored(name):
            return
        path = f"{folder}/{name}"
        if mask & _IN_ISDIR:
            if mask & (_IN_CREATE | _IN_MOVED_TO):
                seen.update(dict.fromkeys(self.add(path), True))
            return
        if mask & (_IN_CLOSE_WRITE | _IN_MOVED_TO):
            seen[path] = True
        elif mask & (_IN_DELETE | _IN_MOVED_FROM):
            seen[path] = False
