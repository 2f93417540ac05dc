"""kill -9 at named points of ingest: nothing lost, doubled or half."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from panmesh.access.viewer import OPERATOR
from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.catalogue.query import DatasetQuery
from panmesh.testing.simulator import write_run

RUNS = 12
POINTS = ("ingest.sighted", "ingest.claimed", "ingest.before-commit", "ingest.after-commit", "digest.before-commit")


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_ingest_goes_on_where_it_was(point: str, tmp_path: Path) -> None:
    runs, data = tmp_path / "runs", tmp_path / "data"
    runs.mkdir()
    for number in range(RUNS):
        write_run(runs, number, datetime(2026, 3, 1, tzinfo=UTC))
    command = [sys.executable, "-m", "panmesh.cli.main", "ingest", str(runs), "--data", str(data)]
    killed = subprocess.run(command, env=os.environ | {"PANMESH_FAULT": f"{point}:kill"}, capture_output=True, timeout=120)
    assert killed.returncode == -9, killed.stderr.decode()[-500:]
    again = subprocess.run(command, capture_output=True, timeout=120)
    assert again.returncode == 0, again.stderr.decode()[-500:]
    app = Composition(load(data=data, environment={}))
    try:
        page = app.search.search(OPERATOR, DatasetQuery(limit=100))
        assert page.total == RUNS
        assert len({item.path for item in page.items}) == RUNS
        for item in page.items:
            files = app.search.files(OPERATOR, item.pid)
            assert [f.sha256 is not None for f in files.items] == [True]
            assert app.search.get(OPERATOR, item.pid).versions == 1
    finally:
        app.close()
