"""Techniques with their broader terms, years, and what instruments hold, counted over a result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from panmesh.adapters.sql.tables import dataset, dataset_technique, technique
from panmesh.catalogue.technique_tree import add_up
from panmesh.kernel.clock import facility_day, facility_midnight


@dataclass(frozen=True, slots=True)
class Held:
    number: int = 0
    latest_us: int | None = None  # start of the newest

    def __add__(self, other: Held) -> Held:
        known = [one for one in (self.latest_us, other.latest_us) if one is not None]
        return Held(self.number + other.number, max(known, default=None))


def held_among(connection: Connection, where: ColumnElement[bool]) -> dict[int, Held]:
    """Of the datasets that fit, by the number of their instrument."""
    number = dataset.c.instrument_id
    query = select(number, func.count(), func.max(dataset.c.start_us)).where(where, number.is_not(None)).group_by(number)
    return {row[0]: Held(row[1], row[2]) for row in connection.execute(query)}


def panet_of(connection: Connection) -> dict[str, str]:
    """Own techniques → the PaNET term that they are."""
    query = select(technique.c.pid, technique.c.panet_pid).where(technique.c.panet_pid.is_not(None))
    return {row.pid: row.panet_pid for row in connection.execute(query)}


def techniques_of(connection: Connection, where: ColumnElement[bool]) -> dict[str, int]:
    """Of the datasets that fit."""
    named = panet_of(connection)
    other = dataset_technique.alias()
    one_more = (
        select(other.c.dataset_id)
        .where(other.c.dataset_id == dataset_technique.c.dataset_id, other.c.technique_pid != dataset_technique.c.technique_pid)
        .exists()
    )
    pairs = select(dataset_technique.c.technique_pid).join(dataset, dataset.c.id == dataset_technique.c.dataset_id).where(where)
    direct: dict[str, int] = {}
    alone = pairs.add_columns(func.count().label("number")).where(~one_more).group_by(dataset_technique.c.technique_pid)
    for row in connection.execute(alone):
        pid = named.get(row.technique_pid, row.technique_pid)
        direct[pid] = direct.get(pid, 0) + row.number
    several: dict[int, set[str]] = {}
    for row in connection.execute(pairs.add_columns(dataset_technique.c.dataset_id).where(one_more)):
        several.setdefault(row.dataset_id, set()).add(named.get(row.technique_pid, row.technique_pid))
    return add_up(direct, several.values())


def year_edges(first_us: int, last_us: int, zone: str) -> tuple[int, list[int]]:
    """The first year, and the instants at which it and each that follows begin, up to the end of the last."""
    first, last = facility_day(first_us, zone).year, facility_day(last_us, zone).year
    return first, [facility_midnight(date(year, 1, 1), zone) for year in range(first, last + 1)] + [
        facility_midnight(date(last + 1, 1, 1), zone)
    ]


def years_of(connection: Connection, where: ColumnElement[bool], zone: str) -> dict[int, int]:
    start = dataset.c.start_us
    ends = connection.execute(select(func.min(start), func.max(start)).where(where, start.is_not(None))).one()
    if ends[0] is None:
        return {}
    first, edges = year_edges(ends[0], ends[1], zone)
    spans = pairwise(edges)
    columns: Iterable[Any] = [func.sum(case((and_(start >= low, start < high), 1), else_=0)) for low, high in spans]
    row = connection.execute(select(*columns).where(where)).one()
    return {first + place: int(number) for place, number in enumerate(row) if number}
