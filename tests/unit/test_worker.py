"""What the worker looks at by itself."""

from __future__ import annotations

import time

import pytest

from panmesh.access.viewer import OPERATOR
from panmesh.app import worker
from tests.conftest import MakeFacility


def test_a_storage_that_is_not_watched_is_not_scanned_either(
    make_facility: MakeFacility, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "inotify_reliable", lambda path: False)
    app = make_facility(PANMESH_STORAGE__RUNS__WATCH="false", PANMESH_INGEST__SCAN_SECONDS="1")
    (app.storages.root("runs").path / "run.nxs").write_bytes(b"no HDF5")
    running = worker.Worker(app)
    running.start()
    time.sleep(2)  # one scan and a half
    running.stop()
    assert app.desk.units(OPERATOR, limit=10).total == 0
