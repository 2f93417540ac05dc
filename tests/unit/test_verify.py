"""Checking files against the manifest says what was found out, and no more."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from panmesh.adapters.storage.digest import BLOCK, digest_file
from panmesh.adapters.storage.roots import Root, Roots
from panmesh.adapters.storage.verify import Condition, Pace, check
from panmesh.catalogue.manifest import FileRow
from panmesh.ingest.profile import Profile


@pytest.fixture
def storages(tmp_path: Path) -> Roots:
    return Roots({"raw": Root(key="raw", path=tmp_path.resolve(), profile=Profile(facility="test"))})


def _row(path: Path, data: bytes) -> FileRow:
    path.write_bytes(data)
    found = digest_file(str(path))
    return FileRow(
        name=path.name,
        size=found.size,
        modified_us=found.modified_us,
        storage="raw",
        path=path.name,
        sha256=found.sha256,
        blake3=found.blake3,
        crc32=found.crc32,
        adler32=found.adler32,
        blocks=found.blocks,
    )


def test_a_look_is_never_called_verified(storages: Roots, tmp_path: Path) -> None:
    row = _row(tmp_path / "a.nxs", b"bytes")
    assert check(storages, row, deep=False).condition is Condition.PRESENT
    assert check(storages, row, deep=True).condition is Condition.VERIFIED
    assert check(storages, replace(row, sha256=None), deep=True).condition is Condition.PRESENT


def test_bytes_that_rot_under_the_same_size_and_time_are_found_with_their_block(storages: Roots, tmp_path: Path) -> None:
    path = tmp_path / "big.nxs"
    row = _row(path, bytes(2 * BLOCK + 10))
    info = path.stat()
    with path.open("r+b") as out:
        out.seek(BLOCK + 5)
        out.write(b"\x01")
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert check(storages, row, deep=False).condition is Condition.PRESENT
    found = check(storages, row, deep=True)
    assert found.condition is Condition.CHANGED
    assert found.detail is not None
    assert "blocks 1 of" in found.detail


def test_other_sizes_and_times_are_changes(storages: Roots, tmp_path: Path) -> None:
    row = _row(tmp_path / "a.nxs", b"bytes")
    for other in (replace(row, size=4), replace(row, modified_us=row.modified_us - 1)):
        assert check(storages, other, deep=False).condition is Condition.CHANGED


def test_missing_is_told_from_unreadable(storages: Roots, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = _row(tmp_path / "a.nxs", b"bytes")
    assert check(storages, replace(row, path="gone.nxs"), deep=True).condition is Condition.MISSING
    assert check(storages, replace(row, path="a.nxs/b.nxs"), deep=True).condition is Condition.MISSING

    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "read", broken)
    found = check(storages, row, deep=True)
    assert (found.condition, found.detail) == (Condition.UNREADABLE, "Input/output error")


def test_a_file_replaced_by_a_link_to_the_outside_is_not_read(storages: Roots, tmp_path: Path) -> None:
    row = _row(tmp_path / "a.nxs", b"bytes")
    (tmp_path / "a.nxs").unlink()
    (tmp_path / "a.nxs").symlink_to("/etc/passwd")
    found = check(storages, row, deep=True)
    assert found.condition is Condition.UNREADABLE
    assert found.detail is not None
    assert "link" in found.detail


def test_the_pace_keeps_the_average_rate() -> None:
    now = 0.0

    def wait(seconds: float) -> None:
        nonlocal now
        now += seconds

    pace = Pace(1000, clock=lambda: now, wait=wait)
    for _ in range(50):
        pace(200)
    assert now == pytest.approx(10.0)
