"""Runs moved, split, merged, discarded and taken back: what was decided holds when files are read again, and undoing restores."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from panmesh.access.viewer import ANONYMOUS, OPERATOR
from panmesh.adapters.sql import tables as t
from panmesh.app.compose import Composition
from panmesh.app.worker import ingest_until_done, scan_tree
from panmesh.catalogue.correction import Correction, CorrectionState, Wanted, What
from panmesh.catalogue.query import DatasetQuery
from panmesh.kernel.clock import DAY_US
from panmesh.kernel.errors import Conflict, Invalid, NotFound, Withdrawn
from panmesh.testing.simulator import write_run

MakeFacility = Callable[..., Composition]
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
HEAD = "proposal,title,kind,visit,instrument,start,end,pi,members,local_contacts\n"


def _schedule(app: Composition, *visits: tuple[str, float, float]) -> None:
    lines = [
        f"{name},{name} title,user,{name}-1,sim-powder,{(START + timedelta(days=a)).isoformat()},{(START + timedelta(days=b)).isoformat()},pi-{name},,scientist\n"
        for name, a, b in visits
    ]
    app.schedule.load(OPERATOR, HEAD + "".join(lines), dry_run=False)


def _read(app: Composition) -> None:
    scan_tree(app, "runs", "")
    ingest_until_done(app)


def _reread(app: Composition) -> None:
    """As after a schedule, or a retry of everything: each file is read again."""
    with app.database.write() as c:
        c.execute(update(t.unit).where(t.unit.c.state != "gone").values(state="seen", claimed_by=None, claimed_until_us=None))
    ingest_until_done(app)


def _pid(app: Composition, path: str) -> str:
    with app.database.read() as c:
        return str(c.execute(select(t.dataset.c.pid).where(t.dataset.c.path == path).order_by(t.dataset.c.id)).scalars().first())


def _wanted(what: What, *pids: str, **more: Any) -> Wanted:
    return Wanted(what=what, pids=pids, reason=more.pop("reason", "the logbook says so"), **more)


def _make(app: Composition, what: What, *pids: str, **more: Any) -> Correction:
    return app.corrections.make(OPERATOR, _wanted(what, *pids, **more))


def _state(app: Composition) -> dict[str, Any]:
    """All that anybody sees of the datasets, by pid."""
    found = {}
    for item in app.search.search(OPERATOR, DatasetQuery(limit=1000)).items:
        record = app.search.get(OPERATOR, item.pid)
        files = tuple(sorted((f.name, f.size) for f in app.search.files(OPERATOR, item.pid, limit=1000).items))
        with app.database.read() as c:
            held = c.execute(select(t.dataset.c.quarantine).where(t.dataset.c.pid == item.pid)).scalar()
        found[str(item.pid)] = (
            item.title,
            item.visit_id,
            item.access.state,
            item.sample and item.sample.name,
            files,
            held,
            len(record.people),
        )
    return found


def _visit(app: Composition, name: str) -> str:
    return next(str(v.pid) for v in app.search.investigations(OPERATOR).items if v.visit_id == name)


@pytest.fixture
def app(make_facility: MakeFacility) -> Composition:
    return make_facility()


def _data(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["entry/data"] = np.arange(12).reshape(3, 4)


def _master(path: Path, *targets: str, title: str = "a run with data files") -> None:
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["title"] = title
        for number, target in enumerate(targets):
            entry[f"data{number}"] = h5py.ExternalLink(target, "/entry/data")


@pytest.fixture
def scheduled(app: Composition, tmp_path: Path) -> Composition:
    """CM1 on day 0, CM2 on day 1; run 1 belongs to CM1, run 2 to CM2 by its folder and to CM1 by its time."""
    for folder, number, day in (("CM1-1", 1, 0.1), ("CM2-1", 2, 0.2)):
        (tmp_path / "runs" / folder).mkdir()
        write_run(tmp_path / "runs" / folder, number, START + timedelta(days=day))
    _schedule(app, ("CM1", 0, 1), ("CM2", 1, 2))
    _read(app)
    return app


def test_a_move_takes_the_terms_of_the_visit_stays_when_read_again_and_goes_back(scheduled: Composition) -> None:
    app, before = scheduled, _state(scheduled)
    run = _pid(app, "CM2-1/sim_00002.nxs")
    assert before[run][5] is not None
    seen = app.corrections.preview(OPERATOR, _wanted(What.MOVE, run, visit=_visit(app, "CM1-1")))
    assert (seen.total, seen.changes[0].after.visit) == (1, "CM1-1")
    assert seen.effects[0].read_data_now == ("the team of CM1",)
    assert _state(app) == before, "a preview changes nothing"
    assert not app.corrections.history(OPERATOR).items
    made = _make(app, What.MOVE, run, visit=_visit(app, "CM1-1"))
    assert made.state is CorrectionState.DONE
    _reread(app)
    assert _state(app)[run][1] == "CM1-1"
    undone = app.corrections.undo(OPERATOR, made.id)
    assert undone.state is CorrectionState.UNDONE
    assert _state(app) == before
    actions = [(e.action, e.detail["reason"]) for e in app.audit.entries(pid=run)]
    assert actions == [("assigned", "the logbook says so")]


def test_a_run_that_found_its_visit_by_itself_is_moved_too_and_back(scheduled: Composition) -> None:
    app, before = scheduled, _state(scheduled)
    run = _pid(app, "CM1-1/sim_00001.nxs")
    made = _make(app, What.MOVE, run, visit=_visit(app, "CM2-1"))
    _reread(app)
    assert _state(app)[run][1] == "CM2-1"
    with pytest.raises(Conflict, match="belongs to CM2-1 already"):
        _make(app, What.MOVE, run, visit=_visit(app, "CM2-1"))
    app.corrections.undo(OPERATOR, made.id)
    assert _state(app) == before


def test_a_preview_warns_of_what_was_open_and_closes_again(scheduled: Composition) -> None:
    app = scheduled
    run = _pid(app, "CM1-1/sim_00001.nxs")
    with app.database.write() as c:
        of = select(t.investigation.c.terms_id).where(t.investigation.c.visit_id == "CM1-1")
        c.execute(update(t.terms).where(t.terms.c.id.in_(of)).values(opens_us=1))
    [effect] = app.corrections.preview(OPERATOR, _wanted(What.MOVE, run, visit=_visit(app, "CM2-1"))).effects
    assert effect.closes_again
    assert effect.no_longer_read_data == ("everyone",)
    assert effect.after.opens_us is not None


def test_an_undo_refuses_when_something_changed_meanwhile_and_says_what(scheduled: Composition) -> None:
    app = scheduled
    run = _pid(app, "CM1-1/sim_00001.nxs")
    first = _make(app, What.MOVE, run, visit=_visit(app, "CM2-1"))
    second = _make(app, What.DISCARD, run)
    with pytest.raises(Conflict, match=f"undo first number {second.id} .discard of {run} by operator"):
        app.corrections.undo(OPERATOR, first.id)
    app.corrections.undo(OPERATOR, second.id)
    moment = app.clock()
    app.__dict__.pop("corrections")
    app.clock = lambda: moment + 31 * DAY_US
    with pytest.raises(Conflict, match="30 days"):
        app.corrections.undo(OPERATOR, first.id)
    app.__dict__.pop("corrections")
    app.clock = lambda: moment
    with app.database.write() as c:
        terms_id = c.execute(select(t.investigation.c.terms_id).where(t.investigation.c.visit_id == "CM1-1")).scalar_one()
        c.execute(update(t.dataset).where(t.dataset.c.pid == run).values(terms_id=terms_id))
    with pytest.raises(Conflict, match="Something else placed these since"):
        app.corrections.undo(OPERATOR, first.id)


def test_what_is_discarded_is_nowhere_stays_so_and_comes_back(scheduled: Composition, tmp_path: Path) -> None:
    app, before = scheduled, _state(scheduled)
    run = _pid(app, "CM1-1/sim_00001.nxs")
    made = _make(app, What.DISCARD, run, reason="beam was down")
    assert run not in _state(app)
    with pytest.raises(Withdrawn, match="discarded by the facility's staff"):
        app.search.get(OPERATOR, run)
    with pytest.raises(Withdrawn) as told:  # its visit is over: the core was public
        app.search.get(ANONYMOUS, run)
    assert "beam" not in told.value.detail
    _reread(app)
    write_run(tmp_path / "runs" / "CM1-1", 1, START + timedelta(days=0.1), seed=2)  # written again
    _read(app)
    assert run not in _state(app)
    assert [(d.pid, d.reason) for d in app.corrections.discarded(OPERATOR).items] == [(run, "beam was down")]
    assert (tmp_path / "runs" / "CM1-1" / "sim_00001.nxs").exists()
    app.corrections.undo(OPERATOR, made.id)
    after = _state(app)
    assert {pid: s[:2] for pid, s in after.items()} == {pid: s[:2] for pid, s in before.items()}


def test_who_could_not_know_of_a_discarded_run_is_told_nothing(scheduled: Composition) -> None:
    app = scheduled
    run = _pid(app, "CM2-1/sim_00002.nxs")  # in quarantine
    _make(app, What.DISCARD, run)
    said = []
    for pid in (run, "pm-0000000000000000"):
        with pytest.raises(NotFound) as told:
            app.search.get(ANONYMOUS, pid)
        said.append((type(told.value), told.value.detail))
    assert said[0] == said[1]


def test_a_file_split_off_is_a_dataset_of_its_own_until_that_is_undone(app: Composition, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("a1.h5", "a2.h5", "neighbour.h5"):
        _data(runs / name)
    _master(runs / "m.nxs", "a1.h5", "a2.h5", "neighbour.h5")
    _read(app)
    before, master = _state(app), _pid(app, "m.nxs")
    assert len(before) == 1
    seen = app.corrections.preview(OPERATOR, _wanted(What.SPLIT, master, files=("neighbour.h5",)))
    assert [(c.before.files, c.after.files, c.made) for c in seen.changes] == [(4, 3, False), (1, 1, True)]
    made = _make(app, What.SPLIT, master, files=("neighbour.h5",))
    part = made.to_pid
    assert part is not None
    for _ in range(2):
        state = _state(app)
        assert set(state) == {master, part}
        assert [name for name, _ in state[master][4]] == ["a1.h5", "a2.h5", "m.nxs"]
        assert [name for name, _ in state[part][4]] == ["neighbour.h5"]
        _reread(app)
    app.corrections.undo(OPERATOR, made.id)
    for _ in range(2):
        assert _state(app) == before
        assert app.search.get(OPERATOR, part).summary.pid == master
        _reread(app)
    with pytest.raises(Conflict, match="what the dataset was read from"):
        _make(app, What.SPLIT, master, files=("m.nxs",))
    with pytest.raises(Invalid, match="is no file of"):
        _make(app, What.SPLIT, master, files=("nothing.h5",))
    assert [c.state for c in app.corrections.history(OPERATOR).items] == [CorrectionState.UNDONE], "what was refused left nothing"


def test_a_split_of_several_files_stays_together_and_an_edited_part_is_not_taken_back(app: Composition, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in ("a1.h5", "b1.h5", "b2.h5"):
        _data(runs / name)
    _master(runs / "m.nxs", "a1.h5", "b1.h5", "b2.h5")
    _read(app)
    made = _make(app, What.SPLIT, _pid(app, "m.nxs"), files=("b2.h5", "b1.h5"))
    part = str(made.to_pid)
    _reread(app)
    assert [name for name, _ in _state(app)[part][4]] == ["b1.h5", "b2.h5"]
    revision = app.search.get(OPERATOR, part).revision
    app.editing.change(OPERATOR, part, {"title": "of the neighbour"}, revision)
    with pytest.raises(Conflict, match="edited by people meanwhile"):
        app.corrections.undo(OPERATOR, made.id)
    assert app.corrections.one(OPERATOR, made.id).state is CorrectionState.DONE


def test_files_of_a_series_are_split_off_and_stay_so(app: Composition, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for number in range(8):
        (runs / f"frame_{number:04d}.tif").write_bytes(b"II*\0" + bytes([number]) * 50)
    _read(app)
    [(whole, before)] = _state(app).items()
    assert len(before[4]) == 8
    made = _make(app, What.SPLIT, whole, files=tuple(f"frame_{n:04d}.tif" for n in (5, 6, 7)))
    _reread(app)
    assert {pid: len(s[4]) for pid, s in _state(app).items()} == {whole: 5, made.to_pid: 3}
    app.corrections.undo(OPERATOR, made.id)
    _reread(app)
    assert _state(app) == {whole: before}


def test_merged_runs_are_one_under_the_first_pid_also_when_a_file_changes(app: Composition, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for number in (1, 2, 3):
        write_run(runs, number, START)
    _read(app)
    before = _state(app)
    pids = [_pid(app, f"sim_0000{n}.nxs") for n in (1, 2, 3)]
    made = _make(app, What.MERGE, *pids)
    _reread(app)
    assert [name for name, _ in _state(app)[pids[0]][4]] == ["sim_00001.nxs", "sim_00002.nxs", "sim_00003.nxs"]
    assert set(_state(app)) == {pids[0]}
    assert {app.search.get(OPERATOR, pid).summary.pid for pid in pids} == {pids[0]}
    with (runs / "sim_00002.nxs").open("ab") as file:
        file.write(b"more")
    _read(app)
    sizes = dict(_state(app)[pids[0]][4])
    assert sizes["sim_00002.nxs"] == (runs / "sim_00002.nxs").stat().st_size
    app.corrections.undo(OPERATOR, made.id)
    after = _state(app)
    assert set(after) == set(before)
    assert after[pids[0]] == before[pids[0]]
    _reread(app)
    assert _state(app) == after


def test_a_bulk_is_done_in_pieces_and_undone_by_one_undo(scheduled: Composition, monkeypatch: pytest.MonkeyPatch) -> None:
    app = scheduled
    monkeypatch.setattr("panmesh.adapters.sql.correction.PIECE", 2)
    with app.database.write() as c:
        row = dict(c.execute(select(t.dataset).where(t.dataset.c.path == "CM1-1/sim_00001.nxs")).one()._mapping)
        version = dict(c.execute(select(t.dataset_version).where(t.dataset_version.c.dataset_id == row["id"])).one()._mapping)
        del row["id"], version["id"]
        for number in range(7):
            pid = f"pm-{number:016d}"
            new = c.execute(
                t.dataset.insert().values(**row | {"pid": pid, "identity": pid.encode()}).returning(t.dataset.c.id)
            ).scalar_one()
            one = c.execute(
                t.dataset_version.insert()
                .values(**version | {"pid": f"{pid}.v1", "dataset_id": new})
                .returning(t.dataset_version.c.id)
            ).scalar_one()
            c.execute(update(t.dataset).where(t.dataset.c.id == new).values(version_id=one))
            c.execute(t.pid.insert(), {"pid": pid, "kind": "dataset", "concept": pid, "version": None, "origin": "native"})
    pids = [f"pm-{n:016d}" for n in range(7)]
    progress: list[tuple[int, int]] = []
    wanted = _wanted(What.MOVE, *pids, visit=_visit(app, "CM2-1"))
    made = app.corrections.make(OPERATOR, wanted, lambda done, of: progress.append((done, of)))
    assert progress == [(2, 7), (4, 7), (6, 7), (7, 7)]
    with app.database.read() as c:
        where = select(t.investigation.c.visit_id, t.dataset.c.pid).join(
            t.dataset, t.dataset.c.investigation_id == t.investigation.c.id
        )
        assert {r.visit_id for r in c.execute(where.where(t.dataset.c.pid.in_(pids)))} == {"CM2-1"}
    handed = app.corrections.undo(OPERATOR, made.id, patience_us=0)
    assert (handed.state, handed.done) == (CorrectionState.UNDOING, 5), "the rest is the server's"
    assert app.corrections.finish_stopped() == 1
    with app.database.read() as c:
        assert {r.visit_id for r in c.execute(where.where(t.dataset.c.pid.in_(pids)))} == {"CM1-1"}


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["discard", "merge", "split", "undo", "read", "undo", "read"]), st.integers(0, 9), st.integers(0, 9)
        ),
        st.tuples(st.just("move"), st.integers(0, 9), st.integers(0, 1)),
    ),
    max_size=9,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(STEPS)
def test_undoing_all_gives_the_former_state_and_no_dataset_is_lost_or_doubled(
    app: Composition, tmp_path: Path, steps: list[tuple[str, int, int]]
) -> None:
    runs = tmp_path / "runs"
    if not (runs / "m.nxs").exists():
        for name in ("a1.h5", "a2.h5", "a3.h5"):
            _data(runs / name)
        _master(runs / "m.nxs", "a1.h5", "a2.h5", "a3.h5")
        for number in (1, 2):
            write_run(runs, number, START)
        _schedule(app, ("CM1", 400, 401), ("CM2", 402, 403))
        _read(app)
    before = _state(app)
    files = sorted(name for state in before.values() for name, _ in state[4])
    done: list[int] = []
    for what, one, two in steps:
        try:
            done = _step(app, what, one, two, done)
        except Conflict:
            pass
        state = _state(app)
        seen = [name for s in state.values() for name, _ in s[4]]
        assert len(seen) == len(set(seen)), "a file is in two datasets"
        assert set(seen) <= set(files)
        for pid in before:
            try:
                app.search.get(OPERATOR, pid)
            except Withdrawn:
                continue
    for number in reversed(done):
        app.corrections.undo(OPERATOR, number)
    assert _state(app) == before
    _reread(app)
    assert _state(app) == before


def _step(app: Composition, what: str, one: int, two: int, done: list[int]) -> list[int]:
    state = _state(app)
    pids = sorted(state)
    if what == "read":
        _reread(app)
    elif what == "undo" and done:
        app.corrections.undo(OPERATOR, done[-1])
        return done[:-1]
    elif not pids:
        return done
    elif what == "discard":
        return [*done, _make(app, What.DISCARD, pids[one % len(pids)]).id]
    elif what == "move":
        return [*done, _make(app, What.MOVE, pids[one % len(pids)], visit=_visit(app, f"CM{two + 1}-1")).id]
    elif what == "merge" and len(pids) > 1:
        first = pids[one % len(pids)]
        other = pids[two % len(pids)]
        return done if first == other else [*done, _make(app, What.MERGE, first, other).id]
    elif what == "split":
        pid = pids[one % len(pids)]
        names = [name for name, _ in state[pid][4]]
        if len(names) > 1:
            return [*done, _make(app, What.SPLIT, pid, files=(names[two % len(names)],)).id]
    return done
