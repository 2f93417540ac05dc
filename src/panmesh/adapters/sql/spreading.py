"""Values of quantities counted in SQL, for `catalogue.quantity_spread` to say."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, select, true

from panmesh.adapters.sql.tables import dataset, parameter
from panmesh.catalogue.quantity_spread import Counted, Part, Scale, fits


def names_in_sql(connection: Connection, typed: str) -> list[str]:
    return [name for name in connection.execute(select(parameter.c.name).distinct()).scalars() if fits(name, typed)]


def names_of(connection: Connection, datasets: Sequence[int], typed: str) -> list[str]:
    query = select(parameter.c.name).where(parameter.c.dataset_id.in_(datasets)).distinct()
    return [name for name in connection.execute(query).scalars() if fits(name, typed)]


def datasets_in_sql(connection: Connection, where: ColumnElement[bool], names: Sequence[str]) -> dict[str, int]:
    """Name → runs that fit and have it. `where`: of rows of `dataset` whose quantities may be read."""
    number = func.count(func.distinct(parameter.c.dataset_id)).label("number")
    query = _joined(select(parameter.c.name, number)).where(parameter.c.name.in_(names), where).group_by(parameter.c.name)
    return {row.name: row.number for row in connection.execute(query)}


def counted_in_sql(connection: Connection, where: ColumnElement[bool], datasets: dict[str, int]) -> dict[str, Counted]:
    """Of these names, with the number of their runs."""
    p = parameter.c
    columns = (
        p.name,
        p.unit,
        p.dimension,
        func.count().label("number"),
        func.min(p.low).label("low"),
        func.max(p.high).label("high"),
    )
    query = _joined(select(*columns)).where(p.name.in_(list(datasets)), where).group_by(p.name, p.unit, p.dimension)
    parts: dict[str, list[Part]] = {}
    for row in connection.execute(query):
        part = Part(unit=row.unit, dimension=row.dimension, values=row.number, low=row.low, high=row.high)
        parts.setdefault(row.name, []).append(part)
    return {name: Counted(name=name, datasets=datasets[name], parts=tuple(found)) for name, found in parts.items()}


def bars_in_sql(connection: Connection, where: ColumnElement[bool], name: str, scale: Scale) -> list[int]:
    p = parameter.c
    middle = (p.low + p.high) / 2.0
    spans = list(pairwise(scale.edges))
    columns: list[Any] = []
    for place, (low, high) in enumerate(spans):
        first = middle >= low if place else true()
        last = middle < high if place < len(spans) - 1 else true()
        columns.append(func.coalesce(func.sum(case((and_(first, last), 1), else_=0)), 0))
    query = _joined(select(*columns)).where(p.name == name, p.dimension == scale.dimension, p.low.is_not(None), where)
    return [int(number) for number in connection.execute(query).one()]


def _joined(query: Any) -> Any:
    return query.select_from(parameter).join(dataset, dataset.c.id == parameter.c.dataset_id)
