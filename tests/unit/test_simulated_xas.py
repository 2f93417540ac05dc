"""The simulated absorption scans are what they say: NXxas, read as X-ray absorption of CeO2, with an edge where cerium has it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np

from panmesh.testing.simulated_xas import EDGE_EV, absorption, energies, reduced, write_scan

REQUIRED = (
    "title", "start_time", "definition", "instrument/source/type", "instrument/source/name", "instrument/source/probe",
    "instrument/monochromator/energy", "instrument/incoming_beam/data", "instrument/absorbed_beam/data", "sample/name", "monitor/mode",
    "monitor/preset", "monitor/data", "data/energy", "data/absorbed_beam", "data/mode",
)  # fmt: skip


def test_a_scan_has_what_nxxas_requires(tmp_path: Path) -> None:
    with h5py.File(write_scan(tmp_path, 1, datetime(2023, 10, 29, tzinfo=UTC), 300.0)) as file:
        entry = file["entry"]
        assert [name for name in REQUIRED if name not in entry] == []
        points = len(entry["instrument/monochromator/energy"])
        assert {len(entry[f"data/{name}"]) for name in ("energy", "absorbed_beam")} == {points}


def test_the_edge_is_where_cerium_has_it_and_the_white_line_of_the_reduced_oxide_grows() -> None:
    energy = energies()
    cold, hot = (absorption(energy, reduced(kelvin), kelvin) for kelvin in (300.0, 850.0))
    steepest = energy[np.argmax(np.gradient(cold, energy))]
    assert abs(steepest - EDGE_EV) < 8
    reduced_line = int(np.argmin(abs(energy - 5725.8)))
    assert hot[reduced_line] > 1.5 * cold[reduced_line]
