"""All digests of a file from one read: BLAKE3 per 16 MiB block and its root, SHA-256, CRC-32, Adler-32."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from stat import S_ISREG

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
    modified_us: int  # of the file that these bytes were read from
    sha256: bytes
    blake3: bytes  # of the file, or above one block of its block digests one after another: see `block_root`
    crc32: int
    adler32: int
    blocks: tuple[bytes, ...]  # BLAKE3 of each block, for files larger than one block


def digest_file(path: str | bytes, progress: Callable[[int], object] | None = None) -> Digests:
    """Raises OSError when it cannot be read or is no regular file, and ChangedWhileRead when it was written or replaced meanwhile."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)  # a pipe must not make us wait
    try:
        result = digest_handle(handle, progress)
        if _state(os.stat(path, follow_symlinks=False)) != _state(os.fstat(handle)):
            raise ChangedWhileRead(errno.ESTALE, "was replaced while it was read", os.fsdecode(path))
        return result
    finally:
        os.close(handle)


def digest_handle(handle: int, progress: Callable[[int], object] | None = None) -> Digests:
    """Like `digest_file`, of an open file read from its beginning; the caller closes it."""
    before = os.fstat(handle)
    if not S_ISREG(before.st_mode):
        raise OSError(errno.EINVAL, "is no regular file")
    found = _whole(handle) if before.st_size <= PIECE else _stream(handle, before.st_size, progress)
    size, sha256, root, crc32, adler32, blocks = found
    after = os.fstat(handle)
    if _state(before) != _state(after) or size != after.st_size:
        raise ChangedWhileRead(errno.ESTALE, "changed while it was read")
    return Digests(
        size=size,
        modified_us=after.st_mtime_ns // 1000,
        sha256=sha256,
        blake3=root,
        crc32=crc32,
        adler32=adler32,
        blocks=blocks,
    )


def block_root(blocks: Sequence[bytes]) -> bytes:
    """The digest over the block digests. `split -b 16M --filter='b3sum --raw' FILE | b3sum` gives the same.

    BLAKE3 over a whole large file beside its blocks would be a second pass over every byte: one eighth of the speed, measured.
    SHA-256 is the digest of the whole that other tools ask for.
    """
    return blake3(b"".join(blocks)).digest()


_Found = tuple[int, bytes, bytes, int, int, tuple[bytes, ...]]


def _state(info: os.stat_result) -> tuple[int, int, int]:
    return info.st_size, info.st_mtime_ns, info.st_ino


def _whole(handle: int) -> _Found:
    data = os.read(handle, PIECE + 1)
    return len(data), sha256(data).digest(), blake3(data).digest(), isal_zlib.crc32(data), isal_zlib.adler32(data), ()


def _stream(handle: int, size: int, progress: Callable[[int], object] | None) -> _Found:
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    view = memoryview(bytearray(PIECE))
    sha, block = sha256(), blake3()
    crc, adler, total, in_block = 0, 1, 0, 0
    blocks: list[bytes] = []
    while count := os.readv(handle, [view[: min(PIECE, BLOCK - in_block)]]):
        piece = view[:count]
        sha.update(piece)
        block.update(piece)
        crc, adler = isal_zlib.crc32(piece, crc), isal_zlib.adler32(piece, adler)
        total, in_block = total + count, in_block + count
        if total > size:
            break  # it grows: following the writer could go on for ever, and the caller refuses the result
        if in_block == BLOCK:
            blocks.append(block.digest())
            block, in_block = blake3(), 0
            if size > DONT_KEEP:
                os.posix_fadvise(handle, total - BLOCK, BLOCK, os.POSIX_FADV_DONTNEED)
        if progress is not None:
            progress(count)
    if in_block:
        blocks.append(block.digest())
    if len(blocks) == 1:
        return total, sha.digest(), blocks[0], crc, adler, ()
    return total, sha.digest(), block_root(blocks), crc, adler, tuple(blocks)
