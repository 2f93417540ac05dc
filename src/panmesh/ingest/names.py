"""What file names alone tell: which files are looked at, which ones form a series, which may belong to a master beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import translate

# Written by people's editors, copy tools and operating systems while a file is not finished, or never data.
IGNORED = (
    ".*",
    "*~",
    "*.tmp",
    "*.part",
    "*.partial",
    "*.swp",
    "*.swx",
    "*.lock",
    "*.crdownload",
    "#*#",
    "Thumbs.db",
    "desktop.ini",
)

_IGNORED = re.compile("|".join(translate(pattern) for pattern in IGNORED))
# Detector frames and logs that come in numbered series: one unit for all of a series in a folder.
_SERIES_SUFFIXES = frozenset(
    [
        ".tif",
        ".tiff",
        ".cbf",
        ".edf",
        ".img",
        ".mccd",
        ".mar",
        ".dat",
        ".raw",
        ".bin",
        ".txt",
        ".csv",
        ".asc",
        ".xy",
        ".xye",
        ".chi",
        ".png",
        ".jpg",
        ".jpeg",
        ".npy",
        ".fits",
        ".smv",
        ".sfrm",
        ".out",
        ".log",
    ]
)
_NUMBERED = re.compile(r"(?P<stem>.*?)(?P<number>\d+)(?P<suffix>\.[A-Za-z]\w{0,7})")
_CUT = re.compile(r"[-_. ]+(?=[^-_. ])")
_HDF_SUFFIXES = (".nxs", ".h5", ".hdf5", ".hdf", ".nx5", ".nx", ".NXS")

SERIES_MARK = "*"


def ignored(path: str) -> bool:
    """Whether any part of a storage path is a temporary or hidden name."""
    return any(_IGNORED.fullmatch(part) for part in path.split("/"))


def unit_path(path: str) -> str:
    """The unit that a file belongs to: itself, or "folder/stem*.suffix" when its name says it is one of a numbered series."""
    folder, _, name = path.rpartition("/")
    match = _NUMBERED.fullmatch(name)
    if match is None or match["suffix"].lower() not in _SERIES_SUFFIXES or SERIES_MARK in name:
        return path
    series = f"{match['stem']}{SERIES_MARK}{match['suffix']}"
    return f"{folder}/{series}" if folder else series


def is_series(path: str) -> bool:
    return SERIES_MARK in path.rpartition("/")[2]


def in_series(unit: str, name: str) -> bool:
    """Whether a file name (without folder) belongs to the series unit."""
    return unit_path(name) == unit.rpartition("/")[2]


def master_candidates(path: str) -> tuple[str, ...]:
    """Paths at which a master of this data file would stand: "x/i22-1-Pilatus.h5" → "x/i22-1.nxs", "x/i22.nxs" …, longest first."""
    folder, _, name = path.rpartition("/")
    stem = name.rpartition(".")[0] or name
    stems = [stem[: match.start()] for match in _CUT.finditer(stem)][::-1]
    places = [f"{folder}/{s}" if folder else s for s in stems if s]
    masters = [f"{folder}/{s}_master" if folder else f"{s}_master" for s in stems if s]
    return tuple(place + suffix for place in (*places, *masters) for suffix in _HDF_SUFFIXES)


def companion_prefix(path: str) -> str:
    """What the names of data files beside a master begin with: "x/i22-1.nxs" → "x/i22-1", "x/run_master.h5" → "x/run"."""
    stem = path.rpartition(".")[0] if "." in path.rpartition("/")[2] else path
    return stem.removesuffix("_master")


def is_companion(prefix: str, path: str) -> bool:
    """Begins with the prefix, followed by a separator (so that run 12 does not claim run 123)."""
    rest = path[len(prefix) :]
    return path.startswith(prefix) and rest[:1] in ("-", "_", ".", " ") and "/" not in rest


def referred(
    written: str, *, path: str, storage: str, prefix_map: Mapping[str, str], locate: Callable[[str], tuple[str, str] | None]
) -> str | None:
    """The storage path of a file as the one at `path` names it; None when it lies above its folder."""
    folder = path.rpartition("/")[0]
    written = written.replace("\\", "/")
    for prefix, mapped in prefix_map.items():
        if written.startswith(prefix):
            written = mapped + written[len(prefix) :]
    relative = written
    if written.startswith("/") or ":" in written.partition("/")[0]:
        located = locate(written)
        if located is None or located[0] != storage:
            relative = written.rpartition("/")[2]  # facilities move files with their companions: look beside
        else:
            relative = located[1].removeprefix(f"{folder}/") if folder else located[1]
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if not parts or ".." in parts:
        return None
    return "/".join([folder, *parts] if folder else parts)
