"""The parts of a run's page that are decided from values alone: frames, what changed, folders, which files can be looked into."""

from __future__ import annotations

import math
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from panmesh.adapters.hdf5.preview import MAX_POINTS, read_preview, read_series
from panmesh.catalogue.model import FileState, FileView
from panmesh.ingest.plot import PlotData, Series
from panmesh.ingest.reader import ReadLimits
from panmesh.portal.changing import ALL, SHOWN, Changing, changing
from panmesh.portal.file_tree import Folder, as_tree
from panmesh.portal.frames import stack_of
from panmesh.portal.looking import begins_at
from panmesh.portal.plots import draw
from panmesh.portal.run_parameters import grouped
from panmesh.portal.sparklines import draw_changes, extent

LIMITS = ReadLimits()


def _plot(shape: tuple[int, ...], axes: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"group": "/", "signal": "/data", "axes": axes, "shape": shape, "units": None, "title": None, "marking": "guess"}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=0, max_size=3), st.integers(0, 80))
def test_the_frame_that_is_named_is_the_frame_that_is_read(before: list[int], number: int) -> None:
    """Also where the stack has several dimensions, or some of length one; beyond the end it is the last."""
    shape = (*before, 2, 3)
    count = math.prod(before)
    stack = np.broadcast_to(np.arange(count, dtype="f8").reshape((*before, 1, 1)), shape)
    facts = {"plot": _plot(shape)}
    shown = stack_of(facts, str(number))
    with _file_with(stack) as path:
        frame = read_preview(path, _plot(shape), LIMITS, (), shown.index if shown else None)
    if shown is None:
        assert count == 1
    else:
        assert shown.count == count
        assert 1 <= shown.shown <= count
        assert set(frame.values) == {float(shown.index)}
        assert (frame.frame or "").count(" of ") == sum(n > 1 for n in before)
        assert (shown.before is None) == (shown.shown == 1)
        assert (shown.after is None) == (shown.shown == count)


@contextmanager
def _file_with(values: Any) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/run.h5"
        with h5py.File(path, "w") as file:
            file["data"] = values
        yield path


@pytest.mark.parametrize("asked", [None, "", "x", "-1", "9" * 40, "٣"])
def test_without_a_sensible_number_the_middle_is_shown(asked: str | None) -> None:
    stack = stack_of({"plot": _plot((7, 40, 60))}, asked)
    assert stack is not None
    assert stack.shown == 4


def test_a_curve_and_a_single_image_are_no_stack() -> None:
    for shape in ((), (100,), (1, 40, 60), (40, 1, 60), (1, 1)):
        assert stack_of({"plot": _plot(shape)}, None) is None
    assert stack_of(None, None) is None


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 9000), st.integers(0, 2**31))
def test_thinning_keeps_the_lowest_and_the_highest(length: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=length)
    values[seed % length] = np.nan
    with _file_with(values) as path:
        plot = read_preview(path, _plot((length,)), LIMITS)
        series = read_series(path, ["/data", "/nothing"], LIMITS)
    assert [one.path for one in series] == ["/data"]
    for kept, most in ((plot.values, MAX_POINTS), (series[0].values, 240)):
        known = [v for v in kept if v is not None]
        assert len(kept) <= max(most, 2)
        if len(known) > 1:
            assert (min(known), max(known)) == (np.nanmin(values), np.nanmax(values))


def _quantity(path: str, count: int, canonical: str | None = None, low: float = 0.0, high: float = 1.0) -> dict[str, Any]:
    name = "/".join(path.strip("/").split("/")[1:])
    return {"path": path, "name": name, "count": count, "minimum": low, "maximum": high, "canonical": canonical, "unit": "K"}


def test_what_goes_along_with_the_scan_is_named_and_what_describes_the_instrument_is_not() -> None:
    facts = {
        "plot": _plot((9, 40, 60), ("/entry/data/angle", "", "")) | {"signal": "/entry/data/counts"},
        "quantities": [
            _quantity("/entry/data/counts", 21600),
            _quantity("/entry/data/angle", 9),
            _quantity("/entry/sample/temperature", 9, "temperature"),
            _quantity("/entry/monitor/data", 9, "monitor_counts", 5, 9),
            _quantity("/entry/instrument/detector/x_pixel_offset", 9),
            _quantity("/entry/sample/unit_cell", 9),
            _quantity("/entry/logs/pressure_log/value", 800, "pressure", 2, 3),
            _quantity("/entry/instrument/detector/polar_angle", 60, "two_theta"),
            _quantity("/entry/sample/field", 9, None, 4, 4),
        ],
    }
    assert [one.path.split("/")[-1] for one in changing(facts)] == ["angle", "temperature", "data", "value"]


def test_a_spectrum_is_no_scan() -> None:
    """A detector's angles are as many as its counts, and did not change."""
    facts = {
        "plot": _plot((3600,), ("/entry/data/polar_angle",)) | {"signal": "/entry/data/data"},
        "quantities": [
            _quantity("/entry/instrument/detector/polar_angle", 3600, "two_theta"),
            _quantity("/entry/data/polar_angle", 3600, "two_theta"),
            _quantity("/entry/data/data", 3600),
            _quantity("/entry/data/data_errors", 3600),
        ],
    }
    assert changing(facts) == ()
    assert changing(None) == changing({}) == ()


def test_as_many_as_asked_for_are_drawn_and_what_cannot_be_read_is_said() -> None:
    facts = {"plot": _plot((7,)), "quantities": [_quantity(f"/entry/m{i}", 7, None, i, i + 1.5) for i in range(40)]}
    assert len(changing(facts)) == SHOWN
    assert len(changing(facts, ALL)) == 40
    chosen = changing(facts)
    read = {"/entry/m0": Series(path="/entry/m0", values=(1.0, None, 3.0, math.inf))}
    for size in ("wide", "narrow"):
        drawing = draw_changes(chosen, read, size)
        assert drawing.count("cannot be read") == SHOWN - 1
        assert f'viewBox="0 0 {extent(SHOWN, size)[0]} {extent(SHOWN, size)[1]}"' in drawing


def test_large_numbers_are_whole_with_their_unit_on_a_phone_too() -> None:
    monitor = Changing(path="/m", name="monitor_counts", unit="counts", minimum=990374, maximum=1010000, count=9)
    for size in ("wide", "narrow"):
        assert "990\u202f374 … 1\u202f010\u202f000 counts<" in draw_changes([monitor], {}, size)


def _file(name: str) -> FileView:
    return FileView(name=name, size=1, modified_us=0, sha256=None, blake3=None, crc32=None, adler32=None, state=FileState.ONLINE)


_PARTS = st.text("ab.", min_size=1, max_size=3)


@settings(max_examples=50, deadline=None)
@given(st.sets(st.lists(_PARTS, min_size=1, max_size=4).map("/".join), max_size=20))
def test_every_file_is_in_the_tree_once_under_its_own_name(names: set[str]) -> None:
    tree = as_tree([_file(name) for name in sorted(names)])
    seen = list(_walked(tree, ""))
    assert sorted(seen) == sorted(names)
    assert tree.count == tree.total_bytes == len(names)


@settings(max_examples=50, deadline=None)
@given(st.sets(st.lists(_PARTS, min_size=1, max_size=4).map("/".join), min_size=1, max_size=20), st.integers(1, 10))
def test_a_folder_is_counted_only_where_all_of_it_is_on_the_page(names: set[str], length: int) -> None:
    everything = sorted(names)
    for start in range(0, len(everything), length):
        shown = everything[start : start + length]
        tree = as_tree([_file(name) for name in shown], before=start > 0, after=start + length < len(everything))
        for folder in _folders(tree):
            whole = sum(name.startswith(folder.path) for name in everything)
            assert folder.cut or folder.count == whole
            if whole > folder.count:
                assert folder.cut


def _folders(folder: Folder) -> Any:
    for one in folder.folders:
        yield one
        yield from _folders(one)


def _walked(folder: Folder, above: str) -> Any:
    assert folder.path == above
    yield from (above + name for name, _ in folder.files)
    for inner in folder.folders:
        yield from _walked(inner, f"{above}{inner.name}/")


def test_a_parameter_is_found_by_its_name_here_or_in_the_file() -> None:
    facts = {"quantities": [_quantity("/entry/sample/T_stage", 1, "temperature"), _quantity("/entry/monitor/mode", 1)]}
    for word in ("temperature", "t_STAGE", "sample"):
        assert [place for place, _ in grouped(facts, word)] == ["sample"]
    assert grouped(facts, "nothing") == []
    assert len(grouped(facts, None)) == 2


def test_the_viewer_begins_where_the_page_draws() -> None:
    marked = {"group": "/entry/data", "signal": "/entry/data/counts", "marking": "default chain"}
    assert begins_at(marked, "/entry") == "/entry/data"
    assert begins_at(_plot((5,)), None) == "/data"
    assert (begins_at({}, "/entry"), begins_at({}, None)) == ("/entry", "/")


def _drawn(plot: PlotData) -> tuple[str, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """The drawing, and the pixels of the picture in it."""
    svg = draw(plot)
    return svg, np.asarray(Image.open(BytesIO(b64decode(svg.split("data:image/png;base64,")[1].split('"')[0]))))


def _image(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], kind: str = "image") -> PlotData:
    return PlotData(
        kind=kind,
        shape=values.shape,
        frame=None,
        rows=values.shape[0],
        columns=values.shape[1],
        values=tuple(values.reshape(-1).tolist()),
        low=float(np.percentile(values, 1)),
        high=float(np.percentile(values, 99)),
        label="counts",
        units="counts",
    )


def test_colours_are_logarithmic_where_few_pixels_counted_a_thousand_times_what_most_did() -> None:
    values = np.full((40, 60), 3.0)
    values[0, :30], values[0, 30:], values[10, 20], values[11, 21] = 0.0, -1.0, 5e5, 3e3
    svg, pixels = _drawn(_image(values))
    assert "logarithmic colours" in svg
    assert "10⁵" in svg
    zero, usual, bright, brightest = (pixels[39 - row, column].tolist() for row, column in ((0, 40), (5, 5), (11, 21), (10, 20)))
    assert zero == usual  # as dark as the darkest that counted
    assert len({tuple(one) for one in (usual, bright, brightest)}) == 3
    for even in (np.minimum(values, 100.0), values - 10.0):  # nothing to spread, and differences around zero
        assert "logarithmic" not in draw(_image(even))


def test_an_image_of_colours_has_its_colours_and_its_first_row_at_the_top() -> None:
    values = np.zeros((4, 6, 3))
    values[0, :, 0], values[:, :, 2] = 255.0, 51.0
    svg, pixels = _drawn(replace(_image(values, "colours"), low=0.0, high=255.0))
    assert pixels[0, 0].tolist() == [255, 0, 51, 255]
    assert pixels[3, 5].tolist() == [0, 0, 51, 255]
    assert "linearGradient" not in svg
    assert stack_of({"plot": _plot((4, 6, 3)) | {"interpretation": "rgb-image"}}, None) is None
