"""What the search page offers to narrow a result, and what it tells crawlers."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.robotparser import RobotFileParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from panmesh.access.viewer import ANONYMOUS
from panmesh.adapters.sql import tables as t
from panmesh.catalogue.effective import Surroundings, describe
from panmesh.catalogue.query import DatasetQuery
from panmesh.catalogue.technique_tree import Branch, add_up, tree
from panmesh.http.asked_words import telling_words
from panmesh.kernel.clock import from_us
from panmesh.kernel.techniques import PREFIX, table
from tests.protocol.conftest import NOW, PIDS, SECRET, House


def test_crawlers_find_things_and_no_endless_combinations(house: House) -> None:
    rules = house.client.get("/robots.txt")
    assert rules.headers["content-type"].startswith("text/plain")
    robots = RobotFileParser()
    robots.parse(rules.text.splitlines())
    assert robots.can_fetch("AnyBot", f"/datasets/{PIDS['open']}")
    assert not robots.can_fetch("AnyBot", "/?state=open&technique=x")
    assert not robots.can_fetch("AnyBot", "/api/v1/datasets")
    assert "Disallow: /releases/*/take/" in rules.text
    assert robots.site_maps() == ["http://testserver/sitemap.xml"]
    assert "x-robots-tag" not in house.client.get("/").headers
    narrowed = house.client.get("/?kind=raw")
    assert narrowed.headers["x-robots-tag"] == "noindex, nofollow"
    facets = re.findall(r'<a rel="nofollow" href="/\?', narrowed.text)
    assert len(re.findall(r'<li[^>]*><a (?:rel="nofollow" )?href="/\?[^"]*(?:state|kind|year)=', narrowed.text)) <= len(facets)


def test_techniques_are_a_tree_with_runs_counted_once(house: House) -> None:
    base = "http://purl.org/pan-science/PaNET/"
    with house.app.database.write() as c:
        for number, techniques in ((1, ("PaNET01101", "PaNET01102")), (2, ("PaNET01101",))):
            for one in techniques:
                c.execute(t.dataset_technique.insert(), {"dataset_id": number, "technique_pid": base + one})
    query = DatasetQuery()
    counts = house.app.reads.techniques(ANONYMOUS, query, house.moment[0])
    assert counts[f"{base}PaNET01101"] == 2
    assert max(counts.values()) == 2
    page = house.client.get("/").text
    assert 'class="facet techniques"' in page
    assert "x-ray powder diffraction" in page
    assert SECRET not in page


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("XAS", True),
        ("xas", True),
        ("absorption", True),
        ("PaNET01196", True),
        ("XAFS", False),  # narrower: this run was not said to be one
        ("XRD", False),
        ("XAS on {word}", True),
        ("XAS on unobtainium", False),
        ("{word} XRD", False),
    ],
)
def test_a_technique_is_found_by_what_people_call_it(house: House, asked: str, found: bool) -> None:
    """Also by short names of broader terms; beside other words, that all hold."""
    with house.app.database.write() as c:
        number = c.execute(select(t.dataset.c.id).where(t.dataset.c.pid == PIDS["open"])).scalar_one()
        title = c.execute(select(t.dataset.c.title).where(t.dataset.c.id == number)).scalar_one()
        xas = {"dataset_id": number, "technique_pid": f"{PREFIX}PaNET01196"}
        c.execute(t.dataset_technique.insert(), xas)
        text = t.dataset.c.core_text
        c.execute(t.dataset.update().where(t.dataset.c.id == number).values(core_text=text + " x-ray absorption spectroscopy"))
    words = asked.format(word=title.split()[0])
    given = house.client.get("/api/v1/datasets", params={"text": words}).json()["items"]
    assert (PIDS["open"] in [one["pid"] for one in given]) is found
    assert (f"/datasets/{PIDS['open']}" in house.client.get("/", params={"q": words}).text) is found


def test_small_digits_of_a_formula_are_digits(house: House) -> None:
    plain, small = (house.client.get("/api/v1/datasets", params={"text": f"I{digit}"}).json() for digit in "1₁")
    assert plain["total"] == small["total"] > 0


def test_a_formula_with_small_digits_is_found_by_digits() -> None:
    """And every text by the words that it was made of, in their order."""
    said = {"title": "Strain of CeO₂ in CeO₂", "sample": {"name": "ceria", "formula": "Ce₀.₉Gd₀.₁O₂"}}
    columns = describe(said, Surroundings()).columns
    assert columns["core_text"] == "strain of ceo₂ in ceo₂ ceo2"
    assert "ce0.9gd0.1o2" in columns["full_text"]
    assert columns["title_folded"] == "strain of ceo₂ in ceo₂"


def test_nothing_found_for_a_wrong_name_or_unit_says_so(house: House) -> None:
    """And tells nobody of a quantity that they may not read."""
    member = house.bearer("pi")

    def told(quantity: str, **headers: str) -> str:
        page = house.client.get("/", params={"quantity": quantity, "kind": "raw"}, headers=headers).text
        return html.unescape(page.partition('class="empty"')[2].partition("</div>")[0])

    assert "Nothing here is called “temprature”. Did you mean" in told("temprature:50..90 K", **member)
    assert "/feed?quantity=temprature" in told("temprature:50..90 K")
    assert "/notifications/searches/new?quantity=temprature" in told("temprature:50..90 K", **member)
    assert "quantity=temperature%3A50..90+K" in told("temprature:50..90 K", **member)
    assert "You asked for temperature in keV; here it is given in K" in told("temperature:50..90 keV", **member)
    for asked in ("temperature:1..2 K", "temperature:1..2 degC", "unobtainium:1..2 K"):
        assert told(asked, **member)
        assert not re.search("Did you mean|You asked for", told(asked, **member)), asked


def test_a_broader_term_that_says_no_more_is_left_out() -> None:
    base = "http://purl.org/pan-science/PaNET/"
    powder, single = f"{base}PaNET01101", f"{base}PaNET01102"
    (one,) = tree(add_up({powder: 5}), {})
    assert (one.pid, one.count, one.children) == (powder, 5, ())
    found = tree(add_up({powder: 5, single: 2}, [(powder, single)]), {})
    counts = {b.pid: b.count for top in found for b in (top, *top.children)}
    assert (counts[powder], counts[single]) == (6, 3)
    assert all(b.count >= max(child.count for child in b.children) for b in found if b.children)


def test_a_broader_term_whose_narrower_ones_stand_elsewhere_is_left_out() -> None:
    """All were made with some probe: that is no third technique beside the two."""
    base = "http://purl.org/pan-science/PaNET/"
    found = tree(add_up({f"{base}PaNET01101": 34, f"{base}PaNET01189": 10}), {})
    assert {b.label: b.count for b in found} == {"x-ray powder diffraction": 34, "small angle neutron scattering": 10}


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(table())), st.integers(1, 9), min_size=1, max_size=8))
def test_every_technique_of_a_run_is_in_the_tree_once_and_nothing_empty_is(direct: dict[str, int]) -> None:
    def walked(branches: tuple[Branch, ...]) -> Iterator[Branch]:
        for one in branches:
            yield one
            yield from walked(one.children)

    counts = add_up(direct)
    seen = list(walked(tree(counts, {})))
    assert len({b.pid for b in seen}) == len(seen)
    assert all(b.count == counts[b.pid] for b in seen)
    assert {b.pid for b in seen if not b.children} <= direct.keys()
    left_out = direct.keys() - {b.pid for b in seen}
    assert all(counts[pid] == sum(direct.values()) for pid in left_out)  # it narrows nothing


def test_year_and_file_type_narrow_with_exact_counts(house: House) -> None:
    year = from_us(NOW).year
    with house.app.database.write() as c:
        c.execute(t.dataset.update().where(t.dataset.c.id == 1).values(format="hdf5", start_us=NOW))
        c.execute(t.dataset.update().where(t.dataset.c.id != 1).values(format="tiff", start_us=NOW - 800 * 86_400_000_000))
    page = house.client.get("/").text
    assert f'href="/?year={year}"' in page
    assert "tiff" not in page  # of runs under embargo nobody else knows the file type
    assert "1 run<" in house.client.get(f"/?year={year}").text
    assert house.client.get("/api/v1/datasets", params={"year": str(year), "format": "hdf5"}).json()["total"] == 1
    assert house.client.get("/api/v1/datasets", params={"year": "year"}).status_code == 422


def test_fillers_of_a_question_are_no_condition() -> None:
    assert telling_words("XAS on the CeO2") == ["XAS", "CeO2"]
    assert telling_words("on") == ["on"]


def test_when_nothing_fits_the_page_says_what_there_is_without_one_of_the_words(house: House) -> None:
    words = house.client.get("/", params={"q": "run"}).text
    some = re.search(r"<h1>(\d+) run", words)
    assert some is not None
    page = house.client.get("/", params={"q": "run on unobtainium", "sort": "title"}).text
    assert "<h1>0 runs" in page
    assert re.search(rf'Without “unobtainium”: <a rel="nofollow" href="/\?q=run&amp;sort=title">{some[1]} run', page)
    assert "Without “run”" not in page
    assert SECRET not in page


def test_a_pasted_identifier_leads_to_its_page_and_tells_nobody_of_what_they_may_not_know(house: House) -> None:
    for text in (PIDS["open"], f" https://data.example.org/datasets/{PIDS['open']} "):
        assert (
            house.client.get("/", params={"q": text}, follow_redirects=False)
            .headers["location"]
            .endswith(f"/datasets/{PIDS['open']}")
        )
    hidden, nothing = (
        house.client.get("/", params={"q": pid}, follow_redirects=False) for pid in (PIDS["internal"], "pm-0000000000000000")
    )
    assert (hidden.status_code, nothing.status_code) == (200, 200)
    assert hidden.text.replace(PIDS["internal"], "") == nothing.text.replace("pm-0000000000000000", "")


def test_a_misspelt_word_of_a_technique_is_offered_as_it_is_spelt(house: House) -> None:
    page = house.client.get("/", params={"q": "powder difraction"}).text
    assert 'Did you mean <a rel="nofollow" href="/?q=powder+diffraction">diffraction</a>?' in page


def test_signing_in_leads_back_to_the_search(house: House) -> None:
    page = house.client.get("/", params={"q": "run", "state": "open"}).text
    assert 'href="/sign-in?next=/%3Fq%3Drun%26state%3Dopen"' in page


def test_who_took_part_finds_their_own_among_all_that_they_may_read(house: House) -> None:
    with house.app.database.write() as c:
        c.execute(t.team.insert(), {"id": 2, "name": "others"})
        c.execute(t.terms.update().where(t.terms.c.id == 1).values(team_id=2))  # the open run
    assert "of my visits" not in house.client.get("/").text
    member = house.bearer("member")
    page = house.client.get("/", headers=member).text
    assert "of my visits" in page
    own = house.client.get("/api/v1/datasets?mine=true", headers=member).json()
    everything = house.client.get("/api/v1/datasets", headers=member).json()
    assert {one["pid"] for one in everything["items"]} - {one["pid"] for one in own["items"]} == {PIDS["open"]}
    assert house.client.get("/api/v1/datasets?mine=true", headers=house.bearer("outsider")).json()["total"] == 0
    assert house.client.get("/api/v1/datasets?mine=true", headers=house.bearer("admin")).json()["total"] == 0
    assert house.client.get("/api/v1/datasets?mine=true").status_code == 401
    assert house.client.get("/api/v1/datasets?mine=no", headers=member).status_code == 422
    assert "No run fits" in house.client.get("/?mine=true").text
    chosen = house.client.get("/?mine=true", headers=member).text
    assert "Whose: <b>of my visits</b>" in chosen
