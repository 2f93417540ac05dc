"""The names that are withheld at this moment: few, read with each commit that names people."""

from __future__ import annotations

from sqlalchemy import Connection, select

from panmesh.access.names import Withheld
from panmesh.adapters.sql.people_tables import withheld_name


def withheld_now(connection: Connection) -> Withheld:
    w = withheld_name.c
    rows = connection.execute(select(w.name_key, w.orcid).where(w.ended_us.is_(None))).all()
    return Withheld(frozenset(r.name_key for r in rows if r.name_key), frozenset(r.orcid for r in rows if r.orcid))
