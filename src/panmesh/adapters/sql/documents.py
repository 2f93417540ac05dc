"""The document of an investigation: what federations list of it, kept in step by whoever makes or changes an investigation."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from panmesh.adapters.sql.tables import document, investigation, pid
from panmesh.kernel.text import fold


def keep_document(connection: Connection, investigation_id: int) -> None:
    """Make or renew it. Its pid is the investigation's own; its text never comes from the proposal (law 14)."""
    query = select(investigation, pid.c.origin).join(pid, pid.c.pid == investigation.c.pid, isouter=True)
    row = connection.execute(query.where(investigation.c.id == investigation_id)).one()
    title = row.title or row.visit_id
    values = {
        "terms_id": row.terms_id,
        "title": title,
        "title_folded": fold(title),
        "starts_us": row.starts_us,
        "ends_us": row.ends_us,
    }
    known = update(document).where(document.c.investigation_id == investigation_id).values(**values)
    if connection.execute(known).rowcount:
        return
    fixed = {
        "pid": row.pid,
        "facility_id": row.facility_id,
        "investigation_id": row.id,
        "origin": row.origin or "native",
        "type": "proposal",
    }
    connection.execute(document.insert().values(keywords_json="[]", **fixed, **values))
