"""Which files of a run can be looked into, and where the viewer begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panmesh.catalogue.model import DatasetRecord

ISLAND = Path(__file__).parent / "static/islands/viewer.js"
SUFFIXES = (".h5", ".hdf5", ".hdf", ".nxs", ".nx5", ".nexus", ".cxi", ".nxspe", ".nxs.h5", ".he5", ".nc")
MOST = 500  # files in the list: others are chosen in the list of files


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    files: tuple[str, ...]  # names
    chosen: str
    path: str  # of the object that is shown first
    built: bool  # the viewer is installed


def looking_into(record: DatasetRecord, names: Iterable[str], wanted: str | None) -> Looking | None:
    """`names`: of files that this viewer may read. None: none of them is HDF5, or the only one could not be read."""
    primary = (record.summary.path or "").rsplit("/", 1)[-1]
    known = [name for name in names if name != primary and is_hdf5(name)]
    if primary and record.format == "hdf5" and record.summary.read_state != "failed":
        known.insert(0, primary)
    if wanted is not None and is_hdf5(wanted) and wanted not in known:
        known.insert(0, wanted)
    if not known:
        return None
    chosen = wanted if wanted in known else known[0]
    plot = (record.facts or {}).get("plot") or {}
    path = begins_at(plot, record.summary.entry) if chosen == primary else "/"
    return Looking(files=tuple(known[:MOST]), chosen=chosen, path=path, built=ISLAND.is_file())


def begins_at(plot: Mapping[str, Any], entry: str | None) -> str:
    """Where the default plot is: its group, or the array itself where it is our guess, for the group says nothing to the viewer."""
    return str(plot.get("signal" if plot.get("marking") == "guess" else "group") or entry or "/")


def is_hdf5(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)
