"""Pieces of large manifests that are asked for name by name: from the third question on a whole piece is kept decoded.

Segments never change, so what is kept is true for ever.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from panmesh.catalogue.manifest import FileRow

KEPT = 12  # groups of up to 10,000 rows, some 4 MB each
OFTEN = 3

Group = tuple[str, int]  # name of the segment, number of the group in it


class RowGroups:
    def __init__(self, open_segment: Callable[[str], Any], decode: Callable[[Any], Mapping[str, FileRow]]) -> None:
        """`open_segment`: a Parquet file by the segment's name. `decode`: one group's table to rows by name."""
        self._open = open_segment
        self._decode = decode
        self._spans: OrderedDict[str, tuple[tuple[str, str] | None, ...]] = (
            OrderedDict()
        )  # segment → first and last name of each group
        self._kept: OrderedDict[Group, Mapping[str, FileRow]] = OrderedDict()
        self._asked: Counter[Group] = Counter()
        self._lock = threading.Lock()

    def at_hand(self, segment: str, name: str) -> FileRow | None:
        """None: not in what is kept; then only the file knows."""
        with self._lock:
            spans = self._spans.get(segment)
            for number in _meeting(spans, name) if spans is not None else ():
                kept = self._kept.get((segment, number))
                if kept is not None and (row := kept.get(name)) is not None:
                    self._kept.move_to_end((segment, number))
                    return row
        return None

    def meeting(self, segment: str, name: str) -> list[int]:
        """The groups that can have the name."""
        with self._lock:
            spans = self._spans.get(segment)
        if spans is None:
            spans = _spans(self._open(segment).metadata)
            with self._lock:
                self._spans[segment] = spans
                while len(self._spans) > 4 * KEPT:
                    self._spans.popitem(last=False)
        return _meeting(spans, name)

    def often(self, segment: str, number: int) -> Mapping[str, FileRow] | None:
        """The whole group, when it was asked for often enough to be worth it."""
        with self._lock:
            if (kept := self._kept.get((segment, number))) is not None:
                return kept
            self._asked[segment, number] += 1
            if self._asked[segment, number] < OFTEN:
                if len(self._asked) > 10_000:
                    self._asked.clear()
                return None
        rows = self._decode(self._open(segment).read_row_group(number))
        with self._lock:
            self._kept[segment, number] = rows
            del self._asked[segment, number]
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return rows


def _spans(metadata: Any) -> tuple[tuple[str, str] | None, ...]:
    columns = (metadata.row_group(number).column(0).statistics for number in range(metadata.num_row_groups))
    return tuple((s.min, s.max) if s is not None and s.has_min_max else None for s in columns)


def _meeting(spans: tuple[tuple[str, str] | None, ...], name: str) -> list[int]:
    return [number for number, span in enumerate(spans) if span is None or span[0] <= name <= span[1]]
