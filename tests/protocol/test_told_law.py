"""The law for all that is told without being asked: events, payloads of webhooks, feeds and mails equal those of the redacted catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read
from panmesh.access.terms import State, state
from panmesh.access.viewer import Viewer
from panmesh.adapters.memory import catalogue as twin
from panmesh.adapters.memory.catalogue import Record
from panmesh.adapters.sql import event_tables
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.feed import SqlFeed
from panmesh.adapters.sql.reads import SqlReads
from panmesh.adapters.sql.saved_searches import SqlSavedSearches
from panmesh.adapters.storage.manifests import ParquetManifests
from panmesh.catalogue.events import KIND_OF, LAST, EventFilter, EventKind, EventService, Position
from panmesh.catalogue.query import DatasetQuery
from panmesh.catalogue.saved_searches import Alert, Matching, SavedSearch
from panmesh.catalogue.search import SearchService
from panmesh.testing.catalogues import QUERIES, VIEWERS, catalogues, fill

BEFORE, NOW = 3, 5
SUPPRESSED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
Rooms = tuple[Database, SqlReads]


@pytest.fixture
def rooms(database_url: str, tmp_path: Path) -> Iterator[Rooms]:
    assert event_tables.webhook.metadata is t.metadata
    database = Database(database_url)
    t.metadata.create_all(database.engine)
    yield database, SqlReads(database, ParquetManifests(tmp_path))
    database.dispose()


def _tell(database: Database, told: list[tuple[int, str]]) -> int:
    """Returns the number of the feed before them."""
    with database.write() as c:
        before = c.execute(select(func.max(t.change.c.sequence))).scalar() or 0
        for record, what in told:
            row = {"at_us": BEFORE, "kind": "dataset", "pid": f"pm-{record:016d}", "what": what}
            c.execute(t.change.insert(), row)
        if told:
            before = c.execute(select(func.max(t.change.c.sequence))).scalar_one() - len(told)
    return before


TOLD = st.lists(st.tuples(st.integers(1, 12), st.sampled_from(sorted(KIND_OF))), max_size=10)


@settings(max_examples=50, deadline=None, suppress_health_check=SUPPRESSED)
@given(catalogues(), VIEWERS, TOLD)
def test_events_are_of_what_the_viewer_may_know_and_no_others(
    rooms: Rooms, records: list[Record], viewer: Viewer, told: list[tuple[int, str]]
) -> None:
    database, reads = rooms
    fill(database, records)
    first = _tell(database, told)
    events = EventService(SqlFeed(database), SearchService(reads, lambda: NOW), lambda: NOW)
    start = Position(sequence=first, opened_us=BEFORE, opened_id=LAST)
    found = events.since(viewer, EventFilter(), start, limit=1000).items
    known = {record.pid: record for record in twin.redact(records, viewer, NOW)}
    of = {record.id: record for record in records}

    def heard(number: int, what: str) -> bool:
        kind = KIND_OF[what]
        if number not in of or of[number].pid not in known or kind is EventKind.WITHDRAWN:
            return False  # none is set aside here
        return kind is not EventKind.FAILED or (viewer.staff and may_read(viewer, of[number].terms, Artefact.FULL_METADATA, NOW))

    expected = [(of[number].pid, KIND_OF[what]) for number, what in told if heard(number, what)]
    assert [(e.pid, e.kind) for e in found if e.kind is not EventKind.OPENED] == expected
    opened = {e.pid for e in found if e.kind is EventKind.OPENED}
    assert opened <= set(known)
    for record in records:
        if record.pid in opened:
            assert state(record.terms, NOW) is State.OPEN
    for event in found:
        assert event.run is not None
        may = may_read(viewer, next(r for r in records if r.pid == event.pid).terms, Artefact.FULL_METADATA, NOW)
        assert may or (event.run.sample is None and event.run.parameters == () and event.run.total_bytes is None)
        assert events.again(viewer, event.kind, event.position) == event
    # by pages of one, the same
    pages, position, more = [], start, True
    while more:
        page = events.since(viewer, EventFilter(), position, limit=1)
        assert len(page.items) == 1 or not page.more, "what is hidden makes no empty page"
        pages += [(e.pid, e.kind) for e in page.items]
        position, more = page.position, page.more
    assert pages == [(e.pid, e.kind) for e in found]


class _Owners:
    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer

    def owner(self, account: int) -> Viewer | None:
        return self._viewer


@settings(max_examples=40, deadline=None, suppress_health_check=SUPPRESSED)
@given(catalogues(), VIEWERS, QUERIES)
def test_alerts_are_of_what_matches_now_and_by_access_did_not_before(
    rooms: Rooms, records: list[Record], viewer: Viewer, query: DatasetQuery
) -> None:
    """Nothing is changed in the tables: only the clock goes on."""
    database, reads = rooms
    fill(database, records)
    with database.write() as c:
        c.execute(t.account.insert(), {"id": 1, "login": "a", "name": "A", "created_us": 0, "admin": False, "steward": False})
    store = SqlSavedSearches(database)
    events = EventService(SqlFeed(database), SearchService(reads, lambda: NOW), lambda: NOW)
    head = events.head()
    number = store.add(1, "s", "", Alert.AT_ONCE, "k", Position(sequence=head.sequence, opened_us=BEFORE, opened_id=LAST), 100)
    matching = Matching(store, events, reads, _Owners(viewer), lambda _: query, lambda: NOW)
    matching.write_down()
    with database.read() as c:
        told = {row.pid for row in c.execute(event_tables.alert_match.select())}
    everything = DatasetQuery(where=query.where, limit=1000)

    def matched(at: int) -> set[str]:
        return set(twin.search(twin.redact(records, viewer, at), everything)[1])

    assert told == matched(NOW) - matched(BEFORE)
    search = store.one(number)
    assert isinstance(search, SavedSearch)
    shown = {run.pid for run in matching.matching(Viewer(), "", [record.pid for record in records])}
    assert shown == set(twin.search(twin.redact(records, Viewer(), NOW), everything)[1])
