"""The awaiting client: the names and answers of the waiting one, many things at once, and nothing left behind by who is cancelled."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

import panmesh.client
from panmesh.client import NotFound, Unauthenticated, async_client, catalogue, dataset, files
from tests.conftest import MakeFacility
from tests.e2e.science import serving, write_everything
from tests.e2e.serving import BreakingLine


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One database: nothing here is a question of SQL."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def house(tmp_path: Path, make_facility: MakeFacility) -> Iterator[tuple[str, str]]:
    (tmp_path / "runs").mkdir()
    write_everything(tmp_path / "runs" / "all.nxs")
    with h5py.File(tmp_path / "runs" / "all.nxs", "r+") as file:
        file["entry/noise"] = np.random.default_rng(2).integers(0, 255, 8 << 20, "uint8")
    with serving(make_facility()) as address:
        yield address


@pytest.mark.parametrize(
    ("waiting", "awaiting", "not_there"),
    [
        (catalogue.Client, async_client.AsyncClient, set()),
        (catalogue.Datasets, async_client.AsyncDatasets, set()),
        # What reads while a library that waits goes on (h5py, xarray, matplotlib) has no awaiting twin; reading bytes and arrays has.
        (dataset.Dataset, async_client.AsyncDataset, {"open", "plot", "to_xarray", "keys", "version", "versions", "version_pid"}),
        (files.Files, async_client.AsyncFiles, {"open", "row", "count", "index", "right", "head"}),
    ],
)
def test_both_clients_have_the_same_names(waiting: type, awaiting: type, not_there: set[str]) -> None:
    mine = {name for name in dir(waiting) if not name.startswith("_")}
    others = {name for name in dir(awaiting) if not name.startswith("_")}
    assert mine - others == not_there


def test_runs_are_found_looked_at_and_taken_home(house: tuple[str, str], tmp_path: Path) -> None:
    url, token = house
    path = tmp_path / "runs" / "all.nxs"

    async def work() -> None:
        async with panmesh.client.connect_async(url, token) as client:
            found = client.datasets.search("CeO2", technique="powder diffraction")
            runs = [run async for run in found]
            assert len(runs) == await found.total() == await client.datasets.count("CeO2") == 1
            assert (await found[0]).pid == (await found[-1]).pid == (await client.datasets[runs[0].pid]).pid
            with pytest.raises(IndexError):
                await found[1]
            assert (await found.facets("state"))["state"][0].count == 1
            assert len(await found.to_pandas()) == 1
            assert (await client.whoami()).signed_in
            assert await client.instruments()
            run = runs[0]
            assert (await run.record())["pid"] == run.pid
            assert (await run.explain()).may_read_data
            with h5py.File(path) as file:
                here = file["entry/data/counts"][()]
            array = await run["/entry/data/counts"]
            assert array.shape == here.shape
            frames = await asyncio.gather(*(array[n] for n in range(len(here))))
            np.testing.assert_array_equal(np.stack(frames), here)
            np.testing.assert_array_equal(await run["/entry/data/counts"][3, ..., ::-2], here[3, ..., ::-2])
            assert await array.units() == "counts"
            assert "kinds" in await (await run.hdf5())["entry"]
            assert not await run.contains("/entry/nothing")
            assert "/entry/data/counts" in (await run.tree()).paths()
            assert await run.files.read("all.nxs", 5, 50) == path.read_bytes()[5:50]
            counted: list[int] = []
            taken = await run.files.download(tmp_path / "home", progress=counted.append)
            assert hashlib.sha256(taken.files[0].read_bytes()).digest() == hashlib.sha256(path.read_bytes()).digest()
            assert sum(counted) == taken.bytes == path.stat().st_size
            with pytest.raises(NotFound):
                await client.datasets["pm-0000000000000000"]
        async with panmesh.client.connect_async(url, "wrong") as wrong:
            with pytest.raises(Unauthenticated):
                await wrong.datasets.count()

    asyncio.run(work())


def test_a_broken_line_goes_on_where_it_broke(house: tuple[str, str], tmp_path: Path) -> None:
    url, token = house

    async def work(through: str) -> None:
        async with panmesh.client.connect_async(through, token) as client:
            run = await client.datasets.search()[0]
            taken = await run.files.download(tmp_path / "home", progress=False)
            assert taken.bytes == taken.files[0].stat().st_size

    with BreakingLine(url, after=2 << 20, breaks=2) as line:
        asyncio.run(work(line.url))
        assert line.broken == 2
    assert (tmp_path / "home" / "all.nxs").read_bytes() == (tmp_path / "runs" / "all.nxs").read_bytes()


@pytest.mark.parametrize("after", [0, 1 << 20, 3 << 20])
def test_who_is_cancelled_goes_on_later_and_leaves_nothing_running(house: tuple[str, str], tmp_path: Path, after: int) -> None:
    url, token = house

    async def work() -> None:
        async with panmesh.client.connect_async(url, token) as client:
            run = await client.datasets.search()[0]
            loop, started, came = asyncio.get_running_loop(), asyncio.Event(), 0

            def progress(count: int) -> None:
                nonlocal came
                came += count
                if came >= after:
                    loop.call_soon_threadsafe(started.set)
                    time.sleep(0.2)  # the thread is at work when it is cancelled

            task = asyncio.create_task(run.files.download(tmp_path / "home", progress=progress))
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert len(asyncio.all_tasks()) == 1
            have = sum(path.stat().st_size for path in (tmp_path / "home").rglob("*part"))
            assert have >= after
            taken = await run.files.download(tmp_path / "home", progress=False)
            assert taken.bytes == taken.files[0].stat().st_size - have
            assert taken.files[0].read_bytes() == (tmp_path / "runs" / "all.nxs").read_bytes()
            reading = asyncio.create_task(run["/entry/data/counts"].__getitem__(...))
            await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert (await run["/entry/data/counts"][0, 0, 0]).dtype == np.uint16

    asyncio.run(work())
