"""A page that lives: a run that comes while it is looked at appears, and is said to those who do not see it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from panmesh.testing.simulator import write_run
from tests.browser.conftest import OpenPage
from tests.browser.facility import Facility


def test_a_new_run_appears_on_the_page_of_its_instrument_without_reload(facility: Facility, open_page: OpenPage) -> None:
    page = open_page("/instruments/{instrument}", alone=True)
    page.evaluate("window.untouched = true")
    before = int(re.search(r"(\d+) runs", page.locator("#live-facts").inner_text())[1])  # type: ignore[index]
    page.locator("[data-live-open]").wait_for()
    write_run(facility.folder / "data" / "runs" / "open", 901, datetime.now(UTC))
    page.locator("#live-facts", has_text=f"{before + 1} runs").wait_for()
    expect(page.locator("#live-said")).to_have_text(re.compile("New run|Complete"))
    expect(page.locator("#live-runs li").first).to_have_text(re.compile(r"^\s*Simulated"))
    assert page.evaluate("window.untouched") is True


def test_a_new_run_appears_in_the_table_of_its_visit_and_what_was_ticked_stays(facility: Facility, open_page: OpenPage) -> None:
    page = open_page("/datasets/{open}", alone=True)
    page.get_by_role("link", name="(not in the schedule)").first.click()
    page.evaluate("window.untouched = true")
    before = int(re.search(r"(\d+) runs", page.locator("#runs-h").inner_text())[1])  # type: ignore[index]
    ticked = page.locator("#live-table input[name=pid]").nth(2)
    ticked.check()
    pid = ticked.get_attribute("value")
    page.get_by_label("Words").fill("half typed")
    page.locator("[data-live-open]").wait_for()
    write_run(facility.folder / "data" / "runs" / "open", 902, (datetime.now(UTC) - timedelta(days=10)).replace(hour=14))
    page.locator("#runs-h", has_text=f"{before + 1} runs").wait_for()
    expect(page.locator("#live-said")).to_have_text(re.compile("New run|Complete"))
    expect(page.locator(f"#live-table input[value={pid}]")).to_be_checked()
    expect(page.get_by_label("Words")).to_have_value("half typed")
    assert page.evaluate("window.untouched") is True


def test_the_page_of_a_visit_that_is_over_holds_no_connection(open_page: OpenPage) -> None:
    assert open_page("/investigations/{visit}", login="member").locator("[data-live]").count() == 0


def test_the_same_page_without_script_is_a_list(open_page: OpenPage) -> None:
    page = open_page("/instruments/{instrument}", script=False)
    assert page.locator("#live-now h2").inner_text() == "Now measuring"
    assert page.locator("#live-runs li").count() > 0
    assert page.locator("svg.days rect").count() > 0
