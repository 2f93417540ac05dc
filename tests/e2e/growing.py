"""A process that writes a file in SWMR mode, a step at each word from the test: no step depends on how fast this machine is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

POINTS = 40
STEP = 10
_BEGIN = """
import sys, time, h5py, numpy as np
file = h5py.File(sys.argv[1], "w", libver="latest")
entry = file.create_group("entry"); entry.attrs["NX_class"] = "NXentry"; entry["title"] = "a scan under way"
file.attrs["default"] = "entry"; entry.attrs["default"] = "data"
data = entry.create_group("data"); data.attrs["NX_class"] = "NXdata"
data.attrs["signal"] = "counts"
"""
SCAN = (
    _BEGIN
    + f"""
data.attrs["axes"] = "energy"
counts = data.create_dataset("counts", (0,), maxshape=(None,), dtype="f8", chunks=(16,))
energy = data.create_dataset("energy", (0,), maxshape=(None,), dtype="f8", chunks=(16,)); energy.attrs["units"] = "eV"
file.swmr_mode = True
for first in range(0, {POINTS}, {STEP}):
    for point in range(first, first + {STEP}):
        for dataset, value in ((counts, point**2), (energy, 700 + point)):
            dataset.resize((point + 1,)); dataset[point] = value; dataset.flush()
        time.sleep(0.02)
    print("written", flush=True)
    sys.stdin.readline()
file.close()
"""
)
FRAMES = (
    _BEGIN
    + f"""
data.attrs["axes"] = ["angle", ".", "."]
counts = data.create_dataset("counts", (0, 20, 30), maxshape=(None, 20, 30), dtype="u2", chunks=(1, 20, 30))
angle = data.create_dataset("angle", (0,), maxshape=(None,), dtype="f8", chunks=(16,)); angle.attrs["units"] = "deg"
image = np.arange(600, dtype="u2").reshape(20, 30)
file.swmr_mode = True
for first in range(0, {POINTS}, {STEP}):
    for point in range(first, first + {STEP}):
        counts.resize((point + 1, 20, 30)); counts[point] = image * (point + 1); counts.flush()
        angle.resize((point + 1,)); angle[point] = 0.5 * point; angle.flush()
    print("written", flush=True)
    sys.stdin.readline()
file.close()
"""
)


def begin(script: str, path: Path) -> subprocess.Popen[str]:
    """When it returns, the first step is on disk."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    written(process)
    return process


def written(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
