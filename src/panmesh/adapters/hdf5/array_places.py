"""Where the numbers of an answer lie in the file, and how a large one is cut: what need not be decoded is not."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from h5py import h5d, h5t

from panmesh.adapters.hdf5.array_forms import converted
from panmesh.adapters.hdf5.selection import Selected, Span

LEAST_EXTENT = 64 << 10  # bytes: below, an answer is not worth a second way
LEAST_IN_BLOCKS = 6 << 20  # bytes
BLOCK = 4 << 20  # bytes, about
MOST_CHUNKS = 4096  # that are sent from where they lie


def extents(dataset: Any, picked: Selected, dtype: str) -> list[tuple[int, int]]:
    """Where the answer's bytes lie in the file itself, when they are there as they are asked for; empty when they are not."""
    item = dataset.dtype.itemsize
    if (
        picked.size * item < LEAST_EXTENT
        or dataset.dtype.kind not in "iuf"
        or converted(np.empty(0, dataset.dtype), dtype).dtype != dataset.dtype
    ):
        return []
    if not dataset.id.get_type().equal(
        h5t.py_create(dataset.dtype)
    ):  # a type of the library's own, that is not in memory as on disk
        return []
    properties = dataset.id.get_create_plist()
    layout = properties.get_layout()
    if layout == h5d.CONTIGUOUS and not properties.get_external_count():
        place, offset = picked.run(dataset.shape), dataset.id.get_offset()
        return [] if place is None or offset is None else [(int(offset) + place * item, picked.size * item)]
    return _in_chunks(dataset, picked, item) if layout == h5d.CHUNKED and properties.get_nfilters() == 0 else []


def _in_chunks(dataset: Any, picked: Selected, item: int) -> list[tuple[int, int]]:
    """As `_extents`, when it is a part of one chunk, or a row of chunks that are as wide as the array."""
    chunk, first = dataset.chunks, picked.spans[0]
    low, high = first.start // chunk[0], (first.start + (first.count - 1) * first.step) // chunk[0]
    wide = chunk[1:] == dataset.shape[1:] and first.step == 1
    if high - low > MOST_CHUNKS or (low != high and not wide):
        return []
    found: list[tuple[int, int]] = []
    for index in range(low, high + 1):
        begin, end = max(first.start, index * chunk[0]), min(first.start + first.count * first.step, (index + 1) * chunk[0])
        here = Span(begin, len(range(begin, end, first.step)), first.step, first.single)
        piece = _in_chunk(dataset, (here, *picked.spans[1:]), item)
        if piece is None:
            return []
        if found and sum(found[-1]) == piece[0]:  # the next one lies behind it
            start, size = found.pop()
            piece = start, size + piece[1]
        found.append(piece)
    return found


def _in_chunk(dataset: Any, spans: tuple[Span, ...], item: int) -> tuple[int, int] | None:
    chunk = dataset.chunks
    corner = tuple(span.start - span.start % length for span, length in zip(spans, chunk, strict=True))
    ends = (span.start + (span.count - 1) * span.step for span in spans)
    if any(end >= first + length for end, first, length in zip(ends, corner, chunk, strict=True)):
        return None
    inner = Selected(tuple(replace(span, start=span.start - first) for span, first in zip(spans, corner, strict=True)))
    place = inner.run(chunk)
    stored = dataset.id.get_chunk_info_by_coord(corner) if place is not None else None
    if place is None or stored is None or stored.byte_offset is None or stored.size != math.prod(chunk) * item:
        return None
    return int(stored.byte_offset) + place * item, inner.size * item


def in_blocks(dataset: Any, picked: Selected, dtype: str) -> list[tuple[str, int]]:
    """A large answer in pieces, so that one is sent while the next is decoded; empty when it is not worth it."""
    if dataset.dtype.kind not in "iuf":
        return []
    size = picked.size * int(converted(np.empty(0, dataset.dtype), dtype).dtype.itemsize)
    if size < LEAST_IN_BLOCKS:
        return []
    axis = next(i for i, span in enumerate(picked.spans) if span.count > 1)
    span = picked.spans[axis]
    row = size // span.count
    step = max(1, BLOCK // row)
    found = []
    for first in range(0, span.count, step):
        count = min(step, span.count - first)
        part = replace(span, start=span.start + first * span.step, count=count)
        found.append((Selected((*picked.spans[:axis], part, *picked.spans[axis + 1 :])).text(), count * row))
    return found
