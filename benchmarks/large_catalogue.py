"""A catalogue of many runs, as `panmesh seed` makes it, with pids that a stranger may and may not know of."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Select, not_, select

from panmesh.access.artefact import Artefact
from panmesh.access.viewer import ANONYMOUS
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.index.building import build
from panmesh.adapters.sql.migrate import migrate
from panmesh.adapters.sql.permission import readable_terms
from panmesh.adapters.sql.setup import ensure_facility
from panmesh.adapters.sql.tables import dataset
from panmesh.kernel.clock import system_clock, to_us
from panmesh.testing.seed import Seed
from panmesh.testing.seed_plan import SeedPlan
from panmesh.testing.seed_words import vocabulary

PARAMETERS = 10
SOME = 20_000  # pids of each kind
WORDS = vocabulary()[:40]  # those that occur often


def ask_for_catalogue(parser: argparse.ArgumentParser, datasets: int) -> None:
    parser.add_argument("--datasets", type=int, default=datasets)
    parser.add_argument("--database", help="URL of a catalogue that is there and is written into: a copy")
    parser.add_argument("--data", type=Path, help="its folder")


@contextmanager
def catalogue(given: argparse.Namespace) -> Iterator[tuple[str, Path]]:
    """URL and folder of the one that is there, or of one in SQLite that is made for this, with its index."""
    if given.database:
        yield given.database, given.data
        return
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        database = Database(f"sqlite:///{folder}/panmesh.db")
        fill(database, given.datasets)
        build(database, folder / "index")
        database.dispose()
        yield database.url, folder


def fill(database: Database, datasets: int, seed: int = 1) -> dict[str, list[str]]:
    """Into an empty database. Returns pids: {"open": [...], "hidden": [...]}, the oldest first; hidden ones are under way, internal or proprietary."""
    from datetime import UTC, datetime

    migrate(database)
    ensure_facility(database, "local", "This facility", "UTC", None)
    plan = SeedPlan(datasets=datasets, parameters=PARAMETERS, seed=seed, until_us=to_us(datetime(2026, 11, 1, tzinfo=UTC)))
    with tempfile.TemporaryDirectory() as folder:
        Seed(database, plan, Path(folder) / "seed.json", facility="local").run()
    return pids_of(database)


def pids_of(database: Database) -> dict[str, list[str]]:
    now = system_clock()
    known = dataset.c.terms_id.in_(readable_terms(ANONYMOUS, Artefact.CORE_METADATA, now))
    read = dataset.c.terms_id.in_(readable_terms(ANONYMOUS, Artefact.FULL_METADATA, now))

    def some(query: Select[tuple[str]]) -> list[str]:
        return list(connection.execute(query.order_by(dataset.c.id).limit(SOME)).scalars())

    with database.read() as connection:
        return {"open": some(select(dataset.c.pid).where(read)), "hidden": some(select(dataset.c.pid).where(not_(known)))}
