"""What holds on every page: nothing fails or leaves this host, it fits a phone, and everybody can read it, in light and in dark."""

from __future__ import annotations

from typing import Any

import pytest

from panmesh.testing.browser import COLOUR_RULES, HEIGHT, LAYOUT_RULES, NARROW, WIDE, Faults, overflow, serious_findings
from tests.browser.conftest import OpenPage
from tests.browser.facility import Facility

# name: (path, login, status)
PAGES: dict[str, tuple[str, str | None, int]] = {
    "search": ("/", None, 200),
    "narrowed search": ("/?instrument=sim-powder&q=CeO2&quantity=temperature:300..500+K", None, 200),
    "search without a result": ("/?q=unobtainium", None, 200),
    "search that is not understood": ("/?quantity=warm&technique=nothing&instrument=sim-beamtime", None, 200),
    "run": ("/datasets/{open}", None, 200),
    "run with an image": ("/datasets/{image}", None, 200),
    "run of many files": ("/datasets/{series}?offset=100", None, 200),
    "run that could not be read": ("/datasets/{broken}", None, 200),
    "embargoed run, outsider": ("/datasets/{embargoed}", "outsider", 200),
    "embargoed run, team": ("/datasets/{embargoed}", "member", 200),
    "correction": ("/datasets/{embargoed}/edit", "pi", 200),
    "visits": ("/investigations", None, 200),
    "visit": ("/investigations/{visit}", "member", 200),
    "notifications": ("/notifications", "member", 200),
    "a search to save": ("/notifications/searches/new?q=CeO2&state=open", "member", 200),
    "instruments": ("/instruments", None, 200),
    "instrument": ("/instruments/{instrument}", None, 200),
    "sample": ("/samples/{sample}", None, 200),
    "sign-in": ("/sign-in", None, 200),
    "tokens": ("/tokens", "member", 200),
    "ingest": ("/ingest?contains=_000", "admin", 200),
    "quarantine": ("/quarantine", "steward", 200),
    "what to do with a run": ("/corrections/new?pid={quarantined}", "steward", 200),
    "what to do with many": ("/corrections/new?instrument=sim-powder", "admin", 200),
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
    _unfold(page)
    findings = serious_findings(page)
    page.emulate_media(color_scheme="dark")
    findings += [f"dark: {one}" for one in serious_findings(page, COLOUR_RULES)]
    page.set_viewport_size({"width": NARROW, "height": HEIGHT})
    _unfold(page)
    assert not overflow(page)
    findings += [f"phone: {one}" for one in serious_findings(page, LAYOUT_RULES)]
    assert not findings, "\n".join(findings)
    assert not page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)")


def test_every_run_fits(facility: Facility, open_page: OpenPage) -> None:
    """Also the real ones, whose titles and units nobody shortened."""
    page = open_page("/?sort=title")
    addresses = {a.get_attribute("href") for a in page.locator(".runs h3 a").all()}
    assert addresses
    for address in sorted(addresses)[:10]:
        page.goto(address, wait_until="domcontentloaded")
        _unfold(page)
        for width in (WIDE, NARROW):
            page.set_viewport_size({"width": width, "height": HEIGHT})
            assert not overflow(page), (address, width)


def _unfold(page: Any) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
