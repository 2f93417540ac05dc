"""The watcher tells of each file when it is closed, wherever in the tree, also in folders that come and go."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import h5py
import pytest

from panmesh.adapters.storage import under_way
from panmesh.adapters.storage import watch as module
from panmesh.adapters.storage.watch import Overflow, Watcher, inotify_reliable


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    made = Watcher()
    yield made
    made.close()


def _all(watcher: Watcher, seconds: float = 0.2) -> dict[str, bool]:
    """Everything until nothing comes for a while."""
    seen: dict[str, bool] = {}
    while batch := dict(watcher.events(seconds)):
        seen |= batch
    return seen


def test_a_file_is_told_of_when_it_is_closed_and_not_before(watcher: Watcher, tmp_path: Path) -> None:
    watcher.add(str(tmp_path))
    path = tmp_path / "run.nxs"
    with path.open("wb") as out:
        out.write(b"half")
        out.flush()
        assert _all(watcher, 0.05) == {}
    assert _all(watcher) == {str(path): True}


@pytest.mark.parametrize("folder", ["", "new"])
def test_a_file_that_readers_may_open_while_it_is_written_is_told_of_at_once(
    watcher: Watcher, tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_way, "LOOK_SECONDS", 0.0)
    watcher.add(str(tmp_path))
    (tmp_path / folder).mkdir(exist_ok=True)
    path = tmp_path / folder / "run.nxs"
    with h5py.File(path, "w", libver="latest") as file:
        file["data"] = [1, 2, 3]
        file.flush()
        assert set(_all(watcher, 0.05)) == ({str(path)} if folder else set())
        file.swmr_mode = True
        assert dict(watcher.events(0.05)) == {str(path): True}
        assert _all(watcher, 0.05) == {}, "once, until it is closed"
    assert _all(watcher) == {str(path): True}


def test_it_is_told_within_a_tenth_of_a_second(watcher: Watcher, tmp_path: Path) -> None:
    watcher.add(str(tmp_path))
    (tmp_path / "run.nxs").write_bytes(b"x")
    start = time.monotonic()
    assert list(watcher.events(5.0)) == [(str(tmp_path / "run.nxs"), True)]
    assert time.monotonic() - start < 1.0


def test_files_moved_in_appear_and_files_moved_out_or_deleted_go(watcher: Watcher, tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    for name in ("a", "b", "c"):
        ((outside if name == "c" else inside) / name).write_bytes(b"x")
    assert sorted(watcher.add(str(inside))) == [str(inside / "a"), str(inside / "b")]
    (inside / "a").rename(outside / "a")
    (inside / "b").unlink()
    (outside / "c").rename(inside / "c")
    assert _all(watcher) == {str(inside / "a"): False, str(inside / "b"): False, str(inside / "c"): True}


def test_a_rename_at_the_end_of_writing_gives_the_final_name_only(watcher: Watcher, tmp_path: Path) -> None:
    watcher.add(str(tmp_path))
    (tmp_path / "run.nxs.part").write_bytes(b"x")
    (tmp_path / "run.nxs.part").rename(tmp_path / "run.nxs")
    assert _all(watcher) == {str(tmp_path / "run.nxs"): True}


@pytest.mark.parametrize("name", [".hidden", "run.nxs~", "run.tmp", "run.part", ".run.nxs.swp"])
def test_hidden_and_temporary_files_are_not_told_of(watcher: Watcher, tmp_path: Path, name: str) -> None:
    watcher.add(str(tmp_path))
    (tmp_path / name).write_bytes(b"x")
    assert _all(watcher, 0.05) == {}


def test_no_file_in_folders_made_in_a_hurry_is_lost(watcher: Watcher, tmp_path: Path) -> None:
    watcher.add(str(tmp_path))
    expected = set()
    for number in range(60):
        folder = tmp_path / f"visit-{number}" / "raw" / "deep"
        folder.mkdir(parents=True)
        for name in ("first.nxs", "second.nxs"):
            (folder / name).write_bytes(b"x")
            expected.add(str(folder / name))
    assert {path for path, there in _all(watcher).items() if there} == expected
    (tmp_path / "visit-7" / "raw" / "deep" / "later.nxs").write_bytes(b"x")
    assert _all(watcher) == {str(tmp_path / "visit-7" / "raw" / "deep" / "later.nxs"): True}


def test_a_folder_moved_in_brings_its_files(watcher: Watcher, tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out" / "sub"
    inside.mkdir()
    outside.mkdir(parents=True)
    (outside / "a.nxs").write_bytes(b"x")
    watcher.add(str(inside))
    (tmp_path / "out").rename(inside / "visit")
    assert _all(watcher) == {str(inside / "visit" / "sub" / "a.nxs"): True}


def test_a_folder_moved_within_the_tree_is_known_by_its_new_name_only(watcher: Watcher, tmp_path: Path) -> None:
    (tmp_path / "old" / "sub").mkdir(parents=True)
    (tmp_path / "old" / "sub" / "a.nxs").write_bytes(b"x")
    watcher.add(str(tmp_path))
    (tmp_path / "old").rename(tmp_path / "new")
    assert _all(watcher) == {f"{tmp_path}/old/": False, str(tmp_path / "new" / "sub" / "a.nxs"): True}
    (tmp_path / "new" / "sub" / "b.nxs").write_bytes(b"x")
    assert _all(watcher) == {str(tmp_path / "new" / "sub" / "b.nxs"): True}


def test_a_folder_moved_away_is_watched_no_more(watcher: Watcher, tmp_path: Path) -> None:
    (tmp_path / "in" / "visit").mkdir(parents=True)
    watcher.add(str(tmp_path / "in"))
    (tmp_path / "in" / "visit").rename(tmp_path / "archive")
    assert _all(watcher) == {f"{tmp_path}/in/visit/": False}
    (tmp_path / "archive" / "secret.nxs").write_bytes(b"x")
    assert _all(watcher, 0.05) == {}


def test_links_to_folders_are_not_followed(watcher: Watcher, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    watcher.add(str(tmp_path / "in"))
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    _all(watcher, 0.05)
    (tmp_path / "out" / "secret.nxs").write_bytes(b"x")
    assert _all(watcher, 0.05) == {}


def test_what_was_lost_in_an_overflow_is_announced_and_later_files_are_seen(
    watcher: Watcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher.add(str(tmp_path))
    read = os.read
    lost = struct.pack("iIII", -1, 0x4000, 0, 0)

    def overflowing(handle: int, size: int) -> bytes:
        return read(handle, size) and lost

    with monkeypatch.context() as patch:
        patch.setattr(os, "read", overflowing)
        (tmp_path / "made-meanwhile").mkdir()
        with pytest.raises(Overflow):
            list(watcher.events(1.0))
    (tmp_path / "made-meanwhile" / "a.nxs").write_bytes(b"x")
    assert _all(watcher) == {str(tmp_path / "made-meanwhile" / "a.nxs"): True}


def test_a_writer_that_never_rests_does_not_keep_events_back(
    watcher: Watcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher.add(str(tmp_path))
    (tmp_path / "a.nxs").write_bytes(b"x")
    data = os.read(watcher._handle, 1 << 16)
    (tmp_path / "a.nxs").write_bytes(b"y")  # so that select returns
    monkeypatch.setattr(os, "read", lambda *_: data)
    start = time.monotonic()
    assert dict(watcher.events(1.0)) == {str(tmp_path / "a.nxs"): True}
    assert time.monotonic() - start < 1.0


def test_a_folder_that_cannot_be_watched_is_named_and_the_others_are_watched(
    watcher: Watcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "fine").mkdir()
    real = watcher._watch

    def limited(folder: str) -> int:
        if folder.endswith("full"):
            raise OSError(28, "No space left on device", folder)
        return real(folder)

    monkeypatch.setattr(watcher, "_watch", limited)
    watcher.add(str(tmp_path))
    assert list(watcher.unwatched) == [str(tmp_path / "full")]
    assert "max_user_watches" in watcher.unwatched[str(tmp_path / "full")]
    (tmp_path / "fine" / "a.nxs").write_bytes(b"x")
    assert _all(watcher) == {str(tmp_path / "fine" / "a.nxs"): True}


def test_of_a_flood_every_file_is_told_of_or_the_loss_is(watcher: Watcher, tmp_path: Path) -> None:
    queue = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    fitting, flood = min(5_000, queue // 2 - 10), min(queue // 2 + 500, 60_000)
    watcher.add(str(tmp_path))
    for count, lost in ((fitting, False), (flood, 2 * flood > queue)):
        for number in range(count):  # two events each: made, closed
            os.close(os.open(tmp_path / f"{count}-{number}.nxs", os.O_CREAT | os.O_WRONLY))
        overflow = False
        told: dict[str, bool] = {}
        while True:
            before = len(told)
            try:
                for path, there in watcher.events(0.1):
                    told[path] = there
            except Overflow:
                overflow = True
            if len(told) == before:
                break
        assert (len(told) < count) == overflow == lost


@pytest.mark.parametrize(
    ("kind", "reliable"),
    [
        *((kind, True) for kind in ("ext4", "xfs", "tmpfs", "fuseblk")),
        *((kind, False) for kind in ("nfs4", "gpfs", "lustre", "cifs", "fuse.sshfs", "fuse.juicefs")),
    ],
)
def test_file_systems_with_writers_elsewhere_are_told_from_local_ones(tmp_path: Path, kind: str, reliable: bool) -> None:
    data = tmp_path / "große daten"
    data.mkdir()
    mounts = tmp_path / "mounts"
    place = str(data).replace(" ", r"\040")
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/x {place} {kind} rw 0 0\nother {place}-2 nfs rw 0 0\n", encoding="utf-8")
    assert inotify_reliable(data / "visit", mounts) is reliable
    assert inotify_reliable(tmp_path, mounts)
    assert module.inotify_reliable(tmp_path)
