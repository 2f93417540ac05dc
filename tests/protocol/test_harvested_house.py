"""What harvesters, search engines and aggregators take of a facility: what is public, in every form, and nothing of what is not."""

from __future__ import annotations

import gzip
import re
import threading
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
import rdflib
from sqlalchemy import insert, select, update

from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.harvest_tables import harvest_item, harvest_text
from panmesh.app.publishing import Publishing
from panmesh.kernel.clock import iso
from panmesh.testing.oai_checks import OAI, Ask, check_provider, checked, codes, walk
from panmesh.wire import oai
from tests.protocol.conftest import HIDDEN, PIDS, SECRET, House

SECOND = 1_000_000
VISITS = {name: f"pm-visit{number}" for number, name in enumerate(PIDS, 1)}
PUBLIC = {PIDS["open"], PIDS["embargoed"], VISITS["open"], VISITS["embargoed"], "pm-instrument1", "pm-instrument2"}


@pytest.fixture
def told(house: House) -> House:
    round_(house)
    return house


def round_(house: House) -> None:
    Publishing(house.app, threading.Event()).round()
    house.moment[0] += 2 * SECOND


def asker(house: House) -> Ask:
    def ask(query: str, post: bool) -> tuple[int, str, bytes]:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        got = house.client.post("/oai", content=query, headers=form) if post else house.client.get(f"/oai?{query}")
        return got.status_code, got.headers["content-type"], got.content

    return ask


def everything(house: House) -> str:
    """All that is told to harvesters, as one text."""
    found = []
    for prefix in oai.FORMS:
        for verb in ("ListRecords", "ListIdentifiers"):
            found += [
                ElementTree.tostring(page, "unicode") for page in walk(asker(house), f"verb={verb}&metadataPrefix={prefix}")
            ]
    found += [house.client.get(f"/oai?verb={verb}").text for verb in ("Identify", "ListSets", "ListMetadataFormats")]
    found += [house.client.get("/sitemap.xml").text, gzip.decompress(house.client.get("/sitemap-0.xml.gz").content).decode()]
    found += [house.client.get(path).text for path in ("/catalog.ttl", "/api/v1/changes")]
    return "\n".join(found)


@pytest.mark.parametrize("ahead", [True, False])
def test_nothing_hidden_is_told_to_harvesters(told: House, ahead: bool) -> None:
    if not ahead:
        with told.app.database.write() as c:
            c.execute(harvest_text.delete())
    text = everything(told)
    assert SECRET not in text
    assert not [name for name in HIDDEN if PIDS[name] in text or VISITS[name] in text]
    assert all(pid in text for pid in PUBLIC)
    for name in HIDDEN:
        for pid in (PIDS[name], VISITS[name]):
            asked = {"verb": "GetRecord", "metadataPrefix": "oai_dc", "identifier": f"oai:panmesh.invalid:{pid}"}
            assert codes(checked(asker(told), urlencode(asked))) == ["idDoesNotExist"]


def test_the_checks_of_a_validator_pass_with_every_form(told: House) -> None:
    with told.app.database.write() as c:  # a second page
        for number in range(200):
            row = {
                "id": 5000 + number,
                "pid": f"pm-more{number}",
                "facility_id": 1,
                "instrument_key": f"m{number}",
                "name": f"M {number}",
            }
            c.execute(t.instrument.insert(), row | {"aliases_json": "[]", "scheduled": True})
    told.app.harvest_upkeep.sweep()
    round_(told)
    check_provider(asker(told), "http://testserver/oai", tuple(oai.FORMS))


def test_records_are_written_ahead_and_not_told_when_their_state_is_another(told: House) -> None:
    with told.app.database.read() as c:
        written = c.execute(harvest_text.select()).all()
    assert len(written) == len(PUBLIC) * 3  # of which the forms are made
    listed = "verb=ListRecords&metadataPrefix=oai_datacite"
    before = next(walk(asker(told), listed))
    assert "ceria" in ElementTree.tostring(before, "unicode")  # of the open run: from its full metadata
    with told.app.database.write() as c:
        c.execute(update(t.terms).where(t.terms.c.id == 1).values(held_us=1))  # nobody has told the feed
    page = next(walk(asker(told), listed))
    assert "ceria" not in ElementTree.tostring(page, "unicode")
    gone = {
        h.findtext(f"{OAI}identifier", "").rpartition(":")[2] for h in page.iter(f"{OAI}header") if h.get("status") == "deleted"
    }
    assert gone == {PIDS["open"], VISITS["open"]}
    assert "ceria" not in house_text(told)


def test_what_is_told_of_a_run_changes_with_its_visit(house: House) -> None:
    """Its people are the team: a name that is withheld is in nothing that was written ahead either, and harvesters hear of it once."""
    names = {"pi": "Wolframia Xylander", "member": "Zebedee Quuxberg"}
    with house.app.database.write() as c:
        for login, name in names.items():
            c.execute(update(t.account).where(t.account.c.login == login).values(name=name))
    round_(house)
    text = everything(house)
    assert all(name in text for name in names.values())
    before = house.moment[0]
    for name in names.values():
        body = {"name": name, "reason": "asked by letter"}
        answer = house.client.post("/api/v1/withheld-names", json=body, headers=house.bearer("steward"))
        assert answer.status_code == 201
    round_(house)
    text = everything(house)
    assert not [name for name in names.values() if name in text]
    items = house.client.get("/api/v1/changes").json()["items"]
    news = {one["pid"] for one in items if one["changed"] >= iso(before - SECOND)}
    assert {PIDS["open"], PIDS["embargoed"], VISITS["open"], VISITS["embargoed"]} <= news
    round_(house)
    house.app.harvest_upkeep.sweep()
    round_(house)
    assert house.client.get("/api/v1/changes").json()["items"] == items


def house_text(house: House) -> str:
    return house.client.get("/catalog.ttl").text


def test_another_address_of_the_facility_is_in_every_record(told: House) -> None:
    told.app.harvest_texts._mark = "another"
    last = told.app.harvest_texts.forget_others()
    assert last is not None
    assert told.app.harvest_texts.forget_others(last) is None
    with told.app.database.read() as c:
        assert len(c.execute(harvest_item.select().where(harvest_item.c.unwritten.is_(True))).all()) == len(PUBLIC)
        assert not c.execute(harvest_text.select()).all()


def test_sitemaps_lead_to_every_public_page_and_say_when_it_changed(told: House) -> None:
    index = ElementTree.fromstring(told.client.get("/sitemap.xml").content)
    space = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
    (page,) = [e.text or "" for e in index.iter(f"{space}loc")]
    answer = told.client.get(page.removeprefix("http://testserver"))
    assert answer.headers["content-type"] == "application/gzip"
    urls = ElementTree.fromstring(gzip.decompress(answer.content))
    found = {e.text or "" for e in urls.iter(f"{space}loc")}
    assert {url.rpartition("/")[2] for url in found} == PUBLIC
    for url in found:
        assert told.client.get(url.removeprefix("http://testserver")).status_code == 200
    assert len(list(urls.iter(f"{space}lastmod"))) == len(PUBLIC)
    assert told.client.get("/sitemap-7.xml.gz").status_code == 404


def test_the_catalogue_is_dcat_in_pages(told: House) -> None:
    g = rdflib.Graph().parse(data=told.client.get("/catalog.ttl").text, format="turtle")
    dcat = rdflib.DCAT
    (catalogue,) = g.subjects(rdflib.RDF.type, dcat.Catalog)
    datasets = set(g.objects(catalogue, dcat.dataset))
    assert {str(one).rpartition("/")[2] for one in datasets} == {pid for pid in PUBLIC if "instrument" not in pid}
    described = set(g.subjects(rdflib.RDF.type, dcat.Dataset))
    assert {str(one).rpartition("/")[2] for one in described} == {str(one).rpartition("/")[2] for one in datasets}


def test_aggregators_hear_of_changes_once_with_a_cursor(told: House) -> None:
    first = told.client.get("/api/v1/changes", params={"limit": 4}).json()
    second = told.client.get("/api/v1/changes", params={"limit": 4, "after": first["next"]}).json()
    assert (first["more"], second["more"]) == (True, False)
    assert {one["pid"] for one in first["items"] + second["items"]} == PUBLIC
    nothing = told.client.get("/api/v1/changes", params={"after": second["next"]}).json()
    assert nothing == {"items": [], "next": nothing["next"], "more": False}
    with told.app.database.write() as c:
        c.execute(t.change.insert(), {"at_us": 1, "kind": "dataset", "pid": PIDS["open"], "what": "updated"})
        c.execute(update(t.dataset).where(t.dataset.c.pid == PIDS["embargoed"]).values(terms_id=3))  # proprietary
        c.execute(t.change.insert(), {"at_us": 1, "kind": "dataset", "pid": PIDS["embargoed"], "what": "moved"})
    round_(told)
    news = told.client.get("/api/v1/changes", params={"after": nothing["next"]}).json()["items"]
    runs = {(PIDS["open"], False), (PIDS["embargoed"], True)}
    assert {(one["pid"], one["deleted"]) for one in news} == runs | {(VISITS[name], False) for name in ("open", "embargoed")}
    of_events = told.client.get("/api/v1/events", params={"limit": 1}, headers=told.bearer("pi")).json()["next"]
    for odd in ("junk", "\0", "A" * 100, "-1", "é", of_events):
        for path in ("/api/v1/changes", "/catalog.ttl"):
            refused = told.client.get(path, params={"after": odd})
            assert (refused.status_code, "at the beginning" in refused.text) == (422, True), (path, odd)
    for name in ("cursor", "since", "page"):  # they would begin anew each time, and never know
        refused = told.client.get("/api/v1/changes", params={name: first["next"]})
        assert (refused.status_code, "Known: after, limit." in refused.text) == (422, True), name


def test_the_record_of_an_instrument_changes_with_its_datestamp_alone(told: House) -> None:
    """It names its techniques, which are looked at with each sweep, and no visit; of hidden runs it says nothing."""
    tomography, scanning = "http://purl.org/pan-science/PaNET/PaNET01165", "http://purl.org/pan-science/PaNET/PaNET01164"

    def record() -> tuple[str, str]:
        asked = "verb=GetRecord&metadataPrefix=oai_datacite&identifier=oai:panmesh.invalid:pm-instrument1"
        found = checked(asker(told), asked)
        metadata = next(found.iter(f"{OAI}metadata"))
        return next(found.iter(f"{OAI}datestamp")).text or "", ElementTree.tostring(metadata, "unicode")

    def measured(run: int, technique: str) -> None:
        with told.app.database.write() as c:
            c.execute(t.dataset_technique.insert(), {"dataset_id": run, "technique_pid": technique})

    def in_the_sitemap(stamp: str) -> bool:
        page = gzip.decompress(told.client.get("/sitemap-0.xml.gz").content).decode()
        lastmod = page.partition("/instruments/pm-instrument1</loc><lastmod>")[2].partition("</lastmod>")[0]
        return lastmod[:19] == stamp[:19]

    before = record()
    assert in_the_sitemap(before[0])
    with told.app.database.write() as c:
        visit = {"pid": "pm-new", "facility_id": 1, "terms_id": 1, "natural_key": "new", "visit_id": "new", "kind": "user"}
        c.execute(t.investigation.insert(), visit | {"id": 900, "instrument_id": 1, "title": "Newest", "starts_us": 1})
        c.execute(t.change.insert(), {"at_us": told.app.clock(), "kind": "investigation", "pid": "pm-new", "what": "created"})
    measured(3, tomography)  # of a proprietary run
    for again in (False, True):
        if again:
            with told.app.database.write() as c:
                c.execute(harvest_text.delete())  # as it would be written now
        told.app.harvest_upkeep.sweep()
        round_(told)
        assert record() == before
    measured(1, scanning)
    told.app.harvest_upkeep.sweep()
    round_(told)
    after = record()
    assert after[0] > before[0]
    assert in_the_sitemap(after[0])
    assert scanning in after[1]
    assert tomography not in after[1]
    listed = "verb=ListIdentifiers&metadataPrefix=oai_dc&set=technique:"
    assert "pm-instrument1" in "".join(ElementTree.tostring(page, "unicode") for page in walk(asker(told), f"{listed}PaNET01164"))
    assert "pm-instrument1" not in told.client.get(f"/oai?{listed}PaNET01165").text


def test_the_record_of_a_visit_that_has_ended_changes_with_a_late_run(told: House) -> None:
    """It tells how many runs there are; that the bytes of one were digested changes nothing of it."""

    def record() -> tuple[str, str]:
        asked = f"verb=GetRecord&metadataPrefix=oai_datacite&identifier=oai:panmesh.invalid:{VISITS['open']}"
        found = checked(asker(told), asked)
        metadata = next(found.iter(f"{OAI}metadata"))
        return next(found.iter(f"{OAI}datestamp")).text or "", ElementTree.tostring(metadata, "unicode")

    def happened(what: str, pid: str) -> None:
        with told.app.database.write() as c:
            c.execute(t.change.insert(), {"at_us": told.app.clock(), "kind": "dataset", "pid": pid, "what": what})
        round_(told)

    before = record()
    happened("digested", PIDS["open"])
    assert record() == before
    with told.app.database.write() as c:
        like = dict(c.execute(select(t.dataset).where(t.dataset.c.pid == PIDS["open"])).mappings().one())
        version = dict(c.execute(select(t.dataset_version).where(t.dataset_version.c.id == like["version_id"])).mappings().one())
        c.execute(
            t.dataset.insert(), like | {"id": 901, "pid": "pm-late", "identity": b"late", "title": "Late", "version_id": 901}
        )
        c.execute(t.dataset_version.insert(), version | {"id": 901, "dataset_id": 901, "pid": "pm-late.v1"})
        c.execute(t.pid.insert(), {"pid": "pm-late", "kind": "dataset", "concept": "pm-late", "origin": "native"})
    happened("created", "pm-late")
    after = record()
    assert after[0] > before[0]
    assert "pm-late" in after[1]
    assert "pm-late" not in before[1]


def test_proposals_are_told_of_as_far_as_their_public_visits_tell_of_them(house: House) -> None:
    """And no further: neither the text that reviewers read, nor a proposal whose visits nobody may know of."""
    with house.app.database.write() as c:
        number = c.execute(select(t.investigation.c.facility_id)).scalars().first()
        row = {"facility_id": number, "kind": "user", "policy_version": "1", "proposal_text": SECRET, "team_id": 1}
        for one, name in ((1, "Ceria"), (2, SECRET)):  # the second has no visit
            said = {"id": one, "pid": f"pm-proposal{one}", "number": f"P-{one}", "number_folded": f"p{one}", "title": name}
            c.execute(insert(t.proposal).values(**row, **said))
        c.execute(update(t.investigation).where(t.investigation.c.pid == "pm-visit1").values(proposal_id=1))
    round_(house)
    listed = house.client.get("/oai?verb=ListRecords&metadataPrefix=oai_datacite&set=type:proposal").text
    assert SECRET not in listed
    assert re.findall(r"<identifier>[^<]*:(pm-[^<]+)</identifier>", listed) == ["pm-proposal1"]
    assert 'resourceTypeGeneral="Project"' in listed
    assert "pm-proposal" not in house.client.get("/oai?verb=ListIdentifiers&metadataPrefix=oai_dc&set=openaire_data").text
    with house.app.database.write() as c:
        visits = select(t.investigation.c.terms_id).where(t.investigation.c.proposal_id == 1)
        c.execute(update(t.terms).where(t.terms.c.id.in_(visits)).values(withdrawn_us=house.moment[0]))
    house.app.harvest_upkeep.sweep()
    round_(house)
    after = house.client.get("/oai?verb=ListIdentifiers&metadataPrefix=oai_dc&set=type:proposal").text
    assert 'status="deleted"' in after
