"""Which names are withheld, and the marks that follow from it on everything that names people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as on_postgresql
from sqlalchemy.dialects.sqlite import insert as on_sqlite

from panmesh.access.names import Withheld, orcid_writings
from panmesh.adapters.sql.dialects import insert_many
from panmesh.adapters.sql.materialise import materialise_many
from panmesh.adapters.sql.people_tables import former_member, name_pending
from panmesh.adapters.sql.tables import account, change, dataset, dataset_person, investigation, person, team_member, terms
from panmesh.adapters.sql.withheld_now import withheld_now

PIECE = 500


def mark_names(connection: Connection, concerned: Withheld, now_us: int) -> None:
    """After names came or went: what they concern is marked anew, at once; texts for search follow in pieces (`renew_texts`)."""
    now = withheld_now(connection)
    _mark_rows(connection, account, account.c.name, concerned, now)
    _mark_rows(connection, person, person.c.full_name, concerned, now)
    _mark_rows(connection, former_member, former_member.c.name, concerned, now)
    _mark_files(connection, concerned, now)
    _tell_visits(connection, concerned, now_us)


def renew_texts(connection: Connection, now_us: int, limit: int = PIECE) -> int:
    """Returns how many were made anew; fewer than `limit`: there are no more."""
    rows = connection.execute(
        select(dataset.c.id, dataset.c.pid).join(name_pending, name_pending.c.dataset_id == dataset.c.id).limit(limit)
    ).all()
    ids = [row.id for row in rows]
    materialise_many(connection, ids, now_us)
    insert_many(connection, change, [{"at_us": now_us, "kind": "dataset", "pid": row.pid, "what": "updated"} for row in rows])
    connection.execute(delete(name_pending).where(name_pending.c.dataset_id.in_(ids)))
    return len(rows)


def _mark_rows(connection: Connection, table: Table, name: Any, concerned: Withheld, now: Withheld) -> None:
    hits: dict[bool, list[int]] = {True: [], False: []}
    for row in connection.execute(select(table.c.id, name.label("name"), table.c.orcid)):
        if concerned.holds(row.name, row.orcid):
            hits[now.holds(row.name, row.orcid)].append(row.id)
    for withheld, numbers in hits.items():
        for piece in _pieces(numbers):
            connection.execute(update(table).where(table.c.id.in_(piece)).values(withheld=withheld))


def _mark_files(connection: Connection, concerned: Withheld, now: Withheld) -> None:
    p = dataset_person.c
    names = list(connection.execute(select(p.name_folded).distinct()).scalars()) if concerned.keys else []
    hits = [name for name in names if concerned.holds(name, None)]
    ways = [p.name_folded.in_(piece) for piece in _pieces(hits)]
    ways += [p.orcid.in_(piece) for piece in _pieces(orcid_writings(concerned.orcids))]
    for way in ways:
        groups = connection.execute(select(p.name_folded, p.orcid, p.withheld).where(way).distinct()).all()
        for group in groups:
            withheld = now.holds(group.name_folded, group.orcid)
            if withheld == group.withheld:
                continue
            same = (p.name_folded == group.name_folded, p.orcid.is_(None) if group.orcid is None else p.orcid == group.orcid)
            connection.execute(_pending(connection, select(p.dataset_id).where(*same).distinct()))
            connection.execute(update(dataset_person).where(*same).values(withheld=withheld))


def _pending(connection: Connection, which: Any) -> Any:
    make = on_sqlite if connection.dialect.name == "sqlite" else on_postgresql
    return make(name_pending).from_select(["dataset_id"], which).on_conflict_do_nothing()


def _tell_visits(connection: Connection, concerned: Withheld, now_us: int) -> None:
    """The visits that name such an account, so that what is kept of them for harvesters is made anew."""
    rows = connection.execute(select(account.c.id, account.c.name, account.c.orcid)).all()
    numbers = [row.id for row in rows if concerned.holds(row.name, row.orcid)]
    former = connection.execute(select(former_member.c.team_id, former_member.c.name, former_member.c.orcid)).all()
    teams = {row.team_id for row in former if concerned.holds(row.name, row.orcid)}
    for piece in _pieces(numbers):
        for table in (team_member, former_member):
            teams |= set(connection.execute(select(table.c.team_id).where(table.c.account_id.in_(piece))).scalars())
    for piece in _pieces(sorted(teams)):
        visits = select(literal(now_us), literal("investigation"), investigation.c.pid, literal("updated"))
        of = visits.join(terms, terms.c.id == investigation.c.terms_id).where(terms.c.team_id.in_(piece))
        connection.execute(insert(change).from_select(["at_us", "kind", "pid", "what"], of))


def _pieces(values: Iterable[Any]) -> Iterable[Sequence[Any]]:
    found = list(values)
    return (found[start : start + PIECE] for start in range(0, len(found), PIECE))
