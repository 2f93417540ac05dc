"""What is said between whoever asks about a stranger's file and the process that keeps it open: one question, one answer."""

from __future__ import annotations

import json
import os
import struct
from typing import Any

import orjson

HEAD = struct.Struct("<IQ")  # of an answer: bytes of its description, bytes of its body
LENGTH = struct.Struct("<I")  # of a question
ROOM = 128 << 20  # bytes of memory that a child shares with whoever asks it


def read_exactly(handle: int, size: int) -> bytes | None:
    """None: the other end is closed."""
    parts: list[bytes] = []
    while size:
        part = os.read(handle, min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read_question(handle: int) -> dict[str, Any] | None:
    head = read_exactly(handle, LENGTH.size)
    body = None if head is None else read_exactly(handle, LENGTH.unpack(head)[0])
    found: dict[str, Any] | None = None if body is None else json.loads(body)
    return found


def write_answer(handle: int, description: dict[str, Any], body: bytes = b"") -> None:
    head = orjson.dumps(description)
    for piece in (HEAD.pack(len(head), len(body)) + head, body):
        view = memoryview(piece)
        while view:
            view = view[os.write(handle, view) :]
