"""Records of scripts as they are read: with the names that are withheld from whoever reads, and without those who do not work with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, select

from panmesh.access.editing_policy import A_PERSON
from panmesh.access.names import orcid_writings, writings
from panmesh.access.naming_policy import sees_names
from panmesh.access.policy import Owned
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.people_tables import withheld_name
from panmesh.adapters.sql.tables import account, dataset, dataset_person, investigation, person, proposal, sample, terms
from panmesh.ingest.pushing import Hidden, PushedRecord, RecordKind

MOST_OWNERS = 1000  # terms that are asked for, of one record of its own


@dataclass(frozen=True, slots=True)
class _Nobody:
    """Of a record that belongs to no dataset and no visit: the house's."""

    team_id: int | None = None
    instrument_id: int | None = None


def shown_to(connection: Connection, viewer: Viewer, rows: Sequence[Any]) -> list[PushedRecord]:
    """`rows` of `pushed_record`."""
    if not rows:
        return []
    owners = _owners(connection, rows) if viewer.user_id is not None else {}
    hidden = _hidden_now(connection)
    return [_shown(row, colleague=_colleague(viewer, row, owners), hidden=hidden) for row in rows]


def _colleague(viewer: Viewer, row: Any, owners: Mapping[int, Sequence[Owned]]) -> bool:
    if viewer.login is not None and viewer.login == row.created_by:
        return True
    return any(sees_names(viewer, owned) for owned in owners.get(row.id) or (_Nobody(),))


def _shown(row: Any, *, colleague: bool, hidden: Hidden) -> PushedRecord:
    return PushedRecord(
        kind=RecordKind(row.kind),
        key=row.key,
        dataset_id=row.dataset_id,
        body=orjson.loads(row.body_json),
        created_us=row.created_us,
        created_by=row.created_by if colleague else A_PERSON,
        updated_us=row.updated_us,
        updated_by=row.updated_by if colleague else A_PERSON,
        hidden=Hidden() if colleague else hidden,
    )


def _owners(connection: Connection, rows: Sequence[Any]) -> dict[int, list[Any]]:
    """Who answers for each record: for its dataset, for the visits of its proposal, for the datasets of its sample."""
    found: dict[int, list[Any]] = defaultdict(list)
    owned = (terms.c.team_id, terms.c.instrument_id)
    of_dataset = select(dataset.c.id.label("of"), *owned).join(terms, terms.c.id == dataset.c.terms_id)
    of_proposal = (
        select(proposal.c.number.label("of"), *owned)
        .join(investigation, investigation.c.proposal_id == proposal.c.id)
        .join(terms, terms.c.id == investigation.c.terms_id)
    )
    of_sample = select(sample.c.pid.label("of"), *owned).join(dataset, dataset.c.sample_id == sample.c.id)
    ways: tuple[tuple[str, Any, Any], ...] = (
        ("dataset_id", of_dataset, dataset.c.id),
        (RecordKind.PROPOSAL, of_proposal, proposal.c.number),
        (RecordKind.SAMPLE, of_sample.join(terms, terms.c.id == dataset.c.terms_id), sample.c.pid),
    )
    for name, query, column in ways:
        mine = {row.id: row.dataset_id if name == "dataset_id" else row.key for row in rows if _is_of(row, name)}
        if not mine:
            continue
        some = query.where(column.in_(list(set(mine.values())))).distinct().limit(MOST_OWNERS * len(mine))
        of: dict[Any, list[Any]] = defaultdict(list)
        for one in connection.execute(some):
            of[one.of].append(one)
        for number, key in mine.items():
            found[number] += of.get(key, [])
    return found


def _is_of(row: Any, name: str) -> bool:
    return row.dataset_id is not None if name == "dataset_id" else row.dataset_id is None and row.kind == name


def _hidden_now(connection: Connection) -> Hidden:
    """All names that are withheld at this moment, in every writing; of those withheld by ORCID iD, as records write them."""
    w = withheld_name.c
    rows = connection.execute(select(w.name, w.orcid).where(w.ended_us.is_(None))).all()
    names, orcids = {row.name for row in rows if row.name}, sorted({row.orcid for row in rows if row.orcid})
    for column, name in (
        (dataset_person.c.orcid, dataset_person.c.name),
        (account.c.orcid, account.c.name),
        (person.c.orcid, person.c.full_name),
    ):
        if orcids:
            names |= set(connection.execute(select(name).where(column.in_(orcid_writings(orcids))).distinct()).scalars())
    return Hidden(names=frozenset(one for name in names for one in writings(name)), orcids=frozenset(orcids))
