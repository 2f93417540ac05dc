"""Metadata as layers: a value is the winner of human > schedule > push > file > default, each kept with who and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

RANK = {"human": 4, "schedule": 3, "push": 2, "file": 1, "default": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    id: int
    source: str
    values: Mapping[str, Mapping[str, Any]]  # field → {"value": …, "path": …}
    by: str
    at_us: int
    undone_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    value: Any
    source: str
    path: str | None
    by: str
    at_us: int


def merge(layers: Iterable[Layer]) -> dict[str, Effective]:
    """The effective value of each field; within a source the later layer wins; undone layers do not count.

    A human layer with the value None takes a field away.
    """
    winners: dict[str, Effective] = {}
    for layer in sorted((one for one in layers if one.undone_us is None), key=lambda one: (RANK[one.source], one.at_us, one.id)):
        for field, said in layer.values.items():
            winners[field] = Effective(
                value=said.get("value"), source=layer.source, path=said.get("path"), by=layer.by, at_us=layer.at_us
            )
    return {field: winner for field, winner in winners.items() if winner.value is not None}
