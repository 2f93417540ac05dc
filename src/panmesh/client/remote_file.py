"""A file read where it is: seekable, a few blocks at a time, so that h5py.File opens it without taking it home."""

from __future__ import annotations

import io
import re
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any

from panmesh.client import asking
from panmesh.client.flow import Flow, ask
from panmesh.kernel.errors import PeerFailed, Stale, Unsupported

if TYPE_CHECKING:
    from panmesh.client.http import Http

BLOCK = 256 << 10  # bytes
KEPT = 64  # blocks


class RemoteFile(io.RawIOBase):
    """Raises what the facility says at the first byte; Stale when the file changes while it is open: never bytes of two files."""

    def __init__(self, http: Http, pid: str, name: str, *, block: int = BLOCK, kept: int = KEPT) -> None:
        self.name = name
        self._http = http
        self._pid = pid
        self._block = block
        self._kept = kept
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._etag: str | None = None
        self._size = 0
        self._lock = Lock()
        self._blocks[0] = self._ask(0, block)

    def __repr__(self) -> str:
        return f"<{self.name} of {self._pid}, {self._size} bytes>"

    def __getstate__(self) -> dict[str, Any]:
        """Where it was, of the same file still; the blocks are asked for again."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_blocks", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._blocks, self._lock = OrderedDict(), Lock()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if at < 0:
            raise ValueError(f"a file has no byte {at}")
        self._at = at
        return at

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        view = memoryview(buffer).cast("B")
        with self._lock:
            start, end = self._at, min(self._at + len(view), self._size)
            if end <= start:
                return 0
            self._copy(view, start, end)
            self._at = end
        return end - start

    def readall(self) -> bytes:
        return self.read(max(0, self._size - self._at)) or b""

    def _copy(self, view: memoryview, start: int, end: int) -> None:
        """What is kept from the cache, and each run of blocks that is not in one request."""
        numbers = range(start // self._block, (end - 1) // self._block + 1)
        missing: list[int] = []
        for number in numbers:
            block = self._blocks.get(number)
            if block is None:
                missing.append(number)
                continue
            self._blocks.move_to_end(number)
            self._load(missing, view, start, end)
            missing = []
            self._paste(number * self._block, block, view, start, end)
        self._load(missing, view, start, end)

    def _load(self, numbers: list[int], view: memoryview, start: int, end: int) -> None:
        if not numbers:
            return
        begin = numbers[0] * self._block
        got = self._ask(begin, min((numbers[-1] + 1) * self._block, self._size))
        self._paste(begin, got, view, start, end)
        for number in numbers[-self._kept :]:
            at = number * self._block - begin
            self._blocks[number] = got[at : at + self._block]
        while len(self._blocks) > self._kept:
            self._blocks.popitem(last=False)

    def _paste(self, begin: int, piece: bytes, view: memoryview, start: int, end: int) -> None:
        low, high = max(begin, start), min(begin + len(piece), end)
        view[low - start : high - start] = piece[low - begin : high - begin]

    def _ask(self, start: int, end: int) -> bytes:
        body, self._etag, self._size = self._http.run(part(self._pid, self.name, start, end, self._etag))
        return body


def part(pid: str, name: str, start: int, end: int, etag: str | None = None) -> Flow[tuple[bytes, str | None, int]]:
    """The bytes from `start` to before `end`, as far as there are such; the ETag and the size of the whole. Raises Stale when the file has
    not that ETag any more."""
    headers = {"Range": f"bytes={start}-{end - 1}"} | ({"If-Range": etag} if etag else {})
    answer = yield from ask(asking.content(pid, name, headers), also=(416,), most=end - start, bodies=(206,))
    told = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+)", answer.headers.get("Content-Range", ""))
    if answer.status == 200 and etag:
        raise Stale(f"{name} has changed since you opened it. Open it again.", answer.headers.get("ETag"))
    if told is None or (answer.status == 206 and told[1] != str(start)):
        raise Unsupported(f"The server gives no parts of {name}; download it instead.", ())
    size = int(told[2])
    if answer.status == 416:
        return b"", answer.headers.get("ETag"), size
    if len(answer.body) != min(end, size) - start:
        raise PeerFailed(f"{name}: {len(answer.body)} bytes came, {min(end, size) - start} were asked for.", "")
    return answer.body, answer.headers.get("ETag"), size
