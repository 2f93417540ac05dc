"""The search index made anew when enough has changed: by a process of its own, so that reading and serving go on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import structlog
from sqlalchemy import func, select

from panmesh.adapters.sql.index.generation import newest
from panmesh.adapters.sql.index.reads import MOST_CHANGED, touches_the_index
from panmesh.adapters.sql.tables import change, dataset
from panmesh.app.compose import Composition

log = structlog.get_logger("panmesh.index")

LEAST = 5_000  # datasets: below, SQL is quick
SOME_CHANGED = MOST_CHANGED // 4
LONGEST = 3600.0  # seconds of one making


def is_due(app: Composition) -> bool:
    """Whether there is none, or SQL is asked about many datasets beside it."""
    return behind(app) >= SOME_CHANGED


def behind(app: Composition) -> int:
    """Datasets that SQL is asked about beside the index, counted up to where it is not asked any more."""
    with app.database.read() as connection:
        datasets: int = connection.execute(select(func.count()).select_from(dataset)).scalar_one()
        if datasets < LEAST:
            return 0
        current = newest(app.index_folder)
        last = connection.execute(select(func.coalesce(func.max(change.c.sequence), 0))).scalar_one()
        if current is None or last < current.sequence:  # the latter of a database that was set back
            return datasets
        since = select(change.c.pid).where(change.c.sequence > current.sequence, touches_the_index()).distinct()
        return len(connection.execute(since.limit(MOST_CHANGED + 1)).all())


def make_index(app: Composition) -> None:
    """Raises nothing: a making that fails is logged and tried again; SQL answers meanwhile."""
    command = [sys.executable, "-m", "panmesh", "admin", "index", "--data", str(app.settings.data)]
    environment = {**os.environ, "PANMESH_DATABASE__URL": app.settings.database_url}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LONGEST, preexec_fn=_quietly)
    if done.returncode:
        log.warning("the search index could not be made", why=done.stderr[-500:])
    else:
        log.info("search index made", folder=Path(done.stdout.strip().rsplit(" ", 1)[-1]).name)


def _quietly() -> None:
    os.nice(10)
