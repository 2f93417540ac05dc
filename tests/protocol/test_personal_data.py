"""A person before the law: what is held is shown to them, corrected, withheld from the public everywhere, erased."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select, update

from panmesh.access.names import NAME_WITHHELD, Withheld, name_key, without
from panmesh.access.viewer import OPERATOR
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.documents import keep_document
from panmesh.adapters.sql.materialise import materialise
from panmesh.adapters.sql.release_tables import release_draft
from panmesh.adapters.sql.view_tables import shown_columns
from panmesh.catalogue.effective import Surroundings, describe
from panmesh.catalogue.withholding import hide
from panmesh.kernel.errors import Conflict
from panmesh.kernel.orcid import is_orcid
from panmesh.testing.postgres import new_database
from tests.conftest import empty_facility
from tests.protocol.conftest import NOW, PIDS, House, furnish
from tests.protocol.test_leaks import READ

PERSON, LEADER, ORCID = "Quillon Quuxberg", "Wolframia Xylander", "0000-0009-8765-4328"
OPEN = PIDS["open"]
FORMS = ("application/json", "application/ld+json", "text/turtle", "application/x-bibtex", "application/linkset+json")
FORMS += ("application/vnd.datacite.datacite+json", "application/vnd.datacite.datacite+xml", "text/x-bibliography", "text/html")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The open run and its visit name two people: one in the file, one who leads the team."""
    folder = tmp_path_factory.mktemp("people")
    postgresql = request.param == "postgresql"
    url = new_database(os.environ["TEST_POSTGRES_URL"]) if postgresql else f"sqlite:///{folder / 'test.db'}"
    made = furnish(empty_facility(folder, url))
    people = [{"name": PERSON, "orcid": ORCID, "role": "user", "affiliation": f"Institute {PERSON}"}]
    said = {"people": {"value": people, "path": "/entry/user"}, "description": {"value": f"By {PERSON}.", "path": "/entry/d"}}
    with made.app.database.write() as c:
        row = {"dataset_id": 1, "source": "file", "by": "ingest", "at_us": NOW}
        c.execute(t.layer.insert(), row | {"values_json": json.dumps(said)})
        materialise(c, 1, NOW)
        c.execute(update(t.account).where(t.account.c.login == "pi").values(name=LEADER))
        for number in range(1, len(PIDS) + 1):
            keep_document(c, number)
    made.app.harvest_upkeep.renew()
    yield made
    made.app.close()


def told(house: House, headers: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Everything that is answered about the open run and its visit: pages, forms of records, interfaces, lists."""
    for path in sorted(READ):
        for pid in (OPEN, "pm-visit1", "pm-instrument1") if "{pid}" in path else ("",):
            url = path.replace("{pid}", pid).replace("{name:path}", "ceria.nxs")
            yield url, house.client.get(url, headers=headers).text
    for pid in (f"/datasets/{OPEN}", "/investigations/pm-visit1"):
        for form in FORMS:
            yield f"{pid} {form}", house.client.get(pid, headers=headers | {"Accept": form}).text
    members = json.dumps({"include": [{"relation": "members", "scope": {"include": [{"relation": "person"}]}}]})
    yield "/api/Documents", house.client.get("/api/Documents", params={"filter": members}, headers=headers).text
    for form in ("oai_dc", "oai_datacite", "oai_openaire"):
        yield form, house.client.get("/oai", params={"verb": "ListRecords", "metadataPrefix": form}, headers=headers).text
    for version in ("v3", "v4"):
        yield version, house.client.get(f"/api/{version}/datasets/{OPEN}", params={"include": "all"}, headers=headers).text


def found(house: House, headers: dict[str, str], **asked: str) -> list[str]:
    answer = house.client.get("/api/v1/datasets", params=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    return [one["pid"] for one in answer.json()["items"]]


def withhold(house: House, login: str, **body: Any) -> Any:
    return house.client.post("/api/v1/withheld-names", json=body, headers=house.bearer(login))


def test_a_withheld_name_is_nowhere_for_outsiders_and_everywhere_for_the_team(house: House) -> None:
    nobody: dict[str, str] = {}
    before = dict(told(house, nobody))
    shown = {url for url, text in before.items() if PERSON in text or LEADER in text}
    assert len(shown) > 15
    assert found(house, nobody, person="quuxberg") == found(house, nobody, text="Quuxberg") == [OPEN]
    assert withhold(house, "outsider", name=PERSON, reason="I ask").status_code == 403
    assert withhold(house, "steward", orcid=ORCID, reason="asked by letter").status_code == 201
    assert withhold(house, "steward", orcid=ORCID, reason="asked again").status_code == 409
    assert withhold(house, "pi").status_code == 201
    house.app.harvest_upkeep.renew()
    for headers in (nobody, house.bearer("outsider")):
        for url, text in told(house, headers):
            for name in (PERSON, LEADER, ORCID, "Xylander", "Quuxberg"):
                assert name not in text, (url, name)
        for asked in ({"person": "quuxberg"}, {"text": "Quuxberg"}, {"person": PERSON}):
            assert found(house, headers, **asked) == [], asked
        assert found(house, headers, text="ceria") == [OPEN]
    assert NAME_WITHHELD in house.client.get(f"/datasets/{OPEN}").text
    for login in ("member", "steward", "scientist"):
        text = house.client.get(f"/api/v1/datasets/{OPEN}", headers=house.bearer(login)).text
        assert PERSON in text, login
        assert LEADER in house.client.get("/api/v1/investigations/pm-visit1", headers=house.bearer(login)).text, login
        assert found(house, house.bearer(login), person="quuxberg") == [OPEN]
    names = house.client.get("/api/v1/withheld-names", headers=house.bearer("steward")).json()
    assert [(n["own"], n["places"]) for n in names] == [(True, 0), (False, 1)]
    own = house.client.get("/api/v1/withheld-names", headers=house.bearer("pi")).json()
    assert house.client.delete(f"/api/v1/withheld-names/{own[0]['id']}", headers=house.bearer("outsider")).status_code == 404
    assert house.client.delete(f"/api/v1/withheld-names/{own[0]['id']}", headers=house.bearer("steward")).status_code == 403
    for one, login in ((names[1], "steward"), (own[0], "pi")):
        assert house.client.delete(f"/api/v1/withheld-names/{one['id']}", headers=house.bearer(login)).status_code == 204
    house.app.harvest_upkeep.renew()
    assert found(house, nobody, text="Quuxberg") == [OPEN]
    assert {url for url, text in told(house, nobody) if PERSON in text or LEADER in text} == shown


def test_a_person_sees_and_corrects_what_is_held_of_them(house: House) -> None:
    house.client.post(f"/api/v1/datasets/{OPEN}/notes", json={"text": "my note"}, headers=house.bearer("member"))
    held = house.client.get("/api/v1/me/data", headers=house.bearer("member")).json()
    assert held["account"]["login"] == "member"
    assert "password_hash" not in str(held)
    assert [n["text"] for n in held["notes"]] == ["my note"]
    assert held["teams"][0]["role"] == "member"
    assert "note added" in [e["action"] for e in held["audit"]]
    assert house.client.get("/api/v1/me/data").status_code == 401
    profile = {"name": "Member Newname", "orcid": f"https://orcid.org/{ORCID}", "affiliation": "An institute"}
    wrong = house.client.request(
        "PUT", "/api/v1/me/profile", json=profile | {"orcid": "0000-0009-8765-4327"}, headers=house.bearer("member")
    )
    assert wrong.status_code == 422
    assert (
        house.client.request("PUT", "/api/v1/me/profile", json=profile, headers=house.bearer("member")).json()["orcid"] == ORCID
    )
    assert "Member Newname" in house.client.get("/investigations/pm-visit1").text
    held = house.client.get("/api/v1/me/data", headers=house.bearer("member")).json()
    assert [one["pid"] for one in held["names_in_records"]["files"]] == [OPEN]
    assert withhold(house, "member", name="Somebody Else").status_code == 403


def test_an_erased_account_leaves_no_name_but_in_the_record_that_it_made(house: House) -> None:
    app, member = house.app, house.bearer("member")
    house.client.post("/api/v1/searches", json={"name": "mine", "query": "q=x", "alert": "none"}, headers=member)
    drafted = {"pids": [OPEN], "description": {"title": "By Member Newname", "creators": [{"name": "Member Newname"}]}}
    assert house.client.post("/api/v1/releases/drafts", json=drafted, headers=member).status_code == 201
    number = app.accounts.viewer("member").user_id
    with app.database.write() as c:
        c.execute(shown_columns.insert(), {"account_id": number, "place": "pm-instrument1", "columns": "energy", "at_us": NOW})
    held = house.client.get("/api/v1/me/data", headers=member).json()
    assert held["publication_drafts"][0]["description"]["title"] == "By Member Newname"
    assert [one["columns"] for one in held["chosen_columns"]] == ["energy"]
    with app.database.write() as c:
        c.execute(update(t.team_member).values(source="schedule"))
    with pytest.raises(Conflict, match="alone"):
        app.personal.erase(OPERATOR, "pi")
    with pytest.raises(Conflict, match="office"):
        app.personal.erase(OPERATOR, "steward")
    with app.database.read() as c:
        log = c.execute(select(t.audit)).all()
    preview = app.personal.erasure(OPERATOR, "member")
    for thing in ("1 saved search", "1 publication draft", "1 column choice"):
        assert thing in preview.goes
    assert app.personal.erase(OPERATOR, "member") == preview
    assert house.client.get("/api/v1/me", headers=member).status_code == 401
    with app.database.read() as c:
        assert c.execute(select(t.audit)).all()[: len(log)] == log
        for table in (release_draft, shown_columns):
            assert c.execute(select(table).where(table.c.account_id == number)).first() is None
        for table in t.metadata.sorted_tables:
            for row in c.execute(select(table)):
                if table.name not in ("former_member", "dataset_person", "layer"):
                    assert "Newname" not in str(row), table.name
                    assert "'member'" not in str(row).replace("role='member'", "") or table.name in (
                        "team_member",
                        "team_change",
                    ), table
    assert [e.actor for e in app.audit.entries(limit=500) if e.action == "note added"] == [f"erased-{number}"]
    assert "Member Newname" in house.client.get("/investigations/pm-visit1").text
    assert "A former user" in house.client.get(f"/datasets/{OPEN}", headers=house.bearer("pi")).text
    with pytest.raises(Conflict, match="already"):
        app.personal.erase(OPERATOR, f"erased-{number}")


@pytest.mark.parametrize("other", ["Lovelace, Ada", "ADA LOVELACE", "ada  lovelace", "Adá Lövelace"])
def test_one_name_in_its_writings(other: str) -> None:
    assert name_key(other) == name_key("Ada Lovelace")


def test_a_document_is_cut_where_it_names_somebody() -> None:
    said = {"a": ["x", "by Ada Lovelace"], "people": [{"name": "Ada Lovelace", "role": "user", "mail": "a@b"}], "n": 1}
    cut = {"a": ["x", NAME_WITHHELD], "people": [{"name": NAME_WITHHELD, "role": "user"}], "n": 1}
    assert without(said, frozenset({"ada lovelace"}), frozenset()) == cut
    assert is_orcid(ORCID)
    assert not is_orcid("0000-0009-8765-4327")


@pytest.mark.parametrize("spelt", ["ada_lovelace", "Lovelace-Ada", "AdaLovelace", "2026/ada.lovelace/raw", "lovelace ada"])
def test_a_name_in_folders_and_keys_is_the_name(spelt: str) -> None:
    names = frozenset({"ada lovelace", "lovelace ada", "lovelace, ada"})
    said = {"sourceFolder": f"/data/{spelt}/x", f"asked by {spelt}": 1, f"{spelt} too": 2, "t": "ladalovelaces"}
    cut = {"sourceFolder": NAME_WITHHELD, NAME_WITHHELD: 1, f"{NAME_WITHHELD} 2": 2, "t": "ladalovelaces"}
    assert without(said, names, frozenset()) == cut


@pytest.mark.parametrize("file", ["Ada_Lovelace-001.nxs", "scan_lovelace_ada.nxs", "AdaLovelace.nxs"])
def test_nobody_finds_a_person_by_the_name_of_a_file(file: str) -> None:
    said = {"title": "ceria", "people": [{"name": "Ada Lovelace"}]}
    described = describe(said, Surroundings(), path=f"a/{file}")
    assert "lovelace" in described.columns["full_text"]
    text = hide(described, Withheld(frozenset({name_key("Ada Lovelace")}))).columns["full_text"]
    assert "lovelace" not in text
    assert "ceria" in text


@pytest.mark.parametrize("name", ["Anto\u0301nia Lo\u0301pez", "Lo\u0301pez, Anto\u0301nia", "Soﬁa Lo\u0301pez"])
def test_nobody_finds_a_person_by_a_name_typed_in_another_way(name: str) -> None:
    """Accents beside their letters, in the file; letters with their accents, from a keyboard."""
    described = describe({"title": "CeO₂", "people": [{"name": name}]}, Surroundings())
    assert "lópez" in described.columns["full_text"]
    text = hide(described, Withheld(frozenset({name_key(name)}))).columns["full_text"].split()
    assert text == ["ceo₂", "ceo2"]


def test_a_creator_of_a_publication_stays_named_in_it_and_nowhere_else(house: House) -> None:
    """The team's own statement, frozen and cited; the how-to says so."""
    named = "Zephyrine Quickbeam"
    said = {
        "title": "Ceria again",
        "abstract": "What was measured on ceria at three temperatures, for the paper.",
        "creators": [{"name": named}],
    }
    steward, pi = house.bearer("steward"), house.bearer("pi")
    made = house.client.post("/api/v1/releases/drafts", json={"pids": [OPEN], "description": said}, headers=pi)
    path = f"/api/v1/releases/drafts/{made.json()['key']}/publish"
    done = house.client.post(path, headers=pi | {"If-Match": made.headers["etag"]})
    assert done.status_code == 201, done.text
    assert withhold(house, "steward", name=named, reason="asked by letter").status_code == 201
    for form in FORMS:
        if form != "application/linkset+json":
            text = house.client.get(f"/releases/{done.json()['pid']}", headers={"Accept": form}).text
            assert "Quickbeam" in text, form
    for url, text in told(house, {}):
        if url.startswith(f"{OPEN} ") or url in ("/api/Documents", f"/datasets/{OPEN}", f"/api/v1/datasets/{OPEN}"):
            assert "Quickbeam" not in text, url
    assert house.client.get("/api/v1/withheld-names", headers=steward).json()[0]["name"] == named


def scicat(house: House, pid: str, headers: dict[str, str]) -> Iterator[tuple[str, str]]:
    """All ways in which SciCat's interface says what a script sent: one, lists, questions, parts, proposals, samples."""
    asked = [f"datasets/{pid}", f"datasets/public/{pid}", f"datasets/{pid}/origdatablocks", f"datasets/{pid}/attachments"]
    asked += [
        "datasets",
        "datasets/fullquery",
        "proposals",
        "proposals/PX-1",
        "samples",
        "samples/sx-1",
        "instruments",
        "publisheddata",
    ]
    for version in ("v3", "v4"):
        for path in asked:
            url = f"/api/{version}/{path}"
            yield url, house.client.get(url, headers=headers, params={"include": "all"} if path.endswith(pid) else {}).text


def questions(person: str) -> Iterator[tuple[str, dict[str, str]]]:
    """By which somebody would find what a person sent."""
    for where in ({"owner": person}, {"owner": {"like": person}}, {"investigator": {"like": person}}):
        yield "/api/v3/datasets", {"filter": json.dumps({"where": where})}
    for fields in ({"owner": person}, {"text": "Underhill"}):
        yield "/api/v3/datasets/fullquery", {"fields": json.dumps(fields)}


@pytest.mark.parametrize("way", ["name", "orcid"])
def test_what_scripts_sent_says_no_withheld_name_to_outsiders_either(house: House, way: str) -> None:
    person, turned = "Thessaly Underhill", "Underhill, Thessaly"
    orcid, mail = "0000-0007-1234-5673", "t.underhill@example.org"
    file = "thessaly_underhill/a.h5"  # whoever may read the data opens it by this
    steward, number = house.bearer("steward"), f"2026-{way}"
    pid = f"20.500.12345/{number}"
    body = {
        "pid": pid, "type": "raw", "creationTime": "2026-03-02T08:00:00Z", "ownerGroup": "g", "sourceFolder": "/nowhere/underhill_thessaly", "owner": person,
        "orcidOfOwner": f"https://orcid.org/{orcid}", "contactEmail": mail, "ownerEmail": mail, "instrumentId": "pm-instrument1",
        "datasetName": f"pushed {number}", "principalInvestigator": turned, "investigator": f"Ada Other; {person}", "sampleId": "sx-1",
        "description": f"Measured by {person.upper()}.", "scientificMetadata": {"note": {"value": f"ask {turned}"}, "by ThessalyUnderhill": {"value": 1}, "t": {"value": 1, "unit": "K"}},
    }  # fmt: skip
    parted = {"ownerGroup": "g", "email": mail, "firstname": "Thessaly", "lastname": "Underhill", "title": "A proposal"}
    parted |= {"pi_firstname": "Thessaly", "pi_lastname": "Underhill", "pi_email": mail}
    sent = [
        ("datasets", body),
        (
            f"datasets/{quote(pid, safe='')}/origdatablocks",
            {"size": 1, "dataFileList": [{"path": file, "size": 1, "uid": person}]},
        ),
        (f"datasets/{quote(pid, safe='')}/attachments", {"caption": f"drawn by {person}", "ownerGroup": "g"}),
    ]
    if way == "name":
        sent += [
            ("proposals", {"proposalId": "PX-1", **parted}),
            ("samples", {"sampleId": "sx-1", "owner": person, "ownerGroup": "g"}),
        ]
    for path, one in sent:
        made = house.client.post(f"/api/v3/{path}", headers=steward, json=one)
        assert made.status_code == 201, made.text
    with house.app.database.write() as c:
        which = select(t.dataset.c.terms_id).where(t.dataset.c.pid == pid).scalar_subquery()
        c.execute(update(t.terms).where(t.terms.c.id == which).values(access="open"))
    outsider, nobody, said = house.bearer("outsider"), {}, (person, turned, "Underhill", "UNDERHILL", orcid, mail)
    for headers in (nobody, outsider):
        before = dict(scicat(house, quote(pid, safe=""), headers))
        assert sum("Underhill" in text for text in before.values()) >= 10
        assert all("steward" not in text for text in before.values())
    for path, one in questions(person):
        assert pid in house.client.get(path, params=one).text, (path, one)
    asked = {"name": person} if way == "name" else {"orcid": orcid}
    assert withhold(house, "steward", **asked, reason="asked by letter").status_code == 201
    for headers in (nobody, outsider):
        for url, text in scicat(house, quote(pid, safe=""), headers):
            for name in (*said, "underhill"):
                assert name.casefold() not in text.replace(file, "").casefold(), (url, name)
        for path, one in questions(person):
            assert pid not in house.client.get(path, params=one, headers=headers).text, (path, one)
    kept = house.client.get(f"/api/v4/datasets/{quote(pid, safe='')}").json()
    assert kept["owner"] == kept["description"] == NAME_WITHHELD
    assert kept["scientificMetadata"] == {
        "note": {"value": NAME_WITHHELD},
        NAME_WITHHELD: {"value": 1},
        "t": {"value": 1, "unit": "K"},
    }
    (block,) = house.client.get(f"/api/v3/datasets/{quote(pid, safe='')}/origdatablocks").json()
    assert block["dataFileList"][0] == {"path": file, "size": 1, "uid": NAME_WITHHELD}
    for login in ("steward", "scientist"):
        text = dict(scicat(house, quote(pid, safe=""), house.bearer(login)))[f"/api/v3/datasets/{quote(pid, safe='')}"]
        assert all(name in text for name in (person, turned, orcid, mail)), login
    changed = house.client.patch(f"/api/v3/datasets/{quote(pid, safe='')}", headers=steward, json={"keywords": ["k"]})
    assert changed.json()["owner"] == person
    names = house.client.get("/api/v1/withheld-names", headers=steward).json()
    assert house.client.delete(f"/api/v1/withheld-names/{names[0]['id']}", headers=steward).status_code == 204
    assert person in house.client.get(f"/api/v4/datasets/{quote(pid, safe='')}").text


def test_one_of_two_people_of_a_run_is_withheld_whoever_comes_first(house: House) -> None:
    """All rows of a run are written with one statement: each says for itself whether it is withheld."""
    first, second, steward = "Yolanthe Zephyr", "Barnaby Applewood", house.bearer("steward")
    for number, (owner, other) in enumerate(((first, second), (second, first))):
        body = {
            "pid": f"pair-{number}",
            "type": "raw",
            "creationTime": "2026-03-02T08:00:00Z",
            "ownerGroup": "g",
            "sourceFolder": "/nowhere",
        }
        body |= {"owner": owner, "investigator": other, "contactEmail": "a@example.org", "instrumentId": "pm-instrument1"}
        assert house.client.post("/api/v3/datasets", headers=steward, json=body).status_code == 201
    assert withhold(house, "steward", name=first, reason="asked by letter").status_code == 201
    for number in (0, 1):
        again = house.client.patch(f"/api/v3/datasets/pair-{number}", headers=steward, json={"keywords": ["again"]})
        assert again.status_code == 200, again.text
        with house.app.database.read() as c:
            p = t.dataset_person.c
            rows = c.execute(select(p.name, p.withheld).join(t.dataset).where(t.dataset.c.pid == f"pair-{number}")).all()
        assert {row.name: row.withheld for row in rows} == {first: True, second: False}
