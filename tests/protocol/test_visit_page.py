"""The page of a visit and its table, and the page of a proposal: for each reader what they may read, and for hostile input words."""

from __future__ import annotations

import csv
import io
import re

import pytest
from sqlalchemy import select

from panmesh.access.viewer import Scope
from panmesh.adapters.sql import tables as t
from panmesh.kernel.clock import DAY_US
from panmesh.testing.statements import asked_of, commit_something
from tests.protocol.conftest import HIDDEN, NOW, PIDS, SECRET, House

OPEN, EMBARGOED = "/investigations/pm-visit1", "/investigations/pm-visit2"


@pytest.fixture
def visited(house: House) -> House:
    """All five runs are of visits of one proposal with a text; the first visit has three runs under unlike terms."""
    with house.app.database.write() as c:
        row = {"id": 1, "pid": "pm-proposal1", "facility_id": 1, "number": "P/1", "number_folded": "p1", "kind": "user"}
        c.execute(t.proposal.insert(), row | {"title": "Oxides", "proposal_text": f"{SECRET} text", "policy_version": "1"})
        c.execute(t.investigation.update().values(proposal_id=1))
        c.execute(t.dataset.update().where(t.dataset.c.id.in_([2, 3])).values(investigation_id=1))
        c.execute(t.parameter.update().where(t.parameter.c.dataset_id == 2).values(value=0.3, unit="kK", low=300.0, high=300.0))
    return house


def _table(house: House, query: str, who: dict[str, str]) -> list[dict[str, str]]:
    answer = house.client.get(f"{OPEN}/runs.csv{query}", headers=who)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_the_table_says_for_each_reader_what_they_may_read_in_one_unit(visited: House) -> None:
    query = "?column=temperature&column=sample&sort=-temperature"
    assert _table(visited, query, {}) == [
        {"pid": PIDS["open"], "title": "A run open", "temperature (K)": "77.0", "sample": "ceria", "url": f"http://testserver/datasets/{PIDS['open']}"},
        {"pid": PIDS["embargoed"], "title": "A run embargoed", "temperature (K)": "", "sample": "", "url": f"http://testserver/datasets/{PIDS['embargoed']}"},
    ]  # fmt: skip
    rows = _table(visited, query, visited.bearer("pi"))
    assert [(row["pid"], row["temperature (K)"]) for row in rows] == [
        (PIDS["embargoed"], "300.0"),
        (PIDS["open"], "77.0"),
        (PIDS["proprietary"], "77.0"),
    ]
    (hot,) = _table(visited, "?column=temperature:degC&quantity=temperature:0..40+degC", visited.bearer("pi"))
    assert (hot["pid"], round(float(hot["temperature (degC)"]), 2)) == (PIDS["embargoed"], 26.85)
    assert _table(visited, "?quantity=temperature:0..40+degC", {}) == []


def test_the_page_is_the_same_whether_a_run_is_hidden_or_absent(visited: House) -> None:
    for who in ({}, visited.bearer("outsider")):
        before = visited.client.get(OPEN, headers=who).text
        with visited.app.database.write() as c:
            c.execute(t.dataset.update().where(t.dataset.c.id == 3).values(investigation_id=3))
        after = visited.client.get(OPEN, headers=who).text
        with visited.app.database.write() as c:
            c.execute(t.dataset.update().where(t.dataset.c.id == 3).values(investigation_id=1))
        assert before == after
        assert SECRET not in before


def test_what_cannot_be_understood_is_said_and_the_table_is_shown(visited: House) -> None:
    for query, said in (
        ("?quantity=warm", "is no quantity"),
        ("?sort=nothing", "sort by one of the columns"),
        ("?column=temperature:eV", "cannot be written in"),
        ("?" + "&".join(f"column=c{i}" for i in range(13)), "at most 12 columns"),
        ("?technique=nothing", "PaNET has no technique"),
    ):
        answer = visited.client.get(OPEN + query)
        assert answer.status_code == 200
        assert said in answer.text, query
        assert "A run open" in answer.text
        refused = visited.client.get(f"{OPEN}/runs.csv{query}")
        assert refused.status_code == 422, query
    assert visited.client.get(f"{OPEN}?column=a%00b").status_code == 404
    assert "go to the first" in visited.client.get(f"{OPEN}?offset=50").text
    assert visited.client.get(f"{OPEN}?sort=-start&offset=999999999999").status_code == 200


def _asked_for(visited: House, path: str) -> int:
    commit_something(visited.app.database)
    with asked_of(visited.app.database) as asked:
        assert visited.client.get(path, headers=visited.bearer("pi")).status_code == 200
    return len([text for text, _ in asked.statements if text.startswith(("SELECT", "WITH"))])


def test_a_page_asks_the_same_questions_whatever_the_visit_holds(visited: House) -> None:
    numbers = []
    for visits in ((1,), (2, 3, 4, 5)):
        with visited.app.database.write() as c:
            for run in (2, 3, 4, 5):
                c.execute(t.dataset.update().where(t.dataset.c.id == run).values(investigation_id=1 if run in visits else run))
        paths = (OPEN, f"{OPEN}?sort=-temperature&quantity=temperature:1..999+K", "/proposals/P%2F1")
        numbers.append([min(_asked_for(visited, path) for _ in range(3)) for path in paths])
    assert numbers[0] == numbers[1]
    assert max(numbers[0]) <= 50, numbers


def test_only_the_plain_page_may_be_found_by_search_engines(visited: House) -> None:
    assert "x-robots-tag" not in visited.client.get(OPEN).headers
    for query in ("?sort=-bytes", "?column=run", "?offset=50", "?quantity=temperature:1..2+K", "?x=1"):
        assert visited.client.get(OPEN + query).headers["x-robots-tag"] == "noindex, nofollow", query
    robots = visited.client.get("/robots.txt").text
    assert "Disallow: /investigations/*?\n" in robots
    assert "Disallow: /investigations/*.csv\n" in robots


def test_chosen_columns_are_remembered_for_who_is_signed_in_and_for_no_other(visited: House) -> None:
    signed = visited.client.post("/sign-in", data={"login": "pi", "password": "panmesh-demo"})
    cookies = {"Cookie": signed.headers["set-cookie"].partition(";")[0]}
    csrf = visited.client.get(OPEN, headers=cookies).text.partition('name="csrf" value="')[2].partition('"')[0]
    form = {"csrf": csrf, "column": ["run", "temperature:eV", "files"], "sort": "-start"}
    answer = visited.client.post(f"{OPEN}/columns", data=form, headers=cookies)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{OPEN}?column=run&column=temperature%3AeV&column=files&sort=-start#runs"
    here = visited.client.get(OPEN, headers=cookies).text
    assert 'value="files" checked' in here
    assert 'value="sample" checked' not in here
    assert "cannot be written in" in here  # a unit that fits nothing is said, and left out
    chosen = form | {"column": ["run", "temperature"], "unit": ["temperature:degC", "energy:keV", "run:"]}
    answer = visited.client.post(f"{OPEN}/columns", data=chosen, headers=cookies)
    assert answer.headers["location"] == f"{OPEN}?column=run&column=temperature%3AdegC&sort=-start#runs"
    here = visited.client.get(OPEN, headers=cookies).text
    assert '<option value="temperature:degC" selected>°C</option>' in here
    back = visited.client.post(f"{OPEN}/columns", data=chosen | {"unit": ["temperature:"]}, headers=cookies)
    assert back.headers["location"] == f"{OPEN}?column=run&column=temperature&sort=-start#runs"
    assert ">°C</span></th>" in visited.client.get(f"{OPEN}?column=temperature&unit=temperature:degC", headers=cookies).text
    visited.client.post(f"{OPEN}/columns", data=form, headers=cookies)
    other = visited.client.get(OPEN, headers=visited.bearer("member")).text
    assert 'value="files" checked' not in other
    visited.client.post(f"{OPEN}/columns", data={"csrf": csrf, "do": "reset"}, headers=cookies)
    assert 'value="files" checked' not in visited.client.get(OPEN, headers=cookies).text
    assert visited.client.post(f"{OPEN}/columns", data={"column": "run"}, headers=cookies).status_code == 403
    assert visited.client.post(f"{OPEN}/columns", data={"column": "run"}).status_code == 403
    assert visited.client.post("/investigations/pm-visit4/columns", data=form, headers=cookies).status_code != 500


def test_who_may_not_know_of_a_visit_or_proposal_finds_none(visited: House) -> None:
    expired = {"Authorization": "Bearer pm_expired"}
    for path in ("/investigations/pm-visit3", "/investigations/pm-visit3/runs.csv", "/proposals/none"):
        for who in ({}, visited.bearer("outsider")):
            assert visited.client.get(path, headers=who).status_code == 404, path
        assert visited.client.get(path, headers=expired).status_code == 401
    only = visited.bearer("pi", frozenset({Scope.DATA}))
    assert visited.client.get(OPEN, headers=only).status_code == 403
    assert visited.client.get("/proposals/P%2F1", headers=only).status_code == 403


def test_a_proposal_shows_its_visits_and_never_its_text_to_the_public(visited: House) -> None:
    outside = visited.client.get("/proposals/P%2F1").text
    assert "Oxides" in outside
    assert "pm-visit1" in outside
    assert "pm-visit3" not in outside
    assert SECRET not in outside
    by_pid = visited.client.get("/proposals/pm-proposal1").text
    assert by_pid.partition("<main")[2] == outside.partition("<main")[2]
    assert "next=/proposals/P%252F1" in outside  # whoever signs in comes back to it
    for login in ("pi", "member", "steward"):
        assert f"{SECRET} text" in visited.client.get("/proposals/P%2F1", headers=visited.bearer(login)).text, login


def test_a_proposal_of_hidden_visits_is_as_none(visited: House) -> None:
    with visited.app.database.write() as c:
        c.execute(t.investigation.update().where(t.investigation.c.id.not_in([3, 4, 5])).values(proposal_id=None))
    none, hidden = (visited.client.get(f"/proposals/{number}") for number in ("P%2F2", "P%2F1"))
    assert none.status_code == 404
    assert hidden.text.replace("P%252F1", "P%252F2") == none.text
    assert visited.client.get("/proposals/P%2F1", headers=visited.bearer("pi")).status_code == 200
    assert set(HIDDEN) == {"proprietary", "collecting", "internal"}


def test_the_day_that_an_embargo_ends_opens_the_columns_too(visited: House) -> None:
    """What is kept of a visit's quantities is not kept longer than the rights of its reader."""
    assert [row["temperature (K)"] for row in _table(visited, "?column=temperature", {})] == ["77.0", ""]
    visited.moment[0] = NOW + 2000 * DAY_US
    found = {row["pid"]: row["temperature (K)"] for row in _table(visited, "?column=temperature", {})}
    assert found[PIDS["embargoed"]] == "300.0"


def test_visits_are_found_by_words_by_instrument_and_as_ones_own(visited: House) -> None:
    def titles(query: str, who: str | None = None) -> set[str]:
        page = visited.client.get(f"/investigations{query}", headers=visited.bearer(who) if who else {})
        assert page.status_code == 200
        return set(re.findall(r'<th scope="row"><a href="/investigations/([^"]+)"', page.text))

    everything = titles("", "pi")
    assert titles("?q=OXIDES", "pi") == everything  # of the proposal
    assert titles("?q=oxides+unobtainium", "pi") == titles("?q=%25", "pi") == set()
    assert titles("?q=oxides") == titles("") < everything
    assert titles("?mine=yes") == titles("")  # of nobody in particular
    assert titles("?mine=yes", "outsider") == set()
    with visited.app.database.read() as c:
        of_team = select(t.investigation.c.pid).join(t.terms, t.terms.c.id == t.investigation.c.terms_id)
        own = set(c.execute(of_team.where(t.terms.c.team_id == 1)).scalars())
    assert titles("?mine=yes", "pi") == own & everything
    assert titles("?instrument=pm-instrument1", "pi") | titles("?instrument=pm-instrument2", "pi") == everything
    assert titles("?instrument=pm-nothing", "pi") == set()
    assert "at most 20 words" in visited.client.get("/investigations?q=" + "+".join("abcdefghijklmnopqrstuvw")).text


def test_the_api_finds_visits_as_the_page_does(visited: House) -> None:
    def found(who: str | None = None, **asked: str) -> list[str]:
        answer = visited.client.get("/api/v1/investigations", params=asked, headers=visited.bearer(who) if who else {})
        assert answer.status_code == 200, answer.text
        assert answer.json()["total"] == len(answer.json()["items"])
        return [one["pid"] for one in answer.json()["items"]]

    def shown(query: str, who: str | None = None) -> list[str]:
        page = visited.client.get(f"/investigations{query}", headers=visited.bearer(who) if who else {})
        return re.findall(r'<th scope="row"><a href="/investigations/([^"]+)"', page.text)

    for who in (None, "outsider", "pi", "scientist", "steward"):
        for words in ("", "OXIDES", "visit1 oxides", "oxides unobtainium", "%"):
            assert found(who, text=words) == shown(f"?q={words.replace('%', '%25')}", who)
        assert found(who, instrument="i1") == found(who, instrument="pm-instrument1") == shown("?instrument=pm-instrument1", who)
        assert found(who, proposal="P/1") == found(who, proposal="pm-proposal1") == found(who)
        assert found(who, proposal="P/2") == []
    assert found("pi", mine="true") == shown("?mine=yes", "pi") != []
    assert found("outsider", mine="true") == []
    assert visited.client.get("/api/v1/investigations?mine=true").status_code == 401
    assert visited.client.get("/api/v1/investigations?text=" + "+".join("abcdefghijklmnopqrstuvw")).status_code == 422


def test_a_visit_without_a_schedule_stands_where_its_first_run_was(visited: House) -> None:
    starts = {1: NOW - 9 * DAY_US, 2: NOW - 5 * DAY_US}
    with visited.app.database.write() as c:
        for number, start in starts.items():
            c.execute(t.investigation.update().where(t.investigation.c.id == number).values(starts_us=start, ends_us=start + 1))
        unscheduled = {"kind": "unscheduled", "starts_us": None, "ends_us": None}
        c.execute(t.investigation.update().where(t.investigation.c.id == 3).values(terms_id=1, **unscheduled))
        c.execute(t.dataset.update().where(t.dataset.c.id == 3).values(investigation_id=3, terms_id=1, start_us=NOW - 7 * DAY_US))

    def order() -> list[str]:
        return [one["pid"] for one in visited.client.get("/api/v1/investigations").json()["items"]]

    assert order() == ["pm-visit2", "pm-visit3", "pm-visit1"]
    with visited.app.database.write() as c:  # runs under narrower terms do not move it
        c.execute(t.dataset.update().where(t.dataset.c.id == 4).values(investigation_id=3, start_us=NOW - 30 * DAY_US))
    assert order() == ["pm-visit2", "pm-visit3", "pm-visit1"]
