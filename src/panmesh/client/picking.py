"""What is asked of an array, as NumPy writes it; and how much of it goes into one request. Nothing but numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any


@dataclass(frozen=True, slots=True)
class Span:
    """Along one dimension: `count` indices from `start` on."""

    start: int
    count: int
    step: int = 1  # forwards
    single: bool = False  # one index: the result has no such dimension
    backwards: bool = False  # what came is turned round

    def part(self, first: int, count: int) -> Span:
        return Span(self.start + first * self.step, count, self.step, self.single)

    def __str__(self) -> str:
        if self.single:
            return str(self.start)
        end = self.start + (self.count - 1) * self.step + 1 if self.count else self.start
        return f"{self.start}:{end}" + (f":{self.step}" if self.step > 1 else "")


Spans = tuple[Span, ...]
Piece = tuple[tuple[int, ...], Spans]  # where it begins in the whole, and what is asked for


def pick(key: Any, shape: Sequence[int]) -> Spans:
    """Raises IndexError, in words, for what is outside or cannot be read over the line."""
    members = list(key) if isinstance(key, tuple) else [key]
    if sum(one is Ellipsis for one in members) > 1:
        raise IndexError("an index has one ellipsis ('...') at most")
    named = sum(one is not Ellipsis for one in members)
    if named > len(shape):
        raise IndexError(f"{named} indices for an array of {len(shape)} dimensions, {_shape(shape)}")
    if Ellipsis not in [one for one in members if one is Ellipsis]:
        members.append(Ellipsis)
    at = next(place for place, one in enumerate(members) if one is Ellipsis)
    members[at : at + 1] = [slice(None)] * (len(shape) - named)
    return tuple(_span(one, length, axis) for axis, (one, length) in enumerate(zip(members, shape, strict=True)))


def shape_of(spans: Spans) -> tuple[int, ...]:
    return tuple(span.count for span in spans if not span.single)


def counts(spans: Spans) -> tuple[int, ...]:
    return tuple(span.count for span in spans)


def words(spans: Spans) -> str | None:
    """For the server; None: the array has no dimensions."""
    return ",".join(map(str, spans)) or None


def pieces(spans: Spans, itemsize: int, chunks: Sequence[int] | None, most: int) -> Iterator[Piece]:
    """Together all of it, each of `most` bytes at most where one element is not larger; cut between chunks where that is possible."""
    yield from _cut(spans, itemsize, chunks, most, 0, (0,) * len(spans))


def _cut(spans: Spans, itemsize: int, chunks: Sequence[int] | None, most: int, axis: int, at: tuple[int, ...]) -> Iterator[Piece]:
    size = math.prod(counts(spans)) * itemsize
    while axis < len(spans) and spans[axis].count < 2:
        axis += 1
    if size <= most or axis == len(spans):
        yield at, spans
        return
    span = spans[axis]
    each = max(1, most * span.count // size)
    chunk = chunks[axis] if chunks else 1
    first = 0
    while first < span.count:
        count = min(each, span.count - first)
        over = (span.start + first + count) % chunk if span.step == 1 else 0
        if first + count < span.count and over < count:
            count -= over
        part = (*spans[:axis], span.part(first, count), *spans[axis + 1 :])
        yield from _cut(part, itemsize, chunks, most, axis + 1 if count == 1 else axis, (*at[:axis], first, *at[axis + 1 :]))
        first += count


def _span(member: Any, length: int, axis: int) -> Span:
    if isinstance(member, slice):
        return _of_slice(member, length)
    if (
        isinstance(member, bool)
        or member is None
        or not hasattr(member, "__index__")
        or hasattr(member, "shape")
        and member.shape
    ):
        raise IndexError(
            f"arrays are read by whole numbers, slices and '...'; got {type(member).__name__} for dimension {axis}. "
            "Read a slice, then index what came: array[10:50][[1, 5]]"
        )
    at = index(member)
    if not -length <= at < length:
        raise IndexError(f"index {at} is outside dimension {axis}, which has {length}")
    return Span(at % length, 1, single=True)


def _of_slice(member: slice, length: int) -> Span:
    start, stop, step = member.indices(length)
    count = len(range(start, stop, step))
    if not count:
        return Span(0, 0)
    if step > 0:
        return Span(start, count, step if count > 1 else 1)
    return Span(start + (count - 1) * step, count, -step if count > 1 else 1, backwards=True)


def _shape(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape)) or "one value"
