"""Processes that keep files open: as many as there is room for, no longer than they are needed, and made anew when they are lost."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest

from panmesh.adapters.hdf5.arrays import ArrayReaders
from panmesh.catalogue.arrays import ArrayFile, ArrayQuestion, Ask
from panmesh.kernel.errors import Unavailable


@pytest.fixture
def readers() -> Iterator[ArrayReaders]:
    made = ArrayReaders(kept=2, idle=0.5)
    yield made
    made.close()


def _file(path: Path) -> ArrayFile:
    with h5py.File(path, "w") as file:
        file["data"] = np.arange(5.0)
        file.create_dataset("thick", data=np.zeros((4, 1000, 1000)), chunks=(4, 1000, 1000), compression="gzip")
    info = path.stat()
    return ArrayFile(path=path, device=info.st_dev, inode=info.st_ino, size=info.st_size, modified_ns=info.st_mtime_ns)


def _ask(readers: ArrayReaders, file: ArrayFile, path: str = "/data") -> bytes:
    return readers.ask("pm-1", file, ArrayQuestion(what=Ask.DATA, path=path), lambda names: {}).body


def _children(readers: ArrayReaders) -> list[psutil.Process]:
    found = [p for p in psutil.Process().children() if "array_zygote" in " ".join(p.cmdline())]
    return [child for parent in found for child in parent.children()]


def test_a_file_stays_open_for_the_next_question(readers: ArrayReaders, tmp_path: Path) -> None:
    file = _file(tmp_path / "a.h5")
    assert [_ask(readers, file) for _ in range(20)] == [b"[0.0,1.0,2.0,3.0,4.0]"] * 20
    assert readers.made == 1


def test_no_more_processes_are_kept_than_there_is_room_for_and_none_for_nobody(readers: ArrayReaders, tmp_path: Path) -> None:
    for file in [_file(tmp_path / f"{i}.h5") for i in range(5)]:
        _ask(readers, file)
    assert len(_children(readers)) == 2
    deadline = time.monotonic() + 10
    while _children(readers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _children(readers)


def test_many_who_ask_for_one_file_at_once_are_all_answered(readers: ArrayReaders, tmp_path: Path) -> None:
    file, said = _file(tmp_path / "a.h5"), []
    threads = [threading.Thread(target=lambda: said.extend(_ask(readers, file) for _ in range(20))) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert said == [b"[0.0,1.0,2.0,3.0,4.0]"] * 160
    assert len(_children(readers)) <= 2


def test_a_process_that_was_made_before_a_link_was_known_costs_no_question(readers: ArrayReaders, tmp_path: Path) -> None:
    beside = _file(tmp_path / "beside.h5")
    with h5py.File(tmp_path / "a.h5", "w") as made:
        made["data"], made["linked"] = np.arange(2.0), h5py.ExternalLink("beside.h5", "/data")
    info = (tmp_path / "a.h5").stat()
    file = ArrayFile(
        path=tmp_path / "a.h5", device=info.st_dev, inode=info.st_ino, size=info.st_size, modified_ns=info.st_mtime_ns
    )

    def find(names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], ArrayFile | None]:
        _ask(readers, file)  # somebody else asks meanwhile, for what no link leads to
        return dict.fromkeys(names, beside)

    linked = readers.ask("pm-1", file, ArrayQuestion(what=Ask.DATA, path="/linked"), find)
    assert linked.body == b"[0.0,1.0,2.0,3.0,4.0]"


def test_a_lost_process_or_its_parent_costs_one_question_at_most(readers: ArrayReaders, tmp_path: Path) -> None:
    file = _file(tmp_path / "a.h5")
    _ask(readers, file)
    [child] = _children(readers)
    for victim in (child.pid, child.ppid()):
        os.kill(victim, signal.SIGKILL)
        time.sleep(0.2)
        for _ in range(2):
            try:
                answer = _ask(readers, file)
            except Exception as error:
                answer = str(error).encode()
        assert answer == b"[0.0,1.0,2.0,3.0,4.0]"


def test_what_takes_too_long_is_stopped_and_the_next_question_is_answered(tmp_path: Path) -> None:
    file = _file(tmp_path / "a.h5")
    readers = ArrayReaders(seconds=5)
    try:
        _ask(readers, file)
        [child] = _children(readers)
        child.suspend()  # as one that hangs in the library
        started = time.monotonic()
        with pytest.raises(Unavailable, match="longer than 5 s"):
            _ask(readers, file)
        assert time.monotonic() - started < 7
        assert not psutil.pid_exists(child.pid)
        assert _ask(readers, file) == b"[0.0,1.0,2.0,3.0,4.0]"
    finally:
        readers.close()
