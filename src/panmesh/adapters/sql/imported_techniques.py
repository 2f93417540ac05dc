"""Techniques under pids of their own, as other catalogues name them; each may say which PaNET term it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select, update

from panmesh.adapters.sql.import_ground import Ground, in_pieces
from panmesh.adapters.sql.tables import technique
from panmesh.catalogue.imported import ImportedDataset, ImportedTechnique
from panmesh.kernel import techniques


def keep_techniques(ground: Ground, records: Sequence[ImportedDataset]) -> Mapping[str, str]:
    """The source's pid → the pid it is kept under: PaNET's own where pid and name are PaNET's, else the source's."""
    named = {t.pid: t for r in records for t in r.techniques}
    own = {t.pid: t for t in named.values() if _is_own(t)}
    there = {row.pid: row for row in in_pieces(ground.connection, select(technique), technique.c.pid, own)}
    rows = [{"pid": t.pid, "name": t.name, "panet_pid": _panet(t)} for t in own.values()]
    fresh = [row for row in rows if row["pid"] not in there]
    if fresh:
        ground.connection.execute(technique.insert(), fresh)
    for row in rows:
        old = there.get(str(row["pid"]))
        if old is not None and (old.name, old.panet_pid) != (row["name"], row["panet_pid"]):
            ground.connection.execute(update(technique).where(technique.c.pid == row["pid"]).values(**row))
    return {p: p if p in own else techniques.find(p) or p for p in named}


def _is_own(one: ImportedTechnique) -> bool:
    panet = techniques.find(one.pid)
    return panet is None or (one.name or "") not in (techniques.label(panet), "", one.pid)


def _panet(one: ImportedTechnique) -> str | None:
    for said in (one.panet_pid, one.pid, one.name):
        if said and (found := techniques.find(said)) is not None:
            return found
    return one.panet_pid
