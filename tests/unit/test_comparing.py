"""What differs between runs, in one unit; and their curves in one drawing."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panmesh.access.terms import State
from panmesh.catalogue.comparing import compare, ordered
from panmesh.catalogue.model import AccessView, DatasetKind, DatasetSummary, Origin, ParameterView
from panmesh.ingest.plot import Axis, PlotData
from panmesh.kernel.pid import Pid
from panmesh.portal.overlay import OVERLAYS, Curve, Look, draw_overlay, fitting


def _quantity(name: str, value: float | str | None, unit: str | None, low: float | None = None, high: float | None = None) -> Any:
    return ParameterView(name=name, label=name, unit=unit, value=value, minimum=low, maximum=high)


def _run(*parameters: ParameterView) -> DatasetSummary:
    return DatasetSummary(
        id=1, pid=Pid("pm-1"), title="t", kind=DatasetKind.RAW, origin=Origin.NATIVE, start_us=None, end_us=None, created_us=0,
        facility="f", facility_name="F", source=None, facility_zone="UTC", instrument=None, instrument_key=None, investigation=None,
        visit_id=None, proposal=None, techniques=(), parameters=parameters,
        access=AccessView(state=State.OPEN, opens_us=None, readable=frozenset()),
    )  # fmt: skip


def test_the_same_in_another_unit_is_the_same() -> None:
    table = compare([_run(_quantity("incident_energy", 12.0, "keV")), _run(_quantity("incident_energy", 12000.0, "eV"))])
    assert [row.name for row in table.differing] == []
    assert [(row.name, row.unit) for row in table.common] == [("kind", None), ("incident_energy", "keV")]


def test_what_differs_is_said_in_the_unit_of_the_first() -> None:
    table = compare([_run(_quantity("temperature", 300.0, "K")), _run(_quantity("temperature", 0.4, "kK")), _run()])
    (row,) = table.differing
    assert (row.unit, [cell and cell.value for cell in row.cells]) == ("K", [300.0, pytest.approx(400.0), None])


def test_what_has_no_common_unit_keeps_its_own() -> None:
    table = compare(
        [_run(_quantity("position", 1.0, "mm")), _run(_quantity("position", 1.0, "deg")), _run(_quantity("position", 1.0, None))]
    )
    assert [cell and cell.unit for cell in table.differing[0].cells] == [None, "deg", "no unit"]


@given(
    st.lists(st.tuples(st.sampled_from(("K", "degC", "eV", None)), st.one_of(st.none(), st.floats(-500, 500))), max_size=8),
    st.booleans(),
)
def test_runs_are_put_in_order_by_one_quantity_and_those_without_it_come_last(
    said: list[tuple[str | None, float | None]], descending: bool
) -> None:
    runs = [
        replace(_run(*([_quantity("temperature", value, unit)] if value is not None else [])), pid=Pid(f"pm-{i}"))
        for i, (unit, value) in enumerate(said)
    ]
    found = ordered(runs, "temperature", descending=descending)
    assert sorted(run.pid for run in found) == sorted(run.pid for run in runs)
    cells = next((row.cells for row in (*compare(found).differing, *compare(found).common) if row.name == "temperature"), ())
    values = [cell.value for cell in cells if cell is not None and cell.unit is None]
    assert ordered(runs, "nothing") == tuple(runs)
    if found and found[0].parameters and runs[0].parameters and found[0].parameters[0].unit == runs[0].parameters[0].unit:
        assert values == sorted(values, reverse=descending)  # type: ignore[type-var]
    without = [not run.parameters for run in found]
    assert without[len(values) :].count(False) + len(values) == without.count(False)


def test_a_scan_and_a_point_differ() -> None:
    table = compare([_run(_quantity("theta", None, "deg", 1.0, 2.0)), _run(_quantity("theta", 1.0, "deg"))])
    assert [row.name for row in table.differing] == ["theta"]


def _curve(number: int, units: str | None = "deg", values: tuple[float | None, ...] = (1.0, 3.0, 2.0)) -> Curve:
    axis = Axis(label="two theta", units=units, values=tuple(float(i) for i in range(len(values))))
    plot = PlotData(
        kind="line", shape=(len(values),), frame=None, rows=1, columns=len(values), values=values, low=None, high=None,
        label="counts", units="counts", axes=(axis,),
    )  # fmt: skip
    return Curve(number=number, title=f"run {number} <&>", plot=plot)


def test_curves_share_an_axis_and_its_unit() -> None:
    kept, left = fitting([_curve(1), _curve(2, "rad"), _curve(3, "nm"), _curve(4, None)])
    assert [curve.number for curve in kept] == [1, 2]
    assert kept[1].plot.axes[0].values[1] == pytest.approx(57.29577951)
    assert [(one.number, "axis" in one.why) for one in left] == [(3, True), (4, True)]


@pytest.mark.parametrize("size", ["wide", "narrow"])
def test_twenty_curves_are_drawn_with_their_legend(size: str) -> None:
    kept, left = fitting([*(_curve(n) for n in range(1, 21)), _curve(21, "nm")])
    drawn = ET.fromstring(draw_overlay(kept, left, Look(), OVERLAYS[size]))
    lines = drawn.findall(".//{http://www.w3.org/2000/svg}polyline")
    texts = [t.text or "" for t in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert len(lines) == 20
    assert len({(line.get("class"), line.get("stroke-dasharray")) for line in lines}) == 20
    assert sum(text.startswith("21  not drawn") for text in texts) == 1
    assert any(text == "20  run 20 <&>" for text in texts)


@given(
    st.lists(st.lists(st.none() | st.floats(allow_nan=False), max_size=30), max_size=4),
    st.builds(Look, logarithmic=st.booleans(), normalised=st.booleans(), apart=st.booleans()),
)
def test_any_numbers_are_drawn(values: list[list[float | None]], look: Look) -> None:
    kept, left = fitting([replace(_curve(n, values=tuple(one)), number=n) for n, one in enumerate(values, 1)])
    text = draw_overlay(kept, left, look)
    ET.fromstring(text)
    assert "nan" not in text.partition("<polyline")[2]
    assert "inf" not in text.partition("<polyline")[2]
