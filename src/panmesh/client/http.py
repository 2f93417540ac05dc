"""A facility over HTTP: search, look, take home; a download goes on where it stopped and is compared with its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from panmesh.kernel.errors import Conflict, Forbidden, NotFound, PanmeshError, PeerFailed, TooMany, Unauthenticated

PAGE = 500


class Client:
    """Raises the errors of `kernel.errors` with the server's own sentences."""

    def __init__(self, url: str, token: str | None = None, *, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        base = url.rstrip("/") + "/api/v1"
        self._http = httpx.Client(base_url=base, headers=headers, timeout=60, transport=transport, follow_redirects=True)

    def search(self, **conditions: str | int | Sequence[str]) -> dict[str, Any]:
        return self._json("/datasets", conditions)

    def get(self, pid: str) -> dict[str, Any]:
        return self._json(f"/datasets/{quote(pid, safe='')}", {})

    def files(self, pid: str) -> Iterator[dict[str, Any]]:
        """All files of a dataset, page by page."""
        offset = 0
        while True:
            page = self._json(f"/datasets/{quote(pid, safe='')}/files", {"offset": offset, "limit": PAGE})
            yield from page["items"]
            offset += len(page["items"])
            if not page["items"] or offset >= page["total"]:
                return

    def download(
        self, pid: str, file: Mapping[str, Any], folder: Path, progress: Callable[[int], object] = lambda _: None
    ) -> tuple[Path, bool]:
        """(where it is, whether its digest was compared). Raises PeerFailed when the bytes are not those of the catalogue."""
        target = inside(folder, file["name"])
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and target.stat().st_size == file["size"] and file["sha256"] and _sha256(target) == file["sha256"]:
            progress(file["size"])
            return target, True
        part = target.with_name(target.name + ".part")
        have = part.stat().st_size if part.exists() else 0
        if have > file["size"]:
            part.unlink()
            have = 0
        progress(have)
        if have < file["size"] or file["size"] == 0:
            self._fetch(pid, file, part, have, progress)
        if file["sha256"] and _sha256(part) != file["sha256"]:
            part.unlink()
            raise PeerFailed(f"{file['name']} arrived damaged and was thrown away; download it again.", str(self._http.base_url))
        part.replace(target)
        return target, bool(file["sha256"])

    def close(self) -> None:
        self._http.close()

    def _fetch(self, pid: str, file: Mapping[str, Any], part: Path, have: int, progress: Callable[[int], object]) -> None:
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers |= {"Range": f"bytes={have}-"} | ({"If-Range": f'"{file["sha256"]}"'} if file["sha256"] else {})
        url = f"/datasets/{quote(pid, safe='')}/files/{quote(file['name'])}"
        with self._stream(url, headers) as answer:
            resumed = answer.status_code == 206
            if have and not resumed:
                progress(-have)
            with part.open("ab" if resumed else "wb") as out:
                for piece in answer.iter_bytes(1 << 20):
                    out.write(piece)
                    progress(len(piece))

    def _stream(self, url: str, headers: dict[str, str]) -> Any:
        from contextlib import contextmanager

        @contextmanager
        def stream() -> Iterator[httpx.Response]:
            try:
                with self._http.stream("GET", url, headers=headers) as answer:
                    if answer.status_code >= 400:
                        answer.read()
                        raise error_of(answer)
                    yield answer
            except httpx.HTTPError as error:
                raise PeerFailed(
                    f"The line broke ({error}); run the same command again and it goes on.", str(self._http.base_url)
                ) from error

        return stream()

    def _json(self, path: str, query: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = self._http.get(path, params=dict(query))
        except httpx.HTTPError as error:
            raise PeerFailed(f"{self._http.base_url} does not answer: {error}.", str(self._http.base_url)) from error
        if answer.status_code >= 400:
            raise error_of(answer)
        body: dict[str, Any] = answer.json()
        return body


def error_of(answer: httpx.Response) -> PanmeshError:
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"The server answered {answer.status_code}."
    match answer.status_code:
        case 401:
            return Unauthenticated(detail)
        case 403:
            return Forbidden(detail)
        case 404 | 410:
            return NotFound(detail)
        case 409 | 412 | 428:
            return Conflict(detail)
        case 429:
            return TooMany(detail, int(answer.headers.get("Retry-After", "60")))
    return PeerFailed(detail, str(answer.url))


def inside(folder: Path, name: str) -> Path:
    """A name that a server sent, kept below the folder."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    if not parts or "\x00" in name:
        raise PeerFailed(f"The server named a file {name!r}, which cannot be stored.", "")
    return folder.joinpath(*parts)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
