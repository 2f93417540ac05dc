"""Techniques of a result as a tree: each with the runs that were made by it or by a narrower one, counted once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
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

    A term stands under the narrowest of its broader ones, though PaNET has it under several; a broader one whose narrower ones
    all stand elsewhere, and hold its runs, is left out too.
    """
    broader = {pid: (with_broader(pid) - {pid}) & counts.keys() for pid in counts}
    repeated = {up for pid, above in broader.items() for up in above if counts[up] == counts[pid]}
    children = _placed(counts.keys() - repeated, counts, broader, _of_themselves(counts, broader))

    def grown(pid: str) -> Branch:
        return Branch(pid, labels.get(pid) or techniques.label(pid) or pid, counts[pid], branches(pid))

    def branches(pid: str | None) -> tuple[Branch, ...]:
        return tuple(sorted((grown(one) for one in children.get(pid, ())), key=lambda b: (-b.count, b.label)))

    found = branches(None)
    while len(found) == 1 and found[0].children:  # "technique" itself narrows nothing
        found = found[0].children
    return found


def _placed(
    kept: Set[str], counts: Mapping[str, int], broader: Mapping[str, Set[str]], own: Mapping[str, int]
) -> dict[str | None, list[str]]:
    """Term → those that stand under it; None → those at the top."""
    parent: dict[str, str | None] = {}
    children: dict[str | None, list[str]] = {}
    for pid in kept:
        above = broader[pid] & kept
        parent[pid] = min(above, key=lambda up: (counts[up], -len(broader[up]), up)) if above else None
        children.setdefault(parent[pid], []).append(pid)
    empty = [pid for pid in kept if own[pid] <= 0 and pid not in children]
    while empty:
        up = parent[one := empty.pop()]
        children[up].remove(one)
        if up is not None and not children[up] and own[up] <= 0:
            empty.append(up)
    return children


def _of_themselves(counts: Mapping[str, int], broader: Mapping[str, Set[str]]) -> dict[str, int]:
    """Term → runs of it and of no narrower one; less than there are where runs have several techniques."""
    own = dict(counts)
    for pid in sorted(counts, key=lambda one: -len(broader[one])):  # the narrowest first
        for up in broader[pid] if own[pid] else ():
            own[up] -= own[pid]
    return own
