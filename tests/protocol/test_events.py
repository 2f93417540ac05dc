"""Events: heard as they happen, by those who may read what they are about, without a gap and without a trace of anything else."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import httpx
import pytest

from panmesh.access.viewer import Scope
from panmesh.adapters.sql import tables as t
from panmesh.app.asgi import build
from panmesh.app.compose import Composition
from panmesh.app.worker import ingest_until_done, scan_tree
from panmesh.catalogue.events import EventFilter
from panmesh.kernel.clock import DAY_US
from panmesh.testing.simulator import write_run
from tests.conftest import MakeFacility
from tests.e2e.serving import served
from tests.protocol.conftest import HIDDEN, NOW, PIDS, House
from tests.protocol.listening import listening

API = "/api/v1/events"


def tell(app: Composition, pid: str, what: str, kind: str = "dataset") -> None:
    with app.database.write() as c:
        c.execute(t.change.insert(), {"at_us": app.clock(), "kind": kind, "pid": pid, "what": what})


def _ingest(app: Composition, runs: Path, number: int) -> None:
    write_run(runs, number, datetime(2026, 3, 1, tzinfo=UTC))
    scan_tree(app, "runs", "")
    ingest_until_done(app)


def test_a_new_run_is_heard_when_it_is_complete_and_when_it_is_digested(make_facility: MakeFacility, tmp_path: Path) -> None:
    app = make_facility(PANMESH_POLICY__UNSCHEDULED='"open"')
    with served(build(app, work=False)) as url, listening(url) as listener:
        _ingest(app, tmp_path / "runs", 1)
        written = time.monotonic()
        created, complete = listener.next(), listener.next()
        assert time.monotonic() - written < 5  # how soon it is in fact: `panmesh` benchmarks
        assert [created.type, complete.type] == ["run.created", "run.complete"]
        run = complete.body["run"]
        assert run["pid"] == complete.body["pid"]
        assert complete.body["link"] == f"{url}/datasets/{run['pid']}"
        assert run["title"]
        app.digests.work(8)
        assert listener.next().type == "digests.done"


def test_whoever_may_not_know_of_a_run_hears_nothing_of_it(house: House) -> None:
    pi_ = house.bearer("pi")
    with served(build(house.app, work=False)) as url, listening(url) as stranger, listening(url, headers=pi_) as pi:
        for name in (*HIDDEN, "open"):
            tell(house.app, PIDS[name], "updated")
        assert stranger.next().body["pid"] == PIDS["open"]
        assert stranger.silent(0.5)
        assert [pi.next().body["pid"] for _ in range(4)] == [PIDS[name] for name in (*HIDDEN, "open")]


def test_a_listener_that_comes_back_has_missed_nothing(house: House) -> None:
    with served(build(house.app, work=False)) as url:
        with listening(url) as one:
            tell(house.app, PIDS["open"], "updated")
            last = one.next().id
        tell(house.app, PIDS["open"], "closed")
        tell(house.app, PIDS["embargoed"], "digested")
        with listening(url, headers={"Last-Event-ID": last}) as again:
            assert [again.next().type, again.next().type] == ["run.complete", "digests.done"]


def test_the_page_goes_on_where_it_ended_and_says_the_same(house: House) -> None:
    start = house.client.get(API).json()
    assert (start["items"], start["more"]) == ([], False)
    for what in ("created", "updated", "closed", "digested"):
        tell(house.app, PIDS["open"], what)
        tell(house.app, PIDS["internal"], what)
    seen, cursor, more = [], start["next"], True
    while more:
        page = house.client.get(API, params={"after": cursor, "limit": 1}).json()
        seen += [item["type"] for item in page["items"]]
        cursor, more = page["next"], page["more"]
        assert len(page["items"]) == 1
    assert seen == ["run.created", "run.updated", "run.complete", "digests.done"]


def test_a_cursor_tells_nothing(house: House) -> None:
    """It differs each time, whether something hidden happened or not, and is of one length."""
    cursors = {house.client.get(API).json()["next"] for _ in range(5)}
    tell(house.app, PIDS["internal"], "updated")
    after = house.client.get(API, params={"after": min(cursors)}).json()
    assert (after["items"], after["more"]) == ([], False)
    cursors.add(after["next"])
    assert len(cursors) == 6
    assert {len(cursor) for cursor in cursors} == {len(after["next"])}
    last = after["next"]
    other = "A" if last[20] != "A" else "B"  # within: the last sign of Base64 has bits that say nothing
    for wrong in ("x", last[:20] + other + last[21:], last[4:]):
        assert house.client.get(API, params={"after": wrong}).status_code == 422


def test_filters_by_kind_instrument_and_visit(house: House) -> None:
    for name in ("open", "embargoed"):
        for what in ("created", "closed"):
            tell(house.app, PIDS[name], what)

    def asked(**query: str) -> list[tuple[str, str]]:
        page = house.client.get(API, params={"after": "beginning", **query}).json()
        return [(item["type"], item["pid"]) for item in page["items"]]

    assert asked(kind="run.complete") == [("run.complete", PIDS["open"]), ("run.complete", PIDS["embargoed"])]
    assert asked(visit="pm-visit1", kind="run.created") == [("run.created", PIDS["open"])]
    assert len(asked(instrument="i1")) == len(asked(instrument="pm-instrument1")) == 4
    assert asked(instrument="i2") == asked(visit="pm-visit3") == []
    assert house.client.get(API, params={"kind": "nonsense"}).status_code == 422


def test_an_embargo_that_ends_is_an_event_though_no_row_changes(house: House) -> None:
    with house.app.database.write() as c:
        c.execute(t.terms.update().where(t.terms.c.id == 2).values(opens_us=NOW + DAY_US))
    start = house.client.get(API).json()["next"]
    assert house.client.get(API, params={"after": start}).json()["items"] == []
    house.moment[0] = NOW + DAY_US - 1
    assert house.client.get(API, params={"after": start}).json()["items"] == []
    house.moment[0] = NOW + DAY_US
    page = house.client.get(API, params={"after": start}).json()
    assert [(item["type"], item["pid"]) for item in page["items"]] == [("opened", PIDS["embargoed"])]
    assert page["items"][0]["run"]["sample"] is not None
    assert house.client.get(API, params={"after": page["next"]}).json()["items"] == []


@pytest.mark.parametrize("login", [None, "outsider"])
def test_a_failed_reading_is_for_staff(house: House, login: str | None) -> None:
    tell(house.app, PIDS["open"], "read failed")
    headers = {} if login is None else house.bearer(login)
    assert house.client.get(API, params={"after": "beginning"}, headers=headers).json()["items"] == []
    staff = house.client.get(API, params={"after": "beginning"}, headers=house.bearer("scientist")).json()["items"]
    assert [item["type"] for item in staff] == ["read.failed"]


def test_a_stream_ends_with_its_token_and_says_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within seconds, also when nothing happens; the limit that is promised is a minute."""
    who = house.app.accounts.viewer("pi")
    secret, token = house.app.accounts.make_token(who, "stream", frozenset({Scope.READ}))
    with served(build(house.app, work=False)) as url, listening(url, headers={"Authorization": f"Bearer {secret}"}) as pi:
        tell(house.app, PIDS["collecting"], "updated")
        assert pi.next().body["pid"] == PIDS["collecting"]
        house.app.accounts.revoke(who, token.id)
        (end,) = pi.until_end(seconds=40)
        assert end.type == "end"


def test_rights_of_a_listener_are_those_of_the_moment(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("panmesh.protocols.api.events.RIGHTS_SECONDS", 0.0)
    with served(build(house.app, work=False)) as url, listening(url, headers=house.bearer("member")) as member:
        tell(house.app, PIDS["collecting"], "updated")
        assert member.next().body["pid"] == PIDS["collecting"]
        house.app.accounts.set_member("team", "member", None)
        time.sleep(0.3)  # a look that began before may end with the rights of before: of the moment, not of the millisecond
        tell(house.app, PIDS["collecting"], "closed")
        tell(house.app, PIDS["open"], "closed")
        assert member.next().body["pid"] == PIDS["open"]


def test_many_listeners_cost_one_question(house: House) -> None:
    app = build(house.app, work=False)
    hub = app._services.hub  # type: ignore[attr-defined]
    with served(app) as url, ExitStack() as opened:
        listeners = [opened.enter_context(listening(url, instrument="i1")) for _ in range(20)]
        time.sleep(0.5)
        asked, looked = hub.asked, hub.looked
        tell(house.app, PIDS["open"], "closed")
        assert {one.next().body["pid"] for one in listeners} == {PIDS["open"]}
        assert hub.looked - looked <= 3
        assert hub.asked - asked <= 4, "listeners who may read the same share an answer"


def test_too_many_streams_of_one_address_are_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("panmesh.http.event_stream.OF_ONE_ADDRESS", 1)
    with served(build(house.app, work=False)) as url:
        with listening(url):
            refused = httpx.get(f"{url}{API}", headers={"Accept": "text/event-stream"})
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
        for _ in range(100):  # its place is free again
            try:
                with listening(url):
                    return
            except AssertionError:
                time.sleep(0.05)
        raise AssertionError("the place was not given back")


def test_a_change_that_is_committed_late_is_not_passed_over(house: House) -> None:
    """On PostgreSQL a number of the feed is taken before its transaction commits."""
    events, who = house.app.events, house.app.accounts.viewer("outsider")
    start = events.head()
    row = {"at_us": NOW, "kind": "dataset", "pid": PIDS["open"]}
    if house.app.database.sqlite:
        tell(house.app, PIDS["open"], "created")
        assert len(events.since(who, EventFilter(), start).items) == 1
        return
    with house.app.database.write() as late, house.app.database.write() as lost:
        late.execute(t.change.insert(), row | {"what": "created"})
        lost.execute(t.change.insert(), row | {"what": "updated"})
        tell(house.app, PIDS["open"], "closed")
        page = events.since(who, EventFilter(), start)
        assert page.items == ()
        lost.rollback()
        assert events.since(who, EventFilter(), page.position).items == ()
        late.commit()
        kinds = [event.kind.value for event in events.since(who, EventFilter(), page.position).items]
    assert kinds == ["run.created", "run.complete"]


def test_a_discarded_run_is_told_to_those_who_knew_of_it_and_nothing_else_of_it_is(house: House) -> None:
    for name in ("open", "collecting"):
        tell(house.app, PIDS[name], "created")
    body = {"what": "discard", "pids": [PIDS["open"], PIDS["collecting"]], "reason": "shutter closed"}
    assert house.client.post("/api/v1/corrections", json=body, headers=house.bearer("steward")).status_code == 200

    def heard(headers: dict[str, str]) -> list[tuple[str, str]]:
        items = house.client.get(API, params={"after": "beginning"}, headers=headers).json()["items"]
        assert all(item["run"] is None for item in items if item["type"] == "run.withdrawn")
        return [(item["type"], item["pid"]) for item in items]

    assert heard({}) == [("run.withdrawn", PIDS["open"])]
    assert heard(house.bearer("pi")) == [("run.withdrawn", PIDS["open"]), ("run.withdrawn", PIDS["collecting"])]


@pytest.mark.parametrize("path", ["/instruments/pm-instrument1", f"/datasets/{PIDS['embargoed']}", "/ingest"])
def test_what_happens_after_a_page_was_drawn_and_before_it_listens_is_heard(house: House, path: str) -> None:
    with house.app.database.write() as c:
        c.execute(t.dataset_version.update().values(open=True))
    tell(house.app, PIDS["embargoed"], "updated")  # the page knows of it
    page = house.client.get(path, headers=house.bearer("scientist"))
    address = unescape(re.search(r'data-live="([^"]+)"', page.text)[1])  # type: ignore[index]
    tell(house.app, PIDS["embargoed"], "closed")
    with served(build(house.app, work=False)) as url:
        query = httpx.URL(address).params
        with listening(url, headers=house.bearer("scientist"), **dict(query)) as listener:
            heard = listener.next()
    assert (heard.type, heard.body["pid"]) == ("run.complete", PIDS["embargoed"])
