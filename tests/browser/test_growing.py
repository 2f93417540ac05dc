"""A file that an instrument is still writing (a real SWMR writer): the page of its run and the viewer show new frames without reload."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from panmesh.access.viewer import OPERATOR
from panmesh.app import upkeep
from panmesh.app.asgi import build
from panmesh.app.worker import Worker
from panmesh.catalogue.query import DatasetQuery
from panmesh.testing.browser import Faults
from tests.browser.conftest import PATIENCE_MS, SIZE
from tests.browser.test_viewer import needs_npm
from tests.conftest import MakeFacility
from tests.e2e.facility import until
from tests.e2e.growing import FRAMES, POINTS, STEP, begin, go_on, written
from tests.e2e.serving import served


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The database plays no part."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@needs_npm
def test_new_frames_of_a_file_under_way_are_shown_on_its_page_and_in_the_viewer(
    make_facility: MakeFacility, browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "ROUND_SECONDS", 0.3)
    app = make_facility(PANMESH_POLICY__UNSCHEDULED='"open"')
    writer = begin(FRAMES, tmp_path / "runs" / "stack.nxs")
    worker = Worker(app)
    worker.start()
    try:
        with served(build(app, work=False)) as url:
            runs = until(lambda: app.search.search(OPERATOR, DatasetQuery(limit=1)).items)
            faults = Faults(home=url.removeprefix("http://"))
            context = browser.new_context(base_url=url, viewport=SIZE)
            context.set_default_timeout(PATIENCE_MS)
            page, inside = context.new_page(), context.new_page()
            faults.watch(page)
            page.goto(f"/datasets/{runs[0].pid}")
            page.locator("[data-live-open]").wait_for()
            inside.goto(f"/datasets/{runs[0].pid}")
            inside.get_by_role("button", name="Open in viewer").click()
            stage, again = inside.locator("#viewer-stage"), inside.get_by_role("button", name="The file has grown")
            for one in (page, inside):
                one.evaluate("window.untouched = true")
            for count in range(STEP, POINTS, STEP):
                expect(page.locator(".frames output")).to_have_text(re.compile(rf"of {count}$"))
                expect(stage).to_contain_text(f"0:{count - 1}")
                if count == POINTS - STEP:
                    stage.get_by_text("NX Heatmap").click()  # who has chosen something is asked
                go_on(writer)
                written(writer)
            again.click()
            expect(stage).to_contain_text(f"0:{POINTS - 1}")
            go_on(writer)
            assert writer.wait(30) == 0
            expect(page.locator(".frames output")).to_have_text(re.compile(rf"of {POINTS}$"))
            assert [one.evaluate("window.untouched") for one in (page, inside)] == [True, True]
            context.close()
            assert not faults.found
    finally:
        worker.stop()
        writer.kill()
        writer.communicate()
