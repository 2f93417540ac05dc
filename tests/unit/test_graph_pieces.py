"""A whole catalogue in pieces, while records come and go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from panmesh.access.viewer import ANONYMOUS
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.graph.fetch import SqlGraph
from panmesh.adapters.storage.manifests import ParquetManifests
from panmesh.catalogue import graph, graph_search
from panmesh.catalogue.graph import Entity, GraphOp, Selection
from panmesh.catalogue.graph_search import GraphService

ALL = 23


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    found = Database(database_url)
    t.metadata.create_all(found.engine)
    with found.write() as c:
        c.execute(t.facility.insert(), {"id": 1, "facility_key": "f", "name": "F", "time_zone": "UTC"})
        for n in range(1, ALL + 1):
            c.execute(t.terms.insert(), {"id": n, "access": "open", "policy_version": "1"})
            values = {"pid": f"d{n:02d}", "facility_id": 1, "terms_id": n, "origin": "native", "type": "publication"}
            c.execute(t.document.insert(), {"id": n, **values, "title": f"T{(n * 7) % 10}", "keywords_json": "[]"})
    yield found
    found.dispose()


def test_in_another_order_everything_comes_once_and_what_was_hidden_meanwhile_does_not(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_search, "AT_ONCE", 5)
    service = GraphService(SqlGraph(database, ParquetManifests(tmp_path)), lambda: 1)
    selection = Selection(order=(("title", True),), where=graph.Test("title", GraphOp.NEQ, "T0"), skip=1)
    whole = [node.values["pid"] for piece in service.all(ANONYMOUS, Entity.DOCUMENT, selection) for node in piece]
    by_title = sorted((n for n in range(1, ALL + 1) if n * 7 % 10), key=lambda n: (-(n * 7 % 10), n))
    assert whole == [f"d{n:02d}" for n in by_title][1:]
    pieces = service.all(ANONYMOUS, Entity.DOCUMENT, selection)
    first = [node.values["pid"] for node in next(pieces)]
    with database.write() as c:
        hidden = [int(pid[1:]) for pid in whole[5:11]]
        c.execute(update(t.terms).where(t.terms.c.id.in_(hidden)).values(access="aside"))
    rest = [[node.values["pid"] for node in piece] for piece in pieces]
    assert first == whole[:5]
    assert [pid for piece in rest for pid in piece] == whole[11:]
    assert all(rest)
