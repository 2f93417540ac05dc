"""The way of a stranger who becomes a reader, with the keyboard alone: search, run, viewer, files, sign in, basket."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import expect

from panmesh.testing.browser import Faults
from panmesh.testing.personas import PASSWORD
from tests.browser.conftest import OpenPage
from tests.browser.test_viewer import needs_npm

MOST = 120  # presses of Tab from one thing to the next
_SEEN = """() => {
    const one = document.activeElement, style = getComputedStyle(one);
    return one.matches(":focus-visible") && (parseFloat(style.outlineWidth) > 0 && style.outlineStyle !== "none" || style.boxShadow !== "none");
}"""


def _reach(page: Any, wanted: Any, *, key: str = "Tab") -> None:
    """Tab to it; whoever only sees must see where they are."""
    wanted.wait_for()
    for _ in range(MOST):
        if wanted.evaluate("one => one === document.activeElement"):
            assert page.evaluate(_SEEN), wanted
            return
        page.keyboard.press(key)
    raise AssertionError(f"{MOST} presses of {key} do not lead to {wanted}")


@needs_npm
def test_from_a_search_to_the_basket_with_the_keyboard_alone(open_page: OpenPage, faults: Faults) -> None:
    page = open_page("/", alone=True)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    _reach(page, page.get_by_label("Words"))
    page.keyboard.type("CeO2")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=CeO2**")

    _reach(page, page.locator(".runs h3 a").first)
    title = page.locator(".runs h3 a").first.inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url("**/datasets/pm-*")
    expect(page.locator("h1")).to_have_text(title)

    _reach(page, page.get_by_role("button", name="Open in viewer"))
    page.keyboard.press("Enter")
    page.locator("#viewer-stage canvas").first.wait_for()
    expect(page.locator("#viewer-stage:focus, #viewer-stage :focus")).to_have_count(1)  # where what was asked for came
    file = page.locator("#files tbody a").first
    _reach(page, file)  # out of the viewer again
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename == file.inner_text()

    sign_in = page.get_by_role("banner").get_by_role("link", name="Sign in")
    _reach(page, sign_in, key="Shift+Tab")
    here = page.url
    page.keyboard.press("Enter")
    expect(page.get_by_label("Login")).to_be_focused()
    page.keyboard.type("outsider")  # whose basket no other test publishes
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(here)

    _reach(page, page.get_by_role("button", name="add to the basket"))
    page.keyboard.press("Enter")
    kept = page.get_by_role("link", name=re.compile("^in Basket"))
    _reach(page, kept)
    page.keyboard.press("Enter")
    page.wait_for_url("**/baskets/*")
    expect(page.locator(".runs h2")).to_contain_text([title])
    faults.found = [one for one in faults.found if "GL Driver Message" not in one]
