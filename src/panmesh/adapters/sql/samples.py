"""Samples live across visits: one row for each (facility, proposal or folder, identifier or name)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from panmesh.adapters.sql.tables import pid, sample
from panmesh.catalogue.model import Origin
from panmesh.kernel.pid import mint
from panmesh.kernel.text import fold


def sample_ids(
    connection: Connection,
    wanted: Sequence[tuple[int, str, Mapping[str, Any] | None]],
    random_bytes: Callable[[int], bytes],
    origin: Origin = Origin.NATIVE,
) -> list[int | None]:
    """For each (facility id, scope, sample value) the id of its sample, found or made; None where there is no sample.

    A sample that another catalogue brought has a `pid` of its own in its value, and is the same in every scope.
    """
    keys = [_key(*one) for one in wanted]
    by_key = {key: one for key, one in zip(keys, wanted, strict=True) if key is not None}
    if not by_key:
        return [None] * len(keys)
    found = _find(connection, list(by_key))
    new = {key: (by_key[key][2] or {}).get("pid") or mint(random_bytes) for key in by_key if key not in found}
    rows = [_row(key, by_key[key], its_pid) for key, its_pid in new.items()]
    if rows:
        connection.execute(sample.insert(), rows)
        taken = set(connection.execute(select(pid.c.pid).where(pid.c.pid.in_(list(new.values())))).scalars())
        fresh = [_pid_row(one, origin) for one in new.values() if one not in taken]
        if fresh:
            connection.execute(pid.insert(), fresh)
        found = _find(connection, list(by_key))
    return [None if key is None else found[key] for key in keys]


def _key(facility_id: int, scope: str, value: Mapping[str, Any] | None) -> str | None:
    if not value or not value.get("name"):
        return None
    if value.get("pid"):
        return f"pid|{value['pid']}"
    identifier = value.get("identifier")
    name = f"id:{identifier}" if identifier else fold(value["name"])
    return f"{facility_id}|{scope}|{name}"[:500]


def _find(connection: Connection, keys: list[str]) -> dict[str, int]:
    query = select(sample.c.natural_key, sample.c.id).where(sample.c.natural_key.in_(keys))
    return {row.natural_key: row.id for row in connection.execute(query)}


def _row(key: str, one: tuple[int, str, Mapping[str, Any] | None], new: str) -> dict[str, Any]:
    value = one[2] or {}
    return {
        "pid": new,
        "facility_id": one[0],
        "natural_key": key,
        "name": value["name"],
        "name_folded": fold(value["name"]),
        "identifier": value.get("identifier"),
        "formula": value.get("formula"),
        "description": value.get("description"),
    }


def _pid_row(new: str, origin: Origin) -> dict[str, Any]:
    return {"pid": new, "kind": "sample", "concept": new, "version": None, "origin": origin.value}
