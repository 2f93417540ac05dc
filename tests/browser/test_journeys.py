"""What people come for, clicked through in a browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from panmesh.testing.browser import Faults, serious_findings
from panmesh.testing.personas import PASSWORD
from tests.browser.conftest import OpenPage
from tests.browser.facility import FRAMES, Facility


def test_search_narrow_open_look_and_take_home(open_page: OpenPage, facility: Facility) -> None:
    page = open_page("/")
    page.get_by_label("Words").fill("simulated")
    page.get_by_role("search").get_by_role("button", name="Search").click()
    conditions = page.get_by_role("list", name="Conditions").get_by_role("listitem")
    expect(conditions).to_have_text(["Words: simulated ×"])
    everything = _count(page)
    page.get_by_label("Narrow the result").get_by_role("link", name="LaB6").click()
    expect(conditions).to_have_text(["Words: simulated ×", "Sample: LaB6 ×"])
    assert 0 < _count(page) < everything
    page.locator(".runs h3 a").first.click()
    plot = page.get_by_role("img", name=re.compile("Default plot"))
    assert _drawn(plot)
    with page.expect_download() as waiting:
        page.locator("#files tbody a").first.click()
    taken = waiting.value
    original = facility.folder / "data/runs/open" / taken.suggested_filename
    assert Path(taken.path()).read_bytes() == original.read_bytes()


def test_a_quantity_narrows_in_any_unit_and_a_condition_can_be_taken_away(open_page: OpenPage) -> None:
    page = open_page("/?instrument=sim-powder")
    everything = _count(page)
    page.get_by_label("Quantity").fill("temperature:0.4..0.5 kK")
    page.get_by_label("Quantity").press("Enter")
    condition = page.get_by_role("list", name="Conditions").get_by_role("link", name=re.compile("Quantity"))
    condition.wait_for()
    assert 0 < _count(page) < everything
    condition.click()
    expect(condition).to_have_count(0)
    assert _count(page) == everything
    page.get_by_label("Quantity").fill("about 300 K")
    page.get_by_label("Quantity").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("incident_energy:10..20 keV")


def test_quantities_are_suggested_as_somebody_types_and_chosen_by_keyboard(open_page: OpenPage) -> None:
    page = open_page("/?instrument=sim-powder")
    everything, field = _count(page), page.get_by_label("Quantity")
    field.press_sequentially("temp")
    page.get_by_role("option", name=re.compile("temperature")).wait_for()
    expect(field).to_have_attribute("aria-expanded", "true")
    assert not serious_findings(page)
    field.press("ArrowDown")
    expect(field).to_have_attribute("aria-activedescendant", "quantity-0")
    field.press("Enter")
    expect(field).to_have_value(re.compile(r"^temperature:\S+\.\.\S+ K$"))
    expect(page.get_by_role("listbox")).to_have_count(0)
    field.press("Enter")
    page.get_by_role("list", name="Conditions").get_by_role("link", name=re.compile("Quantity")).wait_for()
    assert 0 < _count(page) <= everything


def test_a_search_without_result_says_what_to_do(open_page: OpenPage) -> None:
    page = open_page("/?q=unobtainium")
    assert page.get_by_role("heading", level=1).inner_text() == "0 runs"
    assert "Take a condition away" in page.get_by_label("Results").inner_text()
    page.get_by_role("link", name=re.compile("Words: unobtainium")).click()
    expect(page.get_by_role("link", name=re.compile("Words: unobtainium"))).to_have_count(0)
    assert _count(page) > 0


def test_pages_of_results_follow_one_another(open_page: OpenPage) -> None:
    page = open_page("/?instrument=sim-powder")
    first = page.locator(".runs h3").all_inner_texts()
    page.get_by_role("link", name="Next").click()
    page.get_by_role("link", name="Previous").wait_for()
    assert not set(first) & set(page.locator(".runs h3").all_inner_texts())
    page.get_by_role("link", name="Previous").click()
    expect(page.locator(".runs h3")).to_have_text(first)


def test_sign_in_and_out(open_page: OpenPage) -> None:
    page = open_page("/instruments", alone=True)
    page.get_by_role("link", name="Sign in").click()
    _sign_in(page, "pi", PASSWORD)
    page.wait_for_url("**/instruments")
    expect(page.get_by_role("banner").get_by_text("Principal investigator (demo)")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_a_wrong_password_is_said_and_the_login_kept(open_page: OpenPage, faults: Faults) -> None:
    faults.expected |= {401}
    page = open_page("/sign-in?next=/instruments", alone=True)
    _sign_in(page, "scientist", "wrong")
    expect(page.get_by_role("alert")).to_have_text("The login or the password is wrong.")
    expect(page.get_by_label("Login")).to_have_value("scientist")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/instruments")


@pytest.mark.parametrize("login", [None, "outsider"])
def test_an_embargo_shows_outsiders_the_core_alone(login: str | None, open_page: OpenPage, faults: Faults) -> None:
    page = open_page("/datasets/{embargoed}", login=login)
    assert page.get_by_role("heading", name=re.compile("Embargoed until")).is_visible()
    assert page.locator(".plot, #files, table").count() == 0
    assert "Simulated User" not in page.content()
    assert page.get_by_role("main").get_by_role("link", name="Sign in", exact=True).count() == (1 if login is None else 0)
    faults.expected |= {403, 404}
    assert page.goto(f"{page.url}/plot.svg").status in (403, 404)


def test_an_embargo_does_not_hinder_the_team(open_page: OpenPage, facility: Facility) -> None:
    page = open_page("/datasets/{embargoed}", login="member")
    assert _drawn(page.get_by_role("img", name=re.compile("Default plot")))
    with page.expect_download() as waiting:
        page.locator("#files tbody a").first.click()
    original = facility.folder / "data/runs/visits/SIM001-1" / waiting.value.suggested_filename
    assert Path(waiting.value.path()).read_bytes() == original.read_bytes()
    page.get_by_role("link", name="run after").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Simulated: MgO at 330 K")


@pytest.mark.parametrize("login", [None, "outsider", "pi"])
def test_staff_pages_are_for_staff(login: str | None, open_page: OpenPage, faults: Faults) -> None:
    faults.expected |= {403}
    for path in ("/ingest", "/quarantine"):
        page = open_page(path, login=login)
        assert page.url.endswith(f"/sign-in?next=%2F{path[1:]}") if login is None else "Not allowed" in page.inner_text("h1")
        assert "sim_00077" not in page.content()


def test_staff_see_what_was_read_and_what_not(open_page: OpenPage) -> None:
    page = open_page("/ingest", login="admin")
    page.get_by_label("State").select_option("could not be read")
    page.get_by_role("button", name="Show").click()
    row = page.get_by_role("row", name=re.compile("broken_0002.nxs"))
    row.get_by_text("could not be read").wait_for()  # another test may just have had it tried again
    with page.expect_response("**/ingest/retry*") as waiting:
        row.get_by_role("button", name="Retry").click()
    assert waiting.value.status == 303
    expect(page.get_by_role("heading", name="Ingest")).to_be_visible()


def test_staff_give_a_quarantined_run_to_its_visit(open_page: OpenPage) -> None:
    page = open_page("/quarantine", login="steward")
    assert "Neither the file nor its folder names a proposal" in page.inner_text("main")
    options = page.get_by_label("Belongs to").locator("option").all_inner_texts()
    page.get_by_label("Belongs to").select_option(label=next(o for o in options if o.startswith("SIM001-1")))
    page.get_by_label("Because").fill("swap of beam time")
    page.get_by_role("button", name="Assign").click()
    expect(page.get_by_role("main")).to_contain_text("Nothing waits here")
    assert open_page("/datasets/{quarantined}", login="member").locator("#files").count() == 1


def test_staff_take_a_run_out_of_its_visit_look_and_undo(open_page: OpenPage, faults: Faults) -> None:
    page = open_page("/datasets/{embargoed}", login="steward")
    page.get_by_role("link", name="Move, split or discard it").click()
    page.get_by_label("Discard").check()
    page.get_by_label("Because").fill("beam was down")
    page.get_by_role("button", name="Show what changes").click()
    expect(page.get_by_role("main")).to_contain_text("Will no longer")
    page.get_by_role("button", name="Discard 1 run").click()
    expect(page.get_by_role("main")).to_contain_text("Done: 1 run.")
    faults.expected |= {410}
    assert "discarded by the facility" in open_page("/datasets/{embargoed}", login="member").inner_text("main")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("main")).to_contain_text("all is as it was before")
    assert open_page("/datasets/{embargoed}", login="member").locator("#files").count() == 1


def test_many_files_are_paged_and_found_by_name(open_page: OpenPage) -> None:
    page = open_page("/datasets/{series}")
    assert page.locator("#files tbody tr").count() == 100
    page.get_by_label("Pages of files").get_by_role("link", name="Next").click()
    expect(page.locator("#files tbody tr")).to_have_count(FRAMES - 100)
    page.get_by_label("Name contains").fill("_0007")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#files tbody tr")).to_have_count(1)


def test_an_address_with_a_slip_leads_to_the_search(open_page: OpenPage, faults: Faults) -> None:
    faults.expected.add(404)
    page = open_page("/dataset/pm-0123")
    assert "no page at this address" in page.inner_text("main")
    page.get_by_label("Search instead").fill("CeO2")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=CeO2")
    expect(page.locator("h1")).to_have_text(re.compile(r"\d+ runs"))


def test_instruments_are_chosen_by_their_names(open_page: OpenPage) -> None:
    page = open_page("/")
    page.get_by_label("Narrow the result").get_by_role("link", name="Simulated powder diffractometer").click()
    page.wait_for_url("**/?instrument=sim-powder")
    expect(page.get_by_label("Conditions")).to_contain_text("Instrument: Simulated powder diffractometer")


def test_a_token_is_shown_once(open_page: OpenPage) -> None:
    page = open_page("/tokens", login="outsider")
    page.get_by_label("Name, for you").fill("laptop")
    page.get_by_role("button", name="Make a token").click()
    secret = page.get_by_role("status").locator("code").inner_text()
    page.goto("/tokens")
    assert secret not in page.content()
    page.get_by_role("button", name="Revoke laptop").click()
    expect(page.get_by_role("main")).to_contain_text("You have no tokens yet")


def test_a_correction_is_seen_and_undone(open_page: OpenPage) -> None:
    page = open_page("/datasets/{embargoed}/edit", login="pi")
    before = page.get_by_label("Description").input_value()
    page.get_by_label("Description").fill("Simulated, and corrected.")
    page.get_by_role("button", name="Save").click()
    facts = page.get_by_role("complementary", name="Facts")
    expect(facts.get_by_text("Simulated, and corrected.")).to_be_visible()
    page.get_by_role("button", name="undo").click()
    expect(facts.get_by_text(before)).to_be_visible()


def test_everything_works_without_script(open_page: OpenPage, facility: Facility, faults: Faults) -> None:
    page = open_page("/", script=False, alone=True)
    page.get_by_label("Words").fill("CeO2")
    page.get_by_label("Words").press("Enter")
    page.get_by_label("Narrow the result").get_by_role("link", name="Simulated powder diffractometer").click()
    page.wait_for_url("**instrument=sim-powder**")
    page.locator(".runs h3 a").first.click()
    expect(page.get_by_role("img", name=re.compile("Default plot"))).to_be_visible()
    assert not page.locator(".copy").first.is_visible()  # it needs script, so it is not offered
    with page.expect_download() as waiting:
        page.locator("#files tbody a").first.click()
    original = facility.folder / "data/runs/open" / waiting.value.suggested_filename
    assert Path(waiting.value.path()).read_bytes() == original.read_bytes()
    page.get_by_role("link", name="Sign in").click()
    _sign_in(page, "member", PASSWORD)
    page.get_by_role("button", name="Sign out").wait_for()
    page.goto(f"/datasets/{facility.pids['embargoed']}")
    expect(page.locator("#files")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_the_keyboard_alone_reaches_a_run(open_page: OpenPage) -> None:
    page = open_page("/?q=LaB6")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.runs h3 a')"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/datasets/pm-*")


def _count(page: Any) -> int:
    page.wait_for_load_state()
    return int(re.sub(r"\D", "", page.get_by_role("heading", level=1).inner_text()))


def _drawn(picture: Any) -> bool:
    picture.wait_for()
    return bool(picture.evaluate("i => i.decode().then(() => i.naturalWidth > 0)"))


def _sign_in(page: Any, login: str, password: str) -> None:
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
