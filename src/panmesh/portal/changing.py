"""What changed during a run: the arrays of its file that go along with the scan or with time, chosen by what their names and lengths say."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LEAST = 3  # numbers of a series
LONGEST = 1 << 20
SHOWN = 12
ALL = 60
_ALIKE = 4  # so many arrays of one length are a scan, whatever the plot is

# What describes the instrument, the plot's own errors and bins, or counts the points: not what changed.
_FIXED = re.compile(
    r"(.*(errors?|_error|dev|sigma|weights?|mask|index|indices|offsets?|_size|_number|imageNumber|image_key|unit_cell|orientation_matrix"
    r"|bins?|binning|boundar\w*|lookup_table|_end|_set|epoch|spectra|plane_normal|timestamps?|point_(start|end)_times))"
    r"|axis\d*|time_of_flight|lambda|q|azimuthal\w*|polar|features|timefromepoch|raw_data|calibrated_axis|absolute_time|timesec|path",
    re.IGNORECASE,
)
_OF_DETECTORS = re.compile(r"/(physical_)?detectors?(_\d+)?/|/bank\d*/|/module\d*/|detectorSpecific|calib\d*/", re.IGNORECASE)
_LOG = re.compile(r"(^|/)(\w*logs?)/|(^|/)(value|average_value)$", re.IGNORECASE)
_FIRST = ("temperature", "monitor_counts", "beam_current", "magnetic_field", "pressure")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changing:
    path: str  # in the file
    name: str
    unit: str | None
    minimum: float
    maximum: float
    count: int


def changing(facts: Mapping[str, Any] | None, most: int = SHOWN) -> tuple[Changing, ...]:
    """The scanned axes and the best known quantities first."""
    plot = (facts or {}).get("plot") or {}
    signal, axes = plot.get("signal"), [path for path in plot.get("axes") or () if path]
    candidates = [one for one in (facts or {}).get("quantities", ()) if _varies(one) and one["path"] != signal]
    leaves = {_leaf(path) for path in (*axes, signal or "")}
    alone = [one for one in candidates if _leaf(one["path"]) not in leaves]
    lengths = _lengths(plot, alone)
    chosen = [one for one in alone if one["count"] in lengths or _LOG.search(one["name"])]
    if any(one["count"] in lengths for one in alone):  # a scan: what it went along is worth a look too
        chosen += [one for one in candidates if one["path"] in axes and one["count"] in lengths]
    chosen.sort(key=lambda one: _rank(one, axes))
    found: dict[tuple[Any, ...], Changing] = {}
    for one in chosen:
        same = (_leaf(one["path"]) if _leaf(one["path"]) != "value" else one["name"], one["minimum"], one["maximum"])
        found.setdefault(same, _worded(one))
    return tuple(found.values())[:most]


def _varies(one: Mapping[str, Any]) -> bool:
    return (
        one.get("minimum") is not None
        and one.get("maximum") is not None
        and one["minimum"] < one["maximum"]
        and LEAST <= one.get("count", 1) <= LONGEST
        and not _FIXED.fullmatch(_leaf(one["path"]))
        and not _OF_DETECTORS.search(one["path"])
    )


def _lengths(plot: Mapping[str, Any], alone: list[Any]) -> set[int]:
    """How many points the scan may have: of a curve its length, of a stack its frames, of a map all of its points."""
    long = [int(n) for n in plot.get("shape") or () if n > 1]
    found = {math.prod(long)} if long else set()
    if len(long) > 2:
        found |= {long[0], math.prod(long[:-2])}
    often = Counter(one["count"] for one in alone)
    return found | {count for count, times in often.items() if times >= _ALIKE}


def _rank(one: Mapping[str, Any], axes: list[str]) -> tuple[int, int]:
    canonical = one.get("canonical")
    if one["path"] in axes:
        return 0, axes.index(one["path"])
    if canonical in _FIRST:
        return 1, _FIRST.index(canonical)
    return (2, 0) if canonical else (3, 0)


def _worded(one: Mapping[str, Any]) -> Changing:
    parts = [part for part in str(one["name"]).split("/") if part not in ("value", "data", "average_value")]
    name = one.get("canonical") or (parts[-1] if parts else str(one["name"]))
    return Changing(
        path=one["path"], name=name, unit=one.get("unit"), minimum=one["minimum"], maximum=one["maximum"], count=one["count"]
    )


def _leaf(path: str) -> str:
    return path.rsplit("/", 1)[-1]
