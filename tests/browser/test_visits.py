"""The team at home: which runs were how warm, in the order of it, three of them compared; and staff who try again what failed."""

from __future__ import annotations

from typing import Any

from tests.browser.conftest import OpenPage
from tests.browser.facility import Facility


def _column(page: Any, number: int) -> list[str]:
    cells = page.locator(f".runtable tbody tr > :nth-child({number})")
    return [" ".join(text.split()) for text in cells.all_inner_texts()]


def test_runs_of_a_visit_are_chosen_by_a_quantity_sorted_and_compared(open_page: OpenPage) -> None:
    page = open_page("/investigations/{visit}", login="member")
    assert page.locator(".timeline rect[width]").count() >= 4
    page.get_by_role("link", name="temperature").click()  # a head of the table
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("temperature")
    page.get_by_role("link", name="temperature").click()
    assert _column(page, 5)[-4:] == ["340", "330", "320", "310"]  # others may have joined the visit
    page.locator(".filter input[name=quantity]").fill("temperature:40..60 degC")
    page.get_by_role("button", name="Show", exact=True).click()
    assert _column(page, 5) == ["330", "320"]
    page.get_by_title("Take this condition away").click()
    for title in ("at 340 K", "at 320 K"):
        page.locator(".runtable tbody tr").filter(has_text=title).get_by_role("checkbox").check()
    page.get_by_role("button", name="Compare ticked").click()
    assert page.locator("h1").inner_text() == "2 runs compared"
    page.locator(".compared thead").get_by_role("link", name="temperature").click()
    first = page.locator(".compared tbody tr").first.inner_text()
    assert "320" in first


def test_columns_are_chosen_without_script_and_are_there_again(open_page: OpenPage) -> None:
    page = open_page("/investigations/{visit}", login="member", script=False)
    page.get_by_text("Columns", exact=True).click()
    for name in ("temperature", "sample"):
        page.locator(f".chooser input[value={name}]").uncheck()
    page.locator(".chooser input[value=bytes]").check()
    page.get_by_role("button", name="Show these").click()
    heads = page.locator(".runtable thead").inner_text()
    assert "size" in heads
    assert "temperature" not in heads
    open_page("/investigations/{visit}", login="member", script=False)
    assert "size" in page.locator(".runtable thead").inner_text()
    page.get_by_text("Columns", exact=True).click()
    page.get_by_role("button", name="What varies").click()
    assert "temperature" in page.locator(".runtable thead").inner_text()


def test_staff_see_why_files_failed_and_try_them_again_together(facility: Facility, open_page: OpenPage) -> None:
    page = open_page("/ingest", login="admin")
    runs = facility.folder / "data/runs/imaging"
    for number in (7, 8):  # the page tells of them without a reload
        (runs / f"broken_{number:04d}.nxs").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(number))
    again = page.locator(".reasons button[aria-label^='Retry all']", has_text="Retry all")  # of several, not of one
    again.first.wait_for(timeout=60_000)
    again.first.click()
    page.wait_for_url("**/ingest")
    assert page.locator("#live-places h2").last.inner_text() == "Storages"
