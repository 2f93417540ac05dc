"""Answers made smaller for whoever takes them so (RFC 9110, section 12.5.3), where it pays: a noisy detector frame is sent as it is."""

from __future__ import annotations

import pyarrow as pa
from isal import igzip

OFFERED = ("zstd", "gzip")  # the better first
LEAST = 1 << 10  # bytes: below, it is not worth a thought
SAMPLE = 32 << 10  # bytes from the middle tell of the rest
PAYS = 0.8  # of the size, or less


def wanted(accept_encoding: str | None, offered: tuple[str, ...] = OFFERED) -> str | None:
    """The best of those offered that the client takes; None: send it as it is."""
    taken: dict[str, float] = {}
    for part in (accept_encoding or "").lower().split(","):
        name, _, weight = part.partition(";")
        taken[name.strip()] = _weight(weight)
    found = {name: taken.get(name, taken.get("*", 0.0)) for name in offered}
    best = max(found, key=lambda name: found[name])
    return best if found[best] > 0 else None


def compress(body: bytes | memoryview, encoding: str) -> bytes:
    if encoding == "zstd":
        packed: bytes = pa.Codec("zstd", compression_level=1).compress(body, asbytes=True)
        return packed
    return bytes(igzip.compress(body, compresslevel=1))


def pays(sample: bytes | memoryview, encoding: str) -> bool:
    return len(compress(sample, encoding)) <= PAYS * len(sample)


def middle(size: int) -> tuple[int, int]:
    """Where the sample of so many bytes begins and ends."""
    start = max(0, size // 2 - SAMPLE // 2)
    return start, min(size, start + SAMPLE)


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
