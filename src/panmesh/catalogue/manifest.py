"""The list of a dataset's files: names, sizes, digests, places. Up to 64 files in a compact blob, above in immutable segments."""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Protocol

import orjson

INLINE_LIMIT = 64  # files


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    name: str  # in the dataset, "/" between folders
    size: int
    modified_us: int
    storage: str  # "": none of ours
    path: str  # in the storage
    sha256: bytes | None = None  # None: pending
    blake3: bytes | None = None  # of the file; above one block, of its block digests one after another
    crc32: int | None = None
    adler32: int | None = None
    blocks: tuple[bytes, ...] = ()  # BLAKE3 of each 16 MiB block, for files larger than one

    @property
    def told_size(self) -> int | None:
        """None: of a file elsewhere, whose catalogue does not say."""
        return self.size if self.storage or self.size else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRef:
    """An immutable, content-named piece of a large manifest."""

    name: str  # SHA-256 of the segment file, hex
    rows: int
    first: str  # file names, for look-ups
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestRef:
    """What SQL keeps of a manifest."""

    file_count: int
    total_bytes: int
    inline: bytes | None = None
    segments: tuple[SegmentRef, ...] = ()

    def to_bytes(self) -> bytes:
        head = {"n": self.file_count, "b": self.total_bytes}
        if self.inline is not None:
            return orjson.dumps(head) + b"\n" + self.inline
        return orjson.dumps(head | {"s": [[s.name, s.rows, s.first, s.last] for s in self.segments]}) + b"\n"

    @staticmethod
    def from_bytes(data: bytes) -> ManifestRef:
        line, _, rest = bytes(data).partition(b"\n")
        head = orjson.loads(line)
        segments = tuple(SegmentRef(name=n, rows=r, first=f, last=e) for n, r, f, e in head.get("s", ()))
        return ManifestRef(file_count=head["n"], total_bytes=head["b"], inline=None if segments else rest, segments=segments)


class ManifestStore(Protocol):
    def write(self, files: Iterable[FileRow]) -> ManifestRef:
        """Rows in the order of their names. Segments are on disk and synced when this returns."""
        ...

    def append(self, ref: ManifestRef, files: Iterable[FileRow]) -> ManifestRef:
        """The same files and new ones, for a run that grows. Cost goes with the new files, not with those already there.
        Names are in order within each segment only, until `compact`."""
        ...

    def compact(self, ref: ManifestRef) -> ManifestRef:
        """All in the order of their names again, when the run closes; of a name appended twice the later row stays."""
        ...

    def iterate(self, ref: ManifestRef) -> Iterator[FileRow]: ...

    def page(self, ref: ManifestRef, *, offset: int, limit: int, contains: str | None = None) -> tuple[int, int, list[FileRow]]:
        """(files that match, their bytes, the rows of the page)."""
        ...

    def lookup(self, ref: ManifestRef, name: str) -> FileRow | None: ...

    def at_hand(self, ref: ManifestRef, name: str) -> FileRow | None:
        """A look-up in a list in segments that never waits for the disk: None when it is not there, or not known without asking."""
        ...

    def transform(self, ref: ManifestRef, change: Callable[[FileRow], FileRow]) -> ManifestRef:
        """The same files with other columns, as a stream."""
        ...


def carry_digests(before: Iterable[FileRow], now: Iterable[FileRow]) -> Iterator[FileRow]:
    """`now` with the digests of those files in `before` that have the same name, place, size and time.

    Both in the order of their names, as streams: a run of a million frames that grows by one reads one frame.
    """
    old = iter(before)
    known = next(old, None)
    for row in now:
        while known is not None and known.name < row.name:
            known = next(old, None)
        if known is not None and row.sha256 is None and _same_bytes(known, row):
            yield known
        else:
            yield row


class Sized(Protocol):
    """What of a file tells that it changed."""

    @property
    def path(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def modified_us(self) -> int: ...


def content_key(files: Iterable[Sized]) -> bytes:
    """Of a list of files in any order: changes when a name, a size or a time does."""
    total = sum(int.from_bytes(file_key(file), "big") for file in files) % (1 << 256)
    return total.to_bytes(32, "big")


def file_key(file: Sized) -> bytes:
    text = f"{file.path}\0{file.size}\0{file.modified_us}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def together(own: Iterable[FileRow], others: Iterable[FileRow], primary: str) -> list[FileRow]:
    """The files of several datasets as one list in the order of their names, each file once; names are relative to the folder of
    the primary file, and whole paths outside of it."""
    folder = primary.rpartition("/")[0]
    found = {(row.storage, row.path): row for row in own}
    taken = {row.name for row in found.values()}
    for row in others:
        if (row.storage, row.path) in found:
            continue
        name = row.path.removeprefix(f"{folder}/") if folder else row.path
        name = name if name and name not in taken else f"{row.storage}/{row.path}"
        taken.add(name)
        found[row.storage, row.path] = replace(row, name=name)
    return sorted(found.values(), key=attrgetter("name"))


def _same_bytes(a: FileRow, b: FileRow) -> bool:
    return (a.name, a.storage, a.path, a.size, a.modified_us) == (b.name, b.storage, b.path, b.size, b.modified_us)


def pack(rows: Iterable[FileRow]) -> bytes:
    return zlib.compress(orjson.dumps([_row(r) for r in rows]), 6)


def unpack(blob: bytes) -> list[FileRow]:
    return [_unrow(plain) for plain in orjson.loads(zlib.decompress(blob))]


def _row(row: FileRow) -> list[Any]:
    place: Any = row.path.removesuffix(row.name) if row.path.endswith(row.name) else [row.path]
    plain = [row.name, row.size, row.modified_us, row.storage, place]
    if row.sha256 is None:
        return plain
    return [*plain, _text(row.sha256), _text(row.blake3), row.crc32, row.adler32, [_text(b) for b in row.blocks]]


def _unrow(plain: list[Any]) -> FileRow:
    name, size, modified_us, storage, place, *digests = plain
    path = place[0] if isinstance(place, list) else place + name
    if not digests:
        return FileRow(name=name, size=size, modified_us=modified_us, storage=storage, path=path)
    sha256, blake3, crc32, adler32, blocks = digests
    return FileRow(
        name=name,
        size=size,
        modified_us=modified_us,
        storage=storage,
        path=path,
        sha256=b64decode(sha256),
        blake3=b64decode(blake3),
        crc32=crc32,
        adler32=adler32,
        blocks=tuple(b64decode(b) for b in blocks),
    )


def _text(digest: bytes | None) -> str:
    return b64encode(digest or b"").decode("ascii")
