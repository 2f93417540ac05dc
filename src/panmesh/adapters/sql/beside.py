"""The run before a run and the run after it, in the same visit."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, literal, select, union_all

from panmesh.access.artefact import Artefact
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.permission import readable_now
from panmesh.adapters.sql.records import shown
from panmesh.adapters.sql.tables import dataset, investigation, terms
from panmesh.catalogue.model import Beside, DatasetSummary


def beside(connection: Connection, viewer: Viewer, run: DatasetSummary, now_us: int) -> Beside:
    """Within `instant.at`. As far as the viewer may know of them."""
    if run.investigation is None or run.start_us is None:
        return Beside()
    asked = {"visit": run.investigation.pid, "start_us": run.start_us}
    ids = {row.way: row.id for row in connection.execute(_around(viewer), asked)}
    found = {one.id: one for one in shown(connection, viewer, list(ids.values()), now_us, brief=True)}
    return Beside(before=found.get(ids.get("before", 0)), after=found.get(ids.get("after", 0)))


@lru_cache(maxsize=64)
def _around(viewer: Viewer) -> Select[Any]:
    d = dataset.c
    start: Any = bindparam("start_us")
    visit = select(investigation.c.id).where(investigation.c.pid == bindparam("visit")).scalar_subquery()
    ways = {"before": (d.start_us < start, d.start_us.desc()), "after": (d.start_us > start, d.start_us.asc())}
    found = [
        select(literal(way).label("way"), d.id)
        .join(terms, terms.c.id == d.terms_id)
        .where(d.investigation_id == visit, within, readable_now(viewer, Artefact.CORE_METADATA))
        .order_by(nearest, d.id)
        .limit(1)
        .subquery()
        for way, (within, nearest) in ways.items()
    ]
    return select(union_all(*(select(one) for one in found)).subquery())
