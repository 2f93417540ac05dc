"""Manifests: what goes in comes out, small and large, and large ones are on disk before anything refers to them."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panmesh.adapters.storage import manifests as module
from panmesh.adapters.storage.manifests import ParquetManifests
from panmesh.catalogue.manifest import INLINE_LIMIT, FileRow, ManifestRef, carry_digests, pack, unpack

names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)
rows = st.builds(
    FileRow,
    name=names,
    size=st.integers(0, 2**60),
    modified_us=st.integers(-(2**50), 2**60),
    storage=st.sampled_from(["raw", "processed"]),
    path=names,
)
digested = st.builds(
    lambda row, sha, b3, crc, adler, blocks: replace(row, sha256=sha, blake3=b3, crc32=crc, adler32=adler, blocks=tuple(blocks)),
    rows,
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=3),
)


def _frame(number: int, *, size: int = 1024) -> FileRow:
    name = f"frame_{number:07d}.cbf"
    return FileRow(name=name, size=size, modified_us=1_700_000_000_000_000 + number, storage="raw", path=f"2024/mx1/{name}")


def _digest(row: FileRow) -> FileRow:
    digest = hashlib.sha256(row.name.encode()).digest()
    return replace(row, sha256=digest, blake3=digest[::-1], crc32=len(row.name), adler32=row.size % 7)


@pytest.fixture
def store(tmp_path: Path) -> ParquetManifests:
    return ParquetManifests(tmp_path / "manifests")


@settings(deadline=None)
@given(st.lists(st.one_of(rows, digested), max_size=10))
def test_a_blob_gives_back_its_rows(given_rows: list[FileRow]) -> None:
    assert unpack(pack(given_rows)) == given_rows


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(rows, digested), min_size=1, max_size=10))
def test_a_segment_gives_back_its_rows(tmp_path_factory: pytest.TempPathFactory, given_rows: list[FileRow]) -> None:
    store = ParquetManifests(tmp_path_factory.mktemp("segments"))
    padded = [*given_rows, *map(_frame, range(INLINE_LIMIT))]
    ref = ManifestRef.from_bytes(store.write(padded).to_bytes())
    assert ref.inline is None
    assert list(store.iterate(ref)) == padded
    assert ref.total_bytes == sum(r.size for r in padded)
    assert all(store.lookup(ref, row.name) is not None for row in padded)


def test_64_files_are_kept_inline_and_65_on_disk(store: ParquetManifests, tmp_path: Path) -> None:
    small, large = store.write(map(_frame, range(64))), store.write(map(_frame, range(65)))
    assert small.inline is not None
    assert not small.segments
    assert large.inline is None
    assert [s.rows for s in large.segments] == [65]
    files = list((tmp_path / "manifests").glob("*/*.parquet"))
    assert [hashlib.sha256(f.read_bytes()).hexdigest() for f in files] == [large.segments[0].name]


def test_an_empty_manifest_is_one(store: ParquetManifests) -> None:
    ref = ManifestRef.from_bytes(store.write([]).to_bytes())
    assert (ref.file_count, ref.total_bytes, list(store.iterate(ref))) == (0, 0, [])
    assert store.page(ref, offset=0, limit=10) == (0, 0, [])


def test_a_blob_takes_at_most_120_bytes_a_file() -> None:
    frames = [_digest(replace(_frame(i), size=1024 + i * i)) for i in range(64)]
    distinct = [replace(f, blake3=os.urandom(32), crc32=i * 67_108_859, adler32=i * 50_331_653) for i, f in enumerate(frames)]
    assert len(pack(distinct)) / 64 <= 120


def test_pages_hold_what_a_slice_of_the_list_holds(store: ParquetManifests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROW_GROUP", 50)
    monkeypatch.setattr(module, "SEGMENT", 130)
    frames = [_frame(i, size=i) for i in range(400)]
    ref = store.write(frames)
    assert [s.rows for s in ref.segments] == [130, 130, 130, 10]
    for offset in (0, 1, 49, 50, 129, 130, 131, 259, 389, 390, 399, 400, 1000):
        assert store.page(ref, offset=offset, limit=75) == (400, sum(range(400)), frames[offset : offset + 75])
    chosen = [f for f in frames if "3" in f.name]
    for offset in (0, 1, 20, len(chosen) - 1, len(chosen)):
        expected = (len(chosen), sum(f.size for f in chosen), chosen[offset : offset + 30])
        assert store.page(ref, offset=offset, limit=30, contains="3") == expected
    assert store.page(ref, offset=0, limit=5, contains="FRAME_0000007") == (1, 7, [frames[7]])
    assert store.page(ref, offset=0, limit=5, contains=".*") == (0, 0, [])


def test_every_file_is_found_by_name_though_the_master_stands_first(store: ParquetManifests) -> None:
    master = FileRow(name="scan_master.h5", size=5, modified_us=1, storage="raw", path="2024/mx1/scan_master.h5")
    files = [master, *(_frame(i) for i in range(100))]
    ref = store.write(files)
    assert [store.lookup(ref, f.name) for f in files] == files
    assert store.lookup(ref, "frame_0000050") is None
    assert store.lookup(ref, "zzz") is None


def test_a_place_that_does_not_end_with_the_name_is_kept(store: ParquetManifests) -> None:
    odd = FileRow(name="raw/first.h5", size=1, modified_us=1, storage="raw", path="elsewhere/f1.h5")
    ref = store.write([*(_frame(i) for i in range(80)), odd])
    assert store.lookup(ref, "raw/first.h5") == odd


def test_digests_are_filled_in_as_a_stream(store: ParquetManifests) -> None:
    ref = store.write(map(_frame, range(200)))
    done = store.transform(ref, _digest)
    assert list(store.iterate(done)) == [_digest(_frame(i)) for i in range(200)]
    assert list(store.iterate(ref)) == [_frame(i) for i in range(200)], "the old one is untouched"


def test_the_same_files_give_the_same_names(store: ParquetManifests) -> None:
    assert store.write(map(_frame, range(100))) == store.write(map(_frame, range(100)))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 150), min_size=1, max_size=8))
def test_a_run_that_grows_ends_like_one_written_at_once(tmp_path_factory: pytest.TempPathFactory, growth: list[int]) -> None:
    store = ParquetManifests(tmp_path_factory.mktemp("growing"))
    ref, done = store.write([]), 0
    for more in growth:
        ref, done = store.append(ref, map(_frame, range(done, done + more))), done + more
    assert (ref.file_count, ref.total_bytes) == (done, 1024 * done)
    assert sorted(r.name for r in store.iterate(ref)) == [_frame(i).name for i in range(done)]
    assert all(store.lookup(ref, _frame(i).name) == _frame(i) for i in range(0, done, 37))
    assert list(store.iterate(store.compact(ref))) == [_frame(i) for i in range(done)]


def test_growing_by_one_file_makes_few_segments(store: ParquetManifests) -> None:
    ref = store.write(map(_frame, range(100)))
    for number in range(100, 400):
        ref = store.append(ref, [_frame(number)])
    assert ref.file_count == 400
    assert len(ref.segments) <= 10


def test_of_a_file_appended_twice_the_later_row_stays(store: ParquetManifests) -> None:
    ref = store.write(_frame(i) for i in range(500))
    ref = store.append(ref, (_frame(i, size=9) for i in range(400, 470)))
    compact = store.compact(ref)
    assert compact.file_count == 500
    assert [r.size for r in store.iterate(compact)] == [1024] * 400 + [9] * 70 + [1024] * 30


def test_digests_are_carried_over_for_bytes_that_did_not_change() -> None:
    before = [_digest(_frame(i)) for i in (0, 1, 2, 4)]
    rewritten = replace(_frame(1), modified_us=5)
    now = [_frame(0), rewritten, _frame(2), _frame(3), _frame(5)]
    assert list(carry_digests(before, now)) == [before[0], rewritten, before[2], _frame(3), _frame(5)]


def test_garbage_goes_after_its_grace_and_what_is_referred_to_stays(store: ParquetManifests, tmp_path: Path) -> None:
    kept, lost = store.write(map(_frame, range(70))), store.write(map(_frame, range(71)))
    young = store.write(map(_frame, range(72)))
    left_over = tmp_path / "manifests" / ".77-1.tmp"
    left_over.write_bytes(b"half")
    old = time.time() - 100_000
    for path in (*(_path(tmp_path, r) for r in (kept, lost)), left_over):
        os.utime(path, (old, old))
    assert store.collect_garbage(frozenset(s.name for s in kept.segments)) == 1
    assert [_path(tmp_path, r).exists() for r in (kept, lost, young)] == [True, False, True]
    assert not left_over.exists()


def test_a_full_disk_is_an_error_and_leaves_nothing_half(
    store: ParquetManifests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.write(map(_frame, range(100)))
    assert [p for p in (tmp_path / "manifests").rglob("*") if p.is_file()] == []


def test_the_bytes_and_the_folder_are_synced_before_the_reference_is_given(
    store: ParquetManifests, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, rename = os.fsync, os.replace

    def recorded_fsync(handle: int) -> None:
        steps.append("folder" if os.path.isdir(os.readlink(f"/proc/self/fd/{handle}")) else "file")
        fsync(handle)

    def recorded_rename(source: Path, target: Path) -> None:
        steps.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "replace", recorded_rename)
    store.write(map(_frame, range(100)))
    assert steps[:3] == ["file", "rename", "folder"]


def test_rows_are_taken_from_a_stream_not_all_at_once(store: ParquetManifests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROW_GROUP", 100)
    alive = most = 0

    class Counted(FileRow):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def stream() -> Iterator[FileRow]:
        nonlocal alive, most
        for number in range(3000):
            alive += 1
            most = max(most, alive)
            row = _frame(number)
            yield Counted(name=row.name, size=1, modified_us=1, storage="raw", path=row.path)

    assert store.write(stream()).file_count == 3000
    assert most <= 400


def _path(tmp_path: Path, ref: ManifestRef) -> Path:
    name = ref.segments[0].name
    return tmp_path / "manifests" / name[:2] / f"{name}.parquet"
