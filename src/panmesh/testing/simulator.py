"""A simulated powder diffractometer, labelled as simulated: writes a new valid NeXus run every few seconds, so that live ingest can be watched."""

from __future__ import annotations

import argparse
import itertools
import math
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import h5py
import numpy as np

SAMPLES = {"CeO2": (5.411, "CeO2"), "LaB6": (4.157, "LaB6"), "Si": (5.431, "Si"), "MgO": (4.212, "MgO")}
_REFLECTIONS = {
    "CeO2": ((3, 100), (4, 30), (8, 52), (11, 42), (12, 8), (16, 8), (19, 14), (20, 9)),
    "LaB6": ((1, 60), (2, 100), (3, 45), (4, 25), (5, 50), (6, 28), (8, 10), (9, 35)),
    "Si": ((3, 100), (8, 60), (11, 35), (16, 8), (19, 13), (24, 17)),
    "MgO": ((3, 12), (4, 100), (8, 50), (11, 6), (12, 16), (16, 7)),
}  # h²+k²+l² and relative intensity
ENERGY_KEV = 25.0


def write_run(folder: Path, number: int, start: datetime, seed: int = 1) -> Path:
    """Written under a temporary name and renamed, as careful instruments do. `start` has a zone."""
    random = np.random.default_rng(seed * 1_000_003 + number)
    name = list(SAMPLES)[number % len(SAMPLES)]
    temperature = 300.0 + 10.0 * (number % 40)
    target = folder / f"sim_{number:05d}.nxs"
    temporary = folder / f".sim_{number:05d}.part"
    with h5py.File(temporary, "w") as file:
        file.attrs["default"] = "entry"
        entry = group(file, "entry", "NXentry")
        entry.attrs["default"] = "data"
        entry["definition"] = "NXmonopd"
        entry["title"] = f"Simulated: {name} at {temperature:.0f} K"
        entry["start_time"] = start.astimezone(UTC).isoformat().replace("+00:00", "Z")
        entry["end_time"] = (start + timedelta(seconds=2)).astimezone(UTC).isoformat().replace("+00:00", "Z")
        entry["entry_identifier"] = str(number)
        entry["experiment_description"] = "Simulated by panmesh: not a measurement."
        user = group(entry, "user", "NXuser")
        user["name"], user["role"] = "Simulated User", "operator"
        instrument = group(entry, "instrument", "NXinstrument")
        instrument["name"] = "sim-powder"
        source = group(instrument, "source", "NXsource")
        source["name"], source["type"], source["probe"] = "Simulated source", "Synchrotron X-ray Source", "x-ray"
        quantity(source, "current", 200.0 - 0.05 * (number % 600), "mA")
        monochromator = group(instrument, "monochromator", "NXmonochromator")
        quantity(monochromator, "energy", ENERGY_KEV, "keV")
        quantity(monochromator, "wavelength", 12.39842 / ENERGY_KEV, "angstrom")
        detector = group(instrument, "detector", "NXdetector")
        quantity(detector, "distance", 0.75, "m")
        quantity(detector, "count_time", 2.0, "s")
        sample = group(entry, "sample", "NXsample")
        sample["name"], sample["chemical_formula"] = name, SAMPLES[name][1]
        quantity(sample, "temperature", temperature, "K")
        angle = np.linspace(4.0, 40.0, 3600)
        counts = random.poisson(pattern(name, angle, temperature))
        detector["polar_angle"], detector["data"] = angle, counts
        detector["polar_angle"].attrs["units"], detector["data"].attrs["units"] = "deg", "counts"
        data = group(entry, "data", "NXdata")
        data.attrs["signal"], data.attrs["axes"] = "data", ["polar_angle"]
        data["polar_angle"], data["data"] = detector["polar_angle"], detector["data"]
        monitor = group(entry, "monitor", "NXmonitor")
        quantity(monitor, "integral", float(random.poisson(1_000_000)), "counts")
    temporary.replace(target)
    return target


def pattern(
    sample: str, two_theta: np.ndarray[tuple[int], np.dtype[np.float64]], temperature: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Expected counts: Bragg's law for a cubic cell that grows with temperature, pseudo-Voigt peaks on a falling background."""
    cell = SAMPLES[sample][0] * (1 + 1.0e-5 * (temperature - 300.0))
    wavelength = 12.39842 / ENERGY_KEV
    counts = 40.0 + 160.0 * np.exp(-two_theta / 12.0)
    for squares, strength in _REFLECTIONS[sample]:
        sine = wavelength * math.sqrt(squares) / (2 * cell)
        if sine >= 1:
            continue
        centre = 2 * math.degrees(math.asin(sine))
        width = 0.035
        offset = (two_theta - centre) / width
        counts = counts + strength * 60.0 * (0.6 * np.exp(-(offset**2) * math.log(2)) + 0.4 / (1 + offset**2))
    return counts


def run(folder: Path, *, every: float, count: int | None = None, first: int = 1) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(first) if count is None else range(first, first + count):
        if number > first:
            time.sleep(every)
        write_run(folder, number, datetime.now(UTC))


def next_number(folder: Path) -> int:
    return max((int(p.stem.rpartition("_")[2]) for p in folder.glob("sim_*.nxs")), default=0) + 1


def group(parent: h5py.Group, name: str, nx_class: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = nx_class
    return group


def quantity(parent: h5py.Group, name: str, value: float, units: str) -> None:
    parent[name] = value
    parent[name].attrs["units"] = units


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=float, default=4.0)
    parser.add_argument("--count", type=int)
    arguments = parser.parse_args()
    run(arguments.folder, every=arguments.every, count=arguments.count, first=next_number(arguments.folder))


if __name__ == "__main__":
    main()
