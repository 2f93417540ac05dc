"""Clocks of keeping: how long the facility keeps data, and how long what is written down of people's doings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Table, select

from panmesh.access.notices import RETENTION_DAYS, NoticeKind, due_of_visit
from panmesh.access.rules import PolicyRules, retained_until
from panmesh.access.terms import AccessClass, Terms
from panmesh.adapters.sql import people_tables as p
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.request_tables import notice
from panmesh.adapters.sql.retention import forget
from panmesh.kernel.clock import DAY_US, facility_day, to_us
from tests.conftest import MakeFacility
from tests.protocol.conftest import NOW, furnish

DAYS = {"notice": 365, "delivery": 30, "invitation": 365, "session": 1}
Row = Callable[[int], dict[str, object]]


@pytest.mark.parametrize(
    ("ended", "zone", "kept"),
    [
        (datetime(2026, 3, 2, 9, tzinfo=UTC), "UTC", date(2036, 3, 2)),
        (datetime(2028, 2, 29, 9, tzinfo=UTC), "UTC", date(2038, 2, 28)),
        (datetime(2026, 3, 1, 23, 30, tzinfo=UTC), "Europe/Paris", date(2036, 3, 2)),  # it is the second there
        (datetime(2026, 3, 2, 0, 30, tzinfo=UTC), "America/Chicago", date(2036, 3, 1)),
    ],
)
def test_data_are_kept_to_the_same_day_ten_years_later_where_the_facility_is(ended: datetime, zone: str, kept: date) -> None:
    until = retained_until(to_us(ended), PolicyRules(version="1"), zone)
    assert facility_day(until, zone) == kept
    assert facility_day(until - 1, zone) < kept, "from midnight on"


@given(st.integers(0, 20_000), st.integers(1, 100))
def test_the_time_of_keeping_never_ends_before_its_years_are_over(day: int, years: int) -> None:
    ended = day * DAY_US + 3600 * 1_000_000
    until = retained_until(ended, PolicyRules(version="1", retention_years=years), "UTC")
    assert years * 365 * DAY_US - DAY_US <= until - ended <= years * 366 * DAY_US


def test_the_warnings_come_a_year_and_ninety_days_before_and_once() -> None:
    terms = Terms(id=1, access=AccessClass.OPEN, starts_us=0, ends_us=DAY_US, opens_us=None)
    kept = retained_until(DAY_US, PolicyRules(version="1"), "UTC")
    seen = []
    for day in range(3000, 3700):
        for due in due_of_visit(terms, kept, day * DAY_US, (day + 1) * DAY_US):
            if due.kind is NoticeKind.RETENTION:
                seen.append(due.due_us)
    assert seen == [kept - days * DAY_US for days in RETENTION_DAYS]


def _notice(at: int) -> dict[str, object]:
    return {
        "key": "k",
        "kind": "opened",
        "account_id": 1,
        "due_us": at,
        "state": "sent",
        "message": "m",
        "attempts": 1,
        "next_us": at,
    }


def _invitation(at: int, **more: object) -> dict[str, object]:
    said = {"team_id": 1, "about": "a", "about_pid": "b", "address": "a@example.org", "role": "member", "key": "k", "at_us": 0}
    return said | {"valid_until_us": at, "mail_state": "sent", "mail_attempts": 1, "mail_next_us": 0} | more


KEPT: list[tuple[str, str, Table, Row]] = [
    ("a mail that was sent", "notice", notice, _notice),
    ("a link that ran out", "invitation", p.invitation, _invitation),
    ("a link that was used", "invitation", p.invitation, lambda at: _invitation(2**53, taken_us=at, taken_by_id=1)),
    ("a link that was taken back", "invitation", p.invitation, lambda at: _invitation(2**53, revoked_us=at)),
    (
        "a session that ended",
        "session",
        t.web_session,
        lambda at: {"id_hash": b"x", "account_id": 1, "csrf": "x", "created_us": 0, "expires_us": at},
    ),
    ("an attempt to sign in", "session", t.login_attempt, lambda at: {"bucket": "login:a", "at_us": at}),
]


@pytest.mark.parametrize(("rule", "table", "row"), [one[1:] for one in KEPT], ids=[one[0] for one in KEPT])
def test_what_is_kept_is_forgotten_when_its_days_are_over_and_not_before(
    make_facility: MakeFacility, rule: str, table: Table, row: Row
) -> None:
    app = furnish(make_facility()).app
    with app.database.write() as c:
        c.execute(table.delete())
        c.execute(table.insert(), row(NOW))
    over = NOW + DAYS[rule] * DAY_US
    assert forget(app.database, DAYS, over) == {}, "its last day is not over"
    assert forget(app.database, DAYS, over + 1) == {table.name: 1}
    assert forget(app.database, DAYS, over + 1) == {}
    with app.database.read() as c:
        assert c.execute(select(table)).first() is None


def test_a_mail_that_waits_and_a_link_that_still_works_are_never_forgotten(make_facility: MakeFacility) -> None:
    app = furnish(make_facility()).app
    with app.database.write() as c:
        c.execute(notice.insert(), _notice(NOW) | {"state": "waiting"})
        c.execute(p.invitation.insert(), _invitation(2**60))
        audited = c.execute(select(t.audit)).all()
    assert set(forget(app.database, DAYS, NOW + 5000 * DAY_US)) <= {"web_session", "login_attempt"}
    with app.database.read() as c:
        assert len(c.execute(select(notice)).all()) == len(c.execute(select(p.invitation)).all()) == 1
        assert c.execute(select(t.audit)).all() == audited
