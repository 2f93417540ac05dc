"""What is asked all the time is answered by indexes: no plan looks through a large table, on either database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from panmesh.access.viewer import ANONYMOUS, TeamRole, Viewer
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.graph.fetch import SqlGraph
from panmesh.adapters.sql.migrate import migrate
from panmesh.adapters.sql.reads import SqlReads
from panmesh.adapters.sql.setup import ensure_facility
from panmesh.adapters.storage.manifests import ParquetManifests
from panmesh.catalogue.graph import All, Entity, GraphOp, Include, Selection
from panmesh.catalogue.graph import Test as Said
from panmesh.catalogue.query import And, Compare, DatasetQuery, Field, Op, Sort, SortKey
from panmesh.kernel.clock import DAY_US
from panmesh.testing.postgres import new_database
from panmesh.testing.seed import Seed
from panmesh.testing.seed_plan import SeedPlan
from panmesh.testing.statements import asked_of, plans

NOW = 20_600 * DAY_US
LARGE = (
    "dataset",
    "dataset_version",
    "parameter",
    "dataset_technique",
    "dataset_person",
    "sample",
    "pid",
    "file_names",
    "change",
)
MEMBER = Viewer(user_id=1, login="m", teams=dict.fromkeys(range(1, 40), TeamRole.MEMBER))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def seeded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    import os

    folder = tmp_path_factory.mktemp("plans")
    url = f"sqlite:///{folder}/c.db" if request.param == "sqlite" else new_database(os.environ["TEST_POSTGRES_URL"])
    database = Database(url)
    migrate(database)
    ensure_facility(database, "local", "Facility", "UTC", None)
    Seed(database, SeedPlan(datasets=3_000, parameters=6, seed=1, until_us=NOW), folder / "seed.json", facility="local").run()
    manifests = ParquetManifests(folder / "manifests")
    reads = SqlReads(database, manifests)
    first = reads.search(ANONYMOUS, DatasetQuery(where=Compare(Field.STATE, Op.EQUAL, "open"), limit=1), NOW).items[0]
    yield database, reads, SqlGraph(database, manifests), first
    database.dispose()


def _page(reads: SqlReads, viewer: Viewer, where: Any = None, key: SortKey = SortKey.START) -> object:
    """The rows that are shown, without the count of all, which has to look at them."""
    return reads.search(viewer, DatasetQuery(where=where, sort=Sort(key)), NOW)


ENERGY = All(
    (Said("name", GraphOp.EQ, "incident_energy"), Said("value", GraphOp.BETWEEN, (10.0, 10.01)), Said("unit", GraphOp.EQ, "keV"))
)
# name → (what is asked, an index that must be used; "|" between those of the two databases)
ASKED: dict[str, tuple[Callable[[Any, Any, Any, Viewer], object], str]] = {
    "one run": (lambda r, g, d, who: r.dataset(who, d.pid, NOW), "sqlite_autoindex_pid_1|pk_pid"),
    "its files": (lambda r, g, d, who: r.files(who, d.pid, NOW, offset=0, limit=10, contains=None), "sqlite_autoindex_dataset_version_|uq_dataset_version_dataset_id_number"),
    "a visit": (lambda r, g, d, who: r.investigation(who, d.investigation.pid, NOW), "ix_dataset_investigation_id_start_us"),
    "runs of a visit": (
        lambda r, g, d, who: r.search(who, DatasetQuery(where=Compare(Field.VISIT, Op.EQUAL, d.investigation.pid)), NOW),
        "ix_dataset_investigation_id_start_us",
    ),
    "the run before": (
        lambda r, g, d, who: r.search(
            who, DatasetQuery(where=And((Compare(Field.VISIT, Op.EQUAL, d.investigation.pid), Compare(Field.START, Op.LESS, d.start_us))), limit=1), NOW
        ),
        "ix_dataset_investigation_id_start_us",
    ),
    "Search API, one record": (lambda r, g, d, who: g.one(who, Entity.DATASET, d.pid, Selection(), NOW), "sqlite_autoindex_dataset_|uq_dataset_pid"),
    "Search API, a page after a record": (
        lambda r, g, d, who: g.select(who, Entity.DATASET, Selection(limit=20, after=d.pid), NOW),
        "ix_dataset_in_order|sqlite_autoindex_dataset_",
    ),
    "Search API, a narrow range": (
        lambda r, g, d, who: g.select(
            who, Entity.DATASET, Selection(includes=(Include("parameters", Selection(where=ENERGY), required=True),), limit=20), NOW
        ),
        "ix_parameter_name_low_high",
    ),
}  # fmt: skip


@pytest.mark.parametrize("viewer", [ANONYMOUS, MEMBER], ids=["outsider", "member"])
@pytest.mark.parametrize("name", ASKED)
def test_no_large_table_is_looked_through(seeded: Any, name: str, viewer: Viewer) -> None:
    database, reads, graph, first = seeded
    call, index = ASKED[name]
    with asked_of(database) as asked:
        call(reads, graph, first, viewer)
    found = plans(database, asked)
    for plan in found:
        for table in LARGE:
            assert not re.search(rf"Seq Scan on {table}\b|^SCAN {table}(?! USING (COVERING )?INDEX)", plan, re.MULTILINE), plan
    assert any(re.search(index, plan) for plan in found), "\n\n".join(found)


def test_the_newest_runs_come_in_the_order_of_an_index(seeded: Any) -> None:
    """The page itself; the count beside it looks at all rows, which is what the search index is for."""
    database, reads, _, _ = seeded
    with asked_of(database) as asked:
        reads.search(ANONYMOUS, DatasetQuery(), NOW)
    page = next(plan for plan, (text, _) in zip(plans(database, asked), asked.statements, strict=True) if "ORDER BY" in text)
    assert re.search("ix_dataset_newest|ix_dataset_start_us_id", page), page
    assert "TEMP B-TREE" not in page
    assert "Sort" not in page
