"""Relations between imported records, in whatever order their ends come: what has not both here yet waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Column, Table, delete, select, tuple_

from panmesh.adapters.sql.import_ground import Ground, in_pieces
from panmesh.adapters.sql.tables import dataset, document, document_dataset, imported_link, pid, relation
from panmesh.catalogue.imported import ImportedDataset, ImportedDocument

Pairs = set[tuple[str, str]]  # pids: (holder, target)


def settle_links(ground: Ground, documents: Sequence[ImportedDocument], datasets: Sequence[ImportedDataset]) -> None:
    """The relations of these records, and those that waited for them."""
    mine, here = [r.pid for r in documents], [r.pid for r in datasets]
    wanted = {(r.pid, d) for r in documents for d in r.datasets} | {(d, r.pid) for r in datasets for d in r.documents}
    _settle_documents(ground, wanted, _waiting(ground, "document", mine, here))
    made_from = {(r.pid, s) for r in datasets for s in r.sources if s != r.pid}
    _settle_sources(ground, made_from, _waiting(ground, "source", here, here))


def _settle_documents(ground: Ground, wanted: Pairs, waiting: Pairs) -> None:
    pairs = wanted | waiting
    documents = _documents(ground, {d for d, _ in pairs})
    datasets = _datasets(ground, {s for _, s in pairs})
    whole = {pair for pair in pairs if pair[0] in documents and pair[1] in datasets}
    ends = {(documents[d], datasets[s]) for d, s in whole}
    apart = {(d, s) for (d, visit), (s, of) in ends if visit is None or visit != of}  # those of its own visit need no link
    _add(ground, document_dataset, document_dataset.c.document_id, document_dataset.c.dataset_id, apart)
    _wait(ground, "document", fresh=wanted - whole - waiting, done=waiting & whole)


def _settle_sources(ground: Ground, wanted: Pairs, waiting: Pairs) -> None:
    pairs = wanted | waiting
    datasets = _datasets(ground, {end for pair in pairs for end in pair})
    whole = {pair for pair in pairs if pair[0] in datasets and pair[1] in datasets}
    _add(ground, relation, relation.c.source_id, relation.c.derived_id, {(datasets[s][0], datasets[d][0]) for d, s in whole})
    _wait(ground, "source", fresh=wanted - whole - waiting, done=waiting & whole)


def _add(ground: Ground, table: Table, one: Column[int], many: Column[int], pairs: set[tuple[int, int]]) -> None:
    """`many` is the column that has few rows for each value."""
    query = select(one, many)
    there = {tuple(row) for row in in_pieces(ground.connection, query, many, {right for _, right in pairs})}
    rows = [{one.name: left, many.name: right} for left, right in sorted(pairs - there)]
    if rows:
        ground.connection.execute(table.insert(), rows)


def _datasets(ground: Ground, wanted: set[str]) -> dict[str, tuple[int, int | None]]:
    query = select(dataset.c.pid, dataset.c.id, dataset.c.investigation_id)
    return {row.pid: (row.id, row.investigation_id) for row in in_pieces(ground.connection, query, dataset.c.pid, wanted)}


def _documents(ground: Ground, wanted: set[str]) -> Mapping[str, tuple[int, int | None]]:
    query = select(document.c.pid, document.c.id, document.c.investigation_id)
    found = {row.pid: (row.id, row.investigation_id) for row in in_pieces(ground.connection, query, document.c.pid, wanted)}
    other = (
        select(pid.c.pid, document.c.id, document.c.investigation_id)
        .join(document, document.c.pid == pid.c.concept)
        .where(pid.c.kind == "alias")
    )
    aliases = in_pieces(ground.connection, other, pid.c.pid, wanted - set(found))
    return found | {row.pid: (row.id, row.investigation_id) for row in aliases}


def _waiting(ground: Ground, kind: str, holders: Sequence[str], targets: Sequence[str]) -> Pairs:
    query = select(imported_link.c.holder, imported_link.c.target).where(imported_link.c.kind == kind)
    found: Pairs = set()
    for column, pids in ((imported_link.c.holder, holders), (imported_link.c.target, targets)):
        found |= {(row.holder, row.target) for row in in_pieces(ground.connection, query, column, pids)}
    return found


def _wait(ground: Ground, kind: str, *, fresh: Pairs, done: Pairs) -> None:
    c = ground.connection
    gone = sorted(done)
    for first in range(0, len(gone), 200):
        ends = tuple_(imported_link.c.holder, imported_link.c.target).in_(gone[first : first + 200])
        c.execute(delete(imported_link).where(imported_link.c.kind == kind, ends))
    rows = [{"kind": kind, "holder": holder, "target": target} for holder, target in sorted(fresh)]
    if rows:
        c.execute(imported_link.insert(), rows)
