"""Many records at once, for whoever writes them out: each statement is asked once for all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, case, func, select

from panmesh.access.artefact import Artefact
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.conditions import Compiler
from panmesh.adapters.sql.permission import readable
from panmesh.adapters.sql.records import records, summary_query, versions_of
from panmesh.adapters.sql.tables import dataset, dataset_technique, finding, pid
from panmesh.adapters.sql.technique_names import technique_names
from panmesh.catalogue.manifest import ManifestRef
from panmesh.catalogue.model import DatasetKind, DatasetRecord, FacetValue, Part, VisitParts
from panmesh.catalogue.query import ARTEFACT_OF, Field
from panmesh.kernel import techniques
from panmesh.kernel.pid import Pid
from panmesh.kernel.text import storable


def rows_of(connection: Connection, viewer: Viewer, wanted: Sequence[str], artefact: Artefact, now_us: int) -> Sequence[Any]:
    """By concept pid, version pid or alias, which is `asked`. One statement, whether they are hidden or absent."""
    named = select(pid.c.pid, pid.c.concept, pid.c.version).where(pid.c.pid.in_([storable(one) for one in wanted])).subquery()
    query = (
        summary_query(viewer, now_us)
        .join(named, named.c.concept == dataset.c.pid)
        .add_columns(named.c.pid.label("asked"), named.c.version.label("asked_version"))
        .where(readable(viewer, artefact, now_us))
    )
    return connection.execute(query).all()


def whole_records(
    connection: Connection, viewer: Viewer, pids: Sequence[str], now_us: int
) -> dict[str, tuple[DatasetRecord, ManifestRef | None, dict[str, str]]]:
    """Without what their files say. Asked pid → record, its files where the viewer may read them, and what was found of these."""
    found: dict[str, tuple[DatasetRecord, ManifestRef | None, dict[str, str]]] = {}
    for rows in _each_once(rows_of(connection, viewer, pids, Artefact.CORE_METADATA, now_us)):
        versions = versions_of(connection, {row.id: row.asked_version or row.version for row in rows})
        notes = _findings(connection, [row.id for row in rows])
        for row, one in zip(rows, records(connection, rows, versions, viewer, now_us, facts=False), strict=True):
            needed = Artefact.RAW if row.kind == DatasetKind.RAW.value else Artefact.PROCESSED
            may = needed in one.summary.access.readable
            manifest = ManifestRef.from_bytes(versions[row.id].manifest) if may else None
            found[row.asked] = one, manifest, notes.get(row.id, {})
    return found


def parts_of(
    connection: Connection, viewer: Viewer, visits: Sequence[int], now_us: int, *, runs: int, techniques_: int
) -> dict[int, VisitParts]:
    compiler = Compiler(viewer, now_us)
    named = _runs(connection, compiler, visits, runs)
    by = _techniques(connection, compiler, visits, techniques_)
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


def _findings(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, str]]:
    c = finding.c
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for row in connection.execute(select(c.dataset_id, c.name, c.kind).where(c.dataset_id.in_(ids))):
        found[row.dataset_id][row.name] = row.kind
    return found


def _runs(connection: Connection, compiler: Compiler, visits: Sequence[int], most: int) -> dict[int, list[Part]]:
    d, full = dataset.c, compiler.may(Artefact.FULL_METADATA)
    newest = (d.start_us.desc().nulls_last(), d.id.desc())
    place = func.row_number().over(partition_by=d.investigation_id, order_by=newest).label("place")
    all_of = (
        select(
            d.investigation_id.label("visit"), d.pid, d.title, d.created_us, place,
            case((full, d.run), else_=None).label("run"), case((full, d.path), else_=None).label("path"),
        )
        .where(d.investigation_id.in_(visits), compiler.may(Artefact.CORE_METADATA))
        .subquery()
    )  # fmt: skip
    found: dict[int, list[Part]] = defaultdict(list)
    for row in connection.execute(select(all_of).where(all_of.c.place <= most).order_by(all_of.c.visit, all_of.c.place)):
        found[row.visit].append(
            Part(pid=Pid(row.pid), title=row.title, created_us=row.created_us, run=row.run, path=row.path)
        )  # fmt: skip
    return found


def _techniques(
    connection: Connection, compiler: Compiler, visits: Sequence[int], most: int
) -> dict[int, list[FacetValue]]:  # fmt: skip
    d, t = dataset.c, dataset_technique.c
    may = compiler.may(Artefact.CORE_METADATA), compiler.may(ARTEFACT_OF[Field.TECHNIQUE])
    query = (
        select(d.investigation_id.label("visit"), t.technique_pid.label("value"), func.count().label("number"))
        .join(dataset_technique, t.dataset_id == d.id)
        .where(d.investigation_id.in_(visits), *may)
        .group_by(d.investigation_id, t.technique_pid)
    )
    rows = connection.execute(query).all()
    own = technique_names(connection, [row.value for row in rows])
    found: dict[int, list[FacetValue]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (-row.number, row.value)):
        if len(found[row.visit]) < most:
            label = own.get(row.value) or techniques.label(row.value) or row.value
            found[row.visit].append(FacetValue(value=row.value, label=label, count=row.number))
    return found
