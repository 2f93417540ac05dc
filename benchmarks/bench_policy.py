"""The round of the data policy over a large facility: `python benchmarks/bench_policy.py --visits 1000000 [--database URL]`.

What is asked: how long it takes to find and write down what became due in an hour, a night, and a month in which nobody worked.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from sqlalchemy import Connection, func, select, text, update

from panmesh.access.rules import PolicyRules
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.migrate import migrate
from panmesh.adapters.sql.notice_round import SqlNoticeRound
from panmesh.adapters.sql.request_tables import announcement, notice
from panmesh.adapters.sql.stewarding import SqlStewardStore
from panmesh.kernel.clock import DAY_US, system_clock
from panmesh.testing.postgres import ThrowawayPostgres, new_database

INSTRUMENTS, TEAMS = 40, 30_000
YEARS = 12  # over which the visits are spread, half a year of them to come
HOUR_US = DAY_US // 24


def fill(database: Database, visits: int, now_us: int) -> None:
    """By the database itself: a team of a leader and two members for each 33 visits, a local contact for each instrument."""
    first = now_us - (YEARS * 365 - 182) * DAY_US
    apart = YEARS * 365 * DAY_US // visits
    numbers = (
        "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {}) "
        if database.sqlite
        else "WITH s(n) AS (SELECT generate_series(CAST(1 AS bigint), {})) "
    )
    false = "0" if database.sqlite else "false"
    with database.write() as c:
        c.execute(t.facility.insert(), {"id": 1, "facility_key": "local", "name": "Facility", "time_zone": "Europe/Paris"})
        rows = [
            {"id": i, "pid": f"pm-i{i}", "facility_id": 1, "instrument_key": f"i{i}", "name": f"I{i}"}
            for i in range(1, INSTRUMENTS + 1)
        ]
        c.execute(t.instrument.insert(), [row | {"aliases_json": "[]", "scheduled": True} for row in rows])
        people = 3 * TEAMS + INSTRUMENTS
        run(
            c,
            f"INSERT INTO account (id, login, name, email, admin, steward, disabled, created_us) {numbers.format(people)}"
            f"SELECT n, 'u' || n, 'User ' || n, 'u' || n || '@example.org', {false}, {false}, {false}, 0 FROM s",
        )
        run(c, f"INSERT INTO team (id, name) {numbers.format(TEAMS)} SELECT n, 'team' || n FROM s")
        run(
            c,
            f"INSERT INTO team_member (team_id, account_id, role, source) {numbers.format(3 * TEAMS)}"
            f"SELECT (n - 1) % {TEAMS} + 1, n, CASE WHEN n <= {TEAMS} THEN 'pi' ELSE 'member' END, 'schedule' FROM s",
        )
        c.execute(
            t.account_instrument.insert(), [{"account_id": 3 * TEAMS + i, "instrument_id": i} for i in range(1, INSTRUMENTS + 1)]
        )
        ends = f"{first} + n * {apart}"
        run(
            c,
            "INSERT INTO terms (id, access, team_id, instrument_id, policy_version, core_from_proposal, results_shared, starts_us, ends_us, opens_us) "
            f"{numbers.format(visits)} SELECT n, CASE WHEN n % 20 = 0 THEN 'proprietary' ELSE 'public' END, n % {TEAMS} + 1, n % {INSTRUMENTS} + 1, "
            f"'default-1', {false}, {false}, {ends} - {3 * DAY_US}, {ends}, {ends} + {1096 * DAY_US} FROM s",
        )
        run(
            c,
            "INSERT INTO investigation (id, pid, facility_id, instrument_id, terms_id, natural_key, visit_id, title, kind, starts_us, ends_us) "
            f"{numbers.format(visits)} SELECT n, 'pm-v' || n, 1, n % {INSTRUMENTS} + 1, n, 'v' || n, 'v' || n, 'Visit ' || n, 'user', "
            f"{ends} - {3 * DAY_US}, {ends} FROM s",
        )
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
        c.exec_driver_sql("ANALYZE" if database.sqlite else "VACUUM ANALYZE")


def run(connection: Connection, statement: str) -> None:
    connection.execute(text(statement))


def measure(name: str, database: Database, visits: int) -> None:
    now_us = system_clock()
    began = time.perf_counter()
    migrate(database)
    fill(database, visits, now_us)
    print(f"\n{name}: {visits:,} visits made in {time.perf_counter() - began:.0f} s")
    rounds = SqlNoticeRound(database, PolicyRules())
    print("| | s | notices |\n|---|---|---|")

    def one(what: str, at_us: int) -> None:
        begun = time.perf_counter()
        new = rounds.round(at_us)
        print(f"| {what} | {time.perf_counter() - begun:.2f} | {new:,} |", flush=True)

    one("first of all: only begins", now_us)
    with database.write() as c:
        c.execute(update(announcement).values(upto_us=now_us - 30 * DAY_US))
    one("after a month of standstill", now_us)
    one("the same again", now_us)
    one("an hour later", now_us + HOUR_US)
    one("a night later", now_us + DAY_US + HOUR_US)
    with database.read() as c:
        total = c.execute(select(func.count()).select_from(notice)).scalar_one()
    print(f"{total:,} notices are kept, none twice.")
    desk, steward = SqlStewardStore(database), Viewer(user_id=1, steward=True)
    for what, ask in (
        ("opens in 90 days", lambda: desk.opening(steward, now_us, now_us + 90 * DAY_US, 25)),
        ("by week", lambda: desk.weeks(now_us, now_us + 90 * DAY_US)),
        ("held", lambda: desk.holds(steward, now_us, 25)),
        ("extended", lambda: desk.extensions(steward, now_us, 25)),
    ):
        begun = time.perf_counter()
        ask()
        print(f"the desk: {what}: {1000 * (time.perf_counter() - begun):.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=1_000_000)
    parser.add_argument("--database", help="URL of an empty database; without it both kinds are made for this")
    given = parser.parse_args()
    if given.database:
        measure(given.database.partition(":")[0], Database(given.database), given.visits)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", Database(f"sqlite:///{Path(folder) / 'policy.db'}"), given.visits)
    server = ThrowawayPostgres()
    try:
        measure("PostgreSQL", Database(new_database(server.start())), given.visits)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
