"""From a pid and a name to the state of a file that the viewer may read, and to the other files of its dataset that it names."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.arrays import ArrayFile
from panmesh.catalogue.model import FileLocation, FilesAtHand
from panmesh.http.downloads import note_staff_read
from panmesh.http.services import Services
from panmesh.ingest.names import referred
from panmesh.kernel.errors import Forbidden, Invalid, NotFound, Unavailable

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# Who may read is decided anew after every commit, and after so long: by the clock alone data only ever become readable.
MOMENT_US = 30_000_000
NOTED_US = 600_000_000  # a staff member's reads of one file within so long are written down as one
MOST_DECIDED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Whoever holds it closes the handle."""

    handle: int
    file: ArrayFile
    state: str  # of the bytes: their digest where it is known to hold, else that of the inode
    pid: str
    name: str
    location: FileLocation

    def unchanged(self) -> bool:
        return _state(self.file.path, os.fstat(self.handle)) == self.file


@dataclass(frozen=True, slots=True)
class _Decided:
    stamp: Hashable
    at_us: int
    name: str
    location: FileLocation


class Opener:
    """Decides who may read which file, and keeps that for a moment, while nothing is committed: frames are asked for one after the other."""

    def __init__(self) -> None:
        self._decided: OrderedDict[Hashable, _Decided] = OrderedDict()
        self._names: OrderedDict[tuple[str, Hashable], str] = OrderedDict()  # of the files that runs were read from
        self._noted: OrderedDict[Hashable, int] = OrderedDict()  # when it was written down that staff read a file

    def at_hand(self, services: Services, viewer: Viewer, pid: str, name: str | None, stamp: Hashable) -> Opened | None:
        """What was decided a moment ago, opened without waiting; None: ask `open`."""
        decided = self._decided.get(_key(viewer, pid, name))
        if decided is None or stamp is None or decided.stamp != stamp or not 0 <= services.clock() - decided.at_us < MOMENT_US:
            return None
        location = decided.location
        try:
            handle = services.storages.open_at_hand(location.storage, location.path)
        except (Invalid, OSError):
            return None  # said by the long way
        return None if handle is None else _opened(services, handle, pid, decided.name, location)

    def open(self, services: Services, viewer: Viewer, pid: str, name: str | None, stamp: Hashable) -> Opened:
        """`stamp`: of the database, as it was before. Raises as for a download: NotFound, Embargoed, Forbidden, Unavailable."""
        if Scope.DATA not in viewer.scopes:
            raise Forbidden("Your token has not the scope 'data'.")
        at_us, key = services.clock(), _key(viewer, pid, name)
        name = name or self._names.get((pid, stamp)) or primary_name(services, viewer, pid)
        location = services.search.locate(viewer, pid, name)  # the name tells nothing: this is where access is decided
        try:
            handle = services.storages.open(location.storage, location.path)
        except Invalid as error:
            raise NotFound() from error
        except OSError as error:
            raise Unavailable(f"{name} is in the catalogue, but cannot be read on disk now ({error.strerror}).") from error
        if viewer.staff:
            self._note(services, viewer, pid, name)
        if stamp is not None:
            _remember(self._decided, key, _Decided(stamp, at_us, name, location))
            if key[-1] is None:
                _remember(self._names, (pid, stamp), name)
        return _opened(services, handle, pid, name, location)

    def _note(self, services: Services, viewer: Viewer, pid: str, name: str) -> None:
        """Once for a while, not for every frame."""
        key, now = (viewer.user_id, viewer.login, pid, name), services.clock()
        if now - self._noted.get(key, -NOTED_US) < NOTED_US:
            return
        note_staff_read(services, viewer, pid, name)
        _remember(self._noted, key, now)


def primary_name(services: Services, viewer: Viewer, pid: str) -> str:
    """Of the file that the run was read from; where that is not known, of its first one. Raises what a question for its bytes would raise."""
    path = services.search.get(viewer, pid).summary.path
    if path:
        return path.rsplit("/", 1)[-1]
    found = services.search.files(viewer, pid, limit=1).items
    if not found:
        raise NotFound()
    return found[0].name


def _remember(kept: OrderedDict[K, V], key: K, value: V) -> None:
    """The latest of them."""
    kept[key] = value
    while len(kept) > MOST_DECIDED:
        kept.popitem(last=False)


def _key(viewer: Viewer, pid: str, name: str | None) -> tuple[Hashable, ...]:
    """Everything that a decision depends on."""
    return viewer.user_id, viewer.login, viewer.rights, viewer.scopes, pid, name


def _opened(services: Services, handle: int, pid: str, name: str, location: FileLocation) -> Opened:
    try:
        path, info = services.storages.resolve(location.storage, location.path), os.fstat(handle)
    except BaseException:
        os.close(handle)
        raise
    unchanged = info.st_size == location.size and info.st_mtime_ns // 1000 == location.modified_us
    digest = location.sha256.hex() if unchanged and location.sha256 else None
    state = digest or f"{info.st_size:x}-{info.st_mtime_ns:x}-{info.st_ino:x}"
    return Opened(handle=handle, file=_state(path, info), state=state, pid=pid, name=name, location=location)


class Neighbours:
    """Finds the other files of one dataset by the names that are written in a file of it."""

    def __init__(self, services: Services, viewer: Viewer, opened: Opened) -> None:
        self._services = services
        self._viewer = viewer
        self._opened = opened

    def __call__(self, names: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], ArrayFile]:
        files = self._services.search.opened(self._viewer, self._opened.pid)  # decided once for all of them
        if files is None:
            return {}
        found = {(home, written): self._find(files, home, written) for home, written in names}
        return {name: file for name, file in found.items() if file is not None}

    def _find(self, files: FilesAtHand, home: str, written: str) -> ArrayFile | None:
        storage, of = self._opened.location.storage, self._opened.location.path
        if home != str(self._opened.file.path):
            located = self._services.storages.locate(home)
            if located is None or located[0] != storage:
                return None
            of = located[1]
        prefix_map = self._services.storages.profile(storage, of).prefix_map
        path = referred(written, path=of, storage=storage, prefix_map=prefix_map, locate=self._services.storages.locate)
        return self._of_dataset(files, storage, path) if path is not None else None

    def _of_dataset(self, files: FilesAtHand, storage: str, path: str) -> ArrayFile | None:
        mine = self._opened
        folder = mine.location.path.removesuffix(mine.name)
        for name in dict.fromkeys((path.removeprefix(folder), path.rsplit("/", 1)[-1])):
            location = files(name) or self._asked(name)
            if location is not None and (location.storage, location.path) == (storage, path):
                return self._file(location)
        return None

    def _asked(self, name: str) -> FileLocation | None:
        """For what is not at hand: a long list of files is not in memory until it is asked for."""
        try:
            return self._services.search.locate(self._viewer, self._opened.pid, name)
        except (NotFound, Unavailable):
            return None

    def _file(self, location: FileLocation) -> ArrayFile | None:
        """None: it is in the catalogue and cannot be read on disk."""
        try:
            path = self._services.storages.resolve(location.storage, location.path)
            handle = self._services.storages.open(location.storage, location.path)
        except (OSError, Invalid):
            return None
        try:
            return _state(path, os.fstat(handle))
        finally:
            os.close(handle)


def _state(path: Path, info: os.stat_result) -> ArrayFile:
    return ArrayFile(path=path, device=info.st_dev, inode=info.st_ino, size=info.st_size, modified_ns=info.st_mtime_ns)
