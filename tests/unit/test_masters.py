"""A master and its data files are one dataset, in whatever order and company they are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from sqlalchemy import select

from panmesh.adapters.sql.tables import dataset, pid
from panmesh.app.compose import Composition
from panmesh.app.worker import ingest_until_done, scan_tree

MakeFacility = Callable[..., Composition]


def _data(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["entry/data"] = np.arange(12).reshape(3, 4)


def _master(path: Path, target: str | None) -> None:
    with h5py.File(path, "w") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["title"] = "a run with a data file"
        if target is not None:
            entry["data"] = h5py.ExternalLink(target, "/entry/data")


def _read(app: Composition) -> None:
    scan_tree(app, "runs", "")
    ingest_until_done(app)


def _datasets(app: Composition) -> list[tuple[str, int]]:
    with app.database.read() as connection:
        return sorted((row.path, row.file_count) for row in connection.execute(select(dataset.c.path, dataset.c.file_count)))


@pytest.mark.parametrize("order", ["data first", "master first", "at once"])
@pytest.mark.parametrize(
    ("master", "part", "target"),
    [
        ("a_run.nxs", "z_frames.h5", "z_frames.h5"),  # named by a link, and read after its master
        ("z_run.nxs", "a_frames.h5", "a_frames.h5"),  # and before it
        ("run-7.nxs", "run-7-pilatus.h5", None),  # known by its name alone
    ],
)
def test_a_master_has_its_data_file(
    make_facility: MakeFacility, tmp_path: Path, order: str, master: str, part: str, target: str | None
) -> None:
    app = make_facility()
    runs = tmp_path / "runs"
    steps = [lambda: _data(runs / part), lambda: _master(runs / master, target)]
    for step in steps if order != "master first" else reversed(steps):
        step()
        if order != "at once":
            _read(app)
    _read(app)
    assert _datasets(app) == [(master, 2)]
    with app.database.read() as connection:
        leads = connection.execute(select(pid.c.concept).where(pid.c.kind == "alias")).scalars().all()
        assert set(leads) <= set(connection.execute(select(dataset.c.pid)).scalars()), "an alias leads to nothing"


def test_run_12_does_not_claim_what_belongs_to_run_123(make_facility: MakeFacility, tmp_path: Path) -> None:
    app = make_facility()
    _master(tmp_path / "runs" / "run12.nxs", None)
    _data(tmp_path / "runs" / "run123.h5")
    _read(app)
    assert _datasets(app) == [("run12.nxs", 1), ("run123.h5", 1)]
