"""What a download did, told honestly: compared with a digest is one thing, of the right size another."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from panmesh.kernel.errors import PanmeshError, PeerFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a download did. `compared`: files whose SHA-256 is that of the catalogue; of `pending` ones only the size is known to be right."""

    folder: Path
    files: tuple[Path, ...] = ()  # that are there now
    compared: int = 0
    pending: tuple[str, ...] = ()  # names: the facility has no digest of them yet
    fetched: int = 0  # files; of the others nothing was asked, because they were there
    bytes: int = 0  # over the line
    seconds: float = 0.0
    failed: dict[str, PanmeshError] = field(default_factory=dict)  # by name

    def __str__(self) -> str:
        said = f"{len(self.files)} file(s) in {self.folder}, {self.compared} compared with their SHA-256."
        if self.pending:
            said += f" {len(self.pending)} have no digest yet: only their size is known to be right."
        if self.failed:
            said += f" {len(self.failed)} did not arrive."
        return said


class Incomplete(PeerFailed):
    """Some files did not arrive; `taken` says which, and has those that did."""

    def __init__(self, taken: Taken, peer: str) -> None:
        first = next(iter(taken.failed.values())).detail
        more = f" (and {len(taken.failed) - 1} more)" if len(taken.failed) > 1 else ""
        every = len(taken.files) + len(taken.failed)
        super().__init__(f"{len(taken.failed)} of {every} file(s) did not arrive: {first}{more}", peer)
        self.taken = taken
