"""Visits as rows, under one viewer's rights, and as values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, or_, select

from panmesh.access.artefact import Artefact
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.dialects import one_of
from panmesh.adapters.sql.named_people import people_of_many
from panmesh.adapters.sql.permission import mine, readable_now
from panmesh.adapters.sql.records import (
    access_columns,
    name_of_visit,
    visit_span,
)
from panmesh.adapters.sql.tables import (
    dataset,
    facility,
    instrument,
    investigation,
    proposal,
    terms,
)
from panmesh.catalogue.model import (
    AccessView,
    InvestigationView,
    PersonView,
    ProposalKind,
    Ref,
)
from panmesh.catalogue.query import VisitQuery
from panmesh.kernel.pid import Pid
from panmesh.kernel.text import storable


def visit_rows(connection: Connection, viewer: Viewer, pids: Sequence[str]) -> Sequence[Any]:
    return connection.execute(_visits_of(viewer), {"visits": [storable(pid) for pid in pids]}).all() if pids else ()


@lru_cache(maxsize=64)
def _visits_of(viewer: Viewer) -> Select[Any]:
    return visit_query(viewer).where(one_of(investigation.c.pid, "visits"))


@lru_cache(maxsize=64)
def visit_query(viewer: Viewer) -> Select[Any]:
    return (
        select(
            investigation,
            facility.c.facility_key,
            facility.c.name.label("facility_name"),
            facility.c.time_zone,
            instrument.c.pid.label("instrument_pid"),
            instrument.c.name.label("instrument_title"),
            proposal.c.pid.label("proposal_pid"),
            proposal.c.number.label("proposal_number"),
            proposal.c.title.label("proposal_title"),
            terms.c.team_id,
            investigation.c.kind.label("visit_kind"),
            *visit_span(),
            *access_columns(),
        )
        .select_from(investigation)
        .join(terms, terms.c.id == investigation.c.terms_id)
        .join(facility, facility.c.id == investigation.c.facility_id)
        .outerjoin(instrument, instrument.c.id == investigation.c.instrument_id)
        .outerjoin(proposal, proposal.c.id == investigation.c.proposal_id)
        .where(readable_now(viewer, Artefact.CORE_METADATA), investigation.c.natural_key.not_like("%|quarantine"))
    )


def members_of_visits(connection: Connection, viewer: Viewer, rows: Sequence[Any]) -> dict[int, tuple[PersonView, ...]]:
    return people_of_many(connection, viewer, [row.terms_id for row in rows if row.team_id is not None])


def totals_of_visits(connection: Connection, viewer: Viewer, ids: list[int]) -> dict[int, tuple[int, int | None]]:
    """For each investigation, how many datasets the viewer may know of, and the bytes of those whose files they may know."""
    rows = connection.execute(_counted(viewer), {"ids": ids}) if ids else ()
    return {r.investigation_id: (r.number, None if r.size is None else int(r.size)) for r in rows}


@lru_cache(maxsize=64)
def _counted(viewer: Viewer) -> Select[Any]:
    size = func.sum(case((readable_now(viewer, Artefact.FULL_METADATA), dataset.c.total_bytes), else_=None)).label("size")
    return (
        select(dataset.c.investigation_id, func.count().label("number"), size)
        .join(terms, terms.c.id == dataset.c.terms_id)
        .where(one_of(dataset.c.investigation_id, "ids"), readable_now(viewer, Artefact.CORE_METADATA))
        .group_by(dataset.c.investigation_id)
    )


def investigation_view(
    row: Any, access: AccessView, totals: dict[int, tuple[int, int | None]], members: tuple[PersonView, ...]
) -> InvestigationView:
    number, size = totals.get(row.id, (0, None))
    return InvestigationView(
        id=row.id,
        pid=Pid(row.pid),
        visit_id=row.visit_id,
        title=name_of_visit(row, row.title),
        proposal=row.proposal_number,
        proposal_title=row.proposal_title,
        kind=ProposalKind(row.kind),
        starts_us=row.starts_us,
        ends_us=row.ends_us,
        facility=row.facility_key,
        facility_name=row.facility_name,
        facility_zone=row.time_zone,
        instrument=Ref(pid=row.instrument_pid, name=row.instrument_title) if row.instrument_pid else None,
        access=access,
        dataset_count=number,
        total_bytes=size,
        members=members,
        proposal_pid=Pid(row.proposal_pid) if row.proposal_pid else None,
        first_us=row.first_us,
        last_us=row.last_us,
    )


def visits_wanted(viewer: Viewer, wanted: VisitQuery) -> list[ColumnElement[bool]]:
    """What is said of a visit here is core metadata, as all of its row is."""
    texts = (investigation.c.title, investigation.c.visit_id, proposal.c.number, proposal.c.title, instrument.c.name)
    found: list[ColumnElement[bool]] = [
        or_(*(func.lower(column).contains(word.lower(), autoescape=True) for column in texts))
        for word in storable(wanted.words).split()
    ]
    if wanted.mine:
        found.append(mine(viewer))
    if wanted.instrument is not None:
        named = _called(wanted.instrument, instrument.c.pid, instrument.c.instrument_key)
        found.append(investigation.c.instrument_id.in_(select(instrument.c.id).where(named).correlate(None)))
    if wanted.proposal is not None:
        named = _called(wanted.proposal, proposal.c.pid, proposal.c.number)
        found.append(investigation.c.proposal_id.in_(select(proposal.c.id).where(named).correlate(None)))
    return found


def _called(wanted: str, *names: ColumnElement[str]) -> ColumnElement[bool]:
    return or_(*(name == storable(wanted) for name in names))


def began() -> ColumnElement[int]:
    """As scheduled, else with the first run."""
    return func.coalesce(investigation.c.starts_us, visit_span()[0].element)


def not_left(investigation_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Unscheduled runs that joined a visit leave an investigation without a run behind: its page stays, lists leave it out."""
    runs = select(dataset.c.id).where(dataset.c.investigation_id == investigation_id).correlate(investigation).exists()
    return or_(investigation.c.kind != ProposalKind.UNSCHEDULED.value, runs)
