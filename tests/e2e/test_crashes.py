"""kill -9 of ingest and of the server, at named points and at any time: nothing lost, doubled or half."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from panmesh.access.viewer import OPERATOR
from panmesh.adapters.sql.tables import dataset, dataset_version, layer, pid, unit_dataset
from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.catalogue.query import DatasetQuery
from panmesh.testing.simulator import write_run
from tests.processes import panmesh

RUNS = 12
POINTS = ("ingest.sighted", "ingest.claimed", "ingest.before-commit", "ingest.after-commit", "digest.before-commit")
PANMESH = [sys.executable, "-m", "panmesh"]


def _write(runs: Path, count: int) -> None:
    runs.mkdir()
    for number in range(count):
        write_run(runs, number, datetime(2026, 3, 1, tzinfo=UTC))


def _environment(url: str, **more: str) -> dict[str, str]:
    return os.environ | {"PANMESH_DATABASE__URL": url} | more


def _check(data: Path, url: str, count: int) -> None:
    app = Composition(load(data=data, environment={"PANMESH_DATABASE__URL": url}))
    try:
        page = app.search.search(OPERATOR, DatasetQuery(limit=1000))
        assert page.total == count
        assert len({item.path for item in page.items}) == count
        for item in page.items:
            files = app.search.files(OPERATOR, item.pid)
            assert [f.sha256 is not None for f in files.items] == [True]
            assert app.search.get(OPERATOR, item.pid).versions == 1
        with app.database.read() as connection:
            for table, expected in ((dataset, count), (dataset_version, count), (layer, count), (unit_dataset, count)):
                assert connection.execute(select(func.count()).select_from(table)).scalar_one() == expected, table.name
            pids = connection.execute(select(func.count()).select_from(pid).where(pid.c.kind == "dataset")).scalar_one()
            assert pids == count
    finally:
        app.close()


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_ingest_goes_on_where_it_was(point: str, tmp_path: Path, database_url: str) -> None:
    runs, data = tmp_path / "runs", tmp_path / "data"
    _write(runs, RUNS)
    command = ("ingest", str(runs), "--data", str(data))
    environment = _environment(database_url)
    killed = panmesh(*command, environment=environment, armed=f"{point}:kill")
    assert killed.code == -9, killed.error[-500:]
    if not database_url.startswith("sqlite"):  # another worker could be alive: its claims end with their lease
        _let_leases_end(data, database_url)
    again = panmesh(*command, environment=environment)
    assert again.code == 0, again.error[-500:]
    _check(data, database_url, RUNS)


def _let_leases_end(data: Path, url: str) -> None:
    app = Composition(load(data=data, environment={"PANMESH_DATABASE__URL": url}))
    with app.database.write() as connection:
        connection.exec_driver_sql("UPDATE unit SET claimed_until_us = 1 WHERE claimed_until_us IS NOT NULL")
    app.close()


@pytest.mark.soak
@pytest.mark.parametrize("what", ["ingest", "serve"])
@pytest.mark.parametrize("seed", range(int(os.environ.get("SOAK_SEEDS", "5"))))
def test_ten_kills_at_any_time_and_nothing_is_lost(what: str, seed: int, tmp_path: Path, database_url: str) -> None:
    """5 seeds × 10 kills × (ingest, server) × 2 databases: 200 kills."""
    rng, count = random.Random(f"{what}{seed}"), 150
    runs, data = tmp_path / "runs", tmp_path / "data"
    _write(runs, count)
    data.mkdir()
    (data / "panmesh.toml").write_text(f'[storage.runs]\npath = "{runs}"\n', "utf-8")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    environment = _environment(database_url, PANMESH_SERVER__PORT=str(port))
    command = [*PANMESH, what, *([str(runs)] if what == "ingest" else []), "--data", str(data)]
    killed = 0
    for _ in range(10):
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(rng.uniform(0.5, 3.0))
        killed += process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if not database_url.startswith("sqlite"):
            _let_leases_end(data, database_url)
    assert killed or what == "ingest"
    done = subprocess.run([*PANMESH, "ingest", str(runs), "--data", str(data)], env=environment, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()[-500:]
    _check(data, database_url, count)
