"""The policy table, its invariants, and that SQL says the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read
from panmesh.access.terms import AccessClass, Hold, State, Terms, opens_as_decided, opens_at, state
from panmesh.access.viewer import ANONYMOUS, TeamRole, Viewer
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.permission import readable_terms
from panmesh.kernel.clock import facility_midnight, iso

instants = st.one_of(st.none(), st.integers(0, 20))
terms_ = st.builds(
    Terms,
    id=st.just(1),
    access=st.sampled_from(AccessClass),
    team_id=st.sampled_from([None, 1, 2]),
    instrument_id=st.sampled_from([None, 1, 2]),
    core_from_proposal=st.booleans(),
    results_shared=st.booleans(),
    starts_us=instants,
    ends_us=instants,
    opens_us=instants,
    declassified_us=instants,
    held_us=instants,
    hold=st.just(Hold.LEGAL),
    withdrawn_us=instants,
    deleted_us=instants,
)
viewers = st.builds(
    Viewer,
    user_id=st.one_of(st.none(), st.just(7)),
    teams=st.dictionaries(st.integers(1, 2), st.sampled_from(TeamRole), max_size=2),
    instruments=st.frozensets(st.integers(1, 2)),
    admin=st.booleans(),
    steward=st.booleans(),
    granted=st.frozensets(st.integers(1, 4), max_size=2),
    emergencies=st.frozensets(st.integers(1, 4), max_size=2),
    operator=st.booleans(),
)


def test_the_embargo_ends_at_facility_midnight_after_the_last_day() -> None:
    ends = facility_midnight(__import__("datetime").date(2024, 2, 29), "Europe/Paris") + 3_600_000_000
    assert iso(opens_at(ends_us=ends, embargo_years=3, zone="Europe/Paris")) == "2027-02-28T23:00:00Z"


def test_release_and_extension_move_the_opening() -> None:
    ends = 0
    plain = opens_at(ends_us=ends, embargo_years=3, zone="UTC")
    assert opens_as_decided(plain, "UTC", extended_to_us=plain + 5) == plain + 5
    assert opens_as_decided(plain, "UTC", extended_to_us=plain - 5) == plain
    assert opens_as_decided(plain, "UTC", released_us=9) == 9


def test_data_open_on_the_release_instant_and_not_before() -> None:
    terms = Terms(id=1, access=AccessClass.PUBLIC, starts_us=0, ends_us=1, opens_us=10)
    assert not may_read(ANONYMOUS, terms, Artefact.RAW, 9)
    assert may_read(ANONYMOUS, terms, Artefact.RAW, 10)


def test_nothing_of_proprietary_data_reaches_anybody_outside() -> None:
    terms = Terms(id=1, access=AccessClass.PROPRIETARY, team_id=1, instrument_id=1, starts_us=0, ends_us=1)
    outsider, steward = Viewer(user_id=3), Viewer(user_id=4, steward=True)
    assert not any(may_read(outsider, terms, a, 100) for a in Artefact)
    assert [a for a in Artefact if may_read(steward, terms, a, 100)] == [Artefact.PID_RECORD]


@given(terms_, viewers, st.integers(0, 20))
def test_whoever_may_read_data_may_read_its_metadata(terms: Terms, viewer: Viewer, now: int) -> None:
    if may_read(viewer, terms, Artefact.RAW, now):
        assert may_read(viewer, terms, Artefact.FULL_METADATA, now)
    if may_read(viewer, terms, Artefact.FULL_METADATA, now):
        assert may_read(viewer, terms, Artefact.CORE_METADATA, now)
    if may_read(viewer, terms, Artefact.CORE_METADATA, now):
        assert may_read(viewer, terms, Artefact.PID_RECORD, now)


@given(terms_, st.integers(0, 20), st.integers(0, 20))
def test_what_is_open_never_closes_by_itself(terms: Terms, one: int, other: int) -> None:
    calm = replace(terms, held_us=None, withdrawn_us=None, deleted_us=None)
    first, later = sorted((one, other))
    if may_read(ANONYMOUS, calm, Artefact.RAW, first):
        assert may_read(ANONYMOUS, calm, Artefact.RAW, later)


@given(terms_, st.integers(0, 20))
def test_the_pid_record_is_readable_in_every_public_state(terms: Terms, now: int) -> None:
    if state(terms, now) in (State.EMBARGOED, State.OPEN, State.HELD, State.DELETED, State.WITHDRAWN):
        assert may_read(ANONYMOUS, terms, Artefact.PID_RECORD, now)


@pytest.fixture
def rows(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    t.metadata.create_all(database.engine)
    yield database
    database.dispose()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(terms_, min_size=20, max_size=60), st.lists(viewers, min_size=5, max_size=10), st.integers(0, 20))
def test_sql_and_the_pure_policy_agree(rows: Database, many: list[Terms], who: list[Viewer], now: int) -> None:
    with rows.write() as connection:
        if not connection.execute(select(t.facility)).first():
            connection.execute(t.facility.insert(), {"id": 1, "facility_key": "f", "name": "F", "time_zone": "UTC"})
            connection.execute(t.team.insert(), [{"id": i, "name": str(i)} for i in (1, 2)])
            connection.execute(
                t.instrument.insert(),
                [
                    {
                        "id": i,
                        "pid": str(i),
                        "facility_id": 1,
                        "instrument_key": str(i),
                        "name": str(i),
                        "aliases_json": "[]",
                        "scheduled": False,
                    }
                    for i in (1, 2)
                ],
            )
        connection.execute(t.terms.delete())
        connection.execute(t.terms.insert(), [_row(i, one) for i, one in enumerate(many, 1)])
    with rows.read() as connection:
        for viewer in who:
            for artefact in Artefact:
                found = set(connection.execute(readable_terms(viewer, artefact, now)).scalars())
                assert found == {i for i, one in enumerate(many, 1) if may_read(viewer, replace(one, id=i), artefact, now)}, (
                    viewer,
                    artefact,
                )


def _row(number: int, terms: Terms) -> dict[str, object]:
    row = {name: getattr(terms, name) for name in t.terms.c.keys()}
    return row | {"id": number, "access": terms.access.value, "hold": terms.hold.value if terms.hold else None}
