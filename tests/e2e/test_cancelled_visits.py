"""A visit that the user office cancelled is nothing that ends, opens or is cited; the next schedule brings it back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from panmesh.access.requests import Kind as Ask
from panmesh.access.requests import Wanted
from panmesh.access.viewer import OPERATOR
from panmesh.adapters.sql.doi_tables import doi
from panmesh.adapters.sql.request_tables import notice
from panmesh.adapters.sql.tables import dataset, investigation, terms
from panmesh.app.compose import Composition
from panmesh.app.worker import ingest_until_done, scan_tree
from panmesh.catalogue.correction import Wanted as Correction
from panmesh.catalogue.correction import What
from panmesh.catalogue.query import VisitQuery
from panmesh.kernel.clock import to_us
from panmesh.kernel.errors import Invalid
from panmesh.publication.dois import Automatic
from panmesh.testing.simulator import write_run
from tests.conftest import MakeFacility

START = datetime(2027, 3, 2, 8, tzinfo=UTC)
END = START + timedelta(days=2)
HEAD = "proposal,kind,visit,instrument,start,end,pi,cancelled\n"


def _load(app: Composition, cancelled: str = "", kind: str = "user", *, correct_ended: bool = False) -> str:
    line = f"CM1,{kind},CM1-1,sim-powder,{START.isoformat()},{END.isoformat()},ada,{cancelled}\n"
    said = app.schedule.load(OPERATOR, HEAD + line, dry_run=False, correct_ended=correct_ended)
    return next(one.change for one in said if one.what == "visit")


@pytest.fixture
def moment() -> list[int]:
    return [to_us(START - timedelta(days=30))]


@pytest.fixture
def app(make_facility: MakeFacility, moment: list[int]) -> Composition:
    made = make_facility()
    made.clock = lambda: moment[0]
    return made


def _measure(app: Composition, number: int) -> None:
    folder = app.storages.root("runs").path / "CM1-1"
    folder.mkdir(exist_ok=True)
    write_run(folder, number, START + timedelta(hours=number))
    scan_tree(app, "runs", "")
    ingest_until_done(app)


def _visits(app: Composition) -> int:
    return app.search.investigations(app.accounts.viewer("ada"), VisitQuery(), limit=10).total


def _joined(app: Composition) -> list[bool]:
    with app.database.read() as c:
        visit = select(investigation.c.id).where(investigation.c.visit_id == "CM1-1").scalar_subquery()
        return [bool(one) for one in c.execute(select(dataset.c.investigation_id == visit).order_by(dataset.c.run)).scalars()]


def test_what_does_not_take_place_is_never_over_and_gets_no_doi(app: Composition, moment: list[int]) -> None:
    assert _load(app) == "new"
    app.accounts.set_email("ada", "ada@example.org")
    app.notice_round.round(app.clock())
    app.dois.follow(Automatic(), app.clock())
    assert _visits(app) == 1
    assert _load(app, "yes") == "access public → cancelled"
    assert _load(app, "true") == "same"
    assert _visits(app) == 0
    moment[0] = to_us(END + timedelta(days=3))
    app.notice_round.round(app.clock())
    app.dois.follow(Automatic(), app.clock())
    with app.database.read() as c:
        assert c.execute(select(notice.c.kind)).scalars().all() == []
        assert c.execute(select(doi.c.kind)).scalars().all() == ["instrument"]


def test_runs_do_not_join_it_until_the_schedule_brings_it_back(app: Composition) -> None:
    _load(app)
    _load(app, "yes")
    _measure(app, 1)
    assert _joined(app) == [False]
    assert _load(app, "no") == "access cancelled → public"
    ingest_until_done(app)
    assert _joined(app) == [True]
    assert "has runs" in _load(app, "yes")
    assert _joined(app) == [True]
    assert _visits(app) == 1


def test_one_that_never_was_here_is_not_made_and_other_words_are_a_fault(app: Composition) -> None:
    assert _load(app, "yes") == "cancelled, and never was here"
    assert _visits(app) == 0
    with pytest.raises(Invalid, match="'perhaps' is neither yes nor no"):
        _load(app, "perhaps")
    row = {"proposal": "CM1", "visit": "CM1-1", "instrument": "sim-powder", "start": START.isoformat(), "end": END.isoformat()}
    app.schedule.load(OPERATOR, json.dumps([row | {"cancelled": False}]), dry_run=False)
    with app.database.read() as c:
        assert c.execute(select(terms.c.access)).scalars().all() == ["public"]


def test_discarded_runs_do_not_come_back_with_a_visit_that_was_cancelled(app: Composition) -> None:
    _load(app)
    _load(app, "yes")
    _measure(app, 1)
    with app.database.read() as c:
        pid = c.execute(select(dataset.c.pid)).scalar_one()
    app.corrections.make(OPERATOR, Correction(what=What.DISCARD, pids=(str(pid),), reason="a test of the shutter"))
    _load(app)
    with app.database.read() as c:
        shared = select(dataset.c.id).join(investigation, investigation.c.terms_id == dataset.c.terms_id)
        assert c.execute(shared).all() == []


def test_what_its_owner_had_deleted_stays_deleted_whatever_the_schedule_says(app: Composition, moment: list[int]) -> None:
    moment[0] = to_us(START + timedelta(hours=3))
    _load(app, kind="proprietary")
    with app.database.read() as c:
        pid = c.execute(select(investigation.c.pid)).scalar_one()
    app.requests.ask(app.accounts.viewer("ada"), Wanted(kind=Ask.DELETION, about=pid, reason="Ours, and not needed any more."))
    assert _visits(app) == 0
    for expressly in (False, True):
        assert "was deleted and keeps its access" in _load(app, kind="proprietary", correct_ended=expressly)
        assert _visits(app) == 0
