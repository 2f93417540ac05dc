"""All digests of a file from one read: BLAKE3 per 16 MiB block and whole, SHA-256, CRC-32, Adler-32."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass

from blake3 import blake3
from isal import isal_zlib

BLOCK = 16 << 20  # bytes: the unit of resumption
PIECE = 256 << 10  # bytes read at once: stays in the processor's cache while all four digests take it
DONT_KEEP = 64 << 20  # files larger than this do not push others out of the page cache


class ChangedWhileRead(OSError):
    """Size, time or inode differ before and after: somebody is writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    size: int
    sha256: bytes
    blake3: bytes
    crc32: int
    adler32: int
    blocks: tuple[bytes, ...]  # BLAKE3 of each block, for files larger than one block


def digest_file(path: str | bytes, progress: Callable[[int], object] | None = None) -> Digests:
    """Raises OSError when it cannot be read and ChangedWhileRead when it was written meanwhile."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        before = os.fstat(handle)
        result = _whole(handle) if before.st_size <= PIECE else _stream(handle, before.st_size, progress)
        after = os.fstat(handle)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or result.size != after.st_size:
            raise ChangedWhileRead(f"{os.fsdecode(path)} changed while it was read")
        return result
    finally:
        os.close(handle)


def _whole(handle: int) -> Digests:
    data = os.read(handle, PIECE + 1)
    return Digests(
        size=len(data),
        sha256=hashlib.sha256(data).digest(),
        blake3=blake3(data).digest(),
        crc32=isal_zlib.crc32(data),
        adler32=isal_zlib.adler32(data),
        blocks=(),
    )


def _stream(handle: int, size: int, progress: Callable[[int], object] | None) -> Digests:
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    view = memoryview(bytearray(PIECE))
    sha, whole, block = hashlib.sha256(), blake3(), blake3()
    crc, adler, total, in_block = 0, 1, 0, 0
    blocks: list[bytes] = []
    while count := os.readv(handle, [view[: min(PIECE, BLOCK - in_block)]]):
        piece = view[:count]
        sha.update(piece)
        block.update(piece)
        if size > BLOCK:
            whole.update(piece)
        crc, adler = isal_zlib.crc32(piece, crc), isal_zlib.adler32(piece, adler)
        total, in_block = total + count, in_block + count
        if in_block == BLOCK:
            blocks.append(block.digest())
            block, in_block = blake3(), 0
            if size > DONT_KEEP:
                os.posix_fadvise(handle, total - BLOCK, BLOCK, os.POSIX_FADV_DONTNEED)
        if progress is not None:
            progress(count)
    if size > BLOCK and in_block:
        blocks.append(block.digest())
    return Digests(
        size=total,
        sha256=sha.digest(),
        blake3=whole.digest() if size > BLOCK else (blocks[0] if blocks else block.digest()),
        crc32=crc,
        adler32=adler,
        blocks=tuple(blocks) if size > BLOCK else (),
    )
