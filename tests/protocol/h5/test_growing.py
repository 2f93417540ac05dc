"""Files that another process is writing (SWMR) are shown as they are now."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import h5py

from tests.protocol.h5.conftest import Runs

WRITER = """
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "w", libver="latest") as file:
    data = file.create_dataset("data", shape=(0, 4), maxshape=(None, 4), chunks=(2, 4), dtype="i4")
    file.swmr_mode = True
    for line in sys.stdin:
        data.resize(data.shape[0] + 1, axis=0)
        data[-1] = int(line)
        data.flush()
        print("written", flush=True)
"""


def test_a_scan_that_is_being_written_is_answered_with_what_is_there_now(runs: Runs) -> None:
    path = runs.folder("open") / "scan.h5"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        for number in range(1, 30):
            writer.stdin.write(f"{number}\n")
            writer.stdin.flush()
            assert writer.stdout.readline() == "written\n"
            if number == 1:
                runs.put("open", "scan.h5")
            answer = runs.get("open", "data", path="/data", selection="-1")
            assert answer.json() == [number] * 4
            assert answer.headers["cache-control"] == "no-store"
            assert "etag" not in answer.headers
            assert runs.get("open", "meta", path="/data").json()["shape"] == [number, 4]
            assert runs.get("open", "data", path="/data", format="bin").content[-4:] == number.to_bytes(4, "little")
        assert runs.house.app.arrays.made < 10  # it stays open while it grows
        writer.stdin.close()
        writer.wait(10)
    _until_closed(runs, path)


def _until_closed(runs: Runs, path: Path) -> None:
    """Within seconds of its end the file is one like any other."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        answer = runs.get("open", "data", path="/data", selection="-1")
        assert answer.json() == [29] * 4
        if "etag" in answer.headers:
            return
        time.sleep(0.3)
    with h5py.File(path) as file:
        raise AssertionError(f"still said to grow, with {file['data'].shape}")


def test_a_part_that_is_still_written_does_not_read_as_a_flat_image(runs: Runs) -> None:
    """The library takes fill values where it cannot open a source."""
    folder = runs.folder("open")
    layout = h5py.VirtualLayout(shape=(1, 4), dtype="i4")
    layout[:] = h5py.VirtualSource("scan.h5", "/data", shape=(1, 4))
    with h5py.File(folder / "master.h5", "w", libver="latest") as file:
        file.create_virtual_dataset("data", layout, fillvalue=0)
        file["link"] = h5py.ExternalLink("scan.h5", "/data")
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder / "scan.h5")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write("7\n")
        writer.stdin.flush()
        writer.stdout.readline()
        runs.put("open", "master.h5", "scan.h5")
        answer = runs.get("open", "data", path="/link")
        assert (answer.json(), answer.headers["cache-control"]) == ([[7, 7, 7, 7]], "no-store")
        answer = runs.get("open", "data", path="/data")
        assert (answer.status_code, "still being written" in answer.json()["message"]) == (404, True)
        writer.stdin.close()
        writer.wait(10)
    assert runs.get("open", "data", path="/data").json() == [[7, 7, 7, 7]]
