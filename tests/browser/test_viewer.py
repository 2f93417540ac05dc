"""The viewer in the page of a run: drawn by the real h5web over the server's own routes, for whoever may read the data and for nobody else."""

from __future__ import annotations

import os
from typing import Any

import pytest
from playwright.sync_api import expect

from panmesh.portal.looking import ISLAND
from panmesh.testing.browser import Faults
from tests.browser.conftest import OpenPage
from tests.browser.facility import Facility

needs_npm = pytest.mark.skipif(
    not ISLAND.is_file() and os.environ.get("CI") != "true",
    reason="the viewer is not built here: make .venv/.islands (it needs npm)",
)


def _open_viewer(page: Any) -> Any:
    page.get_by_role("button", name="Open in viewer").click()
    stage = page.locator("#viewer-stage")
    stage.locator("canvas").first.wait_for()
    return stage


def _driver_talk(faults: Faults) -> None:
    """What the software renderer says of its own speed is nobody's fault."""
    faults.found = [one for one in faults.found if "GL Driver Message" not in one]


@needs_npm
def test_an_image_is_drawn_in_many_colours(open_page: OpenPage, faults: Faults) -> None:
    page = open_page("/datasets/{image}", alone=True)
    assert not page.evaluate("performance.getEntriesByType('resource').some(r => r.name.includes('/islands/'))")
    page.wait_for_load_state("load")
    before = page.locator("#files").bounding_box()["y"]
    stage = _open_viewer(page)
    stage.get_by_text("NX Heatmap").wait_for()
    stage.get_by_text("counts (counts)").wait_for()
    assert page.locator("#files").bounding_box()["y"] - before < 800
    _driver_talk(faults)


@needs_npm
def test_a_curve_is_drawn_with_its_axis(open_page: OpenPage, faults: Faults) -> None:
    page = open_page("/datasets/{open}", alone=True)
    stage = _open_viewer(page)
    stage.get_by_text("NX Line").wait_for()
    stage.get_by_text("polar_angle (deg)").wait_for()
    _driver_talk(faults)


@needs_npm
def test_who_may_not_read_the_data_gets_no_viewer_and_no_answer(facility: Facility, open_page: OpenPage, faults: Faults) -> None:
    faults.expected |= {403}
    page = open_page("/datasets/{embargoed}")
    assert page.locator("[data-viewer]").count() == 0
    url = f"/api/h5/{facility.pids['embargoed']}/meta?path=/"
    assert page.request.get(url).status == 403
    page = open_page("/datasets/{embargoed}", login="member")
    assert page.locator("[data-viewer]").count() == 1
    assert page.request.get(url).status == 200


def test_the_page_says_what_is_missing_where_the_viewer_is_not_built(open_page: OpenPage) -> None:
    page = open_page("/datasets/{open}", script=False)
    said = page.locator("#viewer").inner_text()
    assert ("needs a script" in said) if ISLAND.is_file() else ("not installed" in said)


def test_frames_go_by_with_the_arrow_keys_and_without_a_script_by_links(open_page: OpenPage) -> None:
    page = open_page("/datasets/{scan}")
    picture = page.locator("#plot img")
    expect(page.locator(".frames output")).to_have_text("5 of 9")
    page.get_by_role("slider").press("ArrowRight")
    page.locator("#plot img[src$='frame=6']").wait_for()
    expect(page.locator(".frames output")).to_have_text("6 of 9")
    page.wait_for_url("**frame=6")
    page = open_page("/datasets/{scan}?frame=9", script=False)
    assert page.get_by_label("frame after").count() == 0
    page.get_by_label("frame before").click()
    picture = page.locator("#plot img")
    page.locator("#plot img[src$='plot.svg?frame=8']").wait_for()
    drawn = page.request.get(picture.get_attribute("src")).text()
    assert "frame 8 of 9 (angle 3.5 deg)" in drawn


def test_what_changed_is_drawn_beside_its_name(open_page: OpenPage) -> None:
    page = open_page("/datasets/{scan}")
    image = page.locator("#run-changes img")
    assert "temperature from" in image.get_attribute("alt")
    drawn = page.request.get(image.get_attribute("src")).text()
    for name in ("angle", "temperature", "monitor counts"):
        assert f">{name}</text>" in drawn
    assert "cannot be read" not in drawn
    image.scroll_into_view_if_needed()
    assert image.evaluate("i => i.decode().then(() => i.naturalWidth)") > 0


def test_a_parameter_is_found_while_it_is_typed_and_without_a_script(open_page: OpenPage, facility: Facility) -> None:
    page = open_page("/datasets/{open}?parameter=distance", script=False)
    shown = page.locator("#run-parameters").inner_text()
    assert "detector distance" in shown
    assert "beam current" not in shown
    page = open_page("/datasets/{open}?parameter=")
    page.evaluate("document.querySelector('#run-parameters details').open = true")
    if page.locator("[data-filter]").count():
        page.locator("[data-filter]").press_sequentially("current")
        expect(page.locator("#run-parameters tr:visible", has_text="incident energy")).to_have_count(0)
        expect(page.locator("#run-parameters tr:visible", has_text="beam current")).not_to_have_count(0)


def test_how_to_get_and_to_cite_it_can_be_copied(open_page: OpenPage, facility: Facility) -> None:
    page = open_page("/datasets/{scan}")
    pid = facility.pids["scan"]
    copies = [button.get_attribute("data-copy") for button in page.locator("#get [data-copy], #cite [data-copy]").all()]
    assert f"panmesh download {pid} --url {facility.url}" in copies
    address = next(text.split('"')[1] for text in copies if text.startswith("curl"))
    assert page.request.get(address).body()[:6] == b"\x93NUMPY"
    assert any("Simulated: a spot that wanders" in text and pid in text for text in copies)
    bibtex = page.locator("#cite a", has_text="BibTeX").get_attribute("href")
    assert page.request.get(f"/datasets/{pid}{bibtex}").text().startswith("@misc")
