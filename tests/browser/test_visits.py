"""The team at home: which runs were how warm, in the order of it, three of them compared; and staff who try again what failed."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.facility import Facility


def _column(page: Any, number: int) -> Any:
    return page.locator(f".runtable tbody tr > :nth-child({number})")


def test_runs_of_a_visit_are_chosen_by_a_quantity_sorted_and_compared(open_page: OpenPage) -> None:
    page = open_page("/investigations/{visit}", login="member")
    assert page.locator(".timeline rect[width]").count() >= 4
    assert page.locator(".scrolled:has(.runtable)").evaluate("frame => frame.scrollWidth <= frame.clientWidth"), "a column is cut"
    page.get_by_role("link", name="temperature").click()  # a head of the table
    expect(page.locator("th[aria-sort=ascending]")).to_have_text(re.compile(r"^\s*temperature"))
    page.get_by_role("link", name="temperature").click()
    expect(page.locator("th[aria-sort=descending]")).to_have_text(re.compile(r"^\s*temperature"))
    shown = [" ".join(text.split()) for text in _column(page, 5).all_inner_texts()]
    assert shown[-4:] == ["340", "330", "320", "310"]  # others may have joined the visit
    page.locator(".filter input[name=quantity]").fill("temperature:40..60 degC")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(_column(page, 5)).to_have_text(["330", "320"])
    page.get_by_title("Take this condition away").click()
    expect(page.get_by_title("Take this condition away")).to_have_count(0)
    for title in ("at 340 K", "at 320 K"):
        page.locator(".runtable tbody tr").filter(has_text=title).get_by_role("checkbox").check()
    page.get_by_role("button", name="Compare ticked").click()
    expect(page.locator("h1")).to_have_text("2 runs compared")
    page.locator(".compared thead").get_by_role("link", name="temperature").click()
    expect(page.locator(".compared tbody tr").first).to_contain_text("320")


def test_columns_are_chosen_without_script_and_are_there_again(open_page: OpenPage) -> None:
    page = open_page("/investigations/{visit}", login="member", script=False)
    page.get_by_text("Columns", exact=True).click()
    for name in ("temperature", "sample"):
        page.locator(f".chooser input[value={name}]").uncheck()
    page.locator(".chooser input[value=bytes]").check()
    page.get_by_role("button", name="Show these").click()
    heads = page.locator(".runtable thead")
    expect(heads).to_contain_text("size")
    expect(heads).not_to_contain_text("temperature")
    open_page("/investigations/{visit}", login="member", script=False)
    expect(heads).to_contain_text("size")
    page.get_by_text("Columns", exact=True).click()
    page.get_by_role("button", name="What varies").click()
    expect(heads).to_contain_text("temperature")


def test_staff_see_why_files_failed_and_try_them_again_together(facility: Facility, open_page: OpenPage) -> None:
    page = open_page("/ingest", login="admin")
    page.locator("[data-live-open]").wait_for()
    runs = facility.folder / "data/runs/imaging"
    for number in (7, 8):  # the page tells of them without a reload
        (runs / f"broken_{number:04d}.nxs").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(number))
    again = page.locator(".reasons button[aria-label^='Retry all']", has_text="Retry all")  # of several, not of one
    again.first.wait_for(timeout=60_000)
    again.first.click()
    page.wait_for_url("**/ingest")
    expect(page.locator("#live-places h2").last).to_have_text("Storages")
