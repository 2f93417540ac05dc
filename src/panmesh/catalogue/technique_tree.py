"""Techniques of a result as a tree: each with the runs that were made by it or by a narrower one, counted once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from panmesh.kernel import techniques


@dataclass(frozen=True, slots=True)
class Branch:
    pid: str
    label: str
    count: int
    children: tuple[Branch, ...] = ()


@cache
def with_broader(pid: str) -> frozenset[str]:
    return techniques.ancestors(pid) | {pid}


def add_up(direct: Mapping[str, int], several: Iterable[Iterable[str]] = ()) -> dict[str, int]:
    """technique → runs by it or a narrower one. `direct`: of runs with one technique; `several`: the techniques of each other run."""
    found: dict[str, int] = {}
    for pid, number in direct.items():
        for broader in with_broader(pid):
            found[broader] = found.get(broader, 0) + number
    for pids in several:
        for broader in frozenset().union(*(with_broader(pid) for pid in pids)):
            found[broader] = found.get(broader, 0) + 1
    return found


def tree(counts: Mapping[str, int], labels: Mapping[str, str]) -> tuple[Branch, ...]:
    """Of terms that tell runs apart: a broader one that holds the same runs as a narrower one says no more and is left out.

    A term stands under the narrowest of its broader ones, though PaNET has it under several.
    """
    broader = {pid: (with_broader(pid) - {pid}) & counts.keys() for pid in counts}
    repeated = {up for pid, above in broader.items() for up in above if counts[up] == counts[pid]}
    kept = [pid for pid in counts if pid not in repeated]
    children: dict[str | None, list[str]] = {}
    for pid in kept:
        above = broader[pid] - repeated
        parent = min(above, key=lambda up: (counts[up], -len(broader[up]), up)) if above else None
        children.setdefault(parent, []).append(pid)

    def grown(pid: str) -> Branch:
        return Branch(pid, labels.get(pid) or techniques.label(pid) or pid, counts[pid], branches(pid))

    def branches(pid: str | None) -> tuple[Branch, ...]:
        return tuple(sorted((grown(one) for one in children.get(pid, ())), key=lambda b: (-b.count, b.label)))

    found = branches(None)
    while len(found) == 1 and found[0].children:  # "technique" itself narrows nothing
        found = found[0].children
    return found
