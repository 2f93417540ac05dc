"""Files to clients: ranges, validators, digests, names, and bytes at the speed of the disk."""

from __future__ import annotations

import errno
import os
import secrets
from base64 import b64encode
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import quote

from anyio import CancelScope, create_task_group
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from panmesh.http.encoded_slashes import segment
from panmesh.http.ranges import Piece, Unsatisfiable, parse_range
from panmesh.http.threads import waiting

PIECE = 1 << 20  # bytes sent at once
AT_ONCE = 1 << 20  # files up to this size are read in one call
DATA_OF = "panmesh.data_of"  # in the scope of a request: pid of the run whose bytes are being sent

_TYPES = {
    ".nxs": "application/x-hdf5", ".h5": "application/x-hdf5", ".hdf5": "application/x-hdf5", ".hdf": "application/x-hdf5", ".nx5": "application/x-hdf5",
    ".tif": "image/tiff", ".tiff": "image/tiff", ".cbf": "application/octet-stream", ".txt": "text/plain; charset=utf-8", ".csv": "text/plain; charset=utf-8",
}  # fmt: skip


class FileAnswer:
    """An ASGI response for one open file. Closes the handle when it is done, however it is done."""

    def __init__(
        self,
        handle: int,
        *,
        pid: str,
        name: str,
        sha256: bytes | None,
        size: int,
        modified_us: int,
        offload: Mapping[str, str] | None = None,
    ) -> None:
        """`size` and `modified_us` as the catalogue knows them; the digest holds for those bytes only."""
        self._handle = handle
        self._pid = pid
        self._name = name.rsplit("/", 1)[-1]
        info = os.fstat(handle)
        self._size = info.st_size
        self._modified = info.st_mtime
        unchanged = info.st_size == size and info.st_mtime_ns // 1000 == modified_us
        self._sha256 = sha256 if unchanged else None
        # Strong: the digest, or (until it is there) the exact state of the inode, which changes with every write.
        self.etag = f'"{self._sha256.hex()}"' if self._sha256 else f'"{info.st_size:x}-{info.st_mtime_ns:x}-{info.st_ino:x}"'
        self._offload = dict(offload or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[DATA_OF] = self._pid
        try:
            await self._answer(scope, receive, send)
        finally:
            os.close(self._handle)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Headers(scope=scope)
        headers = self._headers()
        if not self._still_the_one(asked):
            await _start(send, 412, {"etag": self.etag, "content-length": "0"})
            await send({"type": "http.response.body", "body": b""})
            return
        if self._not_modified(asked):
            await _start(send, 304, headers)
            await send({"type": "http.response.body", "body": b""})
            return
        if self._offload:
            await _start(send, 200, headers | self._offload)
            await send({"type": "http.response.body", "body": b""})
            return
        pieces: tuple[Piece, ...] | None = None
        if "range" in asked and scope["method"] == "GET" and self._may_range(asked):
            try:
                pieces = parse_range(asked["range"], self._size)
            except Unsatisfiable:
                await _start(
                    send, 416, {"content-range": f"bytes */{self._size}", "content-length": "0", "accept-ranges": "bytes"}
                )
                await send({"type": "http.response.body", "body": b""})
                return
        head = scope["method"] == "HEAD"
        if pieces is None:
            await _start(send, 200, headers | {"content-length": str(self._size)})
            await self._send([(b"", Piece(0, self._size))], b"", receive, send, head)
        elif len(pieces) == 1:
            one = pieces[0]
            part = {"content-range": f"bytes {one.start}-{one.end - 1}/{self._size}", "content-length": str(one.size)}
            await _start(send, 206, headers | part)
            await self._send([(b"", one)], b"", receive, send, head)
        else:
            await self._multipart(pieces, headers, receive, send)

    async def _multipart(self, pieces: tuple[Piece, ...], headers: dict[str, str], receive: Receive, send: Send) -> None:
        boundary = secrets.token_hex(16)
        kind = headers["content-type"]
        parts = [
            (
                f"\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: bytes {p.start}-{p.end - 1}/{self._size}\r\n\r\n".encode(),
                p,
            )
            for p in pieces
        ]
        tail = f"\r\n--{boundary}--\r\n".encode()
        length = sum(len(head) + p.size for head, p in parts) + len(tail)
        changed = {"content-type": f"multipart/byteranges; boundary={boundary}", "content-length": str(length)}
        await _start(send, 206, headers | changed)
        await self._send(parts, tail, receive, send, False)

    async def _send(self, parts: list[tuple[bytes, Piece]], tail: bytes, receive: Receive, send: Send, head: bool) -> None:
        if head:
            await send({"type": "http.response.body", "body": b""})
        elif len(parts) == 1 and parts[0][1].size <= AT_ONCE:
            piece = parts[0][1]
            body = await read_at(self._handle, piece.start, piece.size)
            if len(body) != piece.size:
                raise self._shorter()
            await send({"type": "http.response.body", "body": body})
        else:
            await self._stream(parts, tail, receive, send)

    async def _stream(self, parts: list[tuple[bytes, Piece]], tail: bytes, receive: Receive, send: Send) -> None:
        """As fast as the client takes it, and no further when the client has gone: servers take what we send for nobody in silence."""
        failure: OSError | None = None
        async with create_task_group() as group:
            group.start_soon(_cancel_when_gone, receive, group.cancel_scope)
            try:
                await self._pieces(parts, tail, send)
            except OSError as error:
                failure = error  # raised outside, so that it does not arrive in an exception group
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _pieces(self, parts: list[tuple[bytes, Piece]], tail: bytes, send: Send) -> None:
        for before, piece in parts:
            if before:
                await send({"type": "http.response.body", "body": before, "more_body": True})
            offset = piece.start
            while offset < piece.end:
                body = await waiting(os.pread, self._handle, min(PIECE, piece.end - offset), offset)
                if not body:
                    raise self._shorter()
                offset += len(body)
                await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": tail})

    def _shorter(self) -> OSError:
        return OSError(errno.ESTALE, "became shorter while it was sent", self._name)

    def _headers(self) -> dict[str, str]:
        dot = self._name.rfind(".")
        headers = {
            "content-type": _TYPES.get(self._name[dot:].lower() if dot >= 0 else "", "application/octet-stream"),
            "content-disposition": disposition(self._name),
            "x-content-type-options": "nosniff",
            "accept-ranges": "bytes",
            "etag": self.etag,
            "last-modified": formatdate(self._modified, usegmt=True),
            "content-security-policy": "sandbox; default-src 'none'",
            "link": f'</datasets/{segment(self._pid)}>; rel="collection"; type="text/html"',
        }
        if self._sha256 is not None:
            headers["repr-digest"] = f"sha-256=:{b64encode(self._sha256).decode()}:"
        return headers

    def _still_the_one(self, asked: Headers) -> bool:
        wanted = asked.get("if-match")
        if wanted is not None:
            return wanted.strip() == "*" or self.etag in [t.strip() for t in wanted.split(",")]
        since = _date(asked.get("if-unmodified-since"))
        return since is None or int(self._modified) <= since

    def _not_modified(self, asked: Headers) -> bool:
        wanted = asked.get("if-none-match")
        if wanted is not None:
            return wanted.strip() == "*" or self.etag in [t.strip().removeprefix("W/") for t in wanted.split(",")]
        since = _date(asked.get("if-modified-since"))
        return since is not None and int(self._modified) <= since

    def _may_range(self, asked: Headers) -> bool:
        condition = asked.get("if-range")
        if condition is None:
            return True
        if condition.startswith(('"', "W/")):
            return condition == self.etag
        since = _date(condition)
        return since is not None and int(self._modified) == since


async def read_at(handle: int, offset: int, size: int) -> bytes | bytearray:
    """What is in the page cache at once; what is not, in a thread: a slow disk or a hanging mount must not stop the server. It is sent as it
    was read: to copy a megabyte into bytes takes four times as long as all else."""
    buffer = bytearray(size)
    try:
        count = os.preadv(handle, [buffer], offset, os.RWF_NOWAIT) if size else 0
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
        count = -1
    if count == size:
        return buffer
    return await waiting(os.pread, handle, size, offset)


def disposition(name: str) -> str:
    """Content-Disposition with a plain fallback and the exact name (RFC 6266, RFC 8187)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%;' else "_" for c in name) or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"


async def _cancel_when_gone(receive: Receive, scope: CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _start(send: Send, status: int, headers: Mapping[str, str]) -> None:
    raw = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})


def _date(text: str | None) -> int | None:
    if not text:
        return None
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
