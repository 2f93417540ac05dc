"""Persistent identifiers: opaque, minted once, made of no path and no proposal number, and never looking like a DOI."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NewType

Pid = NewType("Pid", str)

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32: no i, l, o, u
LENGTH = 16  # 80 bits of chance: 10^8 records meet a repeat with a probability below 10^-8
_FORM = re.compile(rf"pm-[{ALPHABET}]{{{LENGTH}}}(\.v[1-9][0-9]*)?")


def mint(random_bytes: Callable[[int], bytes]) -> Pid:
    """A new concept pid, from 10 random bytes."""
    number = int.from_bytes(random_bytes(10), "big")
    letters = "".join(ALPHABET[(number >> (5 * i)) & 31] for i in range(LENGTH))
    return Pid(f"pm-{letters}")


def version_pid(concept: Pid, version: int) -> Pid:
    return Pid(f"{concept}.v{version}")


def is_native(text: str) -> bool:
    """Whether the text has the form of a pid that panmesh mints; others (DOIs, migrated ids) are looked up as aliases."""
    return _FORM.fullmatch(text) is not None
