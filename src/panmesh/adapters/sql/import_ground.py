"""What the parts of one import share: the transaction, who and when, the ledger of what came before, and what became of each record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import orjson
from sqlalchemy import Connection, delete, select

from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.tables import change, imported, pid
from panmesh.catalogue.imported import ImportedDataset, ImportedDocument, ImportedInstrument
from panmesh.catalogue.importing import Change, Fate
from panmesh.catalogue.manifest import ManifestStore
from panmesh.catalogue.model import Origin
from panmesh.kernel.pid import Pid, mint

T = TypeVar("T", ImportedInstrument, ImportedDataset, ImportedDocument)
X = TypeVar("X")


@dataclass
class Ground:
    connection: Connection
    by: Viewer
    origin: Origin
    source: str
    now_us: int
    facility_id: int
    facility_key: str
    policy_version: str
    manifests: ManifestStore
    random_bytes: Callable[[int], bytes]
    dry_run: bool
    seen: set[str]  # instruments and visits of earlier batches of a dry run, which took them back
    fates: list[Fate] = field(default_factory=list)

    def tell(self, kind: str, of: str, change_: Change, reason: str | None = None) -> None:
        self.fates.append(Fate(kind=kind, pid=of, change=change_, reason=reason))

    def refuse(self, kind: str, of: str, reason: str) -> None:
        """After all: in place of what was told of it before."""
        self.fates[:] = [f for f in self.fates if f.part or (f.kind, f.pid) != (kind, of)]
        self.tell(kind, of, Change.DROPPED, reason)

    def note(self, kind: str, of: str, reason: str) -> None:
        """Of a part that was altered or left out."""
        self.fates.append(Fate(kind=kind, pid=of, change=Change.UPDATED, reason=reason, part=True))

    def feed(self, kind: str, pids: Iterable[str], what: str) -> None:
        rows = [{"at_us": self.now_us, "kind": kind, "pid": one, "what": what} for one in pids]
        if rows:
            self.connection.execute(change.insert(), rows)

    def keep_pids(self, rows: Sequence[tuple[str, str, str, int | None]]) -> None:
        """(pid, kind, concept, version), those that are not there yet. Entities of a source may share a pid: each has its own table."""
        there = {row.pid for row in in_pieces(self.connection, select(pid.c.pid), pid.c.pid, [r[0] for r in rows])}
        fresh = {
            p: {"pid": p, "kind": k, "concept": c, "version": v, "origin": self.origin.value}
            for p, k, c, v in rows
            if p not in there
        }
        if fresh:
            self.connection.execute(pid.insert(), list(fresh.values()))

    def mint(self, kind: str) -> Pid:
        new = mint(self.random_bytes)
        self.keep_pids([(new, kind, new, None)])
        return new


@dataclass(frozen=True, slots=True)
class Admitted(Generic[T]):
    record: T
    fingerprint: bytes
    known: bool


def admit(ground: Ground, kind: str, records: Sequence[T], resolved: Callable[[T], tuple[Any, ...]]) -> list[Admitted[T]]:
    """Those that are new or differ from what came before. `resolved`: what the record's relations lead to here, so that it is
    brought again once they lead somewhere else."""
    pids = [r.pid for r in records]
    before = {
        row.pid: row
        for row in in_pieces(ground.connection, select(imported).where(imported.c.kind == kind), imported.c.pid, pids)
    }
    taken = {row.pid: row for row in in_pieces(ground.connection, select(pid), pid.c.pid, pids)}
    found: list[Admitted[T]] = []
    for record in records:
        old = before.get(record.pid)
        if (why := _refusal(ground, taken.get(record.pid), old)) is not None:
            ground.tell(kind, record.pid, Change.DROPPED, why)
            continue
        fingerprint = _fingerprint(record, resolved(record))
        if old is not None and (bytes(old.fingerprint) == fingerprint or (record.nested and not old.nested)):
            if not record.nested:  # it may come nested in a million others
                ground.tell(kind, record.pid, Change.UNCHANGED)
            continue
        ground.tell(kind, record.pid, Change.NEW if old is None else Change.UPDATED)
        found.append(Admitted(record, fingerprint, old is not None))
    return found


def remember(ground: Ground, kind: str, admitted: Sequence[Admitted[Any]]) -> None:
    known = [a.record.pid for a in admitted if a.known]
    if known:
        ground.connection.execute(delete(imported).where(imported.c.kind == kind, imported.c.pid.in_(known)))
    rows = [
        {
            "kind": kind,
            "pid": a.record.pid,
            "source": ground.source,
            "origin": ground.origin.value,
            "fingerprint": a.fingerprint,
            "nested": a.record.nested,
        }
        for a in admitted
    ]
    if rows:
        ground.connection.execute(imported.insert(), rows)


def in_pieces(connection: Connection, query: Any, column: Any, values: Iterable[Any], size: int = 500) -> Iterator[Any]:
    """The rows whose column is one of the values."""
    wanted = list(dict.fromkeys(values))
    for first in range(0, len(wanted), size):
        yield from connection.execute(query.where(column.in_(wanted[first : first + size])))


def _refusal(ground: Ground, taken: Any, old: Any) -> str | None:
    if taken is not None and taken.origin == Origin.NATIVE.value:
        return "this pid is one of ours: what was made here is never overwritten"
    if taken is not None and taken.kind == "version":
        return "this pid already names a version of another dataset"
    if old is not None and old.origin != ground.origin.value:
        return f"it is here as {old.origin}: bring it with --origin {old.origin}"
    return None


def _fingerprint(record: Any, resolved: tuple[Any, ...]) -> bytes:
    plain = orjson.dumps([record, resolved], default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return blake2b(plain, digest_size=16).digest()


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else str(value)
