"""Proposals as far as a viewer may know of them: through their visits."""

from __future__ import annotations

from sqlalchemy import select

from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.named_people import people_of
from panmesh.adapters.sql.reads import SqlReads, _investigation_view, _totals
from panmesh.adapters.sql.tables import investigation, proposal
from panmesh.kernel.text import storable
from panmesh.publication.records import ProposalTold

MOST_VISITS = 200


class SqlProposals(SqlReads):
    """Implements `publication.records.ProposalReads`."""

    def told(self, viewer: Viewer, pid: str, now_us: int) -> ProposalTold | None:
        named = select(proposal.c.id).where(proposal.c.pid == storable(pid))
        newest = (investigation.c.starts_us.desc().nulls_last(), investigation.c.id.desc())
        with self._db.read() as connection:
            query = self._investigations(connection, viewer, now_us, investigation.c.proposal_id.in_(named))
            rows = connection.execute(query.order_by(*newest).limit(MOST_VISITS)).all()
            if not rows:
                return None
            totals = _totals(connection, viewer, [row.id for row in rows], now_us)
            terms_ids = dict.fromkeys(row.terms_id for row in rows if row.team_id is not None)
            members = {m.name: m for one in terms_ids for m in people_of(connection, viewer, one)}
            visits = tuple(_investigation_view(row, totals, ()) for row in rows)
        first = rows[0]
        return ProposalTold(
            pid=pid,
            number=first.proposal_number,
            title=first.proposal_title,
            facility_name=first.facility_name,
            facility_zone=first.time_zone,
            members=tuple(members.values()),
            visits=visits,
        )

    def above(self, visit_pid: str) -> tuple[str, str] | None:
        query = (
            select(proposal.c.pid, proposal.c.number)
            .join(investigation, investigation.c.proposal_id == proposal.c.id)
            .where(investigation.c.pid == storable(visit_pid))
        )
        with self._db.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row.pid, row.number)
