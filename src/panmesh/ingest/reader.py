"""The port through which ingest sees files: sniff, read in a sandbox, never crash the caller."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from panmesh.ingest.facts import FileFacts
from panmesh.ingest.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    seconds: float = 20.0  # per file, wall clock and CPU
    memory: int = 1 << 30  # bytes of address space a reading process may add to its parent's
    nodes: int = 20_000
    links_per_group: int = 5_000
    depth: int = 64
    attributes: int = 200  # per object
    text_bytes: int = 256 * 1024  # longest text that is read
    array_bytes: int = 1 << 20  # an array above this is not read for its summary
    chunk_bytes: int = 8 << 20  # a dataset with larger chunks is not read at all
    total_bytes: int = 64 << 20  # read per file over all datasets


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    path: Path
    folder: Path  # the dataset's folder: nothing outside it may be opened
    profile: Profile


class Reader(Protocol):
    """Reads in separate, confined processes. Any outcome is a FileFacts: crash, hang and memory are `ReadState.FAILED`."""

    def read(self, request: ReadRequest) -> FileFacts: ...

    def read_many(self, requests: Sequence[ReadRequest]) -> Iterator[tuple[ReadRequest, FileFacts]]:
        """In any order, as they finish; a file that kills its process does not take its neighbours' results along."""
        ...

    def close(self) -> None: ...
