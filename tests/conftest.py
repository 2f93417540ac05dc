"""Both databases for every SQL test, the shared real files, a facility to play with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.testing.postgres import ThrowawayPostgres, new_database

ROOT = Path(__file__).resolve().parent.parent
_SERVER = pytest.StashKey[ThrowawayPostgres]()


def pytest_configure(config: pytest.Config) -> None:
    """The controller starts one PostgreSQL; its workers find it in the environment."""
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    server = ThrowawayPostgres()
    config.stash[_SERVER] = server
    os.environ["TEST_POSTGRES_URL"] = server.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    if _SERVER in config.stash:
        config.stash[_SERVER].stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return new_database(os.environ["TEST_POSTGRES_URL"])


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = Path(os.environ.get("PANMESH_SHARED") or ROOT.parent / "shared" / "data")
    assert folder.is_dir(), f"the real files are missing: {folder}"
    return folder


MakeFacility = Callable[..., Composition]


@pytest.fixture
def make_facility(database_url: str, tmp_path: Path) -> Iterator[MakeFacility]:
    """A facility with one storage `runs`; settings by environment names, e.g. PANMESH_POLICY__UNSCHEDULED='open'."""
    made: list[Composition] = []

    def make(**environment: str) -> Composition:
        runs = tmp_path / "runs"
        runs.mkdir(exist_ok=True)
        data = tmp_path / "data"
        data.mkdir(exist_ok=True)
        (data / "panmesh.toml").write_text(f'[storage.runs]\npath = "{runs}"\n', "utf-8")
        app = Composition(load(data=data, environment={"PANMESH_DATABASE__URL": database_url, **environment}))
        made.append(app)
        return app

    yield make
    for app in made:
        app.close()
