"""Writing at the beamline and collecting at home, clicked through in a browser."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from playwright.sync_api import expect

from panmesh.testing.browser import Faults
from tests.browser.collected import photograph, write_and_collect
from tests.browser.conftest import OpenPage, is_readable_and_fits
from tests.browser.facility import Facility

_PASTE = """([text, data]) => {
    const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
    const given = new DataTransfer();
    given.items.add(new File([bytes], "image.png", {type: "image/png"}));
    text.dispatchEvent(new ClipboardEvent("paste", {clipboardData: given, bubbles: true, cancelable: true}));
}"""


def _text(page: Any) -> Any:
    return page.get_by_role("textbox", name=re.compile("^Note"))


def _paste(page: Any, data: bytes) -> None:
    page.evaluate(_PASTE, [_text(page).element_handle(), base64.b64encode(data).decode()])


def test_a_photograph_is_pasted_seen_beforehand_and_kept(open_page: OpenPage) -> None:
    page = open_page("/datasets/{embargoed}", login="member")
    _text(page).fill("Sample slipped, **bad**. ")
    _paste(page, photograph())
    shown = page.get_by_label("How the note will look")
    shown.locator("img").wait_for()
    expect(shown.locator("strong")).to_have_text("bad")
    expect(_text(page)).to_have_value(re.compile(r"\]\(picture:"))
    page.get_by_label("bad", exact=True).check()
    page.locator("input[name=tags]").fill("slipped")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notes .flag")).to_have_text("✕ bad")
    note = page.locator("article.entry").last
    assert note.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 480
    note.get_by_role("link", name=re.compile("edit")).click()
    expect(_text(page)).to_have_value(re.compile("Sample slipped"))
    _text(page).fill("Sample slipped twice.")
    page.get_by_role("button", name="Save").click()
    expect(note).to_contain_text("Sample slipped twice.")
    note.get_by_role("button", name=re.compile("delete")).click()
    gone = page.locator("article.entry.gone").last
    gone.get_by_role("button", name="undo").click()
    expect(note).to_contain_text("Sample slipped twice.")


def test_a_picture_that_is_none_is_said_where_it_was_pasted(open_page: OpenPage, faults: Faults) -> None:
    faults.expected.add(422)
    page = open_page("/datasets/{embargoed}", login="member")
    _paste(page, b"no picture at all")
    expect(page.get_by_role("alert")).to_contain_text("PNG, JPEG and WebP")


def test_a_note_is_written_without_script(open_page: OpenPage) -> None:
    page = open_page("/investigations/{visit}", login="member", script=False)
    _text(page).fill("Beam back.")
    picture = {"name": "IMG_1.png", "mimeType": "image/png", "buffer": photograph()}
    page.locator("input[type=file]").set_input_files(picture)
    page.get_by_role("button", name="Save").click()
    note = page.locator("article.entry").last
    expect(note).to_contain_text("Beam back.")
    expect(note.locator("img")).to_have_count(1)
    page.get_by_role("link", name="Logbook of the visit").click()
    page.wait_for_url("**/logbook*")
    expect(page.get_by_role("main")).to_contain_text("Beam back.")


def test_runs_are_collected_across_searches_compared_put_in_order_and_shared(open_page: OpenPage) -> None:
    page = open_page("/?instrument=sim-powder&q=CeO2", alone=True)
    page.locator(".runs input[type=checkbox]").nth(0).check()
    page.locator(".runs input[type=checkbox]").nth(1).check()
    page.get_by_role("button", name="Add ticked to the basket").click()
    expect(page.get_by_text("in the basket")).to_have_count(2)
    assert page.url.endswith("/?instrument=sim-powder&q=CeO2")
    page.goto("/?instrument=sim-powder&q=LaB6")
    page.locator(".runs h3 a").first.click()
    page.get_by_role("button", name="add to the basket").click()
    page.get_by_role("link", name="in Basket").click()
    expect(page.locator(".runs h2")).to_have_count(3)
    names = page.locator(".runs h2").all_inner_texts()
    page.get_by_role("button", name=re.compile("^move .* up$")).last.click()
    expect(page.locator(".runs h2")).to_have_text([names[0], names[2], names[1]])
    page.get_by_role("button", name=re.compile("^take .* out$")).first.click()
    expect(page.locator(".runs h2")).to_have_text([names[2], names[1]])
    page.get_by_role("button", name="Undo the last change").click()
    expect(page.locator(".runs h2")).to_have_count(3)
    page.get_by_role("button", name="Make a link").click()
    link = page.locator(".side p a[href^='/baskets/']").get_attribute("href")
    page.get_by_role("link", name="Compare").click()
    drawn = page.get_by_role("img", name=re.compile("one over the other"))
    assert drawn.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    page.get_by_role("link", name="logarithmic").click()
    page.wait_for_url("**log=1**")
    expect(page.locator(".compared tbody tr")).to_have_count(3)
    other = open_page(link or "", alone=True)
    assert other.locator(".runs h2").count() == 3
    assert other.get_by_role("button", name=re.compile("take")).count() == 0
    with other.expect_download() as waiting:
        other.get_by_role("link", name="BibTeX").click()
    assert waiting.value.suggested_filename == "citations.bib"


PAGES = (
    "/datasets/{embargoed}",
    "/investigations/{visit}/logbook",
    "/baskets",
    "/baskets/{basket}",
    "/compare?{runs}",
    "/compare",
)


@pytest.fixture(scope="module")
def written(facility: Facility, browser: Any) -> dict[str, str]:
    context = browser.new_context(base_url=facility.url)
    made = write_and_collect(context.request, facility.pids)
    context.close()
    return made


@pytest.mark.parametrize("path", PAGES)
def test_pages_of_the_logbook_and_the_basket_are_readable_and_fit(
    path: str, open_page: OpenPage, written: dict[str, str], facility: Facility
) -> None:
    page = open_page(path.format(**facility.pids, **written), login="pi")
    is_readable_and_fits(page)
