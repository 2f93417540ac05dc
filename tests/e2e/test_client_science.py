"""What scientists' own libraries make of a run: fsspec, h5py, pandas, xarray, and a plot."""

from __future__ import annotations

import gc
import pickle
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import fsspec
import h5py
import numpy as np
import pandas
import pytest
import xarray

import panmesh.client
from panmesh.client import Dataset
from panmesh.client.filesystem import PanmeshFileSystem
from panmesh.testing.simulator import write_run
from tests.conftest import ROOT, MakeFacility
from tests.e2e.science import COLUMNS, FRAMES, ROWS, X_RAY_POWDER_DIFFRACTION, serving, write_everything


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One database: nothing here is a question of SQL."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def house(tmp_path: Path, make_facility: MakeFacility) -> Iterator[tuple[str, str, Dataset]]:
    """Address, token, and a run with everything."""
    (tmp_path / "runs").mkdir()
    write_everything(tmp_path / "runs" / "all.nxs")
    with serving(make_facility()) as (url, token), panmesh.client.connect(url, token) as client:
        [run] = client.datasets.search()
        yield url, token, run


@pytest.fixture
def filesystem(house: tuple[str, str, Dataset]) -> Iterator[tuple[PanmeshFileSystem, str]]:
    fsspec.register_implementation("panmesh", PanmeshFileSystem, clobber=True)
    url, token, run = house
    PanmeshFileSystem.clear_instance_cache()
    files = fsspec.filesystem("panmesh", host=url.removeprefix("http://"), token=token)
    yield files, f"{files.host}/{run.pid}"
    files.http.close()


def test_the_entry_point_names_the_file_system() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]["fsspec.specs"]["panmesh"]
    module, _, name = told.rpartition(".")
    assert getattr(import_module(module), name) is PanmeshFileSystem


def test_a_file_system_that_is_dropped_closes_its_connection(house: tuple[str, str, Dataset]) -> None:
    url, token, run = house
    files = PanmeshFileSystem(host=url.removeprefix("http://"), token=token, skip_instance_cache=True)
    assert files.ls(f"{files.host}/{run.pid}")
    opened = files.http._client
    assert opened is not None
    assert not opened.is_closed
    del files
    gc.collect()
    assert opened.is_closed


def test_what_one_process_has_another_one_goes_on_with(house: tuple[str, str, Dataset]) -> None:
    """dask and multiprocessing pack what they send to their workers."""
    url, token, run = house
    file = run.open("all.nxs")
    file.seek(1)
    with panmesh.client.connect(url, token) as client:
        assert len(client.datasets.search()) == 1  # its line is open
        whole = run.to_xarray()
        packed = pickle.dumps((client.datasets.search(), run, run.files, run["/"], file, whole))
    found, again, files, root, opened, lazily = pickle.loads(packed)
    assert [one.pid for one in found] == [again.pid] == [run.pid]
    assert [one.name for one in files] == ["all.nxs"]
    assert list(root) == list(run["/"])
    assert opened.read(3) == b"HDF"
    assert whole.equals(lazily)


def test_a_file_system_says_where_the_facility_goes_and_that_it_is_read_only(house: tuple[str, str, Dataset]) -> None:
    url, token, run = house
    fsspec.register_implementation("panmesh", PanmeshFileSystem, clobber=True)
    host = url.removeprefix("http://")
    for address, more in ((f"{run.pid}/all.nxs", {"host": host}), (f"/{run.pid}/all.nxs", {}), (f"{run.pid}/all.nxs", {})):
        with pytest.raises(ValueError, match=f"in the address itself: panmesh://{more.get('host', 'data.example.org')}/pm-"):
            fsspec.open(f"panmesh://{address}", token=token, **more)
    address = f"panmesh://{host}/{run.pid}/all.nxs"
    with fsspec.open(address, host=host, token=token, cache_type="all") as file, h5py.File(file) as h5:
        assert list(h5)
    files = fsspec.filesystem("panmesh", host=host, token=token)
    for change in (files.rm, files.mkdir, files.makedirs, files.touch):
        with pytest.raises(NotImplementedError, match="read only"):
            change(address)


def test_a_run_is_a_folder(filesystem: tuple[PanmeshFileSystem, str], tmp_path: Path) -> None:
    files, at = filesystem
    content = (tmp_path / "runs" / "all.nxs").read_bytes()
    assert files.ls(at, detail=False) == [f"{at}/all.nxs"]
    assert files.ls(f"panmesh://{at}/all.nxs")[0]["size"] == len(content)
    assert (files.isdir(at), files.isfile(at), files.isfile(f"{at}/all.nxs"), files.isdir(f"{at}/all.nxs")) == (
        True,
        False,
        True,
        False,
    )
    assert files.exists(f"{at}/all.nxs")
    assert not files.exists(f"{at}/nothing.nxs")
    assert not files.exists(f"{files.host}/pm-0000000000000000")
    assert files.find(at) == files.glob(f"{at}/*.nxs") == [f"{at}/all.nxs"]
    assert [(folder, list(names)) for folder, _, names in files.walk(at)] == [(at, ["all.nxs"])]
    assert files.cat_file(f"{at}/all.nxs", 10, 30) == content[10:30]
    assert files.cat_file(f"{at}/all.nxs", -30, -10) == content[-30:-10]
    assert files.cat(f"{at}/all.nxs") == content
    found = files.cat_ranges([f"{at}/all.nxs"] * 2 + [f"{at}/no"], [0, 5, 0], [4, 4000, 1])
    assert found[:2] == [content[:4], content[5:4000]]
    assert isinstance(found[2], FileNotFoundError)
    with pytest.raises(FileNotFoundError):
        files.cat_ranges([f"{at}/no"], [0], [4], on_error="raise")
    for wrong in (files.host, f"{at}/no", "other.example.org/pm-1/x"):
        with pytest.raises(FileNotFoundError):
            files.ls(wrong)
    with pytest.raises(NotImplementedError, match="read only"):
        files.open(f"{at}/new", "wb")
    with pytest.raises(IsADirectoryError):
        files.open(at)


def test_folders_in_a_run_are_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("a/b/c.csv", "a/d.csv", "e.csv", "a b/ü%.csv")
    listed = [panmesh.client.File(name, 3, None, "online", None) for name in names]
    files = PanmeshFileSystem(host="facility.example.org", skip_instance_cache=True)
    monkeypatch.setattr(files, "_page", lambda pid, offset, limit: (listed[offset:], len(listed)))
    at = "facility.example.org/pm-1"
    assert files.ls(at, detail=False) == [f"{at}/a", f"{at}/a b", f"{at}/e.csv"]
    assert files.ls(f"{at}/a", detail=False) == [f"{at}/a/b", f"{at}/a/d.csv"]
    assert files.find(at) == sorted(f"{at}/{name}" for name in names)
    assert files.glob(f"{at}/**/*.csv") == sorted(f"{at}/{name}" for name in names)
    assert files.isdir(f"{at}/a/b")
    assert files.du(at) == 12
    assert files.http.url == "https://facility.example.org"
    of_url = PanmeshFileSystem._get_kwargs_from_urls(f"panmesh://{at}/e.csv")
    assert PanmeshFileSystem(**of_url, skip_instance_cache=True).host == "facility.example.org"


def test_an_open_file_reads_like_a_file(filesystem: tuple[PanmeshFileSystem, str], tmp_path: Path) -> None:
    files, at = filesystem
    with files.open(f"{at}/all.nxs", block_size=5000) as far, (tmp_path / "runs" / "all.nxs").open("rb") as near:
        random = np.random.default_rng(3)
        for _ in range(60):
            place, count = int(random.integers(0, 90_000)), int(random.integers(0, 9000))
            far.seek(place), near.seek(place)
            assert far.read(count) == near.read(count)
            assert far.tell() == near.tell()
    with files.open(f"{at}/all.nxs") as far, h5py.File(far) as file:
        assert file["entry/data/counts"].shape == (FRAMES, ROWS, COLUMNS)
    with h5py.File(tmp_path / "runs" / "all.nxs") as file, files.open(f"{at}/all.nxs") as far, h5py.File(far) as distant:
        assert np.array_equal(distant["entry/data/counts"][7], file["entry/data/counts"][7])


def test_a_file_that_changes_while_it_is_open_is_no_mixture(filesystem: tuple[PanmeshFileSystem, str], tmp_path: Path) -> None:
    files, at = filesystem
    path = tmp_path / "runs" / "all.nxs"
    with files.open(f"{at}/all.nxs", block_size=1000, cache_type="none") as far:
        far.read(100)
        path.write_bytes(path.read_bytes()[::-1])
        with pytest.raises(OSError, match="changed since you opened it"):
            far.read(100)


def test_pandas_reads_a_table_by_its_address(house: tuple[str, str, Dataset], tmp_path: Path) -> None:
    fsspec.register_implementation("panmesh", PanmeshFileSystem, clobber=True)
    url, token, run = house
    host = url.removeprefix("http://")
    with pytest.raises(FileNotFoundError):
        pandas.read_csv(f"panmesh://{host}/{run.pid}/table.csv", storage_options={"token": token})
    with h5py.File(fsspec.open(f"panmesh://{host}/{run.pid}/all.nxs", token=token).open()) as file:
        assert "entry" in file
    with pytest.raises((FileNotFoundError, PermissionError)):
        fsspec.open(f"panmesh://{host}/{run.pid}/all.nxs", token=None).open()


def test_xarray_knows_axes_errors_and_units(
    house: tuple[str, str, Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, run = house
    with h5py.File(tmp_path / "runs" / "all.nxs") as file:
        counts, errors = file["entry/data/counts"][()], file["entry/data/counts_errors"][()]
    asked: list[Any] = []
    whole = run._http.whole
    monkeypatch.setattr(run._http, "whole", lambda ask: (asked.append(ask.request.query), whole(ask))[1])
    found = run.to_xarray()
    assert isinstance(found, xarray.Dataset)
    assert found.sizes == {"angle": FRAMES, "dim_1": ROWS, "dim_2": COLUMNS, "x_edges": COLUMNS + 1}
    assert found.counts.dims == ("angle", "dim_1", "dim_2")
    assert found.counts.dtype == np.uint16
    assert found.counts.attrs == {"units": "counts", "long_name": "Intensity"}
    assert found.angle.attrs["units"] == "deg"
    assert found.temperature.dims == ("angle", "dim_1")
    assert found.attrs["pid"] == run.pid
    assert found.attrs["title"] == "Map"
    assert not any("counts" in query["path"] and "selection" in query for query in asked), "numbers come when they are used"
    asked.clear()
    frame = found.counts.sel(angle=5.1, method="nearest").values
    np.testing.assert_array_equal(frame, counts[5])
    assert [query["selection"] for query in asked] == ["5,0:40,0:30"]
    np.testing.assert_array_equal(found.counts[::-2, 3].values, counts[::-2, 3])
    np.testing.assert_array_equal(found.counts[[1, 4], :, 2].values, counts[[1, 4], :, 2])
    np.testing.assert_allclose(found.counts_errors.values, errors)
    np.testing.assert_array_equal(found.twice[0].values, counts[0].astype("u4") * 2)


def test_the_older_conventions_are_known(house: tuple[str, str, Dataset]) -> None:
    _, _, run = house
    old, older = run.to_xarray("/entry/old"), run.to_xarray("/entry/older")
    assert list(old.y.values) == [0, 1, 4, 9, 16]
    assert old.two_theta.attrs["units"] == "degree"
    assert older.z.dims == ("slow", "fast")
    assert list(older.slow.values) == [10, 20]
    with pytest.raises(TypeError, match="NXdata group"):
        run.to_xarray("/entry/data/counts")
    with pytest.raises(panmesh.client.NotFound, match="no NXdata"):
        run.to_xarray("/entry/kinds")


def test_a_curve_of_cansas_has_q_and_its_uncertainties(house: tuple[str, str, Dataset]) -> None:
    found = house[2].to_xarray("/entry/sas")
    assert (found.I.dims, list(found.Q.values), list(found.I_errors.values)) == (("Q",), [0.0, 1.0, 2.0, 3.0], [0.5] * 4)


def test_what_is_written_as_a_list_of_one_is_that_one(house: tuple[str, str, Dataset]) -> None:
    assert house[2].to_xarray("/entry/lists").v.dims == ("dim_0", "dim_1", "q")


def test_a_signal_that_lies_elsewhere_is_named(house: tuple[str, str, Dataset]) -> None:
    with pytest.raises(panmesh.client.NotFound, match="'counts', is not among the files of this run"):
        house[2].to_xarray("/entry/away")


def test_the_older_way_of_a_library_that_is_missing_is_said(
    house: tuple[str, str, Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, run = house
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ModuleNotFoundError, match=r"python -m pip install xarray.*panmesh\[science\]"):
        run.to_xarray()


def test_a_plot_is_a_picture_where_matplotlib_is_not(house: tuple[str, str, Dataset]) -> None:
    _, _, run = house
    picture = run.plot()
    assert picture.png.startswith(b"\x89PNG")
    assert "Map" in picture._repr_html_()
    assert "data:image/png;base64," in picture._repr_html_()
    assert run["/entry/data/counts"].plot((0, ..., 5)).png != picture.png
    assert run.plot("/entry/old").png.startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="one line or one image"):
        run.plot(key=...)


class _Axes:
    """What a plot asks of matplotlib."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {}
        self.figure = self

    def __getattr__(self, name: str) -> Any:
        def note(*values: Any, **_: Any) -> None:
            self.said[name] = values

        return note


def test_with_matplotlib_axes_have_names_and_units(house: tuple[str, str, Dataset], monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, run = house
    axes = _Axes()
    assert run.plot("/entry/old", ax=axes) is axes
    x, y = axes.said["plot"]
    assert (list(x), list(y)) == ([0, 1, 2, 3, 4], [0, 1, 4, 9, 16])
    assert axes.said["set_xlabel"] == ("two_theta [degree]",)
    image = run.plot(ax=_Axes(), key=(2, slice(None), slice(None)))
    assert image.said["pcolormesh"][2].shape == (ROWS, COLUMNS)
    assert "Intensity [counts]" in image.said["set_title"][0]
    pyplot = ModuleType("matplotlib.pyplot")
    pyplot.subplots = lambda: (None, axes)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", pyplot)
    monkeypatch.setattr("panmesh.client.plotting.find_spec", lambda name: name)
    assert run["/entry/older/z"].plot(ax=None) is axes


def test_a_technique_is_found_by_label_synonym_pid_and_what_is_broader(house: tuple[str, str, Dataset]) -> None:
    url, token, run = house
    with panmesh.client.connect(url, token) as client:
        found = client.datasets.search(technique="x-ray powder diffraction", incident_energy=("10 keV", "20 keV"))
        assert [one.pid for one in found] == [run.pid]
        assert client.datasets.count(technique="x-ray powder diffraction", incident_energy=("20 keV", "30 keV")) == 0
        technique = client.techniques("x-ray powder", 1)[0]
        assert technique.pid == X_RAY_POWDER_DIFFRACTION
        facet = client.datasets.search().facets("technique")["technique"][0]
        broader = (
            "X-Ray Powder Diffraction",
            "XPD",
            technique.pid,
            technique,
            facet,
            "powder diffraction",
            ["tomography", "XPD"],
        )
        for spelt in broader:
            assert client.datasets.count(technique=spelt, incident_energy=("12000 eV", "13000 eV")) == 1, spelt
        assert client.datasets.count(technique="neutron powder diffraction") == 0
        assert str(client.datasets.search("XPD")).startswith("1 run\n")
        misspelt = client.datasets.search(incident_enrgy=("10 keV", "20 keV"))
        assert repr(misspelt) == "0 runs\nNo run that you may read has 'incident_enrgy'; did you mean 'incident_energy'?"
        assert "did you mean &#x27;incident_energy&#x27;?" in misspelt._repr_html_()
        assert repr(client.datasets.search(incident_energy=("20 keV", "30 keV"))) == "0 runs"
        with pytest.raises(panmesh.client.Invalid, match="PaNET has no technique"):
            client.datasets.count(technique="x-ray powder difraction")


def test_forty_runs_are_one_frame(tmp_path: Path, make_facility: MakeFacility) -> None:
    from datetime import UTC, datetime, timedelta

    (tmp_path / "runs").mkdir()
    for number in range(40):
        write_run(tmp_path / "runs", number, datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=number))
    with serving(make_facility()) as (url, token), panmesh.client.connect(url, token) as client:
        runs = client.datasets.search(technique="powder diffraction", incident_energy=("10 keV", "30 keV"), sort="start")
        frame = runs.to_pandas()
        assert len(frame) == len(runs) == 40
        assert frame["temperature [K]"].dtype == float
        assert frame["start"].is_monotonic_increasing
        chosen = runs.to_pandas(parameters=["temperature", "nothing"])
        assert [name for name in chosen.columns if "[" in name] == ["temperature [K]"]
        assert chosen["nothing"].isna().all()
        halves = client.datasets.count(incident_energy=("25 keV", None)), client.datasets.count(incident_energy=(None, "25 keV"))
        assert halves == (40, 40)
        facets = runs.facets("sample", "state")
        assert sum(one.count for one in facets["sample"]) == 40
        assert client.datasets.count(sample=facets["sample"][0]) == facets["sample"][0].count
        assert set(runs.facets()) >= {"technique", "instrument"}
        assert len(facets.to_pandas()) == sum(map(len, facets.values()))
        assert [len(page) for page in runs.pages()] == [40]
        parameters = runs[0].parameters.to_pandas()
        assert parameters.loc["temperature", "unit"] == "K"
        with pytest.raises(KeyError, match="it has"):
            runs[0].parameters["temperatur"]
        empty = client.datasets.search("nothing of this name").to_pandas()
        assert len(empty) == 0
        assert "title" in empty.columns
