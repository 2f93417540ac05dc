"""A made-up catalogue is the same for the same number, goes on where it was stopped, and keeps away from real runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, inspect, select

from panmesh.access.viewer import ANONYMOUS, OPERATOR, TeamRole, Viewer
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.migrate import migrate
from panmesh.adapters.sql.reads import SqlReads
from panmesh.adapters.sql.setup import ensure_facility
from panmesh.adapters.storage.manifests import ParquetManifests
from panmesh.catalogue.effective import Surroundings, describe
from panmesh.catalogue.query import DatasetQuery, Field, QuantityRange, Words
from panmesh.kernel.clock import DAY_US
from panmesh.kernel.errors import Conflict
from panmesh.testing import seed_plan
from panmesh.testing.seed import Seed
from panmesh.testing.seed_plan import SeedPlan

UNTIL = 20_600 * DAY_US
PLAN = SeedPlan(datasets=700, parameters=6, seed=3, until_us=UNTIL)


@pytest.fixture
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(seed_plan, "MOST_IN_BLOCK", 100)
    found = Database(database_url)
    migrate(found)
    ensure_facility(found, "local", "Facility", "Europe/Paris", None)
    yield found
    found.dispose()


def _rows(database: Database, name: str, without: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
    table = t.metadata.tables[name]
    columns = [c for c in table.c if c.name not in without]
    with database.read() as c:
        found = [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in c.execute(select(*columns))]
    return sorted(found, key=repr)


def test_a_stopped_seed_goes_on_as_the_same_catalogue(database: Database, tmp_path: Path) -> None:
    told: list[int] = []

    def stop(runs: int) -> None:
        told.append(runs)
        if sum(told) > 300:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Seed(database, PLAN, tmp_path / "seed.json", facility="local").run(stop)
    again = Seed(database, PLAN, tmp_path / "seed.json", facility="local")
    assert again.done == sum(told) < 700
    again.run()
    whole = Database(f"sqlite:///{tmp_path}/whole.db")
    migrate(whole)
    ensure_facility(whole, "local", "Facility", "Europe/Paris", None)
    Seed(whole, PLAN, tmp_path / "other.json", facility="local").run()
    for name in (
        "dataset",
        "parameter",
        "dataset_technique",
        "dataset_person",
        "terms",
        "team_member",
        "sample",
        "pid",
        "relation",
        "document",
    ):
        assert _rows(database, name) == _rows(whole, name), name
    with database.read() as c:
        names = {index["name"] for index in inspect(c).get_indexes("parameter")}
    assert names >= {index.name for index in t.parameter.indexes}
    with database.write() as c:  # what is written afterwards finds free numbers
        c.execute(t.sample.insert(), {"pid": "x", "facility_id": 1, "natural_key": "x", "name": "x", "name_folded": "x"})
    whole.dispose()


def test_what_is_made_up_is_searched_like_what_was_measured(database: Database, tmp_path: Path) -> None:
    Seed(database, PLAN, tmp_path / "seed.json", facility="local").run()
    reads = SqlReads(database, ParquetManifests(tmp_path / "manifests"))
    assert reads.count(OPERATOR, DatasetQuery(), UNTIL) == 700
    assert 0 < reads.count(ANONYMOUS, DatasetQuery(), UNTIL) < 700
    states = {f.value for f in reads.facet(OPERATOR, DatasetQuery(), Field.STATE, UNTIL)}
    assert {"open", "embargoed", "proprietary"} <= states
    assert reads.count(OPERATOR, DatasetQuery(where=QuantityRange("incident_energy", 4.0, 30.0, "keV")), UNTIL) > 600
    with database.read() as c:
        row = c.execute(select(t.dataset).order_by(t.dataset.c.id)).first()
        assert row is not None
        team = c.execute(select(t.terms.c.team_id).where(t.terms.c.id == row.terms_id)).scalar_one()
        pids = (
            c.execute(select(t.dataset_technique.c.technique_pid).where(t.dataset_technique.c.dataset_id == row.id))
            .scalars()
            .all()
        )
        visit, number = c.execute(
            select(t.investigation.c.visit_id, t.proposal.c.number).join(t.proposal, t.proposal.c.id == t.investigation.c.proposal_id)
            .where(t.investigation.c.id == row.investigation_id)
        ).one()  # fmt: skip
        instrument = c.execute(select(t.instrument.c.instrument_key).where(t.instrument.c.id == row.instrument_id)).scalar_one()
    said = describe(
        {"title": row.title, "techniques": pids},
        Surroundings(facility="local", instrument=instrument, proposal=number, visit=visit),
    )
    assert set(said.columns["core_text"].split()) - {"local"} <= set(row.core_text.split())
    assert set(row.core_text.split()) <= set(row.full_text.split())
    mine = Viewer(user_id=1, login="m", teams={team: TeamRole.MEMBER})
    found = reads.search(mine, DatasetQuery(where=Words(tuple(row.full_text.split()[-3:]))), UNTIL)
    assert row.pid in {item.pid for item in found.items}
    record = reads.dataset(mine, row.pid, UNTIL)
    assert record is not None
    assert len(record.summary.parameters) == 6


def test_it_keeps_away_from_real_runs_and_from_another_seed(database: Database, tmp_path: Path) -> None:
    few = SeedPlan(datasets=5, parameters=0, seed=1, until_us=UNTIL)
    Seed(database, few, tmp_path / "seed.json", facility="local").run()
    with pytest.raises(Conflict, match="Another seed"):
        Seed(database, SeedPlan(datasets=6, parameters=0, seed=1, until_us=UNTIL), tmp_path / "seed.json", facility="local")
    with pytest.raises(Conflict, match="--into-existing"):
        Seed(database, few, tmp_path / "elsewhere.json", facility="local")
    Seed(database, few, tmp_path / "elsewhere.json", facility="local", existing=True).run()
    with database.read() as c:
        assert c.execute(select(func.count()).select_from(t.dataset)).scalar_one() == 10
