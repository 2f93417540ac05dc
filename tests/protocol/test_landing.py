"""Landing pages: the page of a thing is also its record for machines, with what anybody may read and nothing else."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from signposting import find_signposting_http_link, find_signposting_linkset
from sqlalchemy import update

from panmesh.adapters.sql import tables as t
from panmesh.http.landing import FORMS, wanted
from panmesh.kernel.clock import DAY_US, facility_day
from tests.protocol.conftest import HIDDEN, NOW, PIDS, SECRET, House

OPEN, EMBARGOED = f"/datasets/{PIDS['open']}", f"/datasets/{PIDS['embargoed']}"


@pytest.fixture
def house_settings() -> dict[str, str]:
    return {
        "PANMESH_SERVER__PUBLIC_URL": "https://data.example.org",
        "PANMESH_FACILITY__NAME": "Example Facility",
        "PANMESH_FACILITY__ROR": "https://ror.org/02550n020",
    }


def json_ld(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.S)
    assert found is not None
    told: dict[str, Any] = json.loads(found[1])
    return told


@pytest.mark.parametrize("name", FORMS)
def test_each_form_by_its_type_and_by_its_name(house: House, name: str) -> None:
    media = FORMS[name].media_type
    by_name = house.client.get(OPEN, params={"format": name})
    assert (by_name.status_code, by_name.headers["content-type"].partition(";")[0]) == (200, media)
    assert 'rel="describes"' in by_name.headers["link"]
    if name != "ro-crate":  # is JSON-LD too: only asked for by name
        by_type = house.client.get(OPEN, headers={"Accept": f"{media}, */*;q=0.1"})
        assert by_type.content == by_name.content
    for path in ("/investigations/pm-visit1", "/instruments/pm-instrument1"):
        assert house.client.get(path, params={"format": name}).status_code == 200


def test_what_we_do_not_have_is_refused_and_never_answered_with_a_page(house: House) -> None:
    for path in (OPEN, "/investigations/pm-visit1", "/instruments/pm-instrument1"):
        answer = house.client.get(path, headers={"Accept": "application/vnd.example+cbor"})
        assert (answer.status_code, answer.headers["content-type"]) == (406, "application/problem+json")
        assert "text/turtle" in answer.json()["detail"]
        assert house.client.get(path, params={"format": "docx"}).status_code == 406


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        ("", "html"),
        ("*/*", "html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "html"),
        ("application/vnd.datacite.datacite+json", "datacite-json"),
        ("text/turtle;q=0.5, application/ld+json;q=0.9", "jsonld"),
        ("application/ld+json;profile=\"x\"", "jsonld"),
        ("text/html;q=0, text/turtle", "turtle"),
        ("image/png", None),
        ("text/turtle;q=x", None),
    ],
)  # fmt: skip
def test_preferences(accept: str, name: str | None) -> None:
    assert wanted(accept, None) == name


def test_an_open_run_is_signposted_on_get_and_head(house: House) -> None:
    page = house.client.get(OPEN)
    head = house.client.request("HEAD", OPEN)
    assert head.headers["link"] == page.headers["link"]
    assert "Accept" in page.headers["vary"]
    found = find_signposting_http_link([page.headers["link"]], f"https://data.example.org{OPEN}")
    assert found.citeAs is not None
    assert str(found.citeAs.target) == f"https://data.example.org{OPEN}"
    assert found.license is not None
    assert {str(one.target) for one in found.items} == {f"https://data.example.org{OPEN}/files/ceria.nxs"}
    assert "https://schema.org/Dataset" in {str(one.target) for one in found.types}
    assert {str(one.type) for one in found.describedBy} >= {"text/turtle", "application/ld+json"}
    (linkset,) = found.linksets
    told = house.client.get(str(linkset.target).removeprefix("https://data.example.org")).json()
    assert told["linkset"][0]["anchor"] == f"https://data.example.org{OPEN}"
    assert find_signposting_linkset is not None
    file = house.client.get(f"{OPEN}/files/ceria.nxs")
    assert f'<{OPEN}>; rel="collection"' in file.headers["link"]


def test_the_page_says_it_in_json_ld(house: House) -> None:
    told = json_ld(house.client.get(OPEN).text)
    for name in (
        "@id",
        "identifier",
        "url",
        "name",
        "description",
        "keywords",
        "creator",
        "publisher",
        "license",
        "datePublished",
    ):
        assert told.get(name), name
    assert told["isAccessibleForFree"] is True
    (file,) = told["distribution"]
    assert file["contentUrl"].endswith("/files/ceria.nxs")
    assert file["encodingFormat"] == "application/x-hdf5"


def test_under_embargo_no_file_no_size_no_licence_is_told_to_anybody(house: House) -> None:
    for headers in ({}, house.bearer("pi")):  # the record is the world's, also where a member of the team asks for it
        page = house.client.get(EMBARGOED, headers=headers)
        told = json_ld(page.text)
        assert told["conditionsOfAccess"].endswith("c_f1cf")
        assert told["isAccessibleForFree"] is False
        assert not {"distribution", "license", "size"} & set(told)
        assert 'rel="item"' not in page.headers["link"]
        assert 'rel="license"' not in page.headers["link"]
        for name in FORMS:
            text = house.client.get(EMBARGOED, params={"format": name}, headers=headers).text
            assert SECRET not in text, name
            assert "1000" not in text, name
            assert "creativecommons" not in text, name
    rights = house.client.get(EMBARGOED, params={"format": "datacite-json"}).json()["rightsList"]
    assert {one["rightsUri"] for one in rights} == {
        "info:eu-repo/semantics/embargoedAccess",
        "http://purl.org/coar/access_right/c_f1cf",
    }


def test_what_nobody_may_know_of_has_no_record_not_even_for_those_who_may(house: House) -> None:
    absent = house.client.get("/datasets/pm-0000000000000000", params={"format": "jsonld"}, headers=house.bearer("member"))
    for name in HIDDEN:
        path = f"/datasets/{PIDS[name]}"
        for form in FORMS:
            answer = house.client.get(path, params={"format": form}, headers=house.bearer("member"))
            assert (answer.status_code, len(answer.content)) == (404, len(absent.content)), (name, form)
        page = house.client.get(path, headers=house.bearer("member"))
        assert page.status_code == 200
        assert "link" not in page.headers
        assert "application/ld+json" not in page.text


def test_a_tombstone_is_a_page_that_says_so_and_its_bytes_are_gone(house: House) -> None:
    with house.app.database.write() as c:
        c.execute(update(t.terms).where(t.terms.c.id == 1).values(withdrawn_us=NOW - 1))
    page = house.client.get(OPEN)
    assert page.status_code == 200
    told = json_ld(page.text)
    assert told["creativeWorkStatus"] == "Withdrawn"
    assert not {"distribution", "license"} & set(told)
    assert house.client.get(f"{OPEN}/files/ceria.nxs").status_code == 410
    dates = house.client.get(OPEN, params={"format": "datacite-json"}).json()["dates"]
    assert "Withdrawn" in {one["dateType"] for one in dates}


def test_an_identifier_leads_to_the_page(house: House) -> None:
    for pid, path in (
        (PIDS["open"], OPEN),
        ("pm-visit1", "/investigations/pm-visit1"),
        ("pm-instrument1", "/instruments/pm-instrument1"),
    ):
        answer = house.client.get(f"/doi/{pid}?format=jsonld")
        assert (answer.status_code, answer.headers["location"]) == (302, f"https://data.example.org{path}?format=jsonld")
    assert house.client.get(f"/doi/{PIDS['proprietary']}").status_code == 404


def test_a_title_cannot_end_the_script(house: House) -> None:
    title = "</script><script>alert(1)</script>&<!--"
    with house.app.database.write() as c:
        c.execute(update(t.dataset).where(t.dataset.c.id == 1).values(title=title))
    page = house.client.get(OPEN).text
    assert json_ld(page)["name"] == title
    assert "<script>alert" not in page


@pytest.mark.parametrize("path", [f"/datasets/{PIDS['embargoed']}", "/investigations/pm-visit2"])
def test_dates_tell_when_it_opened_and_promise_no_day_while_it_is_held_back(house: House, path: str) -> None:
    def dates() -> dict[str, str]:
        told = house.client.get(path, params={"format": "datacite-json"}).json()
        return {one["dateType"]: one["date"] for one in told["dates"]}

    opens = NOW + 990 * DAY_US
    day = facility_day(opens, "UTC").isoformat()
    before = dates()
    assert (before["Available"], before.get("Updated") != day) == (day, True)
    with house.app.database.write() as c:
        c.execute(update(t.terms).where(t.terms.c.id == 2).values(held_us=NOW, hold="legal"))
    assert not {"Accepted", "Available"} & set(dates())
    assert day not in house.client.get(path, params={"format": "datacite-xml"}).text
    with house.app.database.write() as c:
        c.execute(update(t.terms).where(t.terms.c.id == 2).values(held_us=None, hold=None))
    house.moment[0] = opens
    assert (dates()["Available"], dates()["Updated"]) == (day, day)
