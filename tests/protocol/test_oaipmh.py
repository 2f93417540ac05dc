"""OAI-PMH: real harvesters get everything once while the catalogue changes underneath; every rule of the protocol holds."""

from __future__ import annotations

import random
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from oaipmh_scythe import Scythe
from sqlalchemy import delete

from panmesh.adapters.sql import harvest_upkeep
from panmesh.adapters.sql.harvest_tables import anew, harvest_listing, harvest_past, harvest_round
from panmesh.kernel.clock import DAY_US
from panmesh.kernel.errors import Unavailable
from panmesh.publication.harvesting import Item, Walk
from panmesh.testing import oai_checks
from panmesh.testing.oai_checks import OAI, check_provider, checked, codes, walk
from tests.conftest import MakeFacility
from tests.e2e.serving import served
from tests.protocol.conftest import Client
from tests.protocol.harvested import COLLECTING, EMBARGOED, NOW, OPEN, PROPRIETARY, SECOND, Facility

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # an escape of theirs in a pattern
    from sickle import Sickle

LIST = "verb=ListIdentifiers&metadataPrefix=oai_dc"


@pytest.fixture
def facility(make_facility: MakeFacility) -> Facility:
    found = Facility(make_facility().database, 230)
    found.renew()
    return found


def asker(facility: Facility) -> oai_checks.Ask:
    client = Client(facility.app())

    def ask(query: str, post: bool) -> tuple[int, str, bytes]:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        got = client.post("/oai", content=query, headers=form) if post else client.get(f"/oai?{query}")
        return got.status_code, got.headers["content-type"], got.content

    return ask


def headers(facility: Facility, query: str = LIST) -> dict[str, tuple[str, str | None]]:
    """pid → datestamp and status."""
    found = {}
    for page in walk(asker(facility), query):
        for header in page.iter(f"{OAI}header"):
            pid = header.findtext(f"{OAI}identifier", "").rpartition(":")[2]
            assert pid not in found
            found[pid] = (header.findtext(f"{OAI}datestamp", ""), header.get("status"))
    return found


def test_every_check_of_a_validator_passes(facility: Facility) -> None:
    check_provider(asker(facility), "http://testserver/oai", ("oai_dc",))


def test_a_change_moves_the_datestamp_and_nothing_else_does(facility: Facility) -> None:
    before = headers(facility)
    assert len(before) == 230 + 2  # and the instruments
    assert len({stamp for stamp, _ in before.values()}) > 200  # when they were last changed, not when the list was made
    facility.edit([7])
    facility.edit([8], "verified")
    facility.renew(60)
    facility.upkeep.sweep()
    facility.renew(60)
    after = headers(facility)
    assert {pid for pid in after if after[pid] != before[pid]} == {facility.pid(7)}
    stamp = after[facility.pid(7)][0]
    assert set(headers(facility, f"{LIST}&from={stamp}")) == {facility.pid(7)}


def test_what_may_not_be_shown_any_more_is_deleted_with_a_new_datestamp_and_comes_back(facility: Facility) -> None:
    facility.add([500], COLLECTING)
    facility.renew()
    before = headers(facility)
    assert facility.pid(500) not in before  # nobody outside knows of it, not even that it is gone
    facility.move([5, 500], PROPRIETARY)
    assert headers(facility)[facility.pid(5)][1] == "deleted"  # at once, by the policy
    facility.renew(10)
    stamp, status = headers(facility)[facility.pid(5)]
    assert status == "deleted"
    assert stamp > before[facility.pid(5)][0]
    assert facility.pid(500) not in headers(facility)
    root = checked(asker(facility), f"verb=GetRecord&metadataPrefix=oai_dc&identifier=oai:data.example.org:{facility.pid(5)}")
    assert root.find(f".//{OAI}metadata") is None
    assert not codes(root)
    unknown = checked(
        asker(facility), f"verb=GetRecord&metadataPrefix=oai_dc&identifier=oai:data.example.org:{facility.pid(500)}"
    )
    assert codes(unknown) == ["idDoesNotExist"]
    assert facility.pid(5) in headers(facility, f"{LIST}&set=instrument:id01")  # who harvests the set is told as well
    facility.move([5], OPEN)
    facility.renew(10)
    back, status = headers(facility)[facility.pid(5)]
    assert status is None
    assert back > stamp


def test_the_day_on_which_data_open_is_a_new_datestamp_and_another_set(facility: Facility) -> None:
    facility.move([1, 2], EMBARGOED)
    facility.renew(10)
    before = headers(facility)
    embargoed = set(headers(facility, f"{LIST}&set=access:embargoed"))
    assert embargoed == {facility.pid(1), facility.pid(2)}
    facility.now = NOW + 30 * DAY_US - SECOND
    assert facility.renew(0) == 0
    facility.renew(1)
    after = headers(facility)
    assert {pid for pid in after if after[pid] != before[pid]} == embargoed
    assert after[facility.pid(1)][0] == oai_stamp(NOW + 30 * DAY_US)
    assert codes(checked(asker(facility), f"{LIST}&set=access:embargoed")) == ["noRecordsMatch"]
    assert embargoed < set(headers(facility, f"{LIST}&set=access:open"))


def test_a_visit_is_told_of_from_its_end_on(facility: Facility) -> None:
    facility.add([600], COLLECTING)
    facility.renew()
    assert facility.pid(600) not in headers(facility)
    facility.now = NOW + DAY_US
    facility.renew(0)
    assert headers(facility)[facility.pid(600)] == (oai_stamp(NOW + DAY_US), None)


def test_what_came_while_the_lists_were_not_renewed_is_in_the_next_harvest(facility: Facility) -> None:
    """The date of an answer is one from which nothing is missed, not the time of day."""
    facility.edit([3])
    facility.now += 60 * SECOND
    first = checked(asker(facility), LIST)
    facility.renew(1)
    said = first.findtext(f"{OAI}responseDate", "")
    assert facility.pid(3) in headers(facility, f"{LIST}&from={said}")
    quiet = checked(asker(facility), LIST).findtext(f"{OAI}responseDate", "")
    assert quiet == oai_stamp(facility.now)


def test_a_harvest_under_way_is_not_disturbed(facility: Facility) -> None:
    """Whatever changes between its pages, it gets each item once; what changed is in the next harvest."""
    pages = walk(asker(facility), LIST)
    seen: list[str] = []
    chance = random.Random(1)
    began = ""
    for page in pages:
        began = began or page.findtext(f"{OAI}responseDate", "")
        seen += [e.text or "" for e in page.iter(f"{OAI}identifier")]
        facility.edit(chance.sample(range(1, 231), 120))
        facility.add([1000 + len(seen)])
        facility.move(chance.sample(range(1, 231), 5), EMBARGOED)
        facility.renew(1)
    assert sorted(seen) == sorted(set(seen))
    assert len(seen) == 232
    changed = headers(facility, f"{LIST}&from={began}")
    assert {facility.pid(1000 + n) for n in (100, 200, 232)} <= set(changed)


def test_a_harvest_that_began_too_long_ago_begins_again(facility: Facility) -> None:
    first = checked(asker(facility), LIST)
    here = oai_checks.token(first)
    facility.edit(range(1, 100))
    facility.renew(1)
    for _ in range(9):
        facility.renew(DAY_US / SECOND + 1)  # each day everything is looked at
    assert codes(checked(asker(facility), f"verb=ListIdentifiers&resumptionToken={here}")) == ["badResumptionToken"]
    with facility.database.read() as c:
        assert c.execute(harvest_past.select()).first() is None


def test_lists_made_again_say_the_same(facility: Facility) -> None:
    facility.move([9], PROPRIETARY)
    facility.renew()
    before = headers(facility)
    with facility.database.write() as c:
        c.execute(delete(harvest_listing))
    facility.upkeep.rebuild()
    facility.renew()
    assert headers(facility) == before


def test_lists_that_are_made_anew_go_on_after_any_death_and_lose_nothing(
    facility: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each piece is one transaction, so that a process may end between any two; what changes meanwhile is told afterwards."""
    monkeypatch.setattr(harvest_upkeep, "ROWS", 300)
    monkeypatch.setattr(harvest_upkeep, "PIECE", 50)
    facility.edit(range(1, 60))
    facility.renew()
    before = headers(facility)
    facility.upkeep.rebuild(lambda: False)
    deaths = 0
    while True:
        with pytest.raises(Unavailable):
            facility.service.page(Walk())
        facility.edit([1 + deaths])
        facility.upkeep = harvest_upkeep.SqlHarvestUpkeep(facility.database, lambda: facility.now)
        facility.upkeep.sweep()
        facility.now += SECOND
        facility.upkeep.renew(lambda: False)
        deaths += 1
        with facility.database.read() as c:
            if not anew(c.execute(harvest_round.select()).one()):
                break
    facility.renew()
    after = headers(facility)
    assert deaths > 10
    assert set(after) == set(before)
    assert {pid for pid in after if after[pid] != before[pid]} == {facility.pid(1 + n) for n in range(deaths)}
    with facility.database.read() as c:
        listed = c.execute(harvest_listing.select()).all()
    assert len(listed) == len({(row.set_id, row.item_id) for row in listed})  # each item once in each list


def test_until_the_lists_are_made_a_harvester_is_asked_to_come_back(make_facility: MakeFacility) -> None:
    house = Facility(make_facility().database, 1)
    with pytest.raises(Unavailable, match="being made"):
        house.service.page(Walk())


def oai_stamp(us: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(us // SECOND))


# --- real harvesters --------------------------------------------------------------------------------------------------


class _Churn:
    """After each page that a harvester takes, something changes."""

    def __init__(self, facility: Facility, most: int) -> None:
        self._facility = facility
        self._most = most
        self._chance = random.Random(2)
        self._new = 100_000_000
        self.app = facility.app()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)
        f = self._facility
        numbers = sorted(self._chance.sample(range(1, self._most + 1), 40))
        f.edit(numbers[:30])
        f.move(numbers[30:35], self._chance.choice((EMBARGOED, PROPRIETARY, OPEN)))
        self._new += 1
        f.add([self._new])
        f.renew(1)


def _sickle(url: str, **asked: str) -> Iterator[Any]:
    return Sickle(url).ListRecords(metadataPrefix="oai_dc", **asked)  # type: ignore[no-any-return]


def _scythe(url: str, **asked: str) -> Iterator[Any]:
    with Scythe(url) as scythe:
        yield from scythe.list_records(metadata_prefix="oai_dc", **{f"{k}_": v for k, v in asked.items()})


def _harvest_while_it_changes(facility: Facility, many: int) -> None:
    churn = _Churn(facility, many)
    with served(churn) as url:
        for harvester in (_sickle, _scythe):
            before = facility.service.asked_us() // SECOND
            expected = _all(facility)
            got = Counter(record.header.identifier.rpartition(":")[2] for record in harvester(f"{url}/oai"))
            assert max(got.values()) == 1, "doubled"
            assert expected <= set(got), "lost"
            later = {
                r.header.identifier.rpartition(":")[2]: r for r in harvester(f"{url}/oai", **{"from": oai_stamp(before * SECOND)})
            }
            facility.renew()
            now = {item.pid: item for item in _items(facility)}
            stale = [pid for pid, item in now.items() if pid not in got and pid not in later and item.stamp_s <= before]
            assert not stale


def _items(facility: Facility) -> Iterator[Item]:
    following: Walk | None = Walk()
    while following is not None:
        page = facility.service.page(following)
        yield from page.items
        following = page.next


def _all(facility: Facility) -> set[str]:
    return {item.pid for item in _items(facility)}


def test_real_harvesters_get_3000_records_once_while_they_change(make_facility: MakeFacility) -> None:
    facility = Facility(make_facility().database, 3000)
    facility.renew()
    _harvest_while_it_changes(facility, 3000)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_real_harvesters_get_100000_records_once_while_they_change(make_facility: MakeFacility) -> None:
    facility = Facility(make_facility().database, 100_000)
    facility.renew()
    _harvest_while_it_changes(facility, 100_000)


def test_a_harvester_by_post_gets_the_same(facility: Facility) -> None:
    with served(facility.app()) as url:
        by_get = [record.header.identifier for record in Sickle(f"{url}/oai").ListRecords(metadataPrefix="oai_dc")]
        by_post = [
            record.header.identifier for record in Sickle(f"{url}/oai", http_method="POST").ListRecords(metadataPrefix="oai_dc")
        ]
        assert by_get == by_post
        assert len(by_get) == 232
        assert httpx.get(f"{url}/oai?verb=Identify").headers["content-type"] == "text/xml; charset=utf-8"
