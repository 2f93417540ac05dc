"""Who read or changed what: a record that only grows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from panmesh.access.artefact import Artefact
from panmesh.access.terms import State
from panmesh.access.viewer import Viewer
from panmesh.kernel.errors import Forbidden

START = bytes(32)  # the digest before the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An account as it is called now."""

    login: str
    name: str
    erased: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    id: int
    at_us: int
    actor: str
    action: str
    pid: str | None
    detail: Mapping[str, Any] | None  # None: of what its reader may not read
    account: int | None = None
    raw: str | None = None  # the detail as it is kept, and sealed
    position: int | None = None  # in the chain; None: not sealed yet
    digest: str | None = None
    by: Named | None = None  # None: no account, as the operator on the host
    whom: Named | None = None  # the account that the detail is about
    of: str | None = None  # what kind of thing the pid names; None: nothing that is here


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    actor: str | None = None  # the whole login
    action: str | None = None  # any part of the words
    pid: str | None = None
    since_us: int | None = None
    until_us: int | None = None  # not included
    request: int | None = None  # by its number


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Where the chain does not hold."""

    position: int
    audit_id: int
    what: str  # in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """How far the log is sealed, and with what."""

    sealed: int
    waiting: int  # entries that are not sealed yet
    head: str  # digest of the last link
    breaks: tuple[Break, ...] = ()


def link(before: bytes, values: tuple[Any, ...]) -> bytes:
    """SHA-256 of the digest before and of the entry as it stands in its table: a JSON list in ASCII without blanks."""
    return hashlib.sha256(before + json.dumps(values, separators=(",", ":")).encode("ascii")).digest()


class AuditLog(Protocol):
    def record(self, viewer: Viewer, action: str, pid: str | None = None, **detail: Any) -> None: ...

    def entries(self, *, pid: str | None = None, limit: int = 100) -> tuple[AuditEntry, ...]:
        """Newest first."""
        ...

    def find(self, viewer: Viewer, wanted: AuditFilter, *, before: int | None, limit: int) -> tuple[AuditEntry, ...]:
        """Newest first, of those with smaller numbers than `before`."""
        ...

    def history(self, pid: str, request: int) -> tuple[AuditEntry, ...]:
        """What was done about one request, the oldest first."""
        ...

    def each(self, viewer: Viewer, wanted: AuditFilter) -> Iterator[AuditEntry]:
        """Oldest first, however many."""
        ...

    def chain(self) -> Chain:
        """Without looking whether it holds."""
        ...


def for_auditors(viewer: Viewer) -> None:
    """Raises Forbidden."""
    if not (viewer.steward or viewer.admin or viewer.operator):
        raise Forbidden("The audit log is for data stewards and administrators: sign in with such an account.")


def is_staff_read(viewer: Viewer, state: State, readable: frozenset[Artefact], in_team: bool) -> bool:
    """A read of what is not open, by virtue of an office and not of the team: it is recorded."""
    return viewer.staff and not viewer.operator and state is not State.OPEN and not in_team and Artefact.FULL_METADATA in readable
