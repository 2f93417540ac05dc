"""How often the database is asked for one request: a page that asks once for each row is found here, before a facility finds it."""

from __future__ import annotations

import pytest
from psycopg import _queries
from sqlalchemy import select, text

from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.kernel.clock import DAY_US
from panmesh.testing.statements import asked_of, commit_something
from tests.protocol.conftest import PIDS, House

# address → statements at most, of a stranger. Counted with a margin, of two for what is asked most: one more for each row would be far above.
ALLOWED = {
    "/": 22,
    "/?q=ceria&sort=-start": 22,
    "/quantities?typed=e": 8,
    "/datasets/{open}": 37,
    "/investigations": 8,
    "/investigations/pm-visit1": 36,
    "/instruments": 5,
    "/instruments/pm-instrument1": 26,
    "/api/v1/datasets": 8,
    "/api/v1/datasets?text=ceria": 8,
    "/api/v1/datasets?facets=instrument,technique": 10,
    "/api/v1/datasets/{open}": 12,
    "/api/v1/datasets/{open}/files": 5,
    "/api/v1/quantities/spread?name=e": 7,
    "/api/Datasets?filter=%7B%22limit%22%3A20%7D": 8,
    "/api/Datasets/{open}": 4,
}


def test_how_often_the_database_is_asked(house: House) -> None:
    found = {}
    for address in ALLOWED:
        path = address.format(**PIDS)
        commit_something(house.app.database)
        with asked_of(house.app.database) as asked:
            assert house.client.get(path).status_code == 200
        found[address] = len(asked)
    assert {a: n for a, n in found.items() if n > ALLOWED[a]} == {}


def test_an_answer_is_of_one_state_of_the_database(house: House) -> None:
    """In one transaction; others find where the events of a page that lives begin, or when what is kept of a search ends."""
    found = {}
    for address in ALLOWED:
        commit_something(house.app.database)
        with asked_of(house.app.database) as asked:
            house.client.get(address.format(**PIDS))
        found[address] = asked.transactions
    lives_or_is_kept = ("/instruments/pm-instrument1", "/api/v1/datasets", "/api/Datasets")
    assert {a: n for a, n in found.items() if n > (3 if a.startswith(lives_or_is_kept) else 1)} == {}


def test_the_page_of_whoever_leads_many_teams_asks_nothing_for_each(house: House) -> None:
    headers, found = house.bearer("pi"), []
    for more in (1, 12):
        with house.app.database.write() as connection:
            who = connection.execute(select(t.account.c.id).where(t.account.c.login == "pi")).scalar_one()
            for number in range(more):
                team = connection.execute(t.team.insert().values(name=f"team {more} {number}")).inserted_primary_key
                row = {"team_id": team[0], "account_id": who, "role": "pi", "source": "schedule"}
                connection.execute(t.team_member.insert().values(**row))
        with asked_of(house.app.database) as asked:
            assert "It leads" in house.client.get("/me", headers=headers).text
        found.append(len(asked))
    assert found[1] <= found[0]


def test_a_search_asked_again_costs_no_statement_until_something_changes(house: House) -> None:
    """Of nobody in particular; whoever is signed in is answered anew."""
    address = "/api/v1/datasets?state=open"
    for _ in range(20):  # PostgreSQL tells of changes in all databases of a server, which other tests use meanwhile
        first = house.client.get(address)
        with asked_of(house.app.database) as asked:
            again = house.client.get(address)
        if not len(asked):
            break
    assert (again.content, len(asked)) == (first.content, 0)
    assert again.headers["x-total-count"] == first.headers["x-total-count"] == "1"
    with asked_of(house.app.database) as asked:
        house.client.get(address, headers=house.bearer("admin"))
    assert len(asked) > 2
    with house.app.database.write() as c:
        c.execute(t.terms.update().values(access="proprietary", declassified_us=None))
    assert house.client.get(address).json()["total"] == 0


def test_a_kept_search_ends_with_the_embargo(house: House) -> None:
    assert house.client.get("/api/v1/datasets?state=open").json()["total"] == 1
    house.moment[0] += 2000 * DAY_US
    assert house.client.get("/api/v1/datasets?state=open").json()["total"] > 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite does not read them in Python
def test_long_statements_are_read_once(database_url: str) -> None:
    """By psycopg, which has no setting for it: `adapters.sql.kept_statements`."""
    database = Database(database_url)
    long = "SELECT " + ", ".join(f"'{n:0100}'" for n in range(100)) + ", CAST(:one AS INTEGER)"
    with database.read() as c:
        c.execute(text(long), {"one": 1}).all()
        before = _queries._query2pg.cache_info()
        c.execute(text(long), {"one": 2}).all()
        after = _queries._query2pg.cache_info()
        assert c.connection.driver_connection.prepared_max > 300
    assert (after.misses - before.misses, after.hits - before.hits) == (0, 1)
    database.dispose()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite keeps statements by their text
def test_what_is_asked_often_is_planned_once(database_url: str) -> None:
    """A driver that forgot what it had prepared with each reading took 3 of 4 ms of a page of results for planning."""
    database = Database(database_url)
    for _ in range(12):
        with database.read() as c:
            c.execute(select(t.terms.c.id).where(t.terms.c.id == 1)).all()
    with database.read() as c:
        kept = (
            c.execute(text("SELECT generic_plans FROM pg_prepared_statements WHERE statement LIKE 'SELECT terms.id%'"))
            .scalars()
            .all()
        )
    database.dispose()
    assert kept
    assert kept[0] > 0
