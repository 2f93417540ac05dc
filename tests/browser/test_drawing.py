"""Plots before any browser sees them: whatever numbers a file has, the drawing is whole, and its axes can be read."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panmesh.ingest.plot import Axis, PlotData
from panmesh.portal.plots import SIZES, draw

NUMBER = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-5, 5).map(float))
TEXT = st.text(max_size=12)


def _line(
    x: list[float | None], y: list[float | None], label: str = "I", units: str | None = "counts", name: str = "q"
) -> PlotData:
    axis = Axis(label=name, units="1/angstrom", values=tuple(x))
    return PlotData(
        kind="line", shape=(len(y),), frame=None, rows=1, columns=len(y), values=tuple(y), low=None, high=None,
        label=label, units=units, axes=(axis,),
    )  # fmt: skip


def _image(rows: int, columns: int, values: list[float | None], axes: tuple[Axis, ...] = ()) -> PlotData:
    good = [v for v in values if v is not None]
    return PlotData(
        kind="image", shape=(rows, columns), frame="2 of 3", rows=rows, columns=columns, values=tuple(values),
        low=min(good, default=None), high=max(good, default=None), label="data", units="counts", axes=axes, title="A <title> & more",
    )  # fmt: skip


def _ticks(svg: str) -> list[str]:
    return re.findall(r'<text class="t" text-anchor="middle"[^>]*>([^<]*)<', svg)


@given(st.lists(st.tuples(NUMBER, NUMBER), max_size=40), TEXT, st.sampled_from(sorted(SIZES)))
def test_any_line_is_a_whole_drawing(points: list[tuple[float | None, float | None]], label: str, size: str) -> None:
    drawn = draw(_line([a for a, _ in points], [b for _, b in points], label), SIZES[size])
    ET.fromstring(drawn)
    assert not re.search(r'="[^"]*\b(nan|inf)\b', drawn)


@given(st.integers(1, 4), st.integers(1, 4), st.lists(NUMBER, min_size=16, max_size=16), st.lists(NUMBER, min_size=4, max_size=4))
def test_any_image_is_a_whole_drawing(rows: int, columns: int, values: list[float | None], along: list[float | None]) -> None:
    axes = (Axis(label="y", units="mm", values=tuple(along[:rows])), Axis(label="x", units="mm", values=tuple(along[:columns])))
    for size in SIZES.values():
        ET.fromstring(draw(_image(rows, columns, values[: rows * columns], axes), size))


@pytest.mark.parametrize("middle", [0.970193794, 25_000.0, 1.7e9, 1e-7])
def test_ticks_differ_from_one_another(middle: float) -> None:
    step = middle * 1e-7
    ticks = _ticks(draw(_line([middle + i * step for i in range(100)], [float(i) for i in range(100)])))
    assert len(ticks) == len(set(ticks)) >= 3


def test_an_axis_that_stood_still_is_replaced_by_the_number_of_the_point() -> None:
    drawn = draw(_line([0.97, 0.97 + 1e-16, 0.97, 0.97 - 1e-16], [1.0, 2.0, 3.0, 4.0]))
    assert ">point<" in drawn
    assert "polyline" in drawn


def test_points_that_wander_are_dots() -> None:
    assert "polyline" not in draw(_line([1.0, 3.0, 2.0, 4.0], [1.0, 2.0, 3.0, 4.0]))


def test_decades_get_a_logarithmic_scale_and_zeros_do_not() -> None:
    falling = [10.0 ** (6 - i / 10) for i in range(60)]
    assert "10⁵" in draw(_line([float(i + 1) for i in range(60)], [*falling]))
    assert "×10⁶" in draw(_line([float(i + 1) for i in range(61)], [*falling, 0.0]))


def test_rings_stay_round() -> None:
    """One unit on both axes: as long across as upwards; different units fill the room."""
    spaced = tuple(float(i) for i in range(20))
    for units, square in (("mm", True), ("s", False)):
        axes = (Axis(label="y", units="mm", values=spaced), Axis(label="x", units=units, values=spaced))
        frame = re.search(r'<image[^>]*width="(\d+)" height="(\d+)"', draw(_image(20, 20, [float(i) for i in range(400)], axes)))
        assert frame is not None
        assert (frame[1] == frame[2]) == square


def test_units_are_printed_as_people_write_them() -> None:
    assert "q (Å⁻¹)" in draw(_line([1.0, 2.0], [1.0, 2.0]))


def test_the_pixels_of_an_image_are_counted_as_in_the_file() -> None:
    axes = tuple(Axis(label="", units=None, values=(), count=count) for count in (30, 4000))
    ticks = _ticks(draw(_image(3, 4, [float(i) for i in range(12)], axes)))
    assert "4000" in ticks


def test_each_point_has_its_uncertainty_as_a_bar() -> None:
    plot = replace(_line([1.0, 2.0, 3.0, 4.0], [1.0, 10.0, 100.0, 1e5]), errors=(2.0, None, 10.0, 1e4))
    [bars] = re.findall(r'<path class="e" d="([^"]*)"', draw(plot))
    assert bars.count("M") == 3
    assert max(float(end) for end in re.findall(r"V([\d.]+)", bars)) == SIZES["wide"].height - SIZES["wide"].bottom
    assert 'class="e"' not in draw(plot, SIZES["thumb"])


def test_a_long_name_that_ends_in_its_unit_has_it_once() -> None:
    drawn = draw(_line([1.0, 2.0], [1.0, 2.0], name="wavelength (angstrom)"))
    assert ">wavelength (angstrom) <" in drawn or ">wavelength (angstrom)<" in drawn
