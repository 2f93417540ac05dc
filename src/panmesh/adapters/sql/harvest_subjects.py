"""What decides whether and where datasets, visits, instruments and proposals are listed for harvesters, read in pieces."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, Table, func, literal, null, select, true

from panmesh.access.artefact import Artefact
from panmesh.access.release_policy import release_state
from panmesh.access.terms import State, Terms, state
from panmesh.access.viewer import ANONYMOUS
from panmesh.adapters.sql.permission import readable, state_label, terms_of
from panmesh.adapters.sql.release_tables import release, release_run, release_version
from panmesh.adapters.sql.releases import terms_of_runs
from panmesh.adapters.sql.tables import (
    dataset,
    dataset_technique,
    document,
    facility,
    imported,
    instrument,
    investigation,
    proposal,
    terms,
)
from panmesh.catalogue.model import Origin
from panmesh.publication.harvesting import ItemKind, Subject, standing

TABLE_OF: dict[ItemKind, Table] = {
    ItemKind.INSTRUMENT: instrument,
    ItemKind.INVESTIGATION: investigation,
    ItemKind.DATASET: dataset,
    ItemKind.COLLECTION: release_version,
    ItemKind.PROPOSAL: proposal,
}
PIECE = 500  # ids in one statement
_OURS = (Origin.NATIVE.value, Origin.MIGRATED.value)  # a mirrored record is another's to tell of


def subjects(connection: Connection, kind: ItemKind, ids: Sequence[int], now_us: int) -> list[Subject]:
    """Those that exist, in no order."""
    found: list[Subject] = []
    for begin in range(0, len(ids), PIECE):
        piece = ids[begin : begin + PIECE]
        techniques = _techniques(connection, kind, piece, now_us)
        parts = _PARTS[kind](connection, piece) if kind in _PARTS else {}
        for row in connection.execute(_QUERY[kind].where(TABLE_OF[kind].c.id.in_(piece))).mappings():
            one = row["subject"]
            found.append(_subject(kind, row, tuple(techniques.get(one, ())), tuple(parts.get(one, ()))))
    return found


def next_ids(connection: Connection, kind: ItemKind, after: int, limit: int) -> list[int]:
    c = TABLE_OF[kind].c
    return list(connection.execute(select(c.id).where(c.id > after).order_by(c.id).limit(limit)).scalars())


def states_now(connection: Connection, kind: ItemKind, ids: Iterable[int], now_us: int) -> dict[int, str]:
    """The access state of each of these that anybody may know of at this moment."""
    t, wanted = TABLE_OF[kind], list(ids)
    if not wanted:
        return {}
    if kind is ItemKind.INSTRUMENT:
        return dict.fromkeys(connection.execute(select(t.c.id).where(t.c.id.in_(wanted))).scalars(), State.OPEN.value)
    if kind is ItemKind.COLLECTION:
        return {one.id: _state_of(one, now_us) for one in subjects(connection, kind, wanted, now_us)}
    if kind is ItemKind.PROPOSAL:
        found = subjects(connection, kind, wanted, now_us)
        return {one.id: State.OPEN.value for one in found if standing(one, now_us).shown}
    query = select(t.c.id, state_label(now_us).label("state")).join(terms, terms.c.id == t.c.terms_id)
    rows = connection.execute(query.where(t.c.id.in_(wanted), readable(ANONYMOUS, Artefact.CORE_METADATA, now_us)))
    return {row.id: row.state for row in rows}


def _state_of(one: Subject, now_us: int) -> str:
    """Of a release: of what anybody may know of its runs."""
    withdrawn = one.terms is not None and state(one.terms, now_us) is State.WITHDRAWN
    return release_state(one.parts, withdrawn, now_us)[0].value


def holding(connection: Connection, datasets: Any) -> list[int]:
    """Versions of releases that hold one of these; `datasets`: a condition on them."""
    query = select(release_run.c.version_id).join(dataset, dataset.c.id == release_run.c.dataset_id).where(datasets).distinct()
    return list(connection.execute(query).scalars())


def proposals_of(connection: Connection, visits: Sequence[int]) -> list[int]:
    """Of these visits, each once."""
    i, found = investigation.c, set[int]()
    for begin in range(0, len(visits), PIECE):
        query = select(i.proposal_id).where(i.id.in_(visits[begin : begin + PIECE]), i.proposal_id.is_not(None)).distinct()
        found.update(connection.execute(query).scalars())
    return sorted(found)


def _terms_of_visits(connection: Connection, ids: Sequence[int]) -> dict[int, list[Terms]]:
    """Under which the visits of each proposal stand that are ours to tell of, each once."""
    i = investigation.c
    query = (
        select(i.proposal_id, *terms.c)
        .join(terms, terms.c.id == i.terms_id)
        .outerjoin(document, document.c.investigation_id == i.id)
        .where(i.proposal_id.in_(ids), i.natural_key.not_like("%|quarantine"))
        .where(func.coalesce(document.c.origin, Origin.NATIVE.value).in_(_OURS))
        .distinct()
    )
    found: dict[int, list[Terms]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        found[row["proposal_id"]].append(terms_of({c.name: row[c] for c in terms.c}))
    return found


_PARTS = {ItemKind.COLLECTION: terms_of_runs, ItemKind.PROPOSAL: _terms_of_visits}


def _subject(kind: ItemKind, row: Any, techniques: tuple[str, ...], parts: tuple[Terms, ...]) -> Subject:
    of_terms: Any = {name: row[f"terms_{name}"] for name in terms.c.keys()}
    return Subject(
        kind=kind,
        id=row["subject"],
        pid=row["pid"],
        facility=row["facility_key"],
        instrument=row["instrument_key"],
        techniques=techniques,
        terms=terms_of(of_terms) if of_terms["id"] is not None else None,
        native=row["origin"] in _OURS,
        changed_us=row["changed_us"],
        parts=parts,
    )


def _techniques(connection: Connection, kind: ItemKind, ids: Sequence[int], now_us: int) -> dict[int, list[str]]:
    """Of datasets; of instruments, those of their runs that anybody may know of, as its record tells."""
    t, d = dataset_technique.c, dataset.c
    if kind is ItemKind.DATASET:
        query = select(t.dataset_id.label("of"), t.technique_pid).where(t.dataset_id.in_(ids))
    elif kind is ItemKind.INSTRUMENT:
        query = (
            select(d.instrument_id.label("of"), t.technique_pid)
            .select_from(dataset)
            .join(dataset_technique, t.dataset_id == d.id)
            .join(terms, terms.c.id == d.terms_id)
            .where(d.instrument_id.in_(ids), readable(ANONYMOUS, Artefact.CORE_METADATA, now_us))
            .distinct()
        )
    else:
        return {}
    found: dict[int, list[str]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.of].append(row.technique_pid)
    return found


def _of_terms() -> list[Any]:
    return [column.label(f"terms_{column.name}") for column in terms.c]


def _datasets() -> Select[Any]:
    d = dataset.c
    return (
        select(
            d.id.label("subject"), d.pid, d.origin, d.updated_us.label("changed_us"), facility.c.facility_key, instrument.c.instrument_key, *_of_terms()
        )
        .select_from(dataset)
        .join(facility, facility.c.id == d.facility_id)
        .join(terms, terms.c.id == d.terms_id)
        .outerjoin(instrument, instrument.c.id == d.instrument_id)
    )  # fmt: skip


def _investigations() -> Select[Any]:
    i = investigation.c
    return (
        select(
            i.id.label("subject"), i.pid, func.coalesce(document.c.origin, Origin.NATIVE.value).label("origin"), i.ends_us.label("changed_us"),
            facility.c.facility_key, instrument.c.instrument_key, *_of_terms(),
        )
        .select_from(investigation)
        .join(facility, facility.c.id == i.facility_id)
        .join(terms, terms.c.id == i.terms_id)
        .outerjoin(document, document.c.investigation_id == i.id)
        .outerjoin(instrument, instrument.c.id == i.instrument_id)
    )  # fmt: skip


def _instruments() -> Select[Any]:
    i = instrument.c
    return (
        select(
            i.id.label("subject"), i.pid, func.coalesce(imported.c.origin, Origin.NATIVE.value).label("origin"), null().label("changed_us"),
            facility.c.facility_key, i.instrument_key, *_of_terms(),
        )
        .select_from(instrument)
        .join(facility, facility.c.id == i.facility_id)
        .outerjoin(imported, (imported.c.kind == "instrument") & (imported.c.pid == i.pid))
        .outerjoin(terms, ~true())
    )  # fmt: skip


def _collections() -> Select[Any]:
    v = release_version.c
    return (
        select(
            v.id.label("subject"), v.pid, literal(Origin.NATIVE.value).label("origin"), v.changed_us.label("changed_us"),
            facility.c.facility_key, null().label("instrument_key"), *_of_terms(),
        )
        .select_from(release_version)
        .join(release, release.c.id == v.release_id)
        .join(document, document.c.id == release.c.document_id)
        .join(facility, facility.c.id == document.c.facility_id)
        .join(terms, terms.c.id == v.terms_id)
    )  # fmt: skip


def _proposals() -> Select[Any]:
    p = proposal.c
    return (
        select(
            p.id.label("subject"), p.pid, literal(Origin.NATIVE.value).label("origin"), null().label("changed_us"), facility.c.facility_key,
            null().label("instrument_key"), *_of_terms(),
        )
        .select_from(proposal)
        .join(facility, facility.c.id == p.facility_id)
        .outerjoin(terms, ~true())
    )  # fmt: skip


_QUERY = {
    ItemKind.DATASET: _datasets(),
    ItemKind.INVESTIGATION: _investigations(),
    ItemKind.INSTRUMENT: _instruments(),
    ItemKind.COLLECTION: _collections(),
    ItemKind.PROPOSAL: _proposals(),
}
