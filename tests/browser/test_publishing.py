"""From a basket to a citation, clicked through in a browser: the day before the paper is due, and the month after."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.collected import Person, publish_and_draft
from tests.browser.conftest import OpenPage, is_readable_and_fits
from tests.browser.facility import Facility

PAGES = (
    "/publications",
    "/publications/{draft}/runs",
    "/publications/{draft}/check",
    "/publications/{draft}/describe?checked=1",
    "/publications/{ready}/preview",
    "/releases/{release}",
    "/releases/{release}/papers",
)


@pytest.fixture(scope="module")
def published(facility: Facility, browser: Any) -> dict[str, str]:
    context = browser.new_context(base_url=facility.url)
    person = Person(context.request, "pi")
    listed = context.request.get("/api/v1/datasets?visit=" + facility.pids["visit"]).json()["items"]
    made = publish_and_draft(person, [d["pid"] for d in listed], facility.pids)
    context.close()
    return made


@pytest.mark.parametrize("path", PAGES)
def test_pages_of_publishing_are_readable_and_fit(
    path: str, open_page: OpenPage, published: dict[str, str], facility: Facility
) -> None:
    page = open_page(path.format(**facility.pids, **published), login="pi")
    is_readable_and_fits(page)


def test_runs_of_a_basket_are_published_and_cited(open_page: OpenPage) -> None:
    """Without script all of it works, too: tests/protocol/test_releases.py."""
    page = open_page("/datasets/{embargoed}", login="member")
    page.get_by_role("button", name="add to the basket").or_(
        page.get_by_role("link", name=re.compile("^in Basket"))
    ).first.click()
    page.get_by_role("link", name=re.compile("^in Basket")).first.wait_for()
    page.goto("/baskets")
    page.locator("#content a[href^='/baskets/']").first.click()
    page.get_by_role("button", name="Publish for my paper").click()
    page.get_by_role("link", name="Go on: check").click()
    page.get_by_role("link", name="Go on: describe").click()
    page.get_by_label("Title", exact=True).first.fill("Simulated: the run of figure 2")
    page.get_by_label("Abstract").fill("A simulated pattern of an oxide at one temperature, as it is shown in the second figure.")
    page.locator("#creator-0-orcid").fill("0000-0002-1825-0098")
    page.get_by_role("button", name="Go on: preview").click()
    wrong = page.locator("#creator-0-orcid")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#creator-0-orcid-fault")).to_contain_text("a digit is wrong")
    expect(wrong).to_have_value("0000-0002-1825-0098")
    wrong.fill("0000-0002-1825-0097")
    page.get_by_role("button", name="Go on: preview").click()
    reserved = re.search(r"/releases/(pm-\w+\.v1)", page.locator(".citation").inner_text())
    assert reserved is not None
    page.get_by_role("button", name="Publish it").click()
    page.wait_for_url(f"**/releases/{reserved[1]}?published=1")
    expect(page.locator(".citation")).to_contain_text("(2")
    page.get_by_role("link", name="Add papers or funders").click()
    page.locator("#paper-0-doi").fill("https://doi.org/10.5555/12345678")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**/releases/{reserved[1]}*")
    expect(page.locator("#content")).to_contain_text("10.5555/12345678")
    page.get_by_role("button", name="Make a new version").click()
    page.wait_for_url("**/publications/*/runs")
    page.goto(f"/releases/{reserved[1]}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Simulated: the run of figure 2")
