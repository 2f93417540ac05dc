"""The document of an investigation: what federations list of it, kept in step by whoever makes or changes an investigation."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from panmesh.adapters.sql.tables import document, facility, instrument, investigation, pid
from panmesh.catalogue.model import ProposalKind
from panmesh.catalogue.naming import visit_name
from panmesh.kernel.text import fold


def keep_document(connection: Connection, investigation_id: int) -> None:
    """Make or renew it. Its pid is the investigation's own; its text never comes from the proposal (law 14)."""
    query = (
        select(investigation, pid.c.origin, instrument.c.name.label("instrument_name"), facility.c.time_zone)
        .join(facility, facility.c.id == investigation.c.facility_id)
        .outerjoin(pid, pid.c.pid == investigation.c.pid)
        .outerjoin(instrument, instrument.c.id == investigation.c.instrument_id)
    )
    row = connection.execute(query.where(investigation.c.id == investigation_id)).one()
    title = visit_name(
        kind=ProposalKind(row.kind),
        title=row.title,
        visit_id=row.visit_id,
        instrument=row.instrument_name,
        zone=row.time_zone,
        first_us=None,
        last_us=None,
    )
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
