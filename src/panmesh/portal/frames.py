"""Which frame of a stack is shown. People count from 1, as the heading of the plot does; arrays begin at 0."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from panmesh.ingest.plot import shown_dimensions


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    count: int
    shown: int  # from 1

    @property
    def index(self) -> int:
        return self.shown - 1

    @property
    def before(self) -> int | None:
        return self.shown - 1 if self.shown > 1 else None

    @property
    def after(self) -> int | None:
        return self.shown + 1 if self.shown < self.count else None


def stack_of(facts: Mapping[str, Any] | None, asked: str | None) -> Stack | None:
    """None: the default plot is no stack. Without a number the frame in the middle, as in lists."""
    plot = (facts or {}).get("plot") or {}
    shape = plot.get("shape") or ()
    shown = shown_dimensions(shape, plot.get("interpretation"))
    rest = [int(n) for i, n in enumerate(shape) if n > 1 and i not in shown]
    if not rest:
        return None
    count = math.prod(rest)
    middle = 0
    for n in rest:
        middle = middle * n + n // 2
    number = int(asked) if asked is not None and asked.isascii() and asked.isdigit() and len(asked) < 16 else middle + 1
    return Stack(count=count, shown=min(max(1, number), count))
