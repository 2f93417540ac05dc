"""The visits that a run in quarantine may belong to, with what is known of them, for `catalogue.suggestion` to judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from panmesh.access.artefact import Artefact
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.materialise import layers_of
from panmesh.adapters.sql.permission import readable_terms
from panmesh.adapters.sql.tables import account, dataset, dataset_person, investigation, proposal, sample, team_member, terms
from panmesh.catalogue.layers import merge
from panmesh.catalogue.suggestion import Candidate, Lost, Suggestion, suggest
from panmesh.kernel.text import fold

_MOST = 1000  # visits of one instrument that are looked at: the newest


def suggest_visits(c: Connection, viewer: Viewer, pids: Sequence[str], now_us: int) -> Mapping[str, tuple[Suggestion, ...]]:
    may = dataset.c.terms_id.in_(readable_terms(viewer, Artefact.FULL_METADATA, now_us))
    query = (
        select(dataset, sample.c.name.label("sample_name"))
        .select_from(dataset)
        .outerjoin(sample, sample.c.id == dataset.c.sample_id)
        .where(dataset.c.pid.in_(list(pids)), may)
    )
    rows = c.execute(query).all()
    visits: dict[int, list[tuple[int, Candidate]]] = {}
    found = {}
    for row in rows:
        if row.instrument_id is None:
            continue
        if row.instrument_id not in visits:
            visits[row.instrument_id] = _candidates(c, viewer, row.instrument_id, now_us)
        others = [one for number, one in visits[row.instrument_id] if number != row.investigation_id]
        found[row.pid] = suggest(_lost(c, row), others)
    return found


def _lost(c: Connection, row: Any) -> Lost:
    said = {field: winner.value for field, winner in merge(layers_of(c, row.id)).items()}
    people = select(dataset_person.c.name).where(dataset_person.c.dataset_id == row.id).order_by(dataset_person.c.position)
    return Lost(
        start_us=row.start_us,
        path=row.path or "",
        proposal=_text(said.get("proposal")),
        visit=_text(said.get("visit")),
        sample=row.sample_name,
        people=tuple(c.execute(people).scalars()),
    )


def _candidates(c: Connection, viewer: Viewer, instrument_id: int, now_us: int) -> list[tuple[int, Candidate]]:
    """With the ids of their investigations."""
    query = (
        select(investigation, proposal.c.number, terms.c.team_id)
        .select_from(investigation)
        .join(proposal, proposal.c.id == investigation.c.proposal_id)
        .join(terms, terms.c.id == investigation.c.terms_id)
        .where(
            investigation.c.instrument_id == instrument_id,
            investigation.c.starts_us.is_not(None),
            investigation.c.ends_us.is_not(None),
            terms.c.id.in_(readable_terms(viewer, Artefact.FULL_METADATA, now_us)),
        )
        .order_by(investigation.c.starts_us.desc())
        .limit(_MOST)
    )
    rows = c.execute(query).all()
    samples = _grouped(
        c,
        select(dataset.c.investigation_id, sample.c.name_folded)
        .select_from(dataset)
        .join(sample, sample.c.id == dataset.c.sample_id)
        .where(dataset.c.investigation_id.in_([row.id for row in rows]))
        .distinct(),
    )
    people = _grouped(
        c,
        select(team_member.c.team_id, account.c.name)
        .select_from(team_member)
        .join(account, account.c.id == team_member.c.account_id)
        .where(team_member.c.team_id.in_({row.team_id for row in rows if row.team_id is not None})),
    )
    return [
        (
            row.id,
            Candidate(
                pid=row.pid,
                visit_id=row.visit_id,
                proposal=row.number,
                title=row.title,
                starts_us=row.starts_us,
                ends_us=row.ends_us,
                samples=frozenset(samples.get(row.id, ())),
                people=frozenset(fold(name) for name in people.get(row.team_id, ())),
            ),
        )
        for row in rows
    ]


def _grouped(c: Connection, query: Any) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for key, value in c.execute(query):
        found.setdefault(key, []).append(value)
    return found


def _text(value: Any) -> str | None:
    return str(value) if value else None
