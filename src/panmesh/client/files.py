"""The files of one run: listed page by page, taken home, or read where they are."""

from __future__ import annotations

import os
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, overload

from panmesh.client import asking, display, values
from panmesh.client.flow import Flow, said
from panmesh.client.local_names import ignores_case, local_names
from panmesh.client.paged import Paged
from panmesh.client.progress import Progress, bar
from panmesh.client.taken import Taken
from panmesh.client.values import File
from panmesh.kernel.errors import NotFound

if TYPE_CHECKING:
    from panmesh.client.http import Http
    from panmesh.client.remote_file import RemoteFile

PAGE = 1000  # files asked for at once


class Files(Paged[File]):
    """A sequence; also by name: `files["scan_1.nxs"]`. Raises Embargoed or Forbidden when you may not see what there is."""

    what: ClassVar[str] = "files"
    head: ClassVar[tuple[str, ...]] = ("name", "size", "SHA-256", "state")
    right: ClassVar[tuple[int, ...]] = (1,)

    def __init__(self, http: Http, pid: str) -> None:
        super().__init__(self._some, PAGE)
        self._http = http
        self._pid = pid

    @overload
    def __getitem__(self, index: int) -> File: ...
    @overload
    def __getitem__(self, index: slice) -> list[File]: ...
    @overload
    def __getitem__(self, index: str) -> File: ...
    def __getitem__(self, index: int | slice | str) -> File | list[File]:
        if not isinstance(index, str):
            return super().__getitem__(index)
        alike = Paged(lambda offset, limit: self._some(offset, limit, index), PAGE)
        for file in alike:
            if file.name == index:
                return file
        raise NotFound(f"{self._pid} has no file {index!r}.")

    def glob(self, pattern: str) -> list[File]:
        """Those whose whole name fits: `*` is anything, '/' too; upper and lower case differ."""
        return [file for file in self if fnmatchcase(file.name, pattern)]

    def download(
        self,
        folder: str | Path,
        *,
        only: str | Iterable[str | File] = "*",
        progress: bool | Progress = True,
        workers: int = 4,
    ) -> Taken:
        """Takes the files home, several at once; `only` is a pattern, or names. Started again after a break it goes on where it stopped, and
        skips what is there and right. `progress`: a bar, or a function that is told of bytes (negative: they have to come again).

        Raises Incomplete when some did not arrive or were not those of the catalogue (these are not kept), Embargoed and Forbidden when they
        may not be read."""
        return self._http.run(take_home(self._pid, self._http.url, Path(folder), only, progress, workers))

    def open(self, name: str) -> RemoteFile:
        """Seekable, read-only, for `h5py.File` and everything else that reads files: asks only for the blocks that are looked at."""
        from panmesh.client.remote_file import RemoteFile

        return RemoteFile(self._http, self._pid, name)

    def row(self, one: File) -> tuple[str, ...]:
        return one.name, display.size(one.size), f"{one.sha256[:12]}…" if one.sha256 else "not known yet", one.state

    def _some(self, offset: int, limit: int, contains: str | None = None) -> tuple[list[File], int]:
        return self._http.run(said(asking.files(self._pid, offset, limit, contains), values.page(values.file)))


def every_file(pid: str) -> Flow[list[File]]:
    found: list[File] = []
    while True:
        some, total = yield from said(asking.files(pid, len(found), PAGE), values.page(values.file))
        found += some
        if not some or len(found) >= total:
            return found


def take_home(
    pid: str, peer: str, folder: Path, only: str | Iterable[str | File], progress: bool | Progress, workers: int
) -> Flow[Taken]:
    from panmesh.client.download import Job, download

    every = {file.name: file for file in (yield from every_file(pid))}
    wanted = _wanted(every, only, pid)
    if not wanted:
        return Taken(folder=folder)
    folder.mkdir(parents=True, exist_ok=True)
    # Of all names, so that each has the same path whatever is wanted this time.
    places = local_names(every, windows=os.name == "nt", caseless=ignores_case(folder))
    jobs = [Job(pid, file, folder.joinpath(*places[file.name].parts)) for file in wanted]
    with bar(sum(file.size for file in wanted), progress) as told:
        taken = yield from download(jobs, folder, peer, workers=workers, progress=told)
    return taken


def _wanted(every: dict[str, File], only: str | Iterable[str | File], pid: str) -> list[File]:
    if isinstance(only, str):
        return [file for name, file in every.items() if fnmatchcase(name, only)]
    names = dict.fromkeys(one.name if isinstance(one, File) else one for one in only)
    missing = [name for name in names if name not in every]
    if missing:
        raise NotFound(f"{pid} has no file {missing[0]!r}.")
    return [every[name] for name in names]
