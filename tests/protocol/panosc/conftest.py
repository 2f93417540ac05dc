"""One provider on each database with the known seed, asked by all tests of this folder and changed by none."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import structlog

from panmesh.access.viewer import OPERATOR
from panmesh.app.asgi import build
from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.catalogue.importing import batched
from panmesh.catalogue.model import Origin
from panmesh.testing.panosc_seed import SEED
from panmesh.wire.panosc_import import SearchApiReader
from tests.conftest import BOTH, Schemas
from tests.protocol.conftest import Client


def bring(app: Composition, seed: dict[str, list[dict[str, Any]]]) -> None:
    reader = SearchApiReader()
    records = [record for entity, many in seed.items() for one in many for record in reader.read(entity, one)]
    report = app.importing.load(OPERATOR, batched(records), origin=Origin.MIGRATED, source="seed")
    assert not report.reasons, report.reasons


@dataclass
class Provider:
    app: Composition
    client: Client

    def get(self, path: str, plain: Any = None, **params: Any) -> httpx.Response:
        """`plain`: the filter, as an object or as the text to send."""
        if plain is not None:
            params["filter"] = plain if isinstance(plain, str) else json.dumps(plain)
        return self.client.get(f"/api/{path}", params=params)

    def ask(self, path: str, plain: Any = None, **params: Any) -> Any:
        answer = self.get(path, plain, **params)
        assert answer.status_code == 200, (path, plain, answer.status_code, answer.text)
        return answer.json()

    def pids(self, path: str, plain: Any = None) -> list[str]:
        return [one["pid"] for one in self.ask(path, plain)]

    def count(self, path: str, where: Any = None) -> int:
        params = {} if where is None else {"where": where if isinstance(where, str) else json.dumps(where)}
        found: int = self.ask(f"{path}/count", **params)["count"]
        return found

    def status(self, path: str, plain: Any = None, **params: Any) -> int:
        return self.get(path, plain, **params).status_code


def open_provider(url: str, folder: Any) -> Provider:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    runs, data = folder / "runs", folder / "data"
    runs.mkdir()
    data.mkdir()
    (data / "panmesh.toml").write_text(f'[storage.runs]\npath = "{runs}"\n', "utf-8")
    app = Composition(load(data=data, environment={"PANMESH_DATABASE__URL": url}))
    return Provider(app, Client(build(app, work=False)))


@pytest.fixture(scope="session", params=BOTH)
def provider(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, schemas: Schemas) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("panosc")
    found = open_provider(schemas.new(request.param, folder), folder)
    bring(found.app, SEED)
    yield found
    found.app.close()
