"""What holds on every page: nothing fails or leaves this host, it fits a phone, and everybody can read it, in light and in dark."""

from __future__ import annotations

from itertools import pairwise

import pytest
from playwright.sync_api import expect

from panmesh.testing.browser import COLOUR_RULES, HEIGHT, LAYOUT_RULES, NARROW, WIDE, Faults, overflow, serious_findings
from tests.browser.conftest import OpenPage, unfold
from tests.browser.facility import Facility

# name: (path, login, status)
PAGES: dict[str, tuple[str, str | None, int]] = {
    "search": ("/", None, 200),
    "narrowed search": ("/?instrument=sim-powder&q=CeO2&quantity=temperature:300..500+K", None, 200),
    "search without a result": ("/?q=unobtainium", None, 200),
    "search that is not understood": ("/?quantity=warm&technique=nothing&instrument=sim-beamtime", None, 200),
    "run": ("/datasets/{open}", None, 200),
    "run with an image": ("/datasets/{image}", None, 200),
    "run with frames and what changed": ("/datasets/{scan}?frame=3", None, 200),
    "parameter that is not there": ("/datasets/{scan}?parameter=unobtainium", None, 200),
    "run of many files": ("/datasets/{series}?offset=100", None, 200),
    "run that could not be read": ("/datasets/{broken}", None, 200),
    "embargoed run, outsider": ("/datasets/{embargoed}", "outsider", 200),
    "embargoed run, team": ("/datasets/{embargoed}", "member", 200),
    "correction": ("/datasets/{embargoed}/edit", "pi", 200),
    "visits": ("/investigations", None, 200),
    "visit": ("/investigations/{visit}", "member", 200),
    "visit, outsider": ("/investigations/{visit}", "outsider", 200),
    "visit, sorted and narrowed": (
        "/investigations/{visit}?column=temperature&column=two_theta:rad&column=bytes&sort=-temperature&quantity=temperature:40..60+degC",
        "member",
        200,
    ),
    "visit, not understood": ("/investigations/{visit}?quantity=warm&sort=nothing", "member", 200),
    "proposal": ("/proposals/SIM001", "member", 200),
    "plans": ("/plans", "pi", 200),
    "plan": ("/proposals/{proposal}/plan", "pi", 200),
    "publications": ("/publications", "pi", 200),
    "what to publish": ("/publications/new?instrument=sim-powder", "pi", 200),
    "teams": ("/teams", "pi", 200),
    "team": ("/proposals/{proposal}/team", "pi", 200),
    "team, of a member": ("/proposals/{proposal}/team", "member", 200),
    "team, of the steward": ("/proposals/{proposal}/team", "steward", 200),
    "my data": ("/me", "member", 200),
    "withheld names": ("/withheld-names", "steward", 200),
    "rights on the disk": ("/disk-rights", "admin", 200),
    "invitation": ("/invitations/{invitation}", None, 200),
    "notifications": ("/notifications", "member", 200),
    "a search to save": ("/notifications/searches/new?q=CeO2&state=open", "member", 200),
    "instruments": ("/instruments", None, 200),
    "instrument": ("/instruments/{instrument}", None, 200),
    "instrument, staff": ("/instruments/{instrument}", "admin", 200),
    "runs that lack something": ("/instruments/{instrument}/lacking/proposal", "admin", 200),
    "nothing lacks": ("/instruments/{instrument}/lacking/sample", None, 200),
    "facility": ("/facility", None, 200),
    "use of a run": ("/datasets/{open}/usage", None, 200),
    "use of an instrument": ("/instruments/{instrument}/usage", None, 200),
    "report": ("/report", "steward", 200),
    "how well runs are described": ("/fair?without=its+proposal", "steward", 200),
    "how well its runs are described": ("/instruments/{instrument}/fair?without=a+description", "admin", 200),
    "who may read, the public": ("/why/{embargoed}", None, 200),
    "who may read, outsider": ("/why/{embargoed}", "outsider", 200),
    "who may read, team": ("/why/{visit}?ask=extension", "pi", 200),
    "who may read, somebody else": ("/why/{visit}?login=member", "steward", 200),
    "requests": ("/requests", "pi", 200),
    "DOIs": ("/dois", "steward", 200),
    "desk": ("/steward", "steward", 200),
    "audit log": ("/audit?what=sign", "admin", 200),
    "sample": ("/samples/{sample}", None, 200),
    "sign-in": ("/sign-in", None, 200),
    "tokens": ("/tokens", "member", 200),
    "ingest": ("/ingest?contains=_000", "admin", 200),
    "quarantine": ("/quarantine", "steward", 200),
    "what to do with a run": ("/corrections/new?pid={quarantined}", "steward", 200),
    "what to do with many": ("/corrections/new?instrument=sim-powder", "admin", 200),
    "change of many": ("/edits/new?instrument=sim-powder", "admin", 200),
    "corrections": ("/corrections", "steward", 200),
    "discarded runs": ("/corrections/discarded", "steward", 200),
    "file found by a pasted path": ("/ingest?contains=open/sim_00030", "admin", 200),
    "not found": ("/datasets/pm-0000000000000000", None, 404),
    "no such address": ("/nowhere", None, 404),
    "wrong method": ("/ingest/retry", "admin", 405),
}


@pytest.mark.parametrize("name", PAGES)
def test_page_is_whole_readable_and_fits(name: str, open_page: OpenPage, faults: Faults) -> None:
    path, login, status = PAGES[name]
    faults.expected |= {status} - {200}
    page = open_page(path, login=login)
    assert page.title()
    assert page.locator("h1").count() == 1
    levels = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4')].filter(h => h.checkVisibility()).map(h => Number(h.tagName[1]))"
    )
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels  # by which screen readers go
    unfold(page)
    findings = serious_findings(page)
    page.emulate_media(color_scheme="dark")
    findings += [f"dark: {one}" for one in serious_findings(page, COLOUR_RULES)]
    page.set_viewport_size({"width": NARROW, "height": HEIGHT})
    unfold(page)
    assert not overflow(page)
    findings += [f"phone, dark: {one}" for one in serious_findings(page, LAYOUT_RULES + COLOUR_RULES)]
    page.emulate_media(color_scheme="light")
    findings += [f"phone: {one}" for one in serious_findings(page, COLOUR_RULES)]
    assert not findings, "\n".join(findings)
    assert not page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)")


def test_every_run_fits(facility: Facility, open_page: OpenPage) -> None:
    """Also the real ones, whose titles and units nobody shortened."""
    page = open_page("/?sort=title")
    addresses = {a.get_attribute("href") for a in page.locator(".runs h3 a").all()}
    assert addresses
    for address in sorted(addresses)[:10]:
        page.goto(address)
        unfold(page)
        for width in (WIDE, NARROW):
            page.set_viewport_size({"width": width, "height": HEIGHT})
            assert not overflow(page), (address, width)


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_menus_open_fit_and_close_by_keyboard(width: int, open_page: OpenPage) -> None:
    page = open_page("/", login="admin")
    page.set_viewport_size({"width": width, "height": HEIGHT})
    for name, entry in (("Mine", "Teams"), ("Staff", "Audit log")):
        page.locator("details.menu > summary", has_text=name).focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name=entry, exact=True)).to_be_visible()
        assert not overflow(page)
        assert not serious_findings(page)
        page.keyboard.press("Escape")
        summary = page.locator("details.menu > summary", has_text=name)
        expect(summary).to_be_focused()
        expect(page.get_by_role("link", name=entry, exact=True)).to_be_hidden()
        page.keyboard.press("Enter")
        page.get_by_role("link", name=entry, exact=True).focus()
        page.get_by_label("Words").focus()  # as Tab does after the last entry
        expect(page.get_by_role("link", name=entry, exact=True)).to_be_hidden()
