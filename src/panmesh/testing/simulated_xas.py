"""A simulated X-ray absorption beamline, labelled as simulated: ceria losing oxygen on heating, seen at the Ce L3 edge (NXxas)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from panmesh.testing.simulator import group, quantity

Curve = npt.NDArray[np.float64]

EDGE_EV = 5723.0  # Ce L3; L2 is at 6164 eV
_CE4 = (
    (5729.5, 1.1),
    (5737.2, 1.3),
)  # eV and height: the two white lines of Ce(IV), of its final states with and without a 4f electron
_CE3 = ((5725.8, 2.6),)  # the one of Ce(III)
_SHELLS = ((2.343, 8, 0.008), (3.826, 12, 0.011))  # Å, neighbours, Å²: oxygen and cerium around cerium in CeO2
_KELVIN = range(300, 900, 50)
SECONDS_A_POINT = 0.2


def write_series(folder: Path, first: int, start: datetime) -> list[Path]:
    """One scan each 15 minutes, each 50 K warmer than the one before."""
    return [write_scan(folder, first + i, start + timedelta(minutes=15 * i), float(kelvin)) for i, kelvin in enumerate(_KELVIN)]


def write_scan(folder: Path, scan: int, start: datetime, kelvin: float) -> Path:
    """Written under a temporary name and renamed. `start` has a zone."""
    random = np.random.default_rng(scan)
    energy = energies()
    incoming = random.poisson(2.0e6 * (1 - 0.05 * np.linspace(0, 1, energy.size)))
    absorbed = random.poisson(2.0e-2 * incoming * absorption(energy, reduced(kelvin), kelvin))
    target = folder / f"xas_{scan:05d}.nxs"
    temporary = folder / f".xas_{scan:05d}.part"
    with h5py.File(temporary, "w") as file:
        file.attrs["default"] = "entry"
        entry = group(file, "entry", "NXentry")
        entry.attrs["default"] = "data"
        entry["definition"] = "NXxas"
        entry["title"] = f"Simulated: CeO2 at the Ce L3 edge, {kelvin:.0f} K in hydrogen"
        entry["start_time"] = _instant(start)
        entry["end_time"] = _instant(start + timedelta(seconds=SECONDS_A_POINT * energy.size))
        entry["entry_identifier"] = str(scan)
        entry["experiment_description"] = (
            "Simulated by panmesh: not a measurement. In-situ reduction of ceria, one XANES scan for each step."
        )
        _instrument(entry, energy, incoming, absorbed)
        sample = group(entry, "sample", "NXsample")
        sample["name"], sample["chemical_formula"] = "CeO2", "CeO2"
        sample["description"] = "Cerium dioxide (ceria) powder, a pellet diluted in boron nitride"
        quantity(sample, "temperature", kelvin, "K")
        monitor = group(entry, "monitor", "NXmonitor")
        monitor["mode"], monitor["data"] = "timer", h5py.SoftLink("/entry/instrument/incoming_beam/data")
        quantity(monitor, "preset", SECONDS_A_POINT, "s")
        data = group(entry, "data", "NXdata")
        data.attrs["signal"], data.attrs["axes"] = "absorbed_beam", ["energy"]
        data["mode"] = "Fluorescence Yield"
        data["energy"] = h5py.SoftLink("/entry/instrument/monochromator/energy")
        data["absorbed_beam"] = h5py.SoftLink("/entry/instrument/absorbed_beam/data")
    temporary.replace(target)
    return target


def _instrument(entry: h5py.Group, energy: Curve, incoming: npt.NDArray[np.int64], absorbed: npt.NDArray[np.int64]) -> None:
    instrument = group(entry, "instrument", "NXinstrument")
    instrument["name"] = "sim-xas"
    source = group(instrument, "source", "NXsource")
    source["name"], source["type"], source["probe"] = "Simulated source", "Synchrotron X-ray Source", "x-ray"
    quantity(source, "current", 200.0, "mA")
    monochromator = group(instrument, "monochromator", "NXmonochromator")
    monochromator["energy"] = energy
    monochromator["energy"].attrs["units"] = "eV"
    for name, counts in (("incoming_beam", incoming), ("absorbed_beam", absorbed)):
        detector = group(instrument, name, "NXdetector")
        detector["data"] = counts
        detector["data"].attrs["units"] = "counts"


def energies() -> Curve:
    """eV: fine over the edge, coarse before and after it."""
    return np.concatenate([np.arange(5680.0, 5715.0, 2.5), np.arange(5715.0, 5760.0, 0.3), np.arange(5760.0, 6120.0, 2.0)])


def reduced(kelvin: float) -> float:
    """Share of Ce(III) in hydrogen: from hardly any at room temperature to a good third above 800 K."""
    return float(0.38 / (1 + np.exp(-(kelvin - 680.0) / 45.0)))


def absorption(energy: Curve, ce3: float, kelvin: float) -> Curve:
    """Edge step of 1 on a small background: rounded steps, Lorentzian white lines, and EXAFS of two shells damped by temperature."""
    ce4_step, ce3_step = (0.5 + np.arctan((energy - edge) / 1.8) / np.pi for edge in (EDGE_EV + 3, EDGE_EV))
    step = (1 - ce3) * ce4_step + ce3 * ce3_step
    lines = (1 - ce3) * _lines(energy, _CE4) + ce3 * _lines(energy, _CE3)
    return 0.05 + step * (1 + _exafs(energy, kelvin)) + lines


def _lines(energy: Curve, lines: tuple[tuple[float, float], ...]) -> Curve:
    total = np.zeros_like(energy)
    for centre, height in lines:
        total += height / (1 + ((energy - centre) / 2.4) ** 2)
    return total


def _exafs(energy: Curve, kelvin: float) -> Curve:
    """The EXAFS equation with one amplitude for all: k in 1/Å from 2m(E - E0)/h-bar², 0.2625 for eV."""
    k = np.sqrt(0.2625 * np.clip(energy - EDGE_EV - 3, 12.0, None))
    total = np.zeros_like(energy)
    for distance, neighbours, spread in _SHELLS:
        damped = np.exp(-2 * k**2 * spread * kelvin / 300.0)
        total += neighbours * damped * np.sin(2 * k * distance + 1.0) / (k * distance**2) * 0.25
    return np.where(energy > EDGE_EV + 15, total, 0.0)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
