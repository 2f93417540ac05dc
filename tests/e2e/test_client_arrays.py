"""Arrays from Python: each index means what it means to NumPy, each type comes as it is stored, and nothing comes that nobody asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import panmesh.client
from panmesh.client import Array, Dataset, Group, NotFound, inside
from tests.conftest import MakeFacility
from tests.e2e.science import COLUMNS, FRAMES, ROWS, serving, write_everything


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One database: nothing here is a question of SQL."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "runs").mkdir()
    write_everything(tmp_path / "runs" / "all.nxs")
    return tmp_path / "runs" / "all.nxs"


@pytest.fixture
def run(path: Path, make_facility: MakeFacility) -> Iterator[Dataset]:
    with serving(make_facility()) as (url, token), panmesh.client.connect(url, token) as client:
        [found] = client.datasets.search()
        yield found


INDICES: list[Any] = [
    0,
    -1,
    np.int64(3),
    slice(None),
    slice(2, 9, 3),
    slice(None, None, -1),
    slice(9, 1, -4),
    slice(5, 5),
    slice(-3, None),
    ...,
    (3, 4, 5),
    (..., 5),
    (slice(1, 4), ..., -1),
    (2, ..., slice(None, None, 7)),
    (slice(None, None, 5), slice(3, 30, 9), slice(20, 2, -5)),
    (),
]


def test_every_index_means_what_it_means_to_numpy(run: Dataset, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = run["/entry/data/counts"]
    assert isinstance(array, Array)
    with h5py.File(path) as file:
        here = file["entry/data/counts"][()]
    assert (array.shape, array.dtype, array.ndim, array.size) == (here.shape, here.dtype, 3, here.size)
    assert (array.chunks, array.nbytes, len(array)) == ((1, ROWS, COLUMNS), here.nbytes, FRAMES)
    for most in (inside.MOST, 500):  # 500 bytes: parts of frames, many requests at once
        monkeypatch.setattr(inside, "MOST", most)
        for index in INDICES:
            came = array[index]
            assert type(came) is type(here[index]), index
            np.testing.assert_array_equal(came, here[index], strict=True)
    assert [frame[0, 0] for frame in array] == list(here[:, 0, 0])
    np.testing.assert_array_equal(np.asarray(array), here)
    for wrong in (FRAMES, (0, ROWS), (0, 0, 0, 0), (..., ...), [1, 2], None, True, "x", 1.5, np.array([0, 1])):
        with pytest.raises(IndexError):
            array[wrong]
    with pytest.raises(ValueError, match="zero"):
        array[::0]
    assert array.stats(0)["max"] == here[0].max()


@pytest.mark.parametrize(
    "name", ["big_endian", "flags", "complex", "record", "fixed", "one", "none", "half", "texts", "one_text"]
)
def test_types_come_as_they_are_stored(run: Dataset, path: Path, name: str) -> None:
    with h5py.File(path) as file:
        stored = file[f"entry/kinds/{name}"]
        here = stored.asstr()[()] if stored.dtype.kind == "O" else stored[()]
    array = run[f"entry/kinds/{name}"]
    came = array[...] if name != "one" else array[()]
    if isinstance(here, str):
        assert came == here
        return
    assert came.dtype == here.dtype == array.dtype
    np.testing.assert_array_equal(came, here)
    if here.ndim:
        np.testing.assert_array_equal(array[:1], here[:1])


def test_one_frame_costs_one_request_and_a_large_slice_several(run: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    array = run["/entry/data/counts"]
    asked: list[Any] = []
    whole = run._http.whole
    monkeypatch.setattr(run._http, "whole", lambda ask: (asked.append(ask.request.query), whole(ask))[1])
    array[3]
    assert [query["selection"] for query in asked] == ["3,0:40,0:30"]
    asked.clear()
    monkeypatch.setattr(inside, "MOST", 5 * ROWS * COLUMNS * 2)
    counted: list[int] = []
    came = array.read(slice(1, None), progress=counted.append)
    assert sorted(query["selection"] for query in asked) == ["11:12,0:40,0:30", "1:6,0:40,0:30", "6:11,0:40,0:30"]
    assert sum(counted) == came.nbytes


def test_the_tree_is_walked(run: Dataset) -> None:
    entry = run["/entry"]
    assert isinstance(entry, Group)
    assert list(run) == run.keys() == ["entry"]
    assert {"data", "old", "kinds", "title"} <= set(entry)
    assert entry._ipython_key_completions_() == list(entry)
    assert "/entry/data/counts" in run._ipython_key_completions_()
    assert "/entry/data" in run
    assert "data/counts" in entry
    assert "nothing" not in entry
    assert "/nothing" not in run
    assert dict(run["/entry/data/counts"].attrs) == {"units": "counts", "long_name": "Intensity"}
    assert run["/entry/data/counts"].units == "counts"
    assert run["/entry/data"].attrs["axes"] == ["angle", ".", "x"]
    assert entry["data"]["counts"].shape == (FRAMES, ROWS, COLUMNS)
    tree = run.tree()
    assert "/entry/data/counts" in tree.paths()
    assert "counts  (12, 40, 30) <u2" in repr(tree)
    assert len(run.tree("/entry/data").paths()) == 7
    assert run.hdf5("all.nxs")["entry/kinds/one_text"][()] == "ceria"


def test_what_is_not_there_is_said_with_what_is(run: Dataset) -> None:
    with pytest.raises(NotFound, match="There is no /entry/data/count in this file; /entry/data has counts"):
        run["/entry/data/count"]
    with pytest.raises(KeyError, match="There is no /entri"):
        run["/entri/data/counts"]
    with pytest.raises(NotFound, match="link to /elsewhere/x"):
        run["/entry/kinds/outside"]
    with pytest.raises(NotFound, match=r"nothing\.h5"):
        run.hdf5("nothing.h5")
    with pytest.raises(TypeError, match="path in its file"):
        run[0]  # type: ignore[index]


def test_notebooks_show_it_escaped(run: Dataset) -> None:
    for one in (run, run.tree(), run["/entry"], run["/entry/data/counts"], run.parameters, run.files):
        shown = one._repr_html_()
        assert "<b>CeO2" not in shown
        assert "background" not in shown
        assert "color:#" not in shown
        assert shown.count("<details") == shown.count("</details>")
        assert shown.count("<div") == shown.count("</div>")
    assert "&lt;b&gt;CeO2" in run._repr_html_()
    assert "(12, 40, 30)" in run.tree()._repr_html_()


def test_many_threads_read_at_once(run: Dataset, path: Path) -> None:
    with h5py.File(path) as file:
        here = file["entry/data/counts"][()]
    array, wrong = run["/entry/data/counts"], list[int]()

    def read(first: int) -> None:
        for frame in range(first, FRAMES, 4):
            if not np.array_equal(array[frame], here[frame]):
                wrong.append(frame)

    threads = [threading.Thread(target=read, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
