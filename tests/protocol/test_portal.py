"""What the portal says, beside what the browser tests click: addresses that lead nowhere, names, whom to ask."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from panmesh.access.accounts import AccountService
from panmesh.access.viewer import OPERATOR
from panmesh.app.asgi import build
from panmesh.app.settings import load
from panmesh.app.worker import ingest_until_done, scan_tree
from panmesh.catalogue.search import SearchService
from panmesh.catalogue.statistics import Lack
from panmesh.http.identity import COOKIE
from panmesh.kernel.errors import Invalid, Unavailable
from panmesh.portal.words import HELD
from panmesh.testing.personas import PASSWORD
from panmesh.testing.simulator import write_run
from tests.conftest import MakeFacility
from tests.protocol.conftest import PIDS, Client, House

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/ingest/retry", 405), ("PUT", "/", 405)]
)
def test_an_address_that_leads_nowhere_is_a_page_for_browsers(house: House, method: str, path: str, status: int) -> None:
    page = house.client.request(method, path, headers=BROWSER)
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert 'role="search"' in page.text
    assert '<a href="/">' in page.text
    assert "sign-in?next" not in page.text.partition("<main")[2]  # nothing is hidden there
    assert ("allow" in page.headers) is (status == 405)
    for headers, where in (({}, path), (BROWSER, "/api/v1" + path)):
        answer = house.client.request(method, where, headers=headers)
        assert answer.headers["content-type"] == "application/problem+json", where


def test_hidden_and_absent_runs_are_one_page(house: House) -> None:
    for path in (
        "/datasets/{}",
        "/datasets/{}/edit",
        "/datasets/{}/plot.svg",
        "/datasets/{}/changes.svg",
        "/investigations/{}",
        "/samples/{}",
    ):
        absent = "pm-9999999999999999"
        pages = [
            house.client.get(path.format(pid), headers=BROWSER).text.replace(pid, absent) for pid in (PIDS["proprietary"], absent)
        ]
        assert pages[0] == pages[1], path


def test_the_instrument_facet_names_instruments(house: House) -> None:
    given = house.client.get("/api/v1/datasets", params={"facets": "instrument,facility"}).json()["facets"]
    assert given["instrument"] == [{"value": "i1", "label": "I1", "count": 2}]
    assert given["facility"][0]["label"] == "This facility"
    page = house.client.get("/", params={"instrument": "i2"}).text
    assert "Instrument: <b>I2</b>" in page


@pytest.mark.parametrize(
    ("text", "count"),
    [("open/run", 1), ("runs/open/run.nxs", 1), ("runs:open", 1), ("runs/", 5), ("runs/nothing", 0), ("uns/open", 0)],
)
def test_a_pasted_path_finds_its_file(house: House, text: str, count: int) -> None:
    admin = house.bearer("scientist")
    assert house.client.get("/api/v1/ingest/units", params={"contains": text}, headers=admin).json()["total"] == count


def test_an_absolute_path_finds_its_file(house: House) -> None:
    root: Path = house.app.storages.root("runs").path
    for path, count in ((root / "open/run.nxs", 1), (root, 5), (root.parent / "elsewhere/open/run.nxs", 0)):
        page = house.client.get("/ingest", params={"contains": f" {path} "}, headers=house.bearer("scientist")).text
        assert page.count("/run.nxs</a>") == count, path


def test_a_run_names_the_facility_and_its_source(make_facility: MakeFacility) -> None:
    app = make_facility(PANMESH_POLICY__UNSCHEDULED="open", PANMESH_FACILITY__NAME="Ring & Sons")
    runs = app.storages.root("runs").path
    (runs / "DLS-i22").mkdir()
    write_run(runs / "DLS-i22", 1, datetime(2026, 3, 1, tzinfo=UTC))
    (runs / "DLS-i22/notes.pdf").write_bytes(b"%PDF-1.7")
    scan_tree(app, "runs", "")
    ingest_until_done(app)
    client = Client(build(app, work=False))
    items = {one["run"]: one for one in client.get("/api/v1/datasets").json()["items"]}
    one = items["1"]
    assert (one["facility_name"], one["source"]) == ("Ring & Sons", "Simulated source")
    assert one["investigation"]["name"] == "sim-powder, 2026-03 (not in the schedule)"
    assert items[None]["investigation"]["name"] == "Unknown instrument, DLS-i22 (not in the schedule)"
    visits = client.get("/api/v1/investigations").json()["items"]
    assert {v["title"] for v in visits} == {v["investigation"]["name"] for v in items.values()}
    page = html.unescape(client.get(f"/datasets/{one['pid']}").text)
    assert "Ring & Sons</dd>" in page
    assert ">Simulated source</dd>" in page
    assert "sim-powder, 2026-03 (not in the schedule)</a></dd>" in page


@pytest.mark.parametrize(
    ("contact", "link"),
    [
        ("data@ring.example", '<a href="mailto:data@ring.example">data@ring.example</a>'),
        ("https://ring.example/help/", '<a href="https://ring.example/help/">ring.example/help</a>'),
        (None, None),
    ],
)
def test_whom_to_ask_is_said_with_and_without_a_contact(house: House, contact: str | None, link: str | None) -> None:
    facility = house.app.settings.facility.model_copy(update={"contact": contact})
    house.app.settings = house.app.settings.model_copy(update={"facility": facility})
    house.app.__dict__.pop("search", None)
    client = Client(build(house.app, work=False))
    page = client.get(f"/datasets/{PIDS['embargoed']}").text
    asked = "For access, ask the principal investigator of the experiment or the facility's staff"
    assert asked + (f" ({link})." if link else ".") in html.unescape(page)
    assert (page.partition("<footer>")[2].count("Questions:"), page.count("mailto:None")) == (1 if contact else 0, 0)
    told = client.get(f"/api/v1/datasets/{PIDS['embargoed']}/access").json()["ask"]
    refused = client.get(f"/api/v1/datasets/{PIDS['embargoed']}/files").json()["request_access"]
    assert refused == f"Ask {told}."
    assert told.endswith(f"({contact})" if contact else "staff")


@pytest.mark.parametrize("contact", ["somebody", "javascript:alert(1)", "a b@c.org", "https://"])
def test_a_contact_that_nobody_can_follow_is_refused(contact: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"facility\.contact"):
        load(data=tmp_path, environment={"PANMESH_FACILITY__CONTACT": contact})


def test_a_range_without_a_unit_says_what_is_taken_for_it(house: House) -> None:
    for path in ("/?quantity=temperature:50..90", "/investigations/pm-visit1?quantity=temperature:50..90"):
        assert "temperature:50..90 in the unit of each file" in house.client.get(path).text
        assert "in the unit of each file" not in house.client.get(f"{path}+K").text


def test_a_facet_of_one_value_is_shown_where_it_narrows(house: House) -> None:
    """Those of the only proposal among runs without one are found by it; what all have alike narrows nothing."""
    titles = {"state": "Access", "instrument": "Instrument", "sample": "Sample", "proposal": "Proposal", "facility": "Facility"}
    seen = set()
    for login in (None, "pi", "scientist"):
        headers = house.bearer(login) if login else {}
        page = house.client.get("/", headers=headers).text
        given = house.client.get("/api/v1/datasets", params={"facets": ",".join(titles)}, headers=headers).json()
        for name, title in titles.items():
            values = given["facets"][name]
            narrows = len(values) > 1 or any(one["count"] < given["total"] for one in values)
            assert (f"<h2>{title}</h2>" in page) is narrows, (login, name)
            seen.add((len(values), narrows))
    assert {(1, True), (1, False)} <= seen


def test_a_file_that_cannot_be_read_is_offered_as_it_is(make_facility: MakeFacility) -> None:
    app = make_facility(PANMESH_POLICY__UNSCHEDULED="open")
    runs = app.storages.root("runs").path
    (runs / "broken.nxs").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    scan_tree(app, "runs", "")
    ingest_until_done(app)
    client = Client(build(app, work=False))
    [one] = client.get("/api/v1/datasets").json()["items"]
    page = html.unescape(client.get(f"/datasets/{one['pid']}").text)
    assert ("could not be read" in page, "Download broken.nxs" in page, 'run.files.download("home")' in page) == (
        True,
        True,
        True,
    )
    assert ('id="viewer"' in page, "/export?path=" in page) == (False, False)


def test_whoever_holds_nothing_yet_is_told_so_in_words(house: House) -> None:
    """Of everything that an account can hold there is a word on the page "My data"."""
    held = house.client.get("/me/data.json", headers=house.bearer("pi")).json()
    assert set(held) - {"account", "names_in_records", "withheld_names"} - set(HELD) == set()
    page = house.client.get("/me", headers=house.bearer("pi")).text
    assert not re.search(r"\b1 (entries|notes|published versions)\b", page)


def test_the_report_says_its_time_at_the_facility(house: House) -> None:
    page = house.client.get("/report", headers=house.bearer("steward")).text
    assert f"({house.app.settings.facility.time_zone})" in page.partition("As of")[2][:200]


def test_what_a_run_lacks_leads_to_where_it_is_mended(house: House) -> None:
    """A proposal is no field of the form: runs are moved to a visit."""
    pid = next(i.pid for i in house.app.search.instruments(OPERATOR) if i.key == "i1")
    links = set()
    for lack in Lack:
        page = house.client.get(f"/instruments/{pid}/lacking/{lack}", headers=house.bearer("scientist")).text
        links |= {(lack, link) for link in re.findall(r'href="/(edits|corrections)/new\?instrument=i1"', page)}
    assert links
    assert all((link == "corrections") is (lack is Lack.PROPOSAL) for lack, link in links)


def test_errors_before_any_page_are_pages_for_browsers(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too large, a database that is away, a slip of ours: with words, not as JSON or as one line of text."""

    def away(*_: object) -> None:
        raise Unavailable("The database does not answer.")

    def slip(*_: object) -> None:
        raise ZeroDivisionError

    large = {"Content-Length": str(50 << 20), "Content-Type": "application/x-www-form-urlencoded"}
    pages = [house.client.post("/edits/preview", content=b"", headers=BROWSER | large)]
    cookie = {"Cookie": f"{COOKIE}={house.app.accounts.sign_in('pi', PASSWORD, 'here').secret}"}
    many = [("picture", (f"{number}.png", b"x", "image/png")) for number in range(21)]
    pages.append(house.client.post(f"/datasets/{PIDS['open']}/notes", files=many, headers=BROWSER | cookie))
    monkeypatch.setattr(SearchService, "facilities", away)  # of which every page says the time zone
    pages.append(house.client.get("/instruments", headers=BROWSER))
    monkeypatch.setattr(AccountService, "of_session", away)
    pages.append(house.client.get("/", headers=BROWSER | cookie))
    monkeypatch.setattr(SearchService, "facilities", slip)
    pages.append(house.client.get("/instruments", headers=BROWSER))
    assert [page.status_code for page in pages] == [413, 422, 503, 503, 500]
    for page in pages:
        assert page.headers["content-type"] == "text/html; charset=utf-8", page.text
        assert 'role="search"' in page.text
    assert "20" in pages[1].text.partition("<main")[2]
    assert "incident" in pages[-1].text


def test_what_pages_load_is_kept_by_browsers_under_the_address_of_its_content(house: House) -> None:
    page = house.client.get("/").text
    style = re.search(r'href="(/static/panmesh\.css\?v=[0-9a-f]{12})"', page)
    assert style is not None
    assert "immutable" in house.client.get(style[1]).headers["cache-control"]
    for other in ("/static/panmesh.css", "/static/panmesh.css?v=000000000000"):  # of a server that is newer or older
        assert house.client.get(other).headers["cache-control"] == "public, no-cache"
    packed = house.client.get(style[1], headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < 0.4 * len(packed.text)
    again = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["etag"]}
    assert house.client.get("/static/panmesh.css", headers=again).status_code == 304
    assert "content-encoding" not in house.client.get(style[1], headers={"Accept-Encoding": "identity"}).headers
    assert house.client.get("/static/../pages.py").status_code == 404
