"""A team of ten thousand: its page is paged, found in, and asks the database as little as that of a team of two."""

from __future__ import annotations

import time

import pytest

from panmesh.adapters.sql import people_tables as p
from panmesh.adapters.sql import tables as t
from panmesh.testing.statements import asked_of, commit_something
from tests.protocol.conftest import NOW, House

MANY = 10_000
VISIT = "pm-visit2"
SECONDS = 1.0  # of this process: others on the machine do not count
CITED = 3.0  # of pages that cite all of them
PAGES = (
    f"/proposals/{VISIT}/team",
    f"/proposals/{VISIT}/team?contains=person+09999",
    f"/proposals/{VISIT}/team?offset=9950",
    f"/api/v1/teams/{VISIT}",
    f"/api/v1/teams/{VISIT}?offset=9900&limit=100",
    f"/api/v1/teams/{VISIT}?contains=PERSON%2009999",
    f"/investigations/{VISIT}",
    f"/api/v1/investigations/{VISIT}",
    "/teams",
)


def ask(house: House, path: str) -> tuple[int, float, str]:
    """Statements and seconds (the fewest of three, with nothing kept of a search) and the answer."""
    seconds, statements = [], []
    for _ in range(3):
        commit_something(house.app.database)
        with asked_of(house.app.database) as asked:
            began = time.process_time()
            answer = house.client.get(path, headers=house.bearer("pi"))
            seconds.append(time.process_time() - began)
        statements.append(len(asked))
        assert answer.status_code == 200, (path, answer.text[:500])
    return min(statements), min(seconds), answer.text


@pytest.fixture
def asked_before(house: House) -> dict[str, int]:
    return {path: ask(house, path)[0] for path in PAGES}


@pytest.fixture
def crowd(house: House, asked_before: dict[str, int]) -> House:
    """In the team, and as many who were in it: half of each under changes of the last weeks."""
    with house.app.database.write() as c:
        people = [
            {"id": 1000 + n, "login": f"u{n}", "name": f"Person {n:05d}", "email": f"u{n}@example.org"} for n in range(MANY)
        ]
        base = {"created_us": NOW, "admin": False, "steward": False, "disabled": False}
        columns = t.account.c.keys()
        c.execute(t.account.insert(), [one | {k: v for k, v in base.items() if k in columns} for one in people])
        member = {"team_id": 1, "role": "member", "source": "schedule", "since_us": None, "expires_us": None}
        c.execute(t.team_member.insert(), [member | {"account_id": one["id"]} for one in people])
        changed = {"team_id": 1, "at_us": NOW, "what": "added", "before_json": "{}", "after_json": '{"role": "member"}'}
        c.execute(p.team_change.insert(), [changed | {"account_id": one["id"]} for one in people[::2]])
    return house


def test_its_pages_are_paged_found_in_and_quick(crowd: House, asked_before: dict[str, int]) -> None:
    slow, more = {}, {}
    for path in PAGES:
        asked, seconds, text = ask(crowd, path)
        if asked > asked_before[path]:
            more[path] = (asked_before[path], asked)
        if seconds > (CITED if "investigations" in path else SECONDS):
            slow[path] = round(seconds, 2)
        if path.startswith("/proposals"):
            assert text.count("<tr") <= 50 + 20 + 3, path
            assert len(text) < 400_000, (path, len(text))
            assert "Find somebody" in text
        if "9999" in path.casefold() and "contains" in path:
            assert "Person 09999" in text
            assert "Person 00001" not in text.partition("What was changed")[0]
    assert (more, slow) == ({}, {})


def test_the_page_of_the_visit_names_who_leads_and_how_many_more_there_are(crowd: House) -> None:
    text = crowd.client.get(f"/investigations/{VISIT}").text
    assert text.count("<li>") < 300, "the list is cut"
    assert "Pi" in text
    assert "and 9,9" in text, "how many more they are"
