"""Publishing runs for a paper: who may, what is frozen, how versions hang together, and that nobody reads through it what a run hides."""

from __future__ import annotations

import json
from typing import Any

import httpx
from sqlalchemy import select, update

from panmesh.access.terms import AccessClass
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.doi_tables import doi
from panmesh.adapters.sql.versions import cut_version
from panmesh.catalogue.manifest import ManifestRef, pack
from panmesh.http.landing import FORMS
from panmesh.kernel.clock import DAY_US
from tests.protocol.conftest import NOW, PIDS, SECRET, House
from tests.protocol.test_notes import sign_in

API = "/api/v1/releases"
SAID = {
    "title": "Thermal expansion of ceria, figure 3",
    "abstract": "Powder diffraction of ceria from 300 to 1200 K, as shown in the third figure of the paper.",
    "creators": [
        {"name": "Lovelace, Ada", "orcid": "https://orcid.org/0000-0002-1825-0097", "affiliation": "ESRF", "ror": "02550n020"},
        {"name": "Curie, Irene"},
    ],
    "papers": [{"doi": "https://doi.org/10.1000/xyz123", "relation": "IsSupplementTo", "title": "Expansion"}],
    "funding": [{"funder": "European Commission", "funder_id": "https://ror.org/00k4n6c32", "award": "823852"}],
}


def ask(house: House, who: str | None, method: str, path: str, body: Any = None, etag: str | None = None) -> httpx.Response:
    headers = (house.bearer(who) if who else {}) | ({"If-Match": etag} if etag else {})
    return house.client.request(method, f"{API}{path}", json=body, headers=headers)


def begin(house: House, *names: str, who: str = "pi", said: Any = SAID) -> tuple[str, str]:
    """The draft's key and its ETag."""
    made = ask(house, who, "POST", "/drafts", {"pids": [PIDS[name] for name in names], "description": said})
    assert made.status_code == 201, made.text
    return made.json()["key"], made.headers["etag"]


def publish(house: House, *names: str, who: str = "pi", said: Any = SAID) -> dict[str, Any]:
    key, etag = begin(house, *names, who=who, said=said)
    made = ask(house, who, "POST", f"/drafts/{key}/publish", etag=etag)
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def test_whoever_comes_by_its_doi_takes_home_the_runs_that_they_may_know_of(house: House) -> None:
    made = publish(house, "open", "embargoed")
    here = f"/releases/{made['pid']}/take"
    assert f'href="{here}/get.sh"' in house.client.get(f"/releases/{made['pid']}").text
    assert f"panmesh download {PIDS['open']} --to" in house.client.get(f"{here}/get.sh").text
    assert house.client.get(f"{here}/runs.txt").text.split() == [PIDS["open"], PIDS["embargoed"]]
    assert {line.split("/files/")[0][-19:] for line in house.client.get(f"{here}/wget.txt").text.split()} == {PIDS["open"]}
    set_terms(house, "embargoed", access="proprietary")
    assert house.client.get(f"{here}/runs.txt").text.split() == [PIDS["open"]]
    assert house.client.get(f"{here}/runs.exe").status_code == 404
    assert house.client.get("/releases/pm-0000000000000000/take/runs.txt").status_code == 404


def set_terms(house: House, name: str, **values: Any) -> None:
    number = list(PIDS).index(name) + 1
    with house.app.database.write() as c:
        c.execute(update(t.terms).where(t.terms.c.id == number).values(**values))
        c.execute(t.change.insert(), {"at_us": house.moment[0], "kind": "terms", "pid": str(number), "what": "access"})


def test_runs_are_picked_described_and_published_and_everybody_can_cite_them(house: House) -> None:
    found = publish(house, "open", "embargoed")
    assert found["pid"] == f"{found['concept']}.v1"
    assert [run["pid"] for run in found["runs"]] == [PIDS["open"], PIDS["embargoed"]]
    assert found["description"]["creators"][0] == {
        "name": "Lovelace, Ada",
        "orcid": "0000-0002-1825-0097",
        "affiliation": "ESRF",
        "ror": "https://ror.org/02550n020",
    }
    assert found["doi"] == {"name": None, "state": "reserved", "error": None}
    assert (found["state"], found["opens"] is not None) == ("embargoed", True)
    anybody = ask(house, None, "GET", f"/{found['concept']}").json()
    assert anybody == found | {"runs": anybody["runs"]}
    assert "Lovelace, Ada; Curie, Irene" in found["citation"]
    with house.app.database.read() as c:
        wanted = c.execute(select(doi.c.kind, doi.c.pid).order_by(doi.c.pid)).all()
    assert [tuple(row) for row in wanted] == [("release", found["concept"]), ("release", found["pid"])]
    listed = ask(house, None, "GET", "").json()
    assert [one["pid"] for one in listed["items"]] == [found["pid"]]
    for name in ("open", "embargoed"):
        beside = house.client.get(f"/api/v1/datasets/{PIDS[name]}/releases").json()
        assert [one["pid"] for one in beside] == [found["pid"]]


def test_visits_and_proposals_list_what_was_published_of_the_runs_that_the_reader_may_know_of(house: House) -> None:
    found = publish(house, "open", "embargoed")
    set_terms(house, "embargoed", access=AccessClass.PROPRIETARY.value)
    link = f"/releases/{found['pid']}"
    with house.app.database.write() as c:
        c.execute(update(doi).where(doi.c.pid == found["pid"]).values(name="10.82012/abcd", confirmed="findable"))
        held = c.execute(select(t.proposal.c.pid, t.investigation.c.pid).join_from(t.proposal, t.investigation)).all()
    above = {visit: proposal for proposal, visit in held}
    for who, visit, listed in (
        (None, "pm-visit1", True),
        ("outsider", "pm-visit1", True),
        ("pi", "pm-visit2", True),
        (None, "pm-visit2", False),
        ("outsider", "pm-visit2", False),
    ):
        pages = [f"/investigations/{visit}"] + ([f"/proposals/{above[visit]}"] if visit in above else [])
        for page in pages:
            answer = house.client.get(page, headers=house.bearer(who) if who else {})
            assert (answer.status_code == 200 and link in answer.text) == listed, (who, page)
            assert ("10.82012/abcd" in answer.text) == listed, (who, page)
    assert house.app.releases.made_of(house.app.accounts.viewer("outsider"), visit="pm-visit2") == ()


def test_only_the_team_of_all_its_runs_publishes_and_only_what_may_be(house: House) -> None:
    for who in ("outsider", "scientist", "steward"):
        key, etag = begin(house, "open", who=who)
        refused = ask(house, who, "POST", f"/drafts/{key}/publish", etag=etag)
        assert (refused.status_code, "team" in refused.text) == (422, True), who
    for name in ("proprietary", "collecting"):
        key, etag = begin(house, "open", name)
        refused = ask(house, "pi", "POST", f"/drafts/{key}/publish", etag=etag)
        assert refused.status_code == 422, name
        assert [f["pointer"] for f in refused.json()["faults"]] == ["/pids/1"]
    for state in ({"held_us": NOW - 1, "hold": "legal"}, {"held_us": None, "hold": None, "withdrawn_us": NOW - 1}):
        set_terms(house, "embargoed", **state)
        key, etag = begin(house, "open", "embargoed")
        assert ask(house, "pi", "POST", f"/drafts/{key}/publish", etag=etag).status_code == 422, state
    assert publish(house, "open", who="member")["version"] == 1


def test_a_draft_is_its_makers_alone_and_is_kept_until_it_is_discarded(house: House) -> None:
    key, etag = begin(house, "open")
    for who in ("member", "outsider", "steward", None):
        for method, path in (("GET", f"/drafts/{key}"), ("PATCH", f"/drafts/{key}"), ("POST", f"/drafts/{key}/publish")):
            answer = ask(house, who, method, path, {} if method == "PATCH" else None, etag)
            assert answer.status_code in (401, 404), (who, method, path)
        assert key not in ask(house, who, "GET", "/drafts").text
    changed = ask(house, "pi", "PATCH", f"/drafts/{key}", {"pids": [PIDS["embargoed"], PIDS["open"]]}, etag)
    assert changed.json()["pids"] == [PIDS["embargoed"], PIDS["open"]]
    assert ask(house, "pi", "PATCH", f"/drafts/{key}", {"pids": []}, etag).status_code == 412
    assert ask(house, "pi", "PATCH", f"/drafts/{key}", {"pids": []}).status_code == 428
    assert ask(house, "pi", "DELETE", f"/drafts/{key}").status_code == 204
    assert ask(house, "pi", "GET", "/drafts").json() == []
    assert ask(house, "pi", "POST", f"/drafts/{key}/publish", etag=changed.headers["etag"]).status_code == 409


def test_what_is_hidden_is_not_picked_and_absent_answers_the_same(house: House) -> None:
    answers = [
        ask(house, "outsider", "POST", "/drafts", {"pids": [pid]}).text.replace(pid, "PID")
        for pid in (PIDS["proprietary"], PIDS["collecting"], PIDS["internal"], "pm-9999999999999999")
    ]
    assert len(set(answers)) == 1
    assert "PID" in answers[0]


def test_a_fault_is_refused_with_its_place_and_a_draft_with_one_is_not_published(house: House) -> None:
    wrong = SAID | {"creators": [{"name": "A B", "orcid": "0000-0002-1825-0098"}], "abstract": ""}
    key, etag = begin(house, "open", said=wrong)
    pointers = ["/abstract", "/creators/0/orcid"]
    assert [f["pointer"] for f in ask(house, "pi", "GET", f"/drafts/{key}").json()["faults"]] == pointers
    check = ask(house, "pi", "GET", f"/drafts/{key}/check").json()
    assert [f["pointer"] for f in check["must"]] == pointers
    assert any(PIDS["open"] in [run["pid"] for run in hint["runs"]] for hint in check["should"])
    refused = ask(house, "pi", "PATCH", f"/drafts/{key}", {"description": wrong}, etag)
    assert [f["pointer"] for f in refused.json()["faults"]] == pointers
    assert ask(house, "pi", "POST", f"/drafts/{key}/publish", etag=etag).status_code == 422
    assert ask(house, "pi", "POST", f"/drafts/{key}/publish").status_code == 428
    assert ask(house, None, "GET", "").json()["total"] == 0


def test_a_version_is_frozen_and_the_chain_of_versions_is_whole(house: House) -> None:
    first = publish(house, "open")
    before = ask(house, None, "GET", f"/{first['pid']}").json()
    with house.app.database.write() as c:  # the run goes on: other files, another title
        number = c.execute(select(t.dataset.c.id).where(t.dataset.c.pid == PIDS["open"])).scalar_one()
        manifest = ManifestRef(file_count=0, total_bytes=0, inline=pack([]))
        cut_version(c, number, manifest, b"other", NOW)
    assert ask(house, "outsider", "POST", f"/{first['pid']}/versions").status_code == 403
    draft = ask(house, "pi", "POST", f"/{first['concept']}/versions").json()
    assert (draft["version"], draft["release"], draft["pids"]) == (2, first["concept"], [PIDS["open"]])
    again = ask(house, "pi", "POST", f"/{first['concept']}/versions").json()
    assert again["key"] == draft["key"]
    changed = ask(
        house,
        "pi",
        "PATCH",
        f"/drafts/{draft['key']}",
        {"pids": [PIDS["open"], PIDS["embargoed"]], "description": SAID | {"title": "Another title now"}},
        '"draft-1"',
    )
    second = ask(house, "pi", "POST", f"/drafts/{draft['key']}/publish", etag=changed.headers["etag"]).json()
    assert (second["concept"], second["version"]) == (first["concept"], 2)
    after = ask(house, None, "GET", f"/{first['pid']}").json()
    assert {k: v for k, v in after.items() if k != "versions"} == {k: v for k, v in before.items() if k != "versions"}
    assert (first["runs"][0]["version"], second["runs"][0]["version"]) == (1, 2)
    assert house.client.get(f"/datasets/{PIDS['open']}.v1").status_code == 200
    assert [v["pid"] for v in after["versions"]] == [first["pid"], second["pid"]]
    assert ask(house, None, "GET", f"/{first['concept']}").json()["pid"] == second["pid"]
    told = {}
    for pid in (first["concept"], first["pid"], second["pid"]):
        record = house.client.get(f"/releases/{pid}?format=datacite-json").json()
        told[pid] = {
            (r["relationType"], r["relatedIdentifier"].rpartition("/")[2])
            for r in record["relatedIdentifiers"]
            if "Version" in r["relationType"]
        }
    assert told[first["concept"]] == {("HasVersion", first["pid"]), ("HasVersion", second["pid"])}
    assert told[first["pid"]] == {("IsVersionOf", first["concept"]), ("IsPreviousVersionOf", second["pid"])}
    assert told[second["pid"]] == {("IsVersionOf", first["concept"]), ("IsNewVersionOf", first["pid"])}


def test_papers_and_funders_are_added_later_and_nothing_else(house: House) -> None:
    first = publish(house, "open", said=SAID | {"papers": [], "funding": []})
    body = {"papers": SAID["papers"], "funding": SAID["funding"]}
    assert ask(house, "outsider", "PATCH", f"/{first['pid']}", body, '"release-1"').status_code == 403
    wrong = body | {"papers": [{"doi": "later"}]}
    assert ask(house, "pi", "PATCH", f"/{first['pid']}", wrong, '"release-1"').status_code == 422
    made = ask(house, "pi", "PATCH", f"/{first['pid']}", body, '"release-1"')
    assert made.json()["description"]["papers"][0]["doi"] == "10.1000/xyz123"
    assert ask(house, "pi", "PATCH", f"/{first['pid']}", body, '"release-1"').status_code == 412
    same = {"title", "abstract", "creators"}
    assert {k: made.json()["description"][k] for k in same} == {k: first["description"][k] for k in same}
    refused = ask(house, "pi", "PATCH", f"/{first['pid']}", body | {"title": "Another"}, '"release-2"')
    assert refused.status_code == 422


def test_what_a_release_shows_follows_the_terms_of_each_run(house: House) -> None:
    found = publish(house, "open", "embargoed")
    pid = found["pid"]

    def pids(who: str | None) -> list[str]:
        return [run["pid"] for run in ask(house, who, "GET", f"/{pid}").json()["runs"]]

    house.moment[0] = NOW + 1000 * DAY_US
    assert ask(house, None, "GET", f"/{pid}").json()["state"] == "open"
    house.moment[0] = NOW
    set_terms(house, "embargoed", withdrawn_us=NOW)
    gone = ask(house, None, "GET", f"/{pid}").json()
    assert gone["state"] == "open"
    assert [run["state"] for run in gone["runs"]] == ["open", "withdrawn"]
    set_terms(house, "embargoed", withdrawn_us=None, access=AccessClass.PROPRIETARY.value)
    house.app.harvest_upkeep.renew()
    assert pids(None) == pids("outsider") == [PIDS["open"]]
    assert pids("pi") == [PIDS["open"], PIDS["embargoed"]]
    for name in FORMS:
        for what in (pid, found["concept"]):
            assert PIDS["embargoed"] not in house.client.get(f"/releases/{what}?format={name}").text, name
    for path in (f"/releases/{pid}", "/publications", f"/api/Documents/{found['concept']}", "/api/v1/changes"):
        include = {"filter": json.dumps({"include": [{"relation": "datasets"}]})} if "Documents" in path else {}
        answer = house.client.get(path, params=include)
        assert (answer.status_code, PIDS["embargoed"] in answer.text, SECRET in answer.text) == (200, False, False), path


def test_papers_are_told_where_use_is_told_and_only_of_what_may_be_known(house: House) -> None:
    also = {"doi": "10.1000/cites", "relation": "IsCitedBy", "title": "Review"}
    about = {"doi": "10.1000/describes", "relation": "IsDocumentedBy", "title": "Data paper"}
    found = publish(house, "open", said=SAID | {"papers": [*SAID["papers"], also, about]})

    def told(path: str) -> list[str]:
        answer = house.client.get(f"/api/v1{path}/usage/citations")
        page = house.client.get(f"{path}/usage")
        assert answer.status_code == page.status_code, path
        dois = [one["doi"] for one in answer.json()] if answer.status_code == 200 else []
        assert dois == [doi for doi in ("10.1000/xyz123", "10.1000/cites", "10.1000/describes") if doi in page.text], path
        return dois

    instrument, run, release = "/instruments/pm-instrument1", f"/datasets/{PIDS['open']}", f"/releases/{found['concept']}"
    for path in (run, release, instrument):
        assert told(path) == ["10.1000/xyz123", "10.1000/cites"], path
    assert told("/instruments/pm-instrument2") == told(f"/datasets/{PIDS['embargoed']}") == []
    (first, _) = house.client.get(f"/api/v1{run}/usage/citations").json()
    assert (first["relation"], first["title"], first["release"]) == ("IsSupplementTo", "Expansion", found["concept"])
    set_terms(house, "open", access="proprietary")
    assert told(run) == told(instrument) == told("/releases/pm-nothing") == []
    set_terms(house, "open", access="open")
    assert ask(house, "steward", "POST", f"/{found['pid']}/withdrawal", {"reason": "Wrong runs were picked."}).status_code == 200
    assert told(run) == told(instrument) == told(release) == []


def test_a_withdrawn_version_leaves_a_tombstone_and_the_others_stay(house: House) -> None:
    first = publish(house, "open")
    house.app.harvest_upkeep.renew()
    why = {"reason": "The wrong runs were picked."}
    assert ask(house, "pi", "POST", f"/{first['pid']}/withdrawal", why).status_code == 403
    assert ask(house, "steward", "POST", f"/{first['pid']}/withdrawal", {"reason": ""}).status_code == 422
    gone = ask(house, "steward", "POST", f"/{first['pid']}/withdrawal", why).json()
    assert (gone["state"], gone["reason"]) == ("withdrawn", why["reason"])
    assert ask(house, "steward", "POST", f"/{first['pid']}/withdrawal", why).status_code == 409
    assert ask(house, None, "GET", "").json()["items"] == []
    assert house.client.get(f"/api/v1/datasets/{PIDS['open']}/releases").json() == []
    house.moment[0] += 1_000_000
    house.app.harvest_upkeep.renew()
    told = house.client.get(
        "/oai", params={"verb": "GetRecord", "identifier": _oai(house, first["pid"]), "metadataPrefix": "oai_dc"}
    )
    assert 'status="deleted"' in told.text
    record = house.client.get(f"/releases/{first['pid']}?format=jsonld").json()
    assert record["creativeWorkStatus"] == "Withdrawn"
    assert house.client.get(f"/releases/{first['pid']}/take/runs.txt").status_code == 410
    assert "Take it home" not in house.client.get(f"/releases/{first['pid']}").text


def test_a_release_is_a_publication_of_the_search_api_and_an_item_for_harvesters(house: House) -> None:
    found = publish(house, "open", "embargoed")
    house.app.harvest_upkeep.renew()
    documents = house.client.get("/api/Documents", params={"filter": json.dumps({"where": {"type": "publication"}, "include": [{"relation": "datasets"}, {"relation": "members", "scope": {"include": [{"relation": "person"}]}}]})}).json()  # fmt: skip
    assert [d["pid"] for d in documents] == [found["concept"]]
    assert documents[0]["isPublic"] is False
    assert {d["pid"] for d in documents[0]["datasets"]} == {PIDS["open"], PIDS["embargoed"]}
    assert {m["person"]["fullName"] for m in documents[0]["members"]} == {"Lovelace, Ada", "Curie, Irene"}
    for spec in ("type:collection", "access:embargoed", "openaire_data"):
        listed = house.client.get("/oai", params={"verb": "ListRecords", "metadataPrefix": "oai_datacite", "set": spec}).text
        assert found["pid"] in listed, spec
        assert "10.1000/xyz123" in listed
    with house.app.database.write() as c:  # as the outbox does, when DataCite confirmed it
        named = {"name": "10.82012/abc", "confirmed": "findable"}
        c.execute(update(doi).where(doi.c.pid == found["concept"]).values(**named))
        c.execute(t.change.insert(), {"at_us": NOW, "kind": "release", "pid": found["concept"], "what": "doi"})
    house.moment[0] = NOW + 1000 * DAY_US
    house.app.harvest_upkeep.renew()
    listed = house.client.get("/oai", params={"verb": "ListRecords", "metadataPrefix": "oai_dc", "set": "access:open"}).text
    assert found["pid"] in listed
    documents = house.client.get("/api/Documents", params={"filter": json.dumps({"where": {"type": "publication"}})}).json()
    assert (documents[0]["isPublic"], documents[0]["doi"]) == (True, "10.82012/abc")


def test_the_pages_lead_from_a_basket_to_a_citation_without_script(house: House) -> None:
    person = sign_in(house, "pi")
    made = house.client.post(
        "/api/v1/baskets", json={"name": "Figure 3", "pids": [PIDS["open"], PIDS["embargoed"]]}, headers=house.bearer("pi")
    )

    send, page = person.post, person.get
    assert "Publish for my paper" in page(f"/baskets/{made.json()['key']}")
    pasted = send("/publications/new", pids=f"{PIDS['open']} pm-9999999999999999")
    assert (pasted.status_code, "pm-9999999999999999" in pasted.text) == (422, True)
    here = send("/publications/new", basket=made.json()["key"]).headers["location"].removesuffix("/runs")
    assert "Open them with the paper" in page(f"{here}/runs")
    opened = send(f"{here}/open", about="pm-visit2", reason="The data of our paper are to be open.")
    assert opened.status_code == 303
    assert "Open them with the paper" not in page(f"{here}/runs")
    assert "Add it now" in page(f"{here}/check")
    form = {"revision": "1", "do": "save", "title": "Figure three", "abstract": "a" * 60, "creator-0-name": "Lovelace, Ada"}
    form |= {f"creator-0-{name}": "" for name in ("orcid", "affiliation", "ror")}
    wrong = send(f"{here}/describe", **form | {"creator-0-orcid": "0000-0002-1825-0098"})
    assert wrong.headers["location"] == f"{here}/describe?checked=1"
    assert 'aria-invalid="true"' in page(wrong.headers["location"])
    assert "0000-0002-1825-0098" in page(wrong.headers["location"])
    assert send(f"{here}/publish", revision="2").status_code == 422
    assert send(f"{here}/describe", **form).status_code == 422  # it was changed since
    right = send(f"{here}/describe", **form | {"revision": "2"})
    assert right.headers["location"] == f"{here}/preview"
    assert "Lovelace, Ada (" in page(right.headers["location"])
    assert "not published" in page("/publications").lower()
    done = send(f"{here}/publish", revision="3").headers["location"]
    assert "Published." in page(done)
    assert house.client.get(here, headers=person.headers).headers["location"] == done.partition("?")[0]
    assert "Figure three" in page(f"/datasets/{PIDS['open']}")
    assert page("/publications").count(">Figure three</a>") == 1  # under one's own, and not once more under everybody's
    assert house.client.get("/publications").text.count(">Figure three</a>") == 1
    release = done.partition("?")[0]
    for name in FORMS:
        assert house.client.get(f"{release}?format={name}").status_code == 200, name
    assert house.client.get(release, headers={"Accept": "video/mp4"}).status_code == 406
    assert 'rel="cite-as"' in house.client.get(release).headers["link"]
    assert house.client.get(f"/doi/{release.rpartition('/')[2]}").headers["location"].endswith(release)
    added = send(f"{release}/papers", revision="1", **{"paper-0-doi": "10.1000/xyz123", "paper-0-relation": "IsCitedBy"})
    assert added.headers["location"] == release
    assert "10.1000/xyz123" in page(f"/datasets/{PIDS['embargoed']}")
    again = send(f"{release}/new-version").headers["location"].removesuffix("/runs")
    assert send(f"{again}/runs", do="discard").status_code == 303
    assert "Bring it back" in page(f"{again}/runs")
    assert send(f"{again}/runs", do="restore").status_code == 303
    for other in (None, "outsider"):
        headers = house.bearer(other) if other else {}
        for step in ("runs", "check", "describe", "preview"):
            assert house.client.get(f"{again}/{step}", headers=headers).status_code in (303, 404)
        assert house.client.get(f"{release}/papers", headers=headers).status_code in (303, 403)


def _oai(house: House, pid: str) -> str:
    text = house.client.get("/oai", params={"verb": "ListIdentifiers", "metadataPrefix": "oai_dc"}).text
    return next(part.partition("</identifier>")[0] for part in text.split("<identifier>")[1:] if pid in part)
