"""The audit log as JSON lines and CSV, each entry with its seal and with all that the seal is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from panmesh.access.audit import AuditEntry
from panmesh.kernel.clock import iso
from panmesh.wire.lists import csv_line

COLUMNS = ("position", "digest", "id", "at_us", "at", "account", "actor", "action", "pid", "detail")


def json_lines(entries: Iterable[AuditEntry]) -> Iterator[bytes]:
    """Each with all that its digest is made of."""
    return (orjson.dumps(dict(zip(COLUMNS, _values(one), strict=True))) + b"\n" for one in entries)


def csv_lines(entries: Iterable[AuditEntry]) -> Iterator[bytes]:
    return (csv_line(values).encode() for values in _with_head(entries))


def _with_head(entries: Iterable[AuditEntry]) -> Iterator[tuple[Any, ...]]:
    yield COLUMNS
    yield from map(_values, entries)


def _values(one: AuditEntry) -> tuple[Any, ...]:
    return (one.position, one.digest, one.id, one.at_us, iso(one.at_us), one.account, one.actor, one.action, one.pid, one.raw)
