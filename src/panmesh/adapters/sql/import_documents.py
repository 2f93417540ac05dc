"""Imported documents: visits with terms and a team of their own, publications and proposals; people, and links to datasets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, or_, select, update

from panmesh.adapters.sql.documents import keep_document
from panmesh.adapters.sql.import_datasets import parameter_value
from panmesh.adapters.sql.import_ground import Ground, admit, remember
from panmesh.adapters.sql.import_people import keep_members
from panmesh.adapters.sql.import_places import Places
from panmesh.adapters.sql.tables import (
    document,
    document_parameter,
    investigation,
    proposal,
    terms,
)
from panmesh.catalogue.effective import Surroundings, describe
from panmesh.catalogue.imported import ImportedDocument
from panmesh.catalogue.model import Origin, ProposalKind
from panmesh.kernel.text import fold, key_of


def is_visit(record: ImportedDocument, origin: Origin) -> bool:
    """A mirrored visit is a document only: no terms and no team of ours."""
    return record.visit_id is not None and record.proposal is not None and origin is not Origin.MIRRORED


def bring_documents(ground: Ground, places: Places, records: Sequence[ImportedDocument]) -> list[ImportedDocument]:
    """Returns those that are new or have changed."""
    if not records:
        return []
    admitted = admit(ground, "document", records, lambda r: _resolved(ground, places, r))
    for one in admitted:
        if is_visit(one.record, ground.origin):
            _keep_visit(ground, places, one.record)
        else:
            _keep_plain(ground, places, one.record)
    remember(ground, "document", admitted)
    if ground.dry_run:
        ground.seen.update(r.pid for r in records if is_visit(r, ground.origin))
    return [a.record for a in admitted]


def _resolved(ground: Ground, places: Places, record: ImportedDocument) -> tuple[Any, ...]:
    place = places.instrument(record.instrument)
    return (place.id if place is not None else None, _is_open(ground, record))


def _is_open(ground: Ground, record: ImportedDocument) -> bool:
    opens = record.access.opens_us
    return record.access.public or (opens is not None and opens <= ground.now_us)


# --- visits -----------------------------------------------------------------------------------------------------------


def _keep_visit(ground: Ground, places: Places, record: ImportedDocument) -> None:
    c = ground.connection
    place = places.instrument(record.instrument)
    key = f"{ground.facility_key}|{key_of(record.proposal or '')}|{record.visit_id}"
    there = c.execute(
        select(investigation).where(or_(investigation.c.pid == record.pid, investigation.c.natural_key == key))
    ).first()
    if there is not None and there.pid != record.pid:
        ground.keep_pids([(record.pid, "alias", there.pid, None)])
        ground.note(
            "document", record.pid, f"is the visit {record.proposal} {record.visit_id} that is here: its datasets join it"
        )
        return
    if record.access.team is not None:
        places.keep_team(record.access.team, record.members)
    access = places.terms_of(record.access, place.id if place is not None else None)
    values = {
        "proposal_id": _proposal(ground, record, access["team_id"]),
        "instrument_id": place.id if place is not None else None,
        "title": record.title,
        "starts_us": record.starts_us,
        "ends_us": record.ends_us,
    }
    if there is not None:
        c.execute(update(terms).where(terms.c.id == there.terms_id).values(**access))
        c.execute(update(investigation).where(investigation.c.id == there.id).values(**values))
        number = there.id
    else:
        fixed = {
            "pid": record.pid,
            "facility_id": ground.facility_id,
            "terms_id": c.execute(
                terms.insert().values(policy_version=ground.policy_version, **access).returning(terms.c.id)
            ).scalar_one(),
            "natural_key": key,
            "visit_id": record.visit_id,
            "kind": ProposalKind.USER.value,
        }
        ground.keep_pids([(record.pid, "investigation", record.pid, None)])
        number = c.execute(investigation.insert().values(**fixed, **values).returning(investigation.c.id)).scalar_one()
    keep_document(c, number)
    summary = record.summary if _is_open(ground, record) else None  # the text of a proposal stays with its team until the release
    c.execute(
        update(document)
        .where(document.c.investigation_id == number)
        .values(**_words(record, summary), origin=ground.origin.value)
    )
    _keep_details(ground, record)
    ground.feed("investigation", [record.pid], "created" if there is None else "updated")


def _proposal(ground: Ground, record: ImportedDocument, team_id: int | None) -> int:
    c = ground.connection
    number = record.proposal or ""
    mine = (proposal.c.facility_id == ground.facility_id, proposal.c.number_folded == key_of(number))
    found = c.execute(select(proposal.c.id).where(*mine)).scalar()
    if found is not None:
        return int(found)
    values = {
        "pid": ground.mint("proposal"),
        "facility_id": ground.facility_id,
        "number": number,
        "number_folded": key_of(number),
        "title": record.title,
        "proposal_text": record.summary,
        "kind": ProposalKind.USER.value,
        "policy_version": ground.policy_version,
        "team_id": team_id,
    }
    return int(c.execute(proposal.insert().values(**values).returning(proposal.c.id)).scalar_one())


# --- other documents --------------------------------------------------------------------------------------------------


def _keep_plain(ground: Ground, places: Places, record: ImportedDocument) -> None:
    c = ground.connection
    values = {
        "type": record.type,
        "title": record.title,
        "title_folded": fold(record.title),
        "terms_id": places.shared_terms(record.access, None),
        "starts_us": record.starts_us,
        "ends_us": record.ends_us,
        **_words(record, record.summary),
    }
    known = c.execute(update(document).where(document.c.pid == record.pid).values(**values)).rowcount
    if not known:
        fixed = {"pid": record.pid, "facility_id": ground.facility_id, "investigation_id": None, "origin": ground.origin.value}
        c.execute(document.insert().values(**fixed, **values))
        ground.keep_pids([(record.pid, "document", record.pid, None)])
    _keep_details(ground, record)
    ground.feed("document", [record.pid], "updated" if known else "created")


def _words(record: ImportedDocument, summary: str | None) -> dict[str, Any]:
    return {
        "summary": summary,
        "summary_folded": fold(summary) if summary else None,
        "doi": record.doi,
        "release_us": record.release_us,
        "license": record.license,
        "keywords_json": json.dumps(list(record.keywords), ensure_ascii=False),
    }


def _keep_details(ground: Ground, record: ImportedDocument) -> None:
    c = ground.connection
    number = c.execute(select(document.c.id).where(document.c.pid == record.pid)).scalar_one()
    c.execute(delete(document_parameter).where(document_parameter.c.document_id == number))
    rows = describe({"parameters": [parameter_value(p) for p in record.parameters]}, Surroundings()).parameters
    if rows:
        c.execute(document_parameter.insert(), [{"document_id": number, **row} for row in rows])
    keep_members(ground, number, record.members)
