"""Results stand under the terms of what they were made from, also when that moves to another visit."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from panmesh.adapters.sql.materialise import materialise
from panmesh.adapters.sql.tables import change, dataset, relation, set_aside


def move_results(connection: Connection, source_id: int, now_us: int) -> None:
    """Results of a run that was moved follow it once everything that they were made from stands under the same terms; until
    then they stay where they are, for they tell of the others too."""
    d = dataset.c
    source = connection.execute(select(d.terms_id, d.investigation_id, d.instrument_id).where(d.id == source_id)).one()
    aside = select(set_aside.c.dataset_id)  # tells of nothing, and stays where it is
    results = select(relation.c.derived_id).where(relation.c.source_id == source_id, relation.c.derived_id.not_in(aside))
    for number in connection.execute(select(d.id).where(d.id.in_(results), d.terms_id != source.terms_id)).scalars().all():
        made_from = select(relation.c.source_id).where(relation.c.derived_id == number, relation.c.source_id.not_in(aside))
        if connection.execute(select(d.terms_id).where(d.id.in_(made_from)).distinct()).scalars().all() == [source.terms_id]:
            connection.execute(update(dataset).where(d.id == number).values(**source._mapping))
            materialise(connection, number, now_us)
            moved = select(d.pid).where(d.id == number).scalar_subquery()
            connection.execute(change.insert().values(at_us=now_us, kind="dataset", pid=moved, what="moved"))
            move_results(connection, number, now_us)
