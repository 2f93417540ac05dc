"""What may be asked of the inside of a file, and what is answered: values, and the port to whoever opens it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from panmesh.kernel.errors import Invalid


class Ask(StrEnum):
    META = "meta"
    ATTR = "attr"
    DATA = "data"
    STATS = "stats"
    PATHS = "paths"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayQuestion:
    """As h5grove has it, where it has it: see docs/how-to/arrays.md."""

    what: Ask
    path: str = "/"  # of the object in the file
    links: str = "only_valid"
    keys: tuple[str, ...] | None = None  # of attributes; None: all
    selection: str | None = None
    format: str = "json"
    dtype: str = "origin"
    flatten: bool = False
    block: bool = False  # one of the blocks of a large answer
    width: int = 800  # pixels of a picture
    low: float | None = None  # of its colours
    high: float | None = None
    log: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayFile:
    """One state of one file on this host, which the viewer may read."""

    path: Path  # without symbolic links
    device: int
    inode: int
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayAnswer:
    media_type: str
    body: bytes = b""
    extents: tuple[tuple[int, int], ...] = ()  # offsets and sizes in the file itself, one after the other, instead of a body
    blocks: tuple[tuple[str, int], ...] = ()  # selections and their bytes, to be asked for one after the other, instead of a body
    growing: bool = False  # open for writing elsewhere: this answer holds for now only
    depends: str = ""  # the state of the other files that it may stand in; "": in none
    headers: Mapping[str, str] | None = None

    @property
    def size(self) -> int:
        parts = (*self.extents, *self.blocks)
        return sum(size for _, size in parts) if parts else len(self.body)


class TooMuch(Invalid):
    """More than one answer may hold."""

    def __init__(self, detail: str, limit: int) -> None:
        super().__init__(detail)
        self.limit = limit


# (path of the file that names it, name as it is written there) → the file of the same dataset; those that are none are left out.
FindNeighbours = Callable[[Sequence[tuple[str, str]]], Mapping[tuple[str, str], ArrayFile]]


class Arrays(Protocol):
    def ask(self, dataset: str, file: ArrayFile, question: ArrayQuestion, find: FindNeighbours) -> ArrayAnswer:
        """Raises NotFound (no such object), Forbidden (it lies outside the dataset), Invalid, TooMuch, Unavailable."""
        ...
