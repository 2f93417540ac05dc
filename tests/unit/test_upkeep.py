"""What goes on by itself after ingest: moves, series under way, failures tried again, bytes compared again, litter removed."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import h5py
import pytest
from sqlalchemy import select, update

from panmesh.access.viewer import OPERATOR
from panmesh.adapters.sql import upkeep as sql_upkeep
from panmesh.adapters.sql.tables import dataset, dataset_version, finding, layer, pid
from panmesh.app.compose import Composition
from panmesh.app.upkeep import Upkeep
from panmesh.app.verify import verify
from panmesh.app.worker import ingest_until_done, scan_tree
from panmesh.catalogue.query import Compare, DatasetQuery, Field, Op
from panmesh.cli.main import main
from panmesh.kernel.clock import DAY_US
from panmesh.kernel.errors import Invalid
from tests.conftest import MakeFacility

MINUTE_US = 60_000_000


def _run(path: Path, title: str = "a run") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["title"] = title


def _read(app: Composition) -> None:
    scan_tree(app, "runs", "")
    ingest_until_done(app)
    while app.digests.work():
        pass


def _datasets(app: Composition) -> dict[str, str]:
    with app.database.read() as connection:
        return {row.path: row.pid for row in connection.execute(select(dataset.c.path, dataset.c.pid))}


def _moment(app: Composition) -> list[int]:
    moment = [app.clock()]
    app.clock = lambda: moment[0]
    return moment


# --- moves -----------------------------------------------------------------------------------------------------------


def test_a_renamed_run_keeps_its_pid_its_corrections_and_its_history(make_facility: MakeFacility, tmp_path: Path) -> None:
    app, runs = make_facility(), tmp_path / "runs"
    _run(runs / "visit" / "run1.nxs")
    _read(app)
    before = _datasets(app)["visit/run1.nxs"]
    app.editing.change(OPERATOR, before, {"title": "a better title"}, app.search.get(OPERATOR, before).revision)
    (runs / "visit" / "run1.nxs").rename(runs / "visit" / "sample7.nxs")
    _read(app)
    assert _datasets(app) == {"visit/sample7.nxs": before}
    record = app.search.get(OPERATOR, before)
    assert (record.summary.title, record.version, record.findings) == ("a better title", 1, 0)
    files = app.search.files(OPERATOR, before).items
    assert [f.name for f in files] == ["sample7.nxs"]
    assert files[0].sha256 is not None
    with app.database.read() as connection:
        alias = connection.execute(select(pid.c.pid).where(pid.c.kind == "alias", pid.c.concept == before)).scalars().first()
    assert alias is not None
    assert app.search.get(OPERATOR, alias).summary.pid == before, "the pid that it had for a moment leads nowhere"
    _run(runs / "visit" / "sample7.nxs", "written anew")
    _read(app)
    assert app.search.get(OPERATOR, before).version == 2, "what is written at the new place is another version of it"


def test_a_copy_is_another_dataset(make_facility: MakeFacility, tmp_path: Path) -> None:
    app, runs = make_facility(), tmp_path / "runs"
    _run(runs / "visit" / "run1.nxs")
    _read(app)
    (runs / "visit" / "copy.nxs").write_bytes((runs / "visit" / "run1.nxs").read_bytes())
    _read(app)
    assert len(_datasets(app)) == 2


def test_the_same_bytes_in_another_investigation_are_not_taken_for_a_move(make_facility: MakeFacility, tmp_path: Path) -> None:
    app, runs = make_facility(), tmp_path / "runs"
    _run(runs / "mine" / "run1.nxs")
    _read(app)
    (runs / "theirs").mkdir()
    (runs / "mine" / "run1.nxs").rename(runs / "theirs" / "run1.nxs")
    _read(app)
    assert len(_datasets(app)) == 2


def test_two_that_could_have_moved_here_are_left_alone(make_facility: MakeFacility, tmp_path: Path) -> None:
    app, runs = make_facility(), tmp_path / "runs"
    _run(runs / "v" / "run1.nxs")
    (runs / "v" / "run2.nxs").write_bytes((runs / "v" / "run1.nxs").read_bytes())
    _read(app)
    (runs / "v" / "run1.nxs").rename(runs / "v" / "run3.nxs")
    (runs / "v" / "run2.nxs").unlink()
    _read(app)
    assert set(_datasets(app)) == {"v/run1.nxs", "v/run2.nxs", "v/run3.nxs"}


# --- series ----------------------------------------------------------------------------------------------------------


def test_a_growing_series_is_one_open_version_and_closes_when_it_rests(make_facility: MakeFacility, tmp_path: Path) -> None:
    app, folder = make_facility(), tmp_path / "runs" / "scan"
    folder.mkdir()
    moment = _moment(app)
    for number in range(5):
        frame = folder / f"frame_{number:04d}.cbf"
        frame.write_bytes(b"%d" % number)
        os.utime(frame, ns=(moment[0] * 1000, moment[0] * 1000))
        _read(app)
        moment[0] += MINUTE_US
    [one] = _datasets(app).values()
    record = app.search.get(OPERATOR, one)
    assert (record.version, record.summary.file_count, record.summary.growing) == (1, 5, True)
    moment[0] += 30 * MINUTE_US
    Upkeep(app, threading.Event()).round()
    ingest_until_done(app)
    record = app.search.get(OPERATOR, one)
    assert (record.version, record.summary.growing, record.open) == (1, False, False)
    late = folder / "frame_0005.cbf"
    late.write_bytes(b"late")
    os.utime(late, ns=(moment[0] * 1000 - 3600 * 10**9, moment[0] * 1000 - 3600 * 10**9))
    _read(app)
    assert app.search.get(OPERATOR, one).version == 2, "what comes after it was closed is another version"


def test_an_instruments_rule_groups_its_runs_into_series(make_facility: MakeFacility, tmp_path: Path) -> None:
    app = make_facility(
        PANMESH_INSTRUMENT__TOMO='{"name": "Tomo", "series": "(?P<series>.*scan_[0-9]+)_[0-9]+[.]nxs"}',
        PANMESH_STORAGE__RUNS__INSTRUMENT="tomo",
    )
    for name in ("scan_1_001", "scan_1_002", "scan_2_001", "other"):
        _run(tmp_path / "runs" / "v" / f"{name}.nxs")
    _read(app)
    query = DatasetQuery(where=Compare(Field.SERIES, Op.EQUAL, "v/scan_1"))
    found = app.search.search(OPERATOR, query)
    assert sorted(d.path or "" for d in found.items) == ["v/scan_1_001.nxs", "v/scan_1_002.nxs"]


# --- tried again, compared again, removed ----------------------------------------------------------------------------


def test_a_digest_that_failed_is_tried_again(make_facility: MakeFacility, tmp_path: Path) -> None:
    app, path = make_facility(), tmp_path / "runs" / "run1.nxs"
    _run(path)
    scan_tree(app, "runs", "")
    ingest_until_done(app)
    hidden = path.rename(tmp_path / "away.nxs")
    while app.digests.work():
        pass
    [one] = _datasets(app).values()
    assert app.search.get(OPERATOR, one).digest_state == "failed"
    hidden.rename(path)
    Upkeep(app, threading.Event()).round()
    while app.digests.work():
        pass
    assert app.search.get(OPERATOR, one).digest_state == "done"


def test_bytes_are_compared_again_on_time_and_what_rotted_is_shown(make_facility: MakeFacility, tmp_path: Path) -> None:
    app, path = make_facility(), tmp_path / "runs" / "run1.nxs"
    _run(path)
    _run(tmp_path / "runs" / "run2.nxs")
    moment = _moment(app)
    _read(app)
    upkeep = Upkeep(app, threading.Event())
    assert upkeep.verify_some(moment[0]).files == 0, "they have just been read"
    info = path.stat()
    with path.open("r+b") as out:
        out.seek(-1, os.SEEK_END)
        out.write(b"\xff")
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    moment[0] += 31 * DAY_US
    result = upkeep.verify_some(moment[0])
    assert (result.files, result.compared, result.changed) == (2, 1, 1)
    assert app.search.get(OPERATOR, _datasets(app)["run1.nxs"]).findings == 1
    assert upkeep.verify_some(moment[0]).files == 0, "and again after thirty days"
    with app.database.read() as connection:
        assert "other bytes" in connection.execute(select(finding.c.detail)).scalar_one()


def _checked(app: Composition, monkeypatch: pytest.MonkeyPatch, *options: str) -> object:
    monkeypatch.setenv("PANMESH_DATABASE__URL", app.settings.database_url)
    with pytest.raises(SystemExit) as ended:
        main(["admin", "check", "--data", str(app.settings.data), *options])
    return ended.value.code


def test_a_script_learns_from_the_status_of_a_check_that_a_file_is_gone(
    make_facility: MakeFacility, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sql_upkeep, "BLOCK", 2)
    app, runs = make_facility(), tmp_path / "runs"
    for number in range(5):
        _run(runs / f"run{number}.nxs")
    _read(app)
    assert _checked(app, monkeypatch, "--deep") == 0
    assert "5 files: 5 compared by SHA-256" in capsys.readouterr().out
    (runs / "run3.nxs").unlink()
    assert _checked(app, monkeypatch) == 5
    assert "5 files" in (said := capsys.readouterr().out)
    assert "1 missing" in said


def test_a_look_that_finds_nothing_new_waits_for_no_writer(make_facility: MakeFacility, tmp_path: Path) -> None:
    app = make_facility()
    _run(tmp_path / "runs" / "run.nxs")
    _read(app)
    with app.database.write():
        assert verify(app, deep=False).files == 1


def test_of_files_on_a_storage_that_is_not_configured_nothing_is_said(make_facility: MakeFacility, tmp_path: Path) -> None:
    app = make_facility()
    _run(tmp_path / "runs" / "run.nxs")
    _read(app)
    with app.database.write() as connection:
        connection.execute(update(dataset).values(storage="tape"))
    with pytest.raises(Invalid, match="called tape"):
        verify(app, deep=False)
    with app.database.read() as connection:
        assert connection.execute(select(finding.c.name)).all() == []


def test_only_segments_that_nothing_refers_to_are_removed(make_facility: MakeFacility, tmp_path: Path) -> None:
    app, folder = make_facility(), tmp_path / "runs" / "scan"
    folder.mkdir()
    for number in range(100):
        (folder / f"frame_{number:04d}.cbf").write_bytes(b"%d" % number)
    _read(app)
    manifests = app.settings.data / "manifests"
    kept = app.upkeep.segments()
    old = app.clock() / 1e6 - 10 * 86_400
    for path in manifests.glob("*/*.parquet"):
        os.utime(path, (old, old))
    assert {p.stem for p in manifests.glob("*/*.parquet")} > kept, "the manifest without digests is still there"
    Upkeep(app, threading.Event()).round()
    assert {p.stem for p in manifests.glob("*/*.parquet")} == kept
    [one] = _datasets(app).values()
    assert len(app.search.files(OPERATOR, one, limit=200).items) == 100


def test_corrections_survive_what_upkeep_does(make_facility: MakeFacility, tmp_path: Path) -> None:
    app = make_facility()
    _run(tmp_path / "runs" / "run1.nxs")
    _read(app)
    [one] = _datasets(app).values()
    app.editing.change(OPERATOR, one, {"title": "kept"}, app.search.get(OPERATOR, one).revision)
    with app.database.write() as connection:
        connection.execute(update(dataset_version).values(verified_us=1))
    Upkeep(app, threading.Event()).round()
    with app.database.read() as connection:
        assert "human" in connection.execute(select(layer.c.source)).scalars().all()
    assert app.search.get(OPERATOR, one).summary.title == "kept"
