"""Law 7: the embargo runs from the scheduled end; nothing that comes late moves it. And which visit a late run belongs to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from panmesh.access.terms import State, opens_at
from panmesh.access.viewer import OPERATOR
from panmesh.app.compose import Composition
from panmesh.app.worker import ingest_until_done, scan_tree
from panmesh.catalogue.model import DatasetSummary
from panmesh.catalogue.query import DatasetQuery, Words
from panmesh.testing.simulator import write_run
from tests.conftest import MakeFacility

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
END = START + timedelta(days=2)
HEAD = "proposal,kind,visit,instrument,start,end\n"


def _visit(end: datetime = END, kind: str = "user") -> str:
    return f"{HEAD}CM1,{kind},CM1-1,sim-powder,{START.isoformat()},{end.isoformat()}\n"


def _write(app: Composition, number: int, start: datetime, folder: str = "CM1-1") -> DatasetSummary:
    target: Path = app.storages.root("runs").path / folder
    target.mkdir(exist_ok=True)
    write_run(target, number, start)
    scan_tree(app, "runs", "")
    ingest_until_done(app)
    return next(one for one in app.search.search(OPERATOR, DatasetQuery(limit=100)).items if one.run == str(number))


def _us(instant: datetime) -> int:
    return int(instant.timestamp() * 1e6)


OPENS = opens_at(ends_us=_us(END), embargo_years=3, zone="UTC")


def test_late_runs_and_late_schedules_do_not_move_a_running_embargo(make_facility: MakeFacility) -> None:
    app = make_facility()
    app.schedule.load(OPERATOR, _visit(), dry_run=False)
    early = _write(app, 1, START + timedelta(hours=1))
    late = _write(app, 2, END + timedelta(hours=1))
    assert early.investigation == late.investigation is not None
    assert early.access.opens_us == late.access.opens_us == OPENS

    for changed in (_visit(END + timedelta(days=300)), _visit(END - timedelta(days=1)), _visit(kind="proprietary")):
        said = app.schedule.load(OPERATOR, changed, dry_run=False)
        [visit] = [one for one in said if one.what == "visit"]
        assert "is over and keeps its" in visit.change
        assert _write(app, 1, START + timedelta(hours=1)).access.opens_us == OPENS


def test_a_wrong_end_is_corrected_expressly_and_the_dry_run_says_what_it_does(make_facility: MakeFacility) -> None:
    app = make_facility()
    app.schedule.load(OPERATOR, _visit(), dry_run=False)
    _write(app, 1, START + timedelta(hours=1))
    right = END + timedelta(days=1)
    said = app.schedule.load(OPERATOR, _visit(right), dry_run=True, correct_ended=True)
    [visit] = [one for one in said if one.what == "visit"]
    assert visit.change.startswith("end 2026-03-04T08:00:00Z → 2026-03-05T08:00:00Z; opening")
    assert app.search.search(OPERATOR, DatasetQuery()).items[0].access.opens_us == OPENS
    app.schedule.load(OPERATOR, _visit(right), dry_run=False, correct_ended=True)
    assert app.search.search(OPERATOR, DatasetQuery()).items[0].access.opens_us == OPENS + 86_400_000_000


def test_a_visit_that_never_took_place_moves_freely(make_facility: MakeFacility) -> None:
    app = make_facility()
    app.schedule.load(OPERATOR, _visit(), dry_run=False)
    said = app.schedule.load(OPERATOR, _visit(END + timedelta(days=30)), dry_run=False)
    assert [one.change.split(" ")[0] for one in said if one.what == "visit"] == ["end"]


def test_runs_that_keep_arriving_without_a_schedule_have_no_embargo_that_could_end(make_facility: MakeFacility) -> None:
    app = make_facility()
    first = _write(app, 1, START, "somewhere")
    last = _write(app, 2, START + timedelta(days=400), "somewhere")
    assert first.investigation is not None
    assert last.investigation is not None
    assert first.investigation.pid == last.investigation.pid
    assert last.investigation.name == "sim-powder, 2026-03 to 2027-04 (not in the schedule)"
    assert {(one.access.state, one.access.opens_us) for one in (first, last)} == {(State.INTERNAL, None)}
    app.clock = lambda: _us(START + timedelta(days=40_000))
    del app.__dict__["search"]
    assert app.search.get(OPERATOR, last.pid).summary.access.state is State.INTERNAL


@pytest.mark.parametrize(
    ("hours", "margin", "joins"), [(1.9, None, True), (2.1, None, False), (2.1, "3", True), (0.1, "0", False)]
)
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_run_slightly_outside_its_visit_joins_it_within_the_margin(
    make_facility: MakeFacility, hours: float, margin: str | None, joins: bool, side: str
) -> None:
    app = make_facility(**({"PANMESH_INGEST__SCHEDULE_MARGIN_HOURS": margin} if margin else {}))
    app.schedule.load(OPERATOR, _visit(), dry_run=False)
    off = timedelta(hours=hours)
    found = _write(app, 1, START - off if side == "before" else END + off)
    assert (found.investigation is not None) is joins
    assert found.access.opens_us == (OPENS if joins else None)


def test_a_run_is_found_by_the_title_of_its_visit_also_after_the_title_changed(make_facility: MakeFacility) -> None:
    app = make_facility()

    def load(title: str) -> None:
        head = HEAD.replace("kind", "title")
        app.schedule.load(OPERATOR, f"{head}CM1,{title},CM1-1,sim-powder,{START.isoformat()},{END.isoformat()}\n", dry_run=False)

    def found(word: str) -> int:
        return app.search.count(OPERATOR, DatasetQuery(where=Words((word,))))

    load("Perovskites under strain")
    _write(app, 1, START + timedelta(hours=1))
    assert found("perovskites") == 1
    load("Zeolites under strain")
    assert (found("perovskites"), found("zeolites")) == (0, 1)
