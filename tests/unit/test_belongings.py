"""What somebody belongs to is kept between their requests, and is never another than what the database says at that moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from panmesh.access.accounts import AccountService
from panmesh.access.viewer import Scope, TeamRole, Viewer
from panmesh.adapters.identity.passwords import Argon2Passwords
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.accounts import SqlAccounts
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.migrate import migrate
from panmesh.adapters.sql.request_tables import request, terms_grant
from panmesh.adapters.sql.revisions import KEPT, MANY, forget_changes
from panmesh.testing.statements import asked_of

NOW = 1_000_000_000
MEMBER = {"team_id": 1, "account_id": 1, "role": "member"}

REQUEST = {
    "id": 1,
    "kind": "access",
    "terms_id": 1,
    "about": "pm-1",
    "title": "A visit",
    "asked_by": 1,
    "asked_us": 1,
    "reason": "to compare",
    "wanted_json": "{}",
    "answer": "granted",
    "deadline_us": 2,
    "revision": 1,
}


class People:
    """One account with a token, beside one that never keeps anything."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOW
        self._kept = SqlAccounts(database)
        self._service = AccountService(self._kept, Argon2Passwords(), lambda: self.now, address_key=b"x" * 32)
        self._service.create(login="ada", name="Ada", password=None, admin=False)
        secret, _ = self._service.make_token(self._service.viewer("ada"), "t", frozenset({Scope.READ}))
        self.secret = secret

    def viewer(self) -> Viewer:
        return self._service.of_token(self.secret)

    def agree(self) -> Viewer:
        found, anew = self.viewer(), SqlAccounts(self.database).viewer("ada", self.now)
        assert anew is not None
        assert found.rights == anew.rights
        return found

    def write(self, *statements: object) -> None:
        with self.database.write() as c:
            for statement in statements:
                c.execute(statement)  # type: ignore[call-overload]


@pytest.fixture
def people(database_url: str) -> Iterator[People]:
    database = Database(database_url)
    migrate(database)
    with database.write() as c:
        _facility(c)
    yield People(database)
    database.dispose()


def _facility(c: Connection) -> None:
    c.execute(insert(t.facility), {"id": 1, "facility_key": "f", "name": "F", "time_zone": "UTC"})
    c.execute(insert(t.instrument), {"id": 1, "facility_id": 1, "instrument_key": "i", "name": "I", "pid": "pm-i"})
    c.execute(insert(t.team), [{"id": n, "name": f"team{n}"} for n in (1, 2)])


def test_nothing_is_asked_again_while_nothing_changes(people: People) -> None:
    people.write(insert(t.team_member).values(MEMBER))
    people.viewer()
    with asked_of(people.database) as asked:
        assert people.viewer().teams == {1: TeamRole.MEMBER}
    assert len(asked) == 1


CHANGES: dict[str, Callable[[People], None]] = {
    "joined": lambda p: p.write(insert(t.team_member).values(MEMBER | {"team_id": 2})),
    "role": lambda p: p.write(update(t.team_member).values(role="pi")),
    "left": lambda p: p.write(delete(t.team_member)),
    "ends": lambda p: p.write(update(t.team_member).values(expires_us=NOW)),
    "instrument": lambda p: p.write(insert(t.account_instrument).values(account_id=1, instrument_id=1)),
    "admin": lambda p: p.write(update(t.account).values(admin=True)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_seen_by_the_next_request(people: People, change: str) -> None:
    people.write(insert(t.team_member).values(MEMBER))
    before = people.agree()
    CHANGES[change](people)
    assert people.agree().rights != before.rights


def test_a_grant_is_seen_when_it_is_given_and_when_it_is_taken_back(people: People) -> None:
    people.write(
        insert(t.terms).values(id=1, access="proprietary", policy_version="1"),
        insert(request).values(REQUEST),
        insert(terms_grant).values(id=1, account_id=1, terms_id=1, standing="grantee", expires_us=NOW + 50, request_id=1),
    )
    assert people.agree().granted == {1}
    people.write(update(terms_grant).values(revoked_us=NOW))
    assert people.agree().granted == frozenset()


def test_a_membership_ends_by_the_clock_and_a_clock_set_back_gives_it_back(people: People) -> None:
    people.write(
        insert(t.team_member).values(MEMBER | {"expires_us": NOW + 10}),
        insert(t.team_member).values(MEMBER | {"team_id": 2, "expires_us": NOW + 20}),
    )
    for at, teams in ((0, {1, 2}), (9, {1, 2}), (10, {2}), (19, {2}), (20, set()), (5, {1, 2})):
        people.now = NOW + at
        assert set(people.agree().teams) == teams, at


def test_what_failed_to_be_written_changes_nothing(people: People) -> None:
    people.agree()
    with pytest.raises(IntegrityError):
        people.write(insert(t.team_member).values(MEMBER), insert(t.team_member).values(MEMBER))
    assert people.agree().teams == {}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_a_change_that_is_committed_after_a_later_one_is_seen(people: People) -> None:
    """Numbers are given when a transaction writes, not when it ends."""
    with people.database.write() as early:
        early.execute(insert(t.team_member).values(MEMBER))
        people.write(insert(t.team_member).values(MEMBER | {"team_id": 2}))
        assert set(people.agree().teams) == {2}
    assert set(people.agree().teams) == {1, 2}


def test_old_changes_are_forgotten_and_what_is_kept_stays_true(people: People) -> None:
    people.write(insert(t.team_member).values(MEMBER))
    for number in range(MANY + 1):
        people.write(update(t.team_member).values(role=("pi", "member")[number % 2]))
    people.agree()
    forget_changes(people.database)
    with people.database.read() as c:
        assert len(c.execute(select(t.belonging_change.c.id)).all()) == KEPT
    people.agree()
    people.write(delete(t.team_member))
    assert people.agree().teams == {}
