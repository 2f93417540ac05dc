"""Both databases for every SQL test, the shared real files, a facility to play with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import pytest

from panmesh.adapters.identity.passwords import COST, Argon2Passwords
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.migrate import migrate
from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.testing.postgres import ThrowawayPostgres, drop_database, new_database

ROOT = Path(__file__).resolve().parent.parent
_SERVER = pytest.StashKey[ThrowawayPostgres]()


def pytest_configure(config: pytest.Config) -> None:
    """The controller starts one PostgreSQL; its workers find it in the environment. Passwords of tests protect nobody: a cheap hash does."""
    Argon2Passwords.cost = replace(COST, time_cost=1, memory_cost=8)
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    server = ThrowawayPostgres()
    config.stash[_SERVER] = server
    os.environ["TEST_POSTGRES_URL"] = server.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    if _SERVER in config.stash:
        config.stash[_SERVER].stop()


class Schemas:
    """Databases with the schema of now and nothing in them: the history is walked once for each kind, then copied."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def new(self, kind: str, folder: Path) -> str:
        if kind == "postgresql":
            return new_database(os.environ["TEST_POSTGRES_URL"], self._postgresql)
        shutil.copyfile(self._sqlite, folder / "test.db")
        return f"sqlite:///{folder / 'test.db'}"

    def drop(self, url: str) -> None:
        if url.startswith("postgresql"):
            drop_database(os.environ["TEST_POSTGRES_URL"], url)

    @cached_property
    def _postgresql(self) -> str:
        url = new_database(os.environ["TEST_POSTGRES_URL"])
        _migrated(url)
        return url

    @cached_property
    def _sqlite(self) -> Path:
        _migrated(f"sqlite:///{self._folder / 'schema.db'}")
        return self._folder / "schema.db"


def _migrated(url: str) -> None:
    database = Database(url)
    migrate(database)
    database.dispose()


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Schemas:
    return Schemas(tmp_path_factory.mktemp("schemas"))


BOTH = ["sqlite", "postgresql"]


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest, tmp_path: Path, schemas: Schemas) -> Iterator[str]:
    """With the schema of now, and nothing in it."""
    url = schemas.new(request.param, tmp_path)
    yield url
    schemas.drop(url)


@pytest.fixture(params=BOTH)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path, schemas: Schemas) -> Iterator[str]:
    """Without any table."""
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'empty.db'}" if sqlite else new_database(os.environ["TEST_POSTGRES_URL"])
    yield url
    schemas.drop(url)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = Path(os.environ.get("PANMESH_SHARED") or ROOT.parent / "shared" / "data")
    assert folder.is_dir(), f"the real files are missing: {folder}"
    return folder


MakeFacility = Callable[..., Composition]


def empty_facility(folder: Path, database_url: str, **environment: str) -> Composition:
    runs, data = folder / "runs", folder / "data"
    runs.mkdir(exist_ok=True)
    data.mkdir(exist_ok=True)
    (data / "panmesh.toml").write_text(f'[storage.runs]\npath = "{runs}"\n', "utf-8")
    return Composition(load(data=data, environment={"PANMESH_DATABASE__URL": database_url, **environment}))


@pytest.fixture
def make_facility(database_url: str, tmp_path: Path) -> Iterator[MakeFacility]:
    """A facility with one storage `runs`; settings by environment names, e.g. PANMESH_POLICY__UNSCHEDULED='open'."""
    made: list[Composition] = []

    def make(**environment: str) -> Composition:
        app = empty_facility(tmp_path, database_url, **environment)
        made.append(app)
        return app

    yield make
    for app in made:
        app.close()
