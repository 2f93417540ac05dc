"""`panmesh://host/pid/path` for fsspec: what pandas, xarray, h5py and zarr open by an address. Read only."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote

from fsspec.caching import BaseCache
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from panmesh.client import asking, values
from panmesh.client.flow import Together, said
from panmesh.client.http import Http
from panmesh.client.paged import Paged
from panmesh.client.remote_file import part
from panmesh.client.values import File
from panmesh.kernel.errors import Forbidden, Invalid, NotFound, PanmeshError, Unauthenticated

PAGE = 1000  # files asked for at once
BLOCK = 1 << 20  # bytes read ahead


class PanmeshFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """`host` (with its port) is the facility, `pid` the run, with '/' written %2F; 'https' unless `secure=False` or it is this machine.

    `token`, or what PANMESH_TOKEN says; without one it sees what is open. Errors are those of files: FileNotFoundError, PermissionError, with
    the facility's sentence."""

    protocol = "panmesh"
    root_marker = ""
    cachable = True

    def __init__(
        self, host: str = "", token: str | None = None, secure: bool | None = None, *, of_url: str = "", **more: Any
    ) -> None:
        """`of_url` is what stands in an address where the facility should."""
        super().__init__(host=host, token=token, secure=secure, of_url=of_url, **more)
        if not (host or of_url) or of_url.startswith("pm-") or (host and of_url not in ("", host)):
            where = f"panmesh://{host or 'data.example.org'}/pm-0123456789abcdef/scan.nxs"
            raise ValueError(f"panmesh:// needs a facility, in the address itself: {where}")
        host = host or of_url
        secure = not _near(host) if secure is None else secure
        self.host = host
        self.http = Http(f"{'https' if secure else 'http'}://{host}", token or os.environ.get("PANMESH_TOKEN"))
        self._listed: dict[str, dict[str, File]] = {}

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        """panmesh://host/pid/a/b and host/pid/a/b are one."""
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        return os.fspath(path).removeprefix("panmesh://").rstrip("/")

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, Any]:
        return {"of_url": path.removeprefix("panmesh://").partition("/")[0]}

    @property
    def fsid(self) -> str:
        return f"panmesh-{self.host}"

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """Raises FileNotFoundError. Runs are not listed: a search finds them."""
        pid, inner = self._split(path)
        files = self._files(pid)
        prefix = f"{inner}/" if inner else ""
        if inner in files:
            found = {inner: self._entry(pid, inner, files[inner])}
        else:
            found = {}
            for name, file in files.items():
                if name.startswith(prefix):
                    first, deeper, _rest = name[len(prefix) :].partition("/")
                    child = prefix + first
                    found[child] = self._entry(pid, child, None if deeper else file)
            if inner and not found:
                raise FileNotFoundError(f"{pid} has no file and no folder {inner!r}.")
        listed = [found[name] for name in sorted(found)]
        return listed if detail else [one["name"] for one in listed]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        pid, inner = self._split(path)
        files = self._files(pid)
        if inner in files:
            return self._entry(pid, inner, files[inner])
        if inner and not any(name.startswith(f"{inner}/") for name in files):
            raise FileNotFoundError(f"{pid} has no file and no folder {inner!r}.")
        return self._entry(pid, inner, None)

    def modified(self, path: str) -> Any:
        return self.info(path)["mtime"]

    def checksum(self, path: str) -> int:
        """Of what the catalogue says: another when the file is another."""
        one = self.info(path)
        return hash((one.get("sha256"), one["size"], str(one.get("mtime"))))

    def invalidate_cache(self, path: str | None = None) -> None:
        self._listed.clear()

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        return _bytes(self._ranges([(path, start, end)])[0])

    def cat_ranges(
        self, paths: Any, starts: Any, ends: Any, max_gap: Any = None, on_error: str = "return", **_: Any
    ) -> list[bytes | Exception]:
        """Several at once."""
        if not isinstance(starts, list | tuple):
            starts = [starts] * len(paths)
        if not isinstance(ends, list | tuple):
            ends = [ends] * len(paths)
        found = self._ranges(list(zip(paths, starts, ends, strict=True)))
        if on_error == "raise":
            return [_bytes(one) for one in found]
        return found

    def _open(
        self, path: str, mode: str = "rb", block_size: Any = None, autocommit: bool = True, cache_options: Any = None, **more: Any
    ) -> RemoteBuffer:
        if mode != "rb":
            self._refuse()
        return RemoteBuffer(self, path, mode, block_size or BLOCK, cache_options=cache_options, **more)

    def _refuse(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError("a facility's data are read only: open them with mode 'rb'")

    mkdir = makedirs = rmdir = touch = rm = rm_file = cp_file = put_file = _refuse

    def _ranges(self, wanted: list[tuple[str, int | None, int | None]]) -> list[bytes | Exception]:
        flows = [self._guarded(*one) for one in wanted]
        found: list[bytes | Exception] = self.http.run(_together(flows))
        return found

    def _guarded(self, path: str, start: int | None, end: int | None) -> Any:
        """A flow that returns its error, so that others go on."""
        try:
            pid, inner = self._split(path)
            size = self.info(path)["size"]
            if size is None:
                raise IsADirectoryError(f"{inner} is a folder.")
            first, after, _step = slice(start, end).indices(size)
            if after <= first:
                return b""
            body, _etag, _size = yield from part(pid, inner, first, after)
            return body
        except PanmeshError as error:
            return _as_of_files(error)
        except OSError as error:
            return error

    def _split(self, path: str) -> tuple[str, str]:
        """The pid, and the name within the run."""
        host, _, rest = self._strip_protocol(path).partition("/")
        pid, _, inner = rest.partition("/")
        if host != self.host or not pid:
            raise FileNotFoundError(
                f"{path!r} names no run at {self.host}; write panmesh://{self.host}/pm-…/scan.nxs. A search finds runs: "
                "panmesh.client.connect(…).datasets.search(…)"
            )
        return unquote(pid), inner

    def _files(self, pid: str) -> dict[str, File]:
        if pid not in self._listed:
            try:
                self._listed[pid] = {one.name: one for one in Paged(lambda offset, limit: self._page(pid, offset, limit), PAGE)}
            except PanmeshError as error:
                raise _as_of_files(error) from error
        return self._listed[pid]

    def _page(self, pid: str, offset: int, limit: int) -> tuple[list[File], int]:
        return self.http.run(said(asking.files(pid, offset, limit), values.page(values.file)))

    def _entry(self, pid: str, inner: str, file: File | None) -> dict[str, Any]:
        name = "/".join(part for part in (self.host, pid.replace("/", "%2F"), inner) if part)
        if file is None:
            return {"name": name, "size": None, "type": "directory"}
        return {
            "name": name,
            "size": file.size,
            "type": "file",
            "mtime": file.modified,
            "sha256": file.sha256,
            "state": file.state,
        }


class RemoteBuffer(AbstractBufferedFile):  # type: ignore[misc]
    """Never bytes of two files: raises OSError when it changes while it is open."""

    def __init__(self, fs: PanmeshFileSystem, path: str, *more: Any, **options: Any) -> None:
        self._etag: str | None = None  # before anything is asked for: one cache takes the whole file at once
        super().__init__(fs, path, *more, **options)
        if self.details["type"] != "file":
            raise IsADirectoryError(f"{path} is a folder.")
        self.cache: BaseCache

    def _fetch_range(self, start: int, end: int) -> bytes:
        files: PanmeshFileSystem = self.fs
        pid, inner = files._split(self.path)
        try:
            body, self._etag, _ = files.http.run(part(pid, inner, start, end, self._etag))
        except PanmeshError as error:
            raise _as_of_files(error) from error
        return body


def _together(flows: list[Any]) -> Any:
    found = yield Together(flows, 8)
    return found


def _bytes(found: bytes | Exception) -> bytes:
    if isinstance(found, Exception):
        raise found
    return found


def _as_of_files(error: PanmeshError) -> OSError:
    match error:
        case NotFound() | Invalid():
            return FileNotFoundError(error.detail)
        case Forbidden() | Unauthenticated():
            return PermissionError(error.detail)
    return OSError(error.detail)


def _near(host: str) -> bool:
    """Whether it is this machine, which has no certificate."""
    return host.rpartition(":")[0] in ("localhost", "127.0.0.1", "[::1]") or host in ("localhost", "127.0.0.1")
