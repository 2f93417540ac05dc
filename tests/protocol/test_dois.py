"""Every DOI that should exist exists once, with the metadata of the landing page; what fails is named, and tried again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from panmesh.access.viewer import OPERATOR
from panmesh.adapters.sql.doi_tables import doi
from panmesh.adapters.sql.dois import intend_doi
from panmesh.adapters.sql.tables import change, dataset, instrument, investigation, proposal, terms
from panmesh.kernel.clock import DAY_US
from panmesh.publication.dois import DoiState, Trouble
from panmesh.testing.datacite import DataCiteStub, Kept, Switch
from panmesh.wire import datacite
from tests.protocol.conftest import NOW, PIDS, SECRET, House
from tests.protocol.registering import account, kept, later, round_of, row
from tests.protocol.test_releases import SAID, publish

OPEN, EMBARGOED = "pm-visit1", "pm-visit2"


@pytest.fixture(scope="module")
def server() -> Iterator[DataCiteStub]:
    with DataCiteStub(slow_seconds=2.5) as stub:
        yield stub


@pytest.fixture
def stub(server: DataCiteStub) -> DataCiteStub:
    server.dois.clear()
    server.asked.clear()
    server.made.clear()
    return server


@pytest.fixture
def house_settings(stub: DataCiteStub, tmp_path: Path) -> dict[str, str]:
    return account(stub, tmp_path)


def say(house: House, kind: str, pid: str, **values: object) -> None:
    """The terms of a visit change, and the feed says so."""
    with house.app.database.write() as c:
        number = c.execute(select(investigation.c.terms_id).where(investigation.c.pid == pid)).scalar_one()
        c.execute(update(terms).where(terms.c.id == number).values(**values))
        c.execute(insert(change).values(at_us=house.moment[0], kind=kind, pid=str(number), what="changed"))


def ask(house: House, kind: str, pid: str) -> None:
    with house.app.database.write() as c:
        intend_doi(c, kind=kind, pid=pid, now_us=house.moment[0])


def test_visits_and_instruments_get_theirs_by_themselves_and_nothing_hidden_is_told(house: House, stub: DataCiteStub) -> None:
    round_of(house)
    assert {one.state for one in stub.dois.values()} == {"findable"}
    told = {str(one.attributes["alternateIdentifiers"][0]["alternateIdentifier"]) for one in stub.dois.values()}
    assert told == {OPEN, EMBARGOED, "pm-instrument1", "pm-instrument2"}
    assert SECRET not in str(stub.dois)
    assert set(stub.made.values()) == {1}
    asked = len(stub.asked)
    later(house, 3600)
    assert round_of(house).requests == 0
    assert len(stub.asked) == asked  # nothing is said twice


def test_what_is_told_is_what_the_landing_page_says(house: House, stub: DataCiteStub) -> None:
    ask(house, "dataset", PIDS["open"])
    round_of(house)
    round_of(house)
    record = house.app.records.record(PIDS["open"])
    assert record.doi == row(house, PIDS["open"]).name
    there = kept(stub, house, PIDS["open"]).attributes
    assert {key: value for key, value in datacite.attributes(record).items() if key != "doi"} == there
    assert {r["relationType"]: r["relatedIdentifierType"] for r in there["relatedIdentifiers"]} == {
        "IsPartOf": "DOI",
        "IsCollectedBy": "DOI",
    } | ({"IsDerivedFrom": "URL"} if record.samples else {})
    page = house.client.get(f"/datasets/{PIDS['open']}")
    assert f"https://doi.org/{record.doi}" in page.text
    assert f'<https://doi.org/{record.doi}>; rel="cite-as"' in page.headers["link"]


def settle(house: House) -> None:
    for _ in range(3):
        later(house, 5)
        round_of(house)


def test_when_the_doi_of_a_publication_is_there_its_runs_and_its_other_versions_are_told_anew(
    house: House, stub: DataCiteStub
) -> None:
    ask(house, "dataset", PIDS["open"])
    first = publish(house, "open")
    settle(house)
    key = house.client.post(f"/api/v1/releases/{first['pid']}/versions", headers=house.bearer("pi")).json()["key"]
    draft = f"/api/v1/releases/drafts/{key}"
    etag = house.client.get(draft, headers=house.bearer("pi")).headers["etag"]
    more = {"pids": [PIDS["open"], PIDS["embargoed"]]}
    etag = house.client.patch(draft, json=more, headers=house.bearer("pi") | {"If-Match": etag}).headers["etag"]
    second = house.client.post(f"/api/v1/releases/drafts/{key}/publish", headers=house.bearer("pi") | {"If-Match": etag}).json()
    settle(house)
    names = {pid: row(house, pid).name for pid in (first["concept"], first["pid"], second["pid"])}
    listed = {
        one["pid"]: one["title"] for one in house.client.get("/api/v1/dois", headers=house.bearer("steward")).json()["items"]
    }
    assert {listed[pid] for pid in names} == {SAID["title"]}
    for pid, others in (
        (PIDS["open"], {second["pid"]}),
        (first["pid"], {second["pid"], first["concept"]}),
        (second["pid"], {first["pid"], first["concept"]}),
        (first["concept"], {first["pid"], second["pid"]}),
    ):
        told = {one["relatedIdentifier"] for one in kept(stub, house, pid).attributes["relatedIdentifiers"]}
        assert {names[other] for other in others} <= told, pid
    asked = len(stub.asked)
    settle(house)
    assert len(stub.asked) == asked


def test_the_states_are_those_of_the_policy_by_feed_and_by_clock(house: House, stub: DataCiteStub) -> None:
    ask(house, "investigation", "pm-visit4")  # its session goes on: a draft
    round_of(house)
    draft = kept(stub, house, "pm-visit4")
    assert (draft.state, set(draft.attributes)) == ("draft", {"url", "alternateIdentifiers"})
    rights = [one["rightsIdentifier"] for one in kept(stub, house, EMBARGOED).attributes["rightsList"]]
    assert rights == ["embargoedAccess", "c_f1cf"]
    later(house, 2 * 86400)  # the clock alone: the session ended
    round_of(house)
    assert kept(stub, house, "pm-visit4").state == "findable"
    later(house, 1001 * 86400)  # … and both embargoes
    round_of(house)
    there = kept(stub, house, EMBARGOED).attributes
    assert [one["rightsIdentifier"] for one in there["rightsList"]] == ["openAccess", "c_abf2", "CC-BY-4.0"]
    say(house, "terms", EMBARGOED, held_us=house.moment[0], hold="legal")
    round_of(house)
    assert kept(stub, house, EMBARGOED).attributes["rightsList"][0]["rightsIdentifier"] == "restrictedAccess"
    say(house, "terms", EMBARGOED, held_us=None, hold=None, withdrawn_us=house.moment[0])
    say(house, "terms", OPEN, access="proprietary")
    round_of(house)
    assert kept(stub, house, EMBARGOED).state == kept(stub, house, OPEN).state == "registered"
    assert house.app.records.record(EMBARGOED).doi == row(house, EMBARGOED).name  # the tombstone keeps its name
    assert house.app.dois.names([OPEN]) == {}
    say(house, "terms", OPEN, access="open")
    round_of(house)
    assert kept(stub, house, OPEN).state == "findable"
    assert set(stub.made.values()) == {1}


def test_a_draft_that_is_not_wanted_any_more_is_deleted(house: House, stub: DataCiteStub) -> None:
    ask(house, "investigation", "pm-visit4")
    round_of(house)
    assert kept(stub, house, "pm-visit4") is not None
    say(house, "terms", "pm-visit4", access="proprietary")
    round_of(house)
    assert kept(stub, house, "pm-visit4") is None
    assert row(house, "pm-visit4").confirmed is DoiState.NONE


@pytest.mark.parametrize("pid", ["pm-visit3", "pm-visit5"])
def test_what_is_proprietary_or_internal_or_mirrored_never_gets_one(house: House, stub: DataCiteStub, pid: str) -> None:
    with house.app.database.write() as c:
        c.execute(update(dataset).where(dataset.c.pid == PIDS["open"]).values(origin="mirrored"))
    ask(house, "investigation", pid)
    ask(house, "dataset", PIDS["open"])
    round_of(house)
    assert kept(stub, house, pid) is None
    assert kept(stub, house, PIDS["open"]) is None


FAULTS = {
    Switch.DOWN: Trouble.UNREACHABLE,
    Switch.SLOW: Trouble.UNREACHABLE,
    Switch.BROKEN_BEFORE: Trouble.BROKEN,
    Switch.BROKEN_AFTER: Trouble.BROKEN,
    Switch.GARBAGE: Trouble.BROKEN,
    Switch.BUSY: Trouble.BUSY,
    Switch.LOCKED: Trouble.ACCOUNT,
}


def test_after_every_fault_there_is_one_of_each_in_the_right_state(house: House, stub: DataCiteStub) -> None:
    """All faults in one life: of the creation of a run's DOI, then of its change."""
    round_of(house)
    ask(house, "dataset", PIDS["open"])
    for again, (switch, trouble) in enumerate(FAULTS.items()):
        asked_first = row(house, PIDS["open"]).sent_us is not None  # what came of the last request
        stub.next(*[Switch.FINE] * asked_first, switch)
        round_of(house)
        now = row(house, PIDS["open"])
        assert now.trouble is trouble, (switch, now.error)
        assert now.error
        assert now.due_us is not None
        if not again:  # not half-published
            assert house.app.dois.names([PIDS["open"]]) == {}
        later(house, 2 * 3600)
    round_of(house)
    round_of(house)  # its visit, which names it
    now = row(house, PIDS["open"])
    assert (now.error, now.confirmed, now.attempts, now.sent_us) == (None, DoiState.FINDABLE, 0, None)
    with house.app.database.write() as c:
        c.execute(update(dataset).where(dataset.c.pid == PIDS["open"]).values(title="Another title"))
        c.execute(insert(change).values(at_us=house.moment[0], kind="dataset", pid=PIDS["open"], what="updated"))
    for switch in (Switch.BROKEN_BEFORE, Switch.BROKEN_AFTER, Switch.SLOW):
        stub.next(switch)
        round_of(house)
        assert row(house, PIDS["open"]).error
        later(house, 2 * 3600)
    round_of(house)
    assert kept(stub, house, PIDS["open"]).attributes["titles"] == [{"title": "Another title"}]
    assert set(stub.made.values()) == {1}


def test_what_is_refused_waits_for_a_change_or_a_person(house: House, stub: DataCiteStub) -> None:
    stub.next(*[Switch.REFUSE] * 4)
    round_of(house)
    now = row(house, OPEN)
    assert now.trouble is Trouble.REFUSED
    assert "name identifier is not an ORCID" in (now.error or "")
    later(house, 20 * 3600)
    asked = len(stub.asked)
    round_of(house)
    assert len(stub.asked) == asked  # not by itself
    house.app.doi_service.retry(OPERATOR, [OPEN])
    round_of(house)
    assert kept(stub, house, OPEN).state == "findable"
    with house.app.database.write() as c:
        c.execute(update(investigation).where(investigation.c.pid == EMBARGOED).values(title="Corrected"))
        c.execute(insert(change).values(at_us=house.moment[0], kind="investigation", pid=EMBARGOED, what="updated"))
    round_of(house)
    assert kept(stub, house, EMBARGOED).attributes["titles"] == [{"title": "Corrected"}]


def test_when_it_is_down_one_is_asked_and_the_others_wait(house: House, stub: DataCiteStub) -> None:
    with stub.always(Switch.DOWN):
        for _ in range(5):
            assert round_of(house).looked <= 1
            later(house, 20)
    assert stub.dois == {}
    later(house, 3600)
    round_of(house)
    assert len(stub.dois) == 4
    assert house.app.doi_service.standing(OPERATOR).pause_reason is None


def test_a_name_that_somebody_else_has_is_left_alone(house: House, stub: DataCiteStub) -> None:
    house.app.dois.follow(house.app.automatic_dois, NOW)
    house.app.dois.name(stub.prefix)
    name = row(house, OPEN).name or ""
    stub.dois[name] = Kept(name, stub.repository, "findable", {"url": "https://elsewhere.example.org/1"})
    round_of(house)
    assert row(house, OPEN).trouble is Trouble.TAKEN
    assert "https://elsewhere.example.org/1" in (row(house, OPEN).error or "")
    assert stub.dois[name].attributes == {"url": "https://elsewhere.example.org/1"}


def test_what_differs_at_datacite_is_named_and_mended(house: House, stub: DataCiteStub) -> None:
    from panmesh.app.registering import Registering

    round_of(house)
    assert Registering(house.app).compare(100, house.moment[0] + 1) == (4, 0)
    kept(stub, house, OPEN).attributes["titles"] = [{"title": "Changed by hand"}]
    kept(stub, house, EMBARGOED).state = "registered"
    kept(stub, house, "pm-instrument1").attributes["url"] = "https://old.example.org"
    del stub.dois[row(house, "pm-instrument2").name or ""]
    later(house, 86400 + 1)
    assert Registering(house.app).compare(100) == (4, 4)
    assert "the title differed" in (row(house, OPEN).finding or "")
    assert "registered instead of findable" in (row(house, EMBARGOED).finding or "")
    assert "https://old.example.org" in (row(house, "pm-instrument1").finding or "")
    assert "did not exist" in (row(house, "pm-instrument2").finding or "")
    round_of(house)
    later(house, 86400 + 1)
    assert Registering(house.app).compare(100)[1] == 0
    assert {one.state for one in stub.dois.values()} == {"findable"}


def test_what_agrees_is_compared_by_the_page_and_a_list_that_lags_is_not_believed(house: House, stub: DataCiteStub) -> None:
    from panmesh.app.registering import Registering

    round_of(house)
    stub.asked.clear()
    assert Registering(house.app).compare(100, house.moment[0] + 1) == (4, 0)
    assert stub.asked == [("GET", "/dois")]
    stub.unlisted.update(stub.dois)
    later(house, 1)
    assert Registering(house.app).compare(100, house.moment[0] + 1) == (4, 0)
    assert len(stub.asked) == 2 + 4
    stub.unlisted.clear()


def test_several_are_sent_at_once_each_after_what_it_names(house: House, stub: DataCiteStub) -> None:
    for name in ("open", "embargoed", "member"):
        if name in PIDS:
            ask(house, "dataset", PIDS[name])
    stub.busiest, stub.takes_seconds = 0, 0.1
    try:
        round_of(house)
    finally:
        stub.takes_seconds = 0.0
    assert 1 < stub.busiest <= 4
    assert set(stub.made.values()) == {1}
    posted = [path for method, path in stub.asked if method == "POST"]
    changed = [path for method, path in stub.asked if method == "PUT"]
    assert len(posted) == len(stub.dois) > 4
    naming = {f"/dois/{row(house, pid).name}" for pid in (OPEN, EMBARGOED, "pm-instrument1", "pm-instrument2")}
    assert set(changed) <= naming  # visits name their runs, instruments their visits; nothing else had to be told twice


def test_what_changes_while_it_is_sent_is_sent_again_also_within_a_microsecond(house: House, stub: DataCiteStub) -> None:
    outbox = house.app.dois
    outbox.follow(house.app.automatic_dois, NOW)
    outbox.name(stub.prefix)
    assert outbox.lease("one", NOW, NOW + DAY_US)
    first, second, third = outbox.due(NOW, 3)
    for one, settled in ((first, False), (second, True)):
        look, _ = house.app.doi_sender.look(one)
        ask(house, one.kind, one.pid)  # at the instant at which it was due already
        assert one.due_us == house.moment[0]
        if settled:
            outbox.settle(one, look, mended=True)
        else:
            assert outbox.confirm(one, "one", look, DoiState.FINDABLE, b"x", NOW)
        assert one.id in {due.id for due in outbox.due(NOW, 10)}
    third = row(house, third.pid)  # which the first woke
    look, _ = house.app.doi_sender.look(third)
    outbox.settle(third, look, mended=True)
    assert third.id not in {due.id for due in outbox.due(NOW, 10)}


def test_the_instrument_of_runs_that_name_none_gets_no_doi(house: House, stub: DataCiteStub) -> None:
    unknown = house.app.directory.instrument(None, NOW)
    with house.app.database.read() as c:
        pid = c.execute(select(instrument.c.pid).where(instrument.c.id == unknown.id)).scalar_one()
    round_of(house)
    assert pid not in str(stub.dois)
    ask(house, "instrument", pid)
    round_of(house)
    assert kept(stub, house, pid) is None
    refused = house.client.request("PUT", f"/api/v1/dois/{pid}", headers=house.bearer("admin"))
    assert refused.status_code == 409, refused.text
    assert "name no instrument" in refused.json()["detail"]


def test_only_one_sends_and_one_that_lost_its_turn_confirms_nothing(house: House, stub: DataCiteStub) -> None:
    outbox = house.app.dois
    outbox.follow(house.app.automatic_dois, NOW)
    outbox.name(stub.prefix)
    assert outbox.lease("one", NOW, NOW + DAY_US)
    assert not outbox.lease("another", NOW, NOW + DAY_US)
    assert round_of(house).looked == 0
    one = outbox.due(NOW, 1)[0]
    look, _ = house.app.doi_sender.look(one)
    assert outbox.begin(one, "one", look, NOW, NOW + DAY_US)
    assert outbox.lease("another", NOW + 2 * DAY_US, NOW + 3 * DAY_US)
    assert not outbox.confirm(one, "one", look, DoiState.FINDABLE, b"x", NOW)
    assert row(house, one.pid).confirmed is DoiState.NONE


def test_a_proposal_is_told_by_its_visits_and_never_by_its_text(house: House, stub: DataCiteStub) -> None:
    with house.app.database.write() as c:
        facility = c.execute(select(investigation.c.facility_id)).scalars().first()
        base = {"facility_id": facility, "kind": "user", "policy_version": "1", "proposal_text": SECRET, "team_id": 1}
        c.execute(
            insert(proposal), base | {"id": 1, "pid": "pm-proposal1", "number": "P-1", "number_folded": "p1", "title": "Ceria"}
        )
        c.execute(
            insert(proposal), base | {"id": 2, "pid": "pm-proposal2", "number": "P-2", "number_folded": "p2", "title": SECRET}
        )
        c.execute(update(investigation).where(investigation.c.pid == OPEN).values(proposal_id=1))
        c.execute(update(investigation).where(investigation.c.pid == "pm-visit3").values(proposal_id=2))
    round_of(house)
    there = kept(stub, house, "pm-proposal1")
    assert (there.state, there.attributes["types"]["resourceTypeGeneral"]) == ("findable", "Project")
    assert SECRET not in str(stub.dois)
    round_of(house)
    of_visit = kept(stub, house, OPEN).attributes["relatedIdentifiers"]
    assert (row(house, "pm-proposal1").name, "IsPartOf") in {(r["relatedIdentifier"], r["relationType"]) for r in of_visit}
    page = house.client.get("/proposals/pm-proposal1")
    assert page.status_code == 200
    assert f"https://doi.org/{row(house, 'pm-proposal1').name}" in page.text
    assert SECRET not in page.text
    assert house.client.get("/proposals/pm-proposal2").status_code == 404
    assert house.client.get("/doi/pm-proposal2").status_code == 404


def test_without_an_account_nothing_says_doi(make_facility: object) -> None:
    from panmesh.app.settings import Settings

    assert Settings().datacite.prefix is None
    with pytest.raises(ValueError, match="public_url"):
        Settings.model_validate({"datacite": {"prefix": "10.1234", "repository": "A.B", "password_file": "x"}})


def test_intents_are_written_once(house: House) -> None:
    for _ in range(3):
        ask(house, "release", "pm-0000000000000abc")
    with house.app.database.read() as c:
        rows = c.execute(select(doi.c.suffix).where(doi.c.kind == "release")).all()
    assert [r.suffix for r in rows] == ["0000000000000abc"]
