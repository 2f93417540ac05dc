"""In a train, at three in the morning, with forty tabs: nothing jumps, nothing that was written is lost, nothing is sent twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import expect

from panmesh.testing.browser import HEIGHT, NARROW, WIDE, Faults
from panmesh.testing.personas import PASSWORD
from panmesh.testing.simulator import write_run
from tests.browser.conftest import OpenPage, is_readable_and_fits
from tests.browser.facility import Facility

_SHIFTS = """() => new Promise(done => {
    let sum = 0;
    new PerformanceObserver(seen => { for (const one of seen.getEntries()) sum += one.value; })
        .observe({type: "layout-shift", buffered: true});
    setTimeout(() => done(sum), 300);
})"""
NOTE = re.compile("^Note")


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_page_does_not_jump_in_a_browser_that_was_never_here(facility: Facility, browser: Any, width: int) -> None:
    for path in ("/", "/datasets/{scan}", "/instruments/{instrument}"):
        context = browser.new_context(base_url=facility.url, viewport={"width": width, "height": HEIGHT})
        page = context.new_page()
        page.goto(path.format(**facility.pids), wait_until="load")
        assert page.evaluate(_SHIFTS) == 0, path
        context.close()


def test_the_second_page_asks_for_style_and_scripts_no_more(open_page: OpenPage) -> None:
    page = open_page("/instruments", login="pi", alone=True)
    page.get_by_role("link", name="Visits", exact=True).click()
    page.wait_for_load_state()
    sent = page.evaluate("performance.getEntriesByType('resource').filter(r => r.transferSize > 0).map(r => r.name)")
    assert not [name for name in sent if "/static/" in name]


def test_a_note_outlives_a_line_that_is_lost_and_is_brought_back(open_page: OpenPage, faults: Faults) -> None:
    page = open_page("/datasets/{embargoed}", login="member", alone=True)
    here = page.url
    page.get_by_role("textbox", name=NOTE).fill("Beam lost in the tunnel.")
    page.context.set_offline(True)
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("chrome-error://**")
    page.context.set_offline(False)
    page.goto(here)  # not by the way back, on which browsers fill in forms themselves
    faults.found = [one for one in faults.found if "INTERNET_DISCONNECTED" not in one]
    expect(page.get_by_role("textbox", name=NOTE)).to_have_value("Beam lost in the tunnel.")
    expect(page.locator("main")).to_contain_text("whether it has arrived is not known")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("article.entry", has_text="Beam lost in the tunnel.")).to_have_count(1)
    expect(page.get_by_role("textbox", name=NOTE)).to_have_value("")

    page.get_by_role("textbox", name=NOTE).fill("Never sent.")
    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto("/instruments")
    assert asked == ["beforeunload"]
    page.goto(here)
    expect(page.get_by_role("textbox", name=NOTE)).to_have_value("Never sent.")
    is_readable_and_fits(page)
    page.get_by_role("button", name="Drop it").click()
    expect(page.get_by_role("textbox", name=NOTE)).to_have_value("")
    expect(page.get_by_role("textbox", name=NOTE)).to_be_focused()
    page.goto("/instruments")  # without a question
    page.goto(here)
    expect(page.get_by_role("textbox", name=NOTE)).to_have_value("")


def test_a_button_that_is_pressed_twice_sends_once(open_page: OpenPage) -> None:
    page = open_page("/datasets/{embargoed}", login="pi", alone=True)
    sent: list[str] = []
    page.on(
        "request",
        lambda request: sent.append(request.url) if request.method == "POST" and request.url.endswith("/notes") else None,
    )
    page.get_by_role("textbox", name=NOTE).fill("Once only.")
    page.get_by_role("button", name="Save").dblclick()
    expect(page.locator("article.entry", has_text="Once only.")).to_have_count(1)
    assert len(sent) == 1
    expect(page.get_by_role("textbox", name=NOTE)).to_have_value("")  # and is not brought back as unsent


def test_what_was_written_in_a_session_that_ended_is_sent_after_signing_in(open_page: OpenPage, faults: Faults) -> None:
    faults.expected |= {401}
    page = open_page("/datasets/{embargoed}", login="member", alone=True)
    page.get_by_role("textbox", name=NOTE).fill("Written for an **hour**.")
    page.context.clear_cookies()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("main")).to_contain_text("Written for an **hour**.")
    is_readable_and_fits(page)
    page.get_by_label("Login").fill("member")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Send it now")).to_be_focused()
    is_readable_and_fits(page)
    page.keyboard.press("Enter")
    expect(page.locator("article.entry", has_text="Written for an hour.")).to_have_count(1)
    expect(page.get_by_role("textbox", name=NOTE)).to_have_value("")


def test_a_live_page_says_that_its_line_is_lost_and_comes_back_by_itself(
    facility: Facility, open_page: OpenPage, faults: Faults
) -> None:
    """After an answer that is no stream, as of a proxy whose server starts again, browsers give up."""
    faults.expected |= {503}
    page = open_page("/instruments", alone=True)
    refused: Callable[[Any], None] = lambda route: route.fulfill(status=503, body="not now")  # noqa: E731
    page.route("**/api/v1/events**", refused)
    page.goto("/instruments/{instrument}".format(**facility.pids))
    expect(page.locator(".lost")).to_have_text(re.compile("line is lost"))
    is_readable_and_fits(page)
    page.unroute("**/api/v1/events**", refused)
    page.locator("[data-live-open]").wait_for()
    expect(page.locator(".lost")).to_be_empty()
    write_run(facility.folder / "data" / "runs" / "open", 903, datetime.now(UTC))
    expect(page.locator("#live-said")).to_have_text(re.compile("New run|Complete"))


def test_a_pid_is_copied_and_said_without_tls_too(open_page: OpenPage) -> None:
    page = open_page("/instruments/{instrument}", alone=True)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")  # as browsers have it over http
    page.evaluate("document.addEventListener('copy', () => { window.copied = document.getSelection().toString(); })")
    button = page.get_by_role("button", name="copy the pid")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#aloud")).to_have_text("copied")
    expect(button).to_be_focused()
    assert page.evaluate("window.copied").startswith("pm-")


def test_at_200_per_cent_the_menu_takes_two_lines_and_the_page_says_whose_times_it_has(open_page: OpenPage) -> None:
    page = open_page("/investigations", login="admin", alone=True)
    page.set_viewport_size({"width": WIDE // 2, "height": HEIGHT // 2})
    assert page.get_by_role("navigation", name="Main").bounding_box()["height"] < 64
    expect(page.get_by_role("contentinfo")).to_contain_text("Times are those of the facility (Europe/Paris)")
    page.emulate_media(media="print")
    expect(page.locator(".zone")).to_be_visible()
    page.emulate_media(media="screen")


def test_where_the_reader_has_own_colours_the_page_that_is_open_is_told_from_the_others(open_page: OpenPage) -> None:
    page = open_page("/investigations", alone=True)
    page.emulate_media(forced_colors="active")
    menu = page.get_by_role("navigation", name="Main")
    lines = [
        menu.get_by_role("link", name=name).evaluate("one => getComputedStyle(one).borderBottomColor")
        for name in ("Data", "Visits", "Instruments")
    ]
    assert lines[0] == lines[2] != lines[1]
