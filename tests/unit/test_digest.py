"""Digests: what one read gives is what each tool alone would give, and a file in motion gives nothing."""

from __future__ import annotations

import hashlib
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from blake3 import blake3

from panmesh.adapters.storage.digest import BLOCK, PIECE, ChangedWhileRead, block_root, digest_file

SIZES = [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 17, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 12_345]


def _data(size: int, seed: int = 0) -> bytes:
    pattern = hashlib.shake_128(str(seed).encode()).digest(65_521)  # prime, so that no two pieces are alike
    return (pattern * (size // len(pattern) + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
def test_each_digest_is_that_of_the_whole_file(tmp_path: Path, size: int) -> None:
    data = _data(size)
    path = tmp_path / "scan.nxs"
    path.write_bytes(data)
    found = digest_file(str(path))
    blocks = [blake3(data[i : i + BLOCK]).digest() for i in range(0, size, BLOCK)]
    assert found.size == size
    assert found.modified_us == path.stat().st_mtime_ns // 1000
    assert found.sha256 == hashlib.sha256(data).digest()
    assert found.crc32 == zlib.crc32(data)
    assert found.adler32 == zlib.adler32(data)
    if size <= BLOCK:
        assert found.blake3 == blake3(data).digest()
        assert found.blocks == ()
    else:
        assert found.blocks == tuple(blocks)
        assert found.blake3 == block_root(blocks) == blake3(b"".join(blocks)).digest()


def test_digests_of_known_texts_are_the_published_ones(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    found = digest_file(str(path))
    assert found.sha256.hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert found.blake3.hex() == "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
    assert (found.crc32, found.adler32) == (0x352441C2, 0x024D0127)


def test_a_file_that_grows_while_it_is_read_gives_no_digest(tmp_path: Path) -> None:
    path = tmp_path / "growing.h5"
    path.write_bytes(_data(4 * PIECE))

    def grow(_: int) -> None:
        with path.open("ab") as out:
            out.write(b"more")

    with pytest.raises(ChangedWhileRead):
        digest_file(str(path), grow)


def test_a_file_written_in_place_while_it_is_read_gives_no_digest(tmp_path: Path) -> None:
    path = tmp_path / "same-size.h5"
    path.write_bytes(_data(4 * PIECE))
    os.utime(path, ns=(0, 0))

    def overwrite(_: int) -> None:
        with path.open("r+b") as out:
            out.write(b"other")

    with pytest.raises(ChangedWhileRead):
        digest_file(str(path), overwrite)


def test_a_file_replaced_while_it_is_read_gives_no_digest(tmp_path: Path) -> None:
    path, newer = tmp_path / "run.h5", tmp_path / "run.h5.new"
    path.write_bytes(_data(4 * PIECE))

    def replace(_: int) -> None:
        newer.write_bytes(_data(4 * PIECE, seed=1))
        os.replace(newer, path)

    with pytest.raises(ChangedWhileRead):
        digest_file(str(path), replace)


def test_a_pipe_a_link_and_a_folder_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "folder").mkdir()
    for name in ("link", "absent"):
        with pytest.raises(OSError, match=name):
            digest_file(str(tmp_path / name))
    for name in ("pipe", "folder"):
        with pytest.raises(OSError, match="no regular file"):
            digest_file(str(tmp_path / name))


def test_progress_counts_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "scan.nxs"
    path.write_bytes(_data(BLOCK + 5))
    seen: list[int] = []
    digest_file(str(path), seen.append)
    assert sum(seen) == BLOCK + 5


def test_threads_do_not_mix_their_bytes(tmp_path: Path) -> None:
    paths, wanted = [], []
    for number in range(8):
        data = _data(6 * PIECE + number, seed=number)
        path = tmp_path / f"{number}.h5"
        path.write_bytes(data)
        paths.append(str(path))
        wanted.append(hashlib.sha256(data).digest())
    with ThreadPoolExecutor(4) as pool:
        assert [d.sha256 for d in pool.map(digest_file, paths)] == wanted
