"""Where several processes of one facility work: what only one of them should do, and what all of them log."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.harvest_tables import harvest_item
from panmesh.adapters.sql.harvest_texts import SqlHarvestTexts
from panmesh.publication.harvesting import Condition, Item, ItemKind

postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # on SQLite one process does all the work

_HOLDS = """
import sys, time
from panmesh.adapters.sql.database import Database
with Database(sys.argv[1]).alone("work") as mine:
    print(mine, flush=True)
    time.sleep(60)
"""


@postgresql
def test_one_process_at_a_time_until_it_ends_or_is_killed(database_url: str) -> None:
    here = Database(database_url)
    with subprocess.Popen([sys.executable, "-c", _HOLDS, database_url], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        with here.alone("work") as mine, here.alone("other work") as free:
            assert (mine, free) == (False, True)
        other.kill()
    for _ in range(100):
        with here.alone("work") as mine:
            if mine:
                break
        threading.Event().wait(0.1)
    assert mine
    with here.alone("work") as again:
        assert again, "it was let go"
    here.dispose()


@postgresql
def test_records_written_ahead_by_two_at_once_are_there_once(database_url: str) -> None:
    database = Database(database_url)
    row = {"kind": "dataset", "stamp_s": 1, "condition": Condition.LIVE.value, "sets": "", "unwritten": True}
    with database.write() as c:
        c.execute(harvest_item.insert(), [row | {"id": n, "subject_id": n, "pid": f"pm-{n}"} for n in range(1, 201)])
    items = [
        Item(
            kind=ItemKind.DATASET,
            subject_id=n,
            pid=f"pm-{n}",
            stamp_s=1,
            deleted=False,
            sets=(),
            id=n,
            changed_s=1,
            access=None,
        )
        for n in range(1, 201)
    ]
    texts = {"oai_dc": {item.pid: "told" for item in items}}
    stores = [SqlHarvestTexts(Database(database_url), "1") for _ in range(4)]
    with ThreadPoolExecutor(len(stores)) as at_once:
        for _ in range(5):
            list(at_once.map(lambda store: store.keep(items, texts), stores))
    assert len(stores[0].texts("oai_dc", items)) == len(items)
    for one in (database, *(store._db for store in stores)):
        one.dispose()


_SERVES = """
import sys
from pathlib import Path
import structlog
from panmesh.app.asgi import from_environment
from panmesh.app.lock import WorkerLock
from_environment()
print(WorkerLock(Path(sys.argv[1])).take())
def fail(secret): raise ValueError("told")
try:
    fail("hidden" * 2)
except ValueError:
    structlog.get_logger().error("failed", exc_info=True)
"""


@pytest.mark.parametrize("only", [True, False])
def test_a_web_process_of_several(tmp_path: Path, only: bool) -> None:
    """With `--no-ingest` it leaves the work to `panmesh worker`, which on SQLite would be refused beside it. What it logs are lines of
    JSON, without what variables held."""
    environment = {**os.environ, "PANMESH_DATA": str(tmp_path)} | ({"PANMESH_ONLY_SERVE": "1"} if only else {})
    command = [sys.executable, "-c", _SERVES, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{only}\n", "the lock of who works is free"
    assert "hiddenhidden" not in done.stderr
    assert json.loads(done.stderr.splitlines()[-1])["event"] == "failed"


@postgresql
def test_a_process_that_stands_still_within_a_transaction_does_not_keep_its_locks_for_ever(database_url: str) -> None:
    database = Database(database_url)
    with database.read() as c:
        assert c.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar() == "5min"
    database.dispose()
