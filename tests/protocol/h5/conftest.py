"""The facility of the protocol tests with real HDF5 files in its runs, each of them beside files that are none of its business."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from panmesh.adapters.sql import tables as t
from panmesh.catalogue.manifest import FileRow
from tests.protocol.conftest import PIDS, STATES, House


class Runs:
    """Puts files into the datasets of a house."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.root: Path = house.app.storages.root("runs").path

    def put(self, state: str, *names: str) -> None:
        """These files of the state's folder are the dataset, the first of them the one that the run was read from."""
        rows = []
        for name in names:
            info = (self.root / state / name).stat()
            path = f"{state}/{name}"
            rows.append(FileRow(name=name, size=info.st_size, modified_us=info.st_mtime_ns // 1000, storage="runs", path=path))
        manifest = self.house.app.manifests.write(rows).to_bytes()
        number = STATES.index(state) + 1
        with self.house.app.database.write() as c:
            c.execute(t.dataset_version.update().where(t.dataset_version.c.id == number).values(manifest=manifest))
            c.execute(t.dataset.update().where(t.dataset.c.id == number).values(path=f"{state}/{names[0]}"))

    def folder(self, state: str) -> Path:
        return self.root / state

    def get(self, state: str, what: str, login: str | None = None, **given: Any) -> httpx.Response:
        headers = self.house.bearer(login) if login else {}
        headers |= given.pop("headers", {})
        method = given.pop("method", "GET")
        return self.house.client.request(method, f"/api/h5/{PIDS[state]}/{what}", params=given, headers=headers)


@pytest.fixture
def runs(house: House) -> Runs:
    return Runs(house)
