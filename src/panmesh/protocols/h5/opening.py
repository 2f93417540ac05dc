"""From a pid and a name to the state of a file that the viewer may read, and to the other files of its dataset that it names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.arrays import ArrayFile
from panmesh.catalogue.model import FileLocation
from panmesh.http.services import Services
from panmesh.ingest.names import referred
from panmesh.kernel.errors import Forbidden, Invalid, NotFound, Unavailable


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


def open_file(services: Services, viewer: Viewer, pid: str, name: str | None) -> Opened:
    """Raises as for a download: NotFound, Embargoed, Forbidden, Unavailable."""
    if Scope.DATA not in viewer.scopes:
        raise Forbidden("Your token has not the scope 'data'.")
    name = name or primary_name(services, viewer, pid)
    location = services.search.locate(viewer, pid, name)
    try:
        path = services.storages.resolve(location.storage, location.path)
        handle = services.storages.open(location.storage, location.path)
    except Invalid as error:
        raise NotFound() from error
    except OSError as error:
        raise Unavailable(f"{name} is in the catalogue, but cannot be read on disk now ({error.strerror}).") from error
    info = os.fstat(handle)
    unchanged = location.sha256 and info.st_size == location.size and info.st_mtime_ns // 1000 == location.modified_us
    state = location.sha256.hex() if unchanged and location.sha256 else f"{info.st_size:x}-{info.st_mtime_ns:x}-{info.st_ino:x}"
    return Opened(handle=handle, file=_state(path, info), state=state, pid=pid, name=name, location=location)


def primary_name(services: Services, viewer: Viewer, pid: str) -> str:
    """Of the file that the run was read from. Raises what a question for its bytes would raise."""
    found = services.search.files(viewer, pid, limit=1)
    path = services.search.get(viewer, pid).summary.path or ""
    name = path.rsplit("/", 1)[-1]
    if not name and found.items:
        return found.items[0].name
    return name


class Neighbours:
    """Finds the other files of one dataset by the names that are written in a file of it."""

    def __init__(self, services: Services, viewer: Viewer, opened: Opened) -> None:
        self._services = services
        self._viewer = viewer
        self._opened = opened

    def __call__(self, names: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], ArrayFile]:
        found = {(home, written): self._find(home, written) for home, written in names}
        return {name: file for name, file in found.items() if file is not None}

    def _find(self, home: str, written: str) -> ArrayFile | None:
        storage, of = self._opened.location.storage, self._opened.location.path
        if home != str(self._opened.file.path):
            located = self._services.storages.locate(home)
            if located is None or located[0] != storage:
                return None
            of = located[1]
        prefix_map = self._services.storages.profile(storage, of).prefix_map
        path = referred(written, path=of, storage=storage, prefix_map=prefix_map, locate=self._services.storages.locate)
        return self._of_dataset(storage, path) if path is not None else None

    def _of_dataset(self, storage: str, path: str) -> ArrayFile | None:
        mine = self._opened
        folder = mine.location.path.removesuffix(mine.name)
        for name in dict.fromkeys((path.removeprefix(folder), path.rsplit("/", 1)[-1])):
            try:
                location = self._services.search.locate(self._viewer, mine.pid, name)
            except (NotFound, Unavailable):
                continue
            if (location.storage, location.path) == (storage, path):
                return self._file(location)
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
