"""Many records at once, for whoever writes them out: each statement is asked once for all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, case, func, select

from panmesh.access.artefact import Artefact
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.dialects import one_of
from panmesh.adapters.sql.permission import readable_now
from panmesh.adapters.sql.records import records, summary_query, versions_of
from panmesh.adapters.sql.tables import dataset, dataset_technique, finding, pid, terms
from panmesh.adapters.sql.technique_names import technique_names
from panmesh.catalogue.model import DatasetRecord, FacetValue, Part, VisitParts
from panmesh.catalogue.query import ARTEFACT_OF, Field
from panmesh.kernel import techniques
from panmesh.kernel.pid import Pid
from panmesh.kernel.text import storable


def rows_of(connection: Connection, viewer: Viewer, wanted: Sequence[str]) -> Sequence[Any]:
    """By concept pid, version pid or alias, which is `asked`; `asked_version`: the version that it is the pid of. One statement, whether
    they are hidden or absent; within `instant.at`."""
    return connection.execute(_runs_of(viewer), {"wanted": [storable(one) for one in wanted]}).all()


@lru_cache(maxsize=64)
def _runs_of(viewer: Viewer) -> Select[Any]:
    wanted = one_of(pid.c.pid, "wanted")
    named = select(pid.c.pid, pid.c.concept, pid.c.version).where(wanted).subquery()
    return (
        summary_query()
        .join(named, named.c.concept == dataset.c.pid)
        .add_columns(named.c.pid.label("asked"), named.c.version.label("asked_version"))
        .where(readable_now(viewer, Artefact.CORE_METADATA))
    )


def whole_records(
    connection: Connection, viewer: Viewer, pids: Sequence[str], now_us: int
) -> dict[str, tuple[DatasetRecord, dict[str, str]]]:
    """Within `instant.at`; without what their files say. Asked pid → record, and what was found of its files."""
    found: dict[str, tuple[DatasetRecord, dict[str, str]]] = {}
    for rows in _each_once(rows_of(connection, viewer, pids)):
        versions = versions_of(connection, {row.id: row.asked_version or row.version for row in rows})
        notes = findings_of(connection, [row.id for row in rows])
        for row, one in zip(rows, records(connection, rows, versions, viewer, now_us, facts=False), strict=True):
            found[row.asked] = one, notes.get(row.id, {})
    return found


def parts_of(
    connection: Connection, viewer: Viewer, visits: Sequence[int], *, runs: int, techniques_: int
) -> dict[int, VisitParts]:
    """Within `instant.at`."""
    named = _runs(connection, viewer, visits, runs)
    by = _techniques(connection, viewer, visits, techniques_)
    return {one: VisitParts(runs=tuple(named.get(one, ())), techniques=tuple(by.get(one, ()))) for one in visits}


def _each_once(rows: Sequence[Any]) -> list[list[Any]]:
    """A dataset may be asked for by several pids: in several lists."""
    lists: list[dict[int, Any]] = []
    for row in rows:
        free = next((one for one in lists if row.id not in one), None)
        if free is None:
            lists.append(free := {})
        free[row.id] = row
    return [list(one.values()) for one in lists]


def findings_of(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, str]]:
    c = finding.c
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for row in connection.execute(select(c.dataset_id, c.name, c.kind).where(c.dataset_id.in_(ids))):
        found[row.dataset_id][row.name] = row.kind
    return found


def _runs(connection: Connection, viewer: Viewer, visits: Sequence[int], most: int) -> dict[int, list[Part]]:
    found: dict[int, list[Part]] = defaultdict(list)
    for row in connection.execute(_newest(viewer), {"visits": list(visits), "most": most}):
        found[row.visit].append(Part(pid=Pid(row.pid), title=row.title, created_us=row.created_us, run=row.run, path=row.path))
    return found


@lru_cache(maxsize=64)
def _newest(viewer: Viewer) -> Select[Any]:
    """Runs of the visits that are given as `visits`, `most` of each."""
    d, full = dataset.c, readable_now(viewer, Artefact.FULL_METADATA)
    newest = (d.start_us.desc().nulls_last(), d.id.desc())
    place = func.row_number().over(partition_by=d.investigation_id, order_by=newest).label("place")
    all_of = (
        select(
            d.investigation_id.label("visit"), d.pid, d.title, d.created_us, place,
            case((full, d.run), else_=None).label("run"), case((full, d.path), else_=None).label("path"),
        )
        .join(terms, terms.c.id == d.terms_id)
        .where(one_of(d.investigation_id, "visits"), readable_now(viewer, Artefact.CORE_METADATA))
        .subquery()
    )  # fmt: skip
    return select(all_of).where(all_of.c.place <= bindparam("most")).order_by(all_of.c.visit, all_of.c.place)


def _techniques(connection: Connection, viewer: Viewer, visits: Sequence[int], most: int) -> dict[int, list[FacetValue]]:
    rows = connection.execute(_used(viewer), {"visits": list(visits)}).all()
    own = technique_names(connection, [row.value for row in rows])
    found: dict[int, list[FacetValue]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (-row.number, row.value)):
        if len(found[row.visit]) < most:
            label = own.get(row.value) or techniques.label(row.value) or row.value
            found[row.visit].append(FacetValue(value=row.value, label=label, count=row.number))
    return found


@lru_cache(maxsize=64)
def _used(viewer: Viewer) -> Select[Any]:
    d, t = dataset.c, dataset_technique.c
    may = (readable_now(viewer, artefact) for artefact in (Artefact.CORE_METADATA, ARTEFACT_OF[Field.TECHNIQUE]))
    return (
        select(d.investigation_id.label("visit"), t.technique_pid.label("value"), func.count().label("number"))
        .join(dataset_technique, t.dataset_id == d.id)
        .join(terms, terms.c.id == d.terms_id)
        .where(one_of(d.investigation_id, "visits"), *may)
        .group_by(d.investigation_id, t.technique_pid)
    )
