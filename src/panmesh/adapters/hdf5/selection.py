"""Selections as NumPy writes them, of an array of known shape: which elements, how many, and whether they lie in one piece."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

MOST_CHARACTERS = 1000
_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")


class BadSelection(ValueError):
    """Its text is a sentence for whoever asked."""


@dataclass(frozen=True, slots=True)
class Span:
    """Along one dimension."""

    start: int
    count: int
    step: int
    single: bool = False  # one index: the result has no such dimension

    def plain(self) -> int | slice:
        return self.start if self.single else slice(self.start, self.start + self.count * self.step, self.step)


@dataclass(frozen=True, slots=True)
class Selected:
    spans: tuple[Span, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(span.count for span in self.spans if not span.single)

    @property
    def size(self) -> int:
        return math.prod(span.count for span in self.spans)

    def index(self) -> tuple[int | slice, ...]:
        return tuple(span.plain() for span in self.spans)

    def text(self) -> str:
        return ",".join(str(s.start) if s.single else f"{s.start}:{s.start + s.count * s.step}:{s.step}" for s in self.spans)

    def run(self, shape: tuple[int, ...]) -> int | None:
        """The first element's place in C order, when all that is selected lies in one piece in an array of that shape."""
        place, whole = 0, True  # whole: every dimension after this one is taken whole
        for span, length in zip(reversed(self.spans), reversed(shape), strict=True):
            if span.count > 1 and (span.step != 1 or not whole):
                return None
            whole = whole and span.count == length
        for span, length in zip(self.spans, shape, strict=True):
            place = place * length + span.start
        return place


def select(text: str | None, shape: tuple[int, ...]) -> Selected:
    """Raises BadSelection. `None` and the empty text are everything."""
    members = _filled(_members(text), len(shape)) if text else []
    if len(members) > len(shape):
        raise BadSelection(f"{_short(text)} names {len(members)} dimensions of an array that has {len(shape)}.")
    spans = [_span(member, length, axis) for axis, (member, length) in enumerate(zip(members, shape, strict=False))]
    return Selected((*spans, *(Span(0, length, 1) for length in shape[len(members) :])))


def _members(text: str) -> list[str]:
    if len(text) > MOST_CHARACTERS:
        raise BadSelection(f"a selection has at most {MOST_CHARACTERS} characters.")
    return [member.strip() for member in text.split(",")]


def _filled(members: list[str], rank: int) -> list[str]:
    """With the dimensions that '...' stands for."""
    if "..." not in members:
        return members
    if members.count("...") > 1:
        raise BadSelection("'...' stands for all dimensions that are not named, and may be written once.")
    place = members.index("...")
    return members[:place] + [":"] * (rank - len(members) + 1) + members[place + 1 :]


def _span(member: str, length: int, axis: int) -> Span:
    parts = [part.strip() for part in member.split(":")]
    if len(parts) > 3 or not all(_NUMBER.fullmatch(part) for part in parts if part or len(parts) == 1):
        raise BadSelection(f"{_short(member)} is no index and no slice: write '5', '0:4' or '::2'.")
    if len(parts) == 1:
        index = int(member)
        if not -length <= index < length:
            raise BadSelection(f"index {index} of dimension {axis} is outside: it has {length}.")
        return Span(index % length, 1, 1, single=True)
    start, stop, step = (int(part) if part else None for part in (*parts, "")[:3])
    if step is not None and step < 1:
        raise BadSelection(f"the step of {_short(member)} is not positive: ask forwards.")
    first, end, stride = slice(start, stop, step).indices(length)
    count = max(0, -(-(end - first) // stride))
    return Span(first, count, stride) if count else Span(0, 0, 1)


def _short(text: str | None) -> str:
    return repr(text if len(text or "") <= 60 else f"{(text or '')[:60]}…")
