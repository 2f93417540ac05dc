"""Byte ranges (RFC 9110, section 14): what was asked for, as pieces of a file of known size."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_RANGES = 32
_SPEC = re.compile(r"(\d*)-(\d*)")


@dataclass(frozen=True, slots=True)
class Piece:
    start: int  # first byte
    end: int  # first byte not wanted

    @property
    def size(self) -> int:
        return self.end - self.start


class Unsatisfiable(ValueError):
    """None of the ranges lies in the file."""


def parse_range(header: str, size: int) -> tuple[Piece, ...] | None:
    """None: not a range request that we take (malformed or other unit): the whole file is the right answer. Raises Unsatisfiable."""
    unit, equals, specs = header.partition("=")
    if unit.strip().lower() != "bytes" or not equals:
        return None
    pieces: list[Piece] = []
    parts = [part.strip() for part in specs.split(",") if part.strip()]
    if not parts or len(parts) > MAX_RANGES:
        return None
    for part in parts:
        match = _SPEC.fullmatch(part)
        if match is None or not (match[1] or match[2]) or len(part) > 40:
            return None
        if not match[1]:
            wanted = int(match[2])
            if wanted:
                pieces.append(Piece(max(0, size - wanted), size))
            continue
        start = int(match[1])
        if match[2] and int(match[2]) < start:
            return None
        if start < size:
            pieces.append(Piece(start, min(size, int(match[2]) + 1) if match[2] else size))
    pieces = [p for p in pieces if p.size > 0]
    if not pieces:
        raise Unsatisfiable(header)
    return tuple(_merged(pieces)) if len(pieces) > 1 else tuple(pieces)


def _merged(pieces: list[Piece]) -> list[Piece]:
    """Overlapping pieces as one (a client that asks for the same bytes many times gets them once); the order is kept otherwise."""
    total = sum(p.size for p in pieces)
    ordered = sorted(pieces, key=lambda p: p.start)
    merged: list[Piece] = []
    for piece in ordered:
        if merged and piece.start <= merged[-1].end:
            merged[-1] = Piece(merged[-1].start, max(merged[-1].end, piece.end))
        else:
            merged.append(piece)
    return pieces if sum(p.size for p in merged) == total and len(merged) == len(pieces) else merged
