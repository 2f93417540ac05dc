"""kill -9 in the rounds of every night and every hour (FAIR scores, retention, rights on the disk): the next one leads to the same."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from panmesh.adapters.sql import people_tables as p
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.event_tables import alert_mail, alert_match, saved_search, webhook_delivery
from panmesh.adapters.sql.fair_tables import fair_gap, fair_month, fair_round, fair_run, fair_sum
from panmesh.adapters.sql.request_tables import notice
from panmesh.app.compose import Composition
from panmesh.app.disk_rights import check
from panmesh.app.publishing import Publishing
from panmesh.app.settings import load
from panmesh.app.upkeep import Upkeep
from panmesh.kernel.clock import DAY_US
from tests.conftest import MakeFacility
from tests.processes import killed
from tests.protocol.conftest import NOW, House, furnish


def dies(house: House, what: Callable[[Composition], object], point: str, environment: dict[str, str]) -> None:
    """A process of its own does it and dies there."""
    data, url = house.app.settings.data, house.app.settings.database_url
    environment = environment | {"PANMESH_DATABASE__URL": url}
    killed(lambda: what(Composition(load(data=data, environment=environment))), point, beside=house.app)


def score(app: Composition) -> None:
    Publishing(app, threading.Event()).round()


def forget(app: Composition) -> None:
    Upkeep(app, threading.Event()).round()


def mend(app: Composition) -> None:
    check(app, apply=True)


def rows(house: House, *tables: Table) -> list[Any]:
    with house.app.database.read() as c:
        return [sorted(map(tuple, c.execute(select(table)).all()), key=str) for table in tables]


def test_fair_scores_are_the_same_whatever_died(make_facility: MakeFacility) -> None:
    house = furnish(make_facility())
    tables = (fair_run, fair_month, fair_round, fair_sum, fair_gap)
    score(house.app)
    with house.app.database.write() as c:  # as if it had never been scored, but followed
        for table in (fair_run, fair_sum, fair_gap, fair_month):
            c.execute(table.delete())
    for point in ("fair.before-commit:kill", "fair.scored:kill", "fair.month:kill"):
        dies(house, score, point, {})
        scored, months, _, sums, gaps = rows(house, *tables)
        assert bool(scored) == bool(sums) == bool(gaps)
        assert bool(scored) == (point != "fair.before-commit:kill")
        assert months == []
    with house.app.database.write() as c:
        c.execute(t.change.insert(), {"at_us": NOW, "kind": "dataset", "pid": "pm-0000000000000001", "what": "updated"})
    dies(house, score, "fair.before-commit:kill", {})
    score(house.app)
    after = rows(house, *tables)
    with house.app.database.write() as c:
        for table in (fair_run, fair_sum, fair_gap, fair_month):
            c.execute(table.delete())
    score(house.app)
    assert rows(house, *tables) == after
    assert len(after[0]) == 5


def _old_things(house: House) -> None:
    """Of each kind that is forgotten: one that is old, one that is not."""
    long_ago, before = NOW - 400 * DAY_US, NOW - DAY_US // 2
    with house.app.database.write() as c:
        c.execute(saved_search.insert(), _saved_search(house))
        for number, at in enumerate((long_ago, before), 1):
            said = {
                "key": f"k{number}",
                "kind": "opened",
                "account_id": 1,
                "due_us": at,
                "state": "sent",
                "message": f"m{number}",
            }
            c.execute(notice.insert(), said | {"attempts": 1, "next_us": at})
            mail = {"id": number, "search_id": 1, "message": f"m{number}", "state": "sent", "attempts": 1, "next_us": at}
            c.execute(alert_mail.insert(), mail | {"created_us": at, "done_us": at})
            c.execute(
                t.web_session.insert(),
                {"id_hash": bytes([number]), "account_id": 1, "csrf": "x", "created_us": at, "expires_us": at},
            )
            c.execute(t.login_attempt.insert(), {"bucket": f"login:{number}", "at_us": at})
            asked = {
                "team_id": 1,
                "about": "a",
                "about_pid": "b",
                "address": "a@example.org",
                "role": "member",
                "key": f"k{number}",
            }
            asked |= {"at_us": at, "valid_until_us": at + DAY_US, "mail_state": "sent", "mail_attempts": 1, "mail_next_us": at}
            c.execute(p.invitation.insert(), asked)


def _saved_search(house: House) -> dict[str, Any]:
    made = {column.name: 0 for column in saved_search.columns if not column.nullable and column.default is None}
    made |= {c.name: "x" for c in saved_search.columns if c.name in made and str(c.type) == "TEXT"}
    return made | {"id": 1, "account_id": 1}


FORGOTTEN = (notice, alert_match, alert_mail, webhook_delivery, p.invitation, t.web_session, t.login_attempt)


def test_what_is_forgotten_by_rule_is_forgotten_whatever_died_and_nothing_else(make_facility: MakeFacility) -> None:
    house = furnish(make_facility())
    _old_things(house)
    audited = rows(house, t.audit)
    for point in (
        "retention.before-commit:kill",
        "retention.forgot:kill",
        "retention.before-commit:kill:5",
        "retention.forgot:kill:7",
    ):
        before = [len(found) for found in rows(house, *FORGOTTEN)]
        dies(house, forget, point, {})
        after = [len(found) for found in rows(house, *FORGOTTEN)]
        assert all(now <= then for now, then in zip(after, before, strict=True))
        if point == "retention.before-commit:kill":
            assert after == before, "what is not committed did not happen"
    forget(house.app)
    left = rows(house, *FORGOTTEN)
    assert [len(found) for found in left] == [1, 0, 1, 0, 1, 1, 1]
    forget(house.app)
    assert rows(house, *FORGOTTEN) == left
    assert set(audited[0]) <= set(rows(house, t.audit)[0])


def test_rights_on_the_disk_are_mended_to_the_end_whatever_died(make_facility: MakeFacility, tmp_path: Path) -> None:
    mapped = tmp_path / "names"
    mapped.write_text("pi daemon\nmember nobody\n", "utf-8")
    given = {"PANMESH_ACL__USER": "map", "PANMESH_ACL__MAP_FILE": str(mapped)}
    house = furnish(make_facility(**given))
    differ = len(check(house.app).drifts)
    assert differ > 2
    for point in ("disk-rights.set:kill", "disk-rights.set:kill:2", "disk-rights.before-commit:kill"):
        reports = rows(house, p.disk_report)
        dies(house, mend, point, given)
        assert rows(house, p.disk_report) == reports, "no report of what was not done to its end"
    assert check(house.app, apply=True).drifts == ()
    assert check(house.app).drifts == ()
    names = subprocess.run(["getfacl", "-p", str(tmp_path / "runs/embargoed")], capture_output=True, text=True, check=True)
    assert {"user:daemon:r-x", "user:nobody:r-x", "other::---"} <= set(names.stdout.split())
