"""A real SWMR writer grows a scan while the facility watches: one dataset, one open version, closed when it is written, right at the end."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from panmesh.access.viewer import OPERATOR
from panmesh.adapters.hdf5 import SandboxedReader
from panmesh.app import upkeep
from panmesh.app.compose import Composition
from panmesh.app.upkeep import Upkeep
from panmesh.app.worker import Worker, ingest_until_done, scan_tree
from panmesh.catalogue.query import DatasetQuery
from panmesh.ingest.profile import Profile
from panmesh.ingest.reader import ReadRequest
from tests.conftest import MakeFacility
from tests.e2e.growing import POINTS, SCAN, STEP, begin, go_on, written


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        started.append(begin(SCAN, tmp_path / "runs" / "scan.nxs"))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _until(what: Callable[[], Any], seconds: float = 90.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)
    return found


def _record(app: Composition) -> Any:
    page = app.search.search(OPERATOR, DatasetQuery(limit=10))
    assert page.total <= 1, "one file is one dataset however often it grows"
    return app.search.get(OPERATOR, page.items[0].pid) if page.items else None


def _points(app: Composition) -> int:
    return int(_record(app).facts["plot"]["shape"][0])


def test_a_scan_that_grows_is_one_open_version_and_right_when_it_is_written(
    make_facility: MakeFacility, writer: Callable[[], subprocess.Popen[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "ROUND_SECONDS", 0.3)
    app = make_facility()
    process = writer()
    worker = Worker(app)
    worker.start()
    try:
        first = _until(lambda: _record(app))
        assert (first.version, first.open, first.summary.growing) == (1, True, True)
        for points in range(STEP, POINTS + STEP, STEP):
            _until(lambda points=points: _points(app) == points)  # what grows is read again while it does
            assert _record(app).open is True
            go_on(process)
            if points < POINTS:
                written(process)
        assert process.wait(10) == 0
        last = _until(lambda: (record := _record(app)).open is False and record)
    finally:
        worker.stop()
    assert _points(app) == POINTS
    assert (last.summary.pid, last.version, last.versions, last.summary.growing) == (first.summary.pid, 1, 1, False)
    assert last.summary.total_bytes == (tmp_path / "runs" / "scan.nxs").stat().st_size
    _values_and_plot_are_right(tmp_path / "runs" / "scan.nxs")


def _values_and_plot_are_right(path: Path) -> None:
    reader = SandboxedReader()
    try:
        [entry] = reader.read(ReadRequest(path=path, folder=path.parent, profile=Profile())).entries
        energy = next(q for q in entry.quantities if q.path == "/entry/data/energy")
        assert (energy.minimum, energy.maximum, energy.count) == (700.0, 700.0 + POINTS - 1, POINTS)
        assert entry.plot is not None
        drawn = reader.preview(path, entry.plot)
        assert drawn.values == tuple(float(point**2) for point in range(POINTS))
        assert drawn.axes[0].values[-1] == 700.0 + POINTS - 1
    finally:
        reader.close()


def test_a_scan_whose_writer_died_is_closed_when_it_has_been_quiet(
    make_facility: MakeFacility, writer: Callable[[], subprocess.Popen[str]]
) -> None:
    """The mark of an open file stays in it for ever."""
    app = make_facility()
    moment = [app.clock()]
    app.clock = lambda: moment[0]
    process = writer()
    process.send_signal(signal.SIGKILL)
    process.wait()
    scan_tree(app, "runs", "")
    ingest_until_done(app)
    assert _record(app).open is True
    moment[0] += 11 * 60_000_000
    Upkeep(app, threading.Event()).round()
    ingest_until_done(app)
    record = _record(app)
    assert (record.open, record.summary.growing, record.version) == (False, False, 1)
