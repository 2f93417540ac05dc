"""Baskets and lists: collected across searches, shared without telling anybody more than they may read, taken home, cited."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass, field

import httpx
import pytest

from panmesh.access.viewer import Scope
from panmesh.catalogue import listing
from panmesh.kernel.clock import DAY_US
from panmesh.testing.personas import PASSWORD
from tests.protocol.conftest import HIDDEN, PIDS, SECRET, House
from tests.protocol.test_notes import sign_in

API = "/api/v1/baskets"


@dataclass
class Visitor:
    """Somebody who is not signed in, with the cookies of their browser."""

    house: House
    jar: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, **given: object) -> httpx.Response:
        cookie = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        headers = {"Cookie": cookie, "Origin": "http://testserver"} if cookie else {"Origin": "http://testserver"}
        answer = self.house.client.request(method, path, headers=headers, **given)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.jar.pop(name, None)
            if value.strip('"'):
                assert "HttpOnly" in line, line
                self.jar[name] = value
        return answer

    def add(self, *pids: str) -> httpx.Response:
        return self.ask("POST", "/baskets/add", data={"pid": list(pids), "next": "/?q=x"})


def test_a_visitor_collects_across_searches_and_keeps_it_at_sign_in(house: House) -> None:
    somebody = Visitor(house)
    first = somebody.add(PIDS["open"])
    assert (first.status_code, first.headers["location"]) == (303, "/?q=x")
    somebody.add(PIDS["embargoed"])
    listed = somebody.ask("GET", "/baskets").text
    assert ">Basket<" in listed
    key = re.search(r'href="/baskets/([\w-]{20,})"', listed)
    assert key is not None
    assert Visitor(house).ask("GET", f"/baskets/{key[1]}").status_code == 404
    assert somebody.ask("POST", "/sign-in", data={"login": "outsider", "password": PASSWORD}).status_code == 303
    assert not [name for name in somebody.jar if "basket" in name]
    mine = house.client.get(API, headers=house.bearer("outsider")).json()
    assert [b["pids"] for b in mine] == [[PIDS["open"], PIDS["embargoed"]]]
    assert "in the basket" in somebody.ask("GET", "/").text


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_and_absent_runs_are_not_collected_alike(house: House, name: str) -> None:
    made = house.client.post(API, json={"name": "x"}, headers=house.bearer("outsider")).json()
    for path, body in (
        (f"{API}/{made['key']}/runs", lambda pid: {"pids": [PIDS["open"], pid]}),
        (API, lambda pid: {"name": "y", "pids": [pid]}),
    ):
        answers = [
            house.client.post(path, json=body(pid), headers=house.bearer("outsider")) for pid in (PIDS[name], "pm-nothing")
        ]
        assert answers[0].status_code == 404
        assert answers[0].content == answers[1].content
    pages = [Visitor(house).add(pid) for pid in (PIDS[name], "pm-nothing")]
    assert [p.status_code for p in pages] == [404, 404]


def _shared(house: House, *names: str) -> str:
    made = house.client.post(API, json={"name": "Figure 3", "pids": [PIDS[n] for n in names]}, headers=house.bearer("scientist"))
    assert made.status_code == 201, made.text
    match = house.bearer("scientist") | {"If-Match": made.headers["etag"]}
    changed = house.client.patch(f"{API}/{made.json()['key']}", json={"shared": True}, headers=match)
    return str(changed.json()["share_key"])


def test_a_link_shows_what_its_reader_may_read_and_not_how_many_others_there_are(house: House) -> None:
    alone, more = _shared(house, "open"), _shared(house, *HIDDEN, "open")
    for who in ({}, house.bearer("outsider")):
        for form in ("", "/runs.txt", "/runs.csv", "/runs.json", "/files.csv", "/files.json", "/get.sh", "/aria2.txt", "/wget.txt",
                     "/citations.txt", "/citations.bib", "/citations.ris", "/citations.json"):  # fmt: skip
            answers = [house.client.get(f"/baskets/{key}{form}", headers=who) for key in (alone, more)]
            assert [a.status_code for a in answers] == [200, 200]
            one, two = (a.text.replace(key, "") for a, key in zip(answers, (alone, more), strict=True))
            assert one == two, form
            assert SECRET not in two
        assert house.client.get(f"{API}/{more}", headers=who).json()["pids"] == [PIDS["open"]]
        assert (
            house.client.get(f"{API}/{more}/files", headers=who).text
            == house.client.get(f"{API}/{alone}/files", headers=who).text
        )
    assert house.client.get(f"{API}/{more}", headers=house.bearer("pi")).json()["pids"] == [PIDS[n] for n in (*HIDDEN, "open")]


def test_who_was_given_a_link_changes_nothing_and_a_link_taken_back_is_dead(house: House) -> None:
    key, who = _shared(house, "open"), house.bearer("pi")
    match = who | {"If-Match": '"basket-2"'}
    assert house.client.patch(f"{API}/{key}", json={"name": "mine"}, headers=match).status_code == 403
    assert house.client.post(f"{API}/{key}/runs", json={"pids": [PIDS["open"]]}, headers=who).status_code == 403
    assert house.client.delete(f"{API}/{key}", headers=who).status_code == 403
    assert house.client.get(f"{API}/{key}", headers=who).json()["share_key"] is None
    own = house.client.get(API, headers=house.bearer("scientist")).json()[0]
    assert own["key"] != key
    assert house.client.get(f"{API}/{own['key']}", headers=who).status_code == 404
    mine = house.bearer("scientist") | {"If-Match": f'"basket-{own["revision"]}"'}
    house.client.patch(f"{API}/{own['key']}", json={"shared": False}, headers=mine)
    gone, absent = (house.client.get(f"{API}/{k}", headers=who) for k in (key, "x" * 22))
    assert (gone.status_code, gone.content) == (404, absent.content)
    again = house.client.patch(f"{API}/{own['key']}", json={"shared": True}, headers=mine).json()["share_key"]
    assert again not in (None, key)


def test_a_basket_is_put_in_order_and_undone(house: House) -> None:
    pi = sign_in(house, "pi")
    pi.post("/baskets/new", name="Figure 3")
    for name in ("open", "embargoed", "collecting"):
        assert pi.post("/baskets/add", one=PIDS[name]).status_code == 303
    own = house.client.get(API, headers=house.bearer("pi")).json()[0]
    path = f"/baskets/{own['key']}"

    def order() -> list[str]:
        pids = house.client.get(f"{API}/{own['key']}", headers=house.bearer("pi")).json()["pids"]
        return [name for pid in pids for name in PIDS if PIDS[name] == pid]

    def do(what: str, **form: str) -> int:
        shown = re.search(r'name="revision" value="(\d+)"', pi.get(path))
        assert shown is not None
        return pi.post(f"{path}/change", do=what, revision=shown[1], **form).status_code

    assert do("up", pid=PIDS["collecting"]) == 303
    assert order() == ["open", "collecting", "embargoed"]
    assert do("remove", pid=PIDS["open"]) == 303
    assert order() == ["collecting", "embargoed"]
    assert do("undo") == 303
    assert order() == ["open", "collecting", "embargoed"]
    assert do("down", pid=PIDS["open"]) == 303
    assert order() == ["collecting", "open", "embargoed"]
    assert do("rename", name="Figure 4") == 303
    assert pi.post(f"{path}/change", do="rename", name="late", revision="1").status_code == 412
    assert do("delete") == 303
    assert "Bring it back" in pi.get(path)
    assert do("undelete") == 303
    assert "Figure 4" in pi.get(path)
    assert do("explode") == 422
    pi.csrf = "wrong"
    assert pi.post(f"{path}/change", do="delete").status_code == 403
    elsewhere = house.client.post("/baskets/add", data={"one": PIDS["open"]}, headers={"Origin": "https://evil.example"})
    assert elsewhere.status_code == 403


def test_what_leaves_the_readers_sight_leaves_the_basket_and_what_is_merged_stays(house: House) -> None:
    staff, who = house.bearer("scientist"), house.bearer("outsider")
    made = house.client.post(API, json={"name": "x", "pids": [PIDS["open"], PIDS["embargoed"]]}, headers=who).json()
    move = {"what": "move", "pids": [PIDS["open"]], "visit": "pm-visit2", "reason": "so"}
    assert house.client.post("/api/v1/corrections", json=move, headers=staff).status_code == 200
    merge = {"what": "merge", "pids": [PIDS["embargoed"], PIDS["open"]], "reason": "so"}
    assert house.client.post("/api/v1/corrections", json=merge, headers=staff).status_code == 200
    assert house.client.get(f"{API}/{made['key']}", headers=who).json()["pids"] == [PIDS["embargoed"]]
    discard = {"what": "discard", "pids": [PIDS["embargoed"]], "reason": "so"}
    assert house.client.post("/api/v1/corrections", json=discard, headers=staff).status_code == 200
    assert house.client.get(f"{API}/{made['key']}", headers=who).json()["pids"] == []


def test_the_api_asks_for_an_account_a_scope_and_the_newest_revision(house: House) -> None:
    assert house.client.get(API).status_code == 401
    assert house.client.post(API, json={"name": "x"}).status_code == 401
    reader = house.bearer("pi", frozenset({Scope.READ}))
    assert house.client.post(API, json={"name": "x"}, headers=reader).status_code == 403
    made = house.client.post(API, json={"name": "x"}, headers=house.bearer("pi"))
    path, match = f"{API}/{made.json()['key']}", {"If-Match": made.headers["etag"]}
    assert house.client.patch(path, json={"name": "y"}, headers=house.bearer("pi")).status_code == 428
    assert house.client.patch(path, json={"name": "y"}, headers=reader | match).status_code == 403
    assert house.client.patch(path, json={"name": "y"}, headers=house.bearer("pi") | match).json()["name"] == "y"
    assert house.client.patch(path, json={"name": "z"}, headers=house.bearer("pi") | match).status_code == 412
    for wrong in ({"name": "  "}, {"name": "a\u0000"}, {"pids": ["x"] * 1001}):
        assert house.client.patch(path, json=wrong, headers=house.bearer("pi") | match).status_code == 422


def test_files_with_digests_citations_and_scripts_are_taken_home(house: House) -> None:
    who, key = house.bearer("pi"), _shared(house, "open", "embargoed")
    runs = list(csv.DictReader(io.StringIO(house.client.get(f"/baskets/{key}/runs.csv", headers=who).text)))
    assert [r["pid"] for r in runs] == [PIDS["open"], PIDS["embargoed"]]
    assert [r["pid"] for r in house.client.get(f"/baskets/{key}/runs.json", headers=who).json()] == [r["pid"] for r in runs]
    manifest = house.client.get(f"/baskets/{key}/files.json").json()["runs"]
    assert [(r["pid"], r["files"] and [f["name"] for f in r["files"]]) for r in manifest] == [
        (PIDS["open"], ["ceria.nxs"]),
        (PIDS["embargoed"], None),
    ]
    for line in house.client.get(f"/baskets/{key}/wget.txt", headers=who).text.split():
        assert house.client.get(line.removeprefix("http://testserver"), headers=who).status_code == 200
    assert f"out={PIDS['open']}/ceria.nxs" in house.client.get(f"/baskets/{key}/aria2.txt").text
    assert f"panmesh download {PIDS['open']} --to" in house.client.get(f"/baskets/{key}/get.sh").text
    assert "This facility. Dataset. http://testserver/datasets/" in house.client.get(f"/baskets/{key}/citations.txt").text
    assert house.client.get(f"/baskets/{key}/citations.bib").text.count("@misc{") == 2
    assert house.client.get(f"/baskets/{key}/citations.ris").text.count("TY  - DATA") == 2
    assert len(house.client.get(f"/baskets/{key}/citations.json").json()) == 2
    assert house.client.get(f"/baskets/{key}/runs.exe").status_code == 404


def test_baskets_of_nobody_are_forgotten_after_ninety_days(house: House) -> None:
    somebody = Visitor(house)
    somebody.add(PIDS["open"])
    house.moment[0] += 91 * DAY_US
    Visitor(house).add(PIDS["open"])
    assert "Nothing is collected yet" in somebody.ask("GET", "/baskets").text


# --- export of a result -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", [None, "outsider", "pi", "scientist", "steward"])
def test_an_export_is_the_search_and_nothing_else(house: House, login: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "AT_ONCE", 2)  # parts follow one another
    who = house.bearer(login) if login else {}
    for query in (
        "",
        "?q=run",
        f"?q={SECRET}",
        "?instrument=i1&state=open",
        "?sample=ceria",
        f"?sample={SECRET}",
        "?quantity=temperature:70..80+K",
    ):
        found = house.client.get(f"/api/v1/datasets{query.replace('q=', 'text=')}", headers=who).json()["items"]
        pids = house.client.get(f"/export.txt{query}", headers=who).text.split()
        assert sorted(pids) == sorted(d["pid"] for d in found), query
        rows = list(csv.DictReader(io.StringIO(house.client.get(f"/export.csv{query}", headers=who).text)))
        plain = house.client.get(f"/export.json{query}", headers=who).json()
        assert [r["pid"] for r in rows] == [r["pid"] for r in plain] == pids
        by_pid = {d["pid"]: d for d in found}
        for row in plain:
            shown = by_pid[row["pid"]]
            assert row["sample"] == (shown["sample"]["name"] if shown["sample"] else None)
            assert (row["files"], row["bytes"]) == (shown["file_count"], shown["total_bytes"])


def test_an_export_that_is_not_understood_is_refused_before_it_begins(house: House) -> None:
    for ending in ("csv", "json", "txt"):
        assert house.client.get(f"/export.{ending}?quantity=warm").status_code == 422


def test_a_title_is_no_formula_for_a_spreadsheet(house: House) -> None:
    who = house.bearer("pi")
    shown = house.client.get(f"/api/v1/datasets/{PIDS['open']}", headers=who)
    title = {"title": '=HYPERLINK("http://evil.example")'}
    house.client.patch(f"/api/v1/datasets/{PIDS['open']}", json=title, headers=who | {"If-Match": shown.headers["etag"]})
    rows = list(csv.DictReader(io.StringIO(house.client.get("/export.csv?state=open").text)))
    assert rows[0]["title"] == "'" + title["title"]
    assert json.loads(house.client.get("/export.json?state=open").text)[0]["title"] == title["title"]
