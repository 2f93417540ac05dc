"""Who sees what through the Search API, at once and in spite of what is kept: nothing hidden, mine and open, by commit and by clock."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import update

from panmesh.access.viewer import Scope
from panmesh.adapters.sql import tables as t
from panmesh.kernel.clock import DAY_US
from tests.protocol.conftest import HIDDEN, NOW, PIDS, SECRET, House

VISITS = {name: f"pm-visit{number}" for number, name in enumerate(PIDS, 1)}


@pytest.fixture
def documents(house: House) -> House:
    """The visits of the house are documents, as ingest makes them."""
    from panmesh.adapters.sql.documents import keep_document

    with house.app.database.write() as c:
        for number in range(1, len(PIDS) + 1):
            keep_document(c, number)
    return house


def ask(house: House, path: str, plain: Any = None, login: str | None = None) -> Any:
    params = {"filter": json.dumps(plain)} if plain is not None else {}
    answer = house.client.get(f"/api/{path}", params=params, headers=house.bearer(login) if login else {})
    assert answer.status_code == 200, answer.text
    return answer.json()


def pids(house: House, path: str, plain: Any = None, login: str | None = None) -> set[str]:
    return {one["pid"] for one in ask(house, path, plain, login)}


def test_a_stranger_sees_what_is_public_of_each(documents: House) -> None:
    shown = {PIDS["open"], PIDS["embargoed"]}
    for _ in range(2):  # also from what is kept
        assert pids(documents, "Datasets") == shown
        assert ask(documents, "Datasets/count") == {"count": 2}
        assert pids(documents, "Documents") == {VISITS["open"], VISITS["embargoed"]}
    everything = {"include": ["parameters", "samples", "files", "documents", "document", "techniques", "instrument"]}
    by_pid = {one["pid"]: one for one in ask(documents, "Datasets", everything)}
    opened, embargoed = by_pid[PIDS["open"]], by_pid[PIDS["embargoed"]]
    assert (opened["isPublic"], embargoed["isPublic"]) == (True, False)
    assert opened["size"] == 1000
    assert "size" not in embargoed
    for relation in ("parameters", "samples", "files"):
        assert opened[relation], relation
        assert embargoed[relation] == [], relation
    assert ask(documents, f"Datasets/{PIDS['embargoed']}/files") == []
    assert ask(documents, f"Datasets/{PIDS['embargoed']}/files/count") == {"count": 0}


@pytest.mark.parametrize(
    "include",
    [
        {"relation": "parameters", "scope": {"where": {"name": "temperature", "value": {"between": [76, 78]}, "unit": "K"}}},
        {"relation": "parameters", "scope": {"where": {"name": "temperature", "value": {"neq": 1}}}},
        {"relation": "samples", "scope": {"where": {"name": {"nlike": "nothing"}}}},
        {"relation": "files", "scope": {"where": {"name": {"like": "nxs"}}}},
    ],
)
def test_no_condition_finds_an_embargoed_value(house: House, include: Any) -> None:
    assert pids(house, "Datasets", {"include": [include]}) == {PIDS["open"]}
    assert pids(house, "Datasets", {"include": [include], "limit": 5}) == {PIDS["open"]}
    assert PIDS["embargoed"] in pids(house, "Datasets", {"include": [include]}, "member")


def test_sizes_of_embargoed_runs_are_told_by_no_condition_and_no_order(house: House) -> None:
    for where in ({"size": {"gt": 0}}, {"size": {"neq": 1}}, {"or": [{"size": {"lt": 10**9}}]}, {"size": {"nin": [3]}}):
        assert pids(house, "Datasets", {"where": where}) == {PIDS["open"]}, where
    for order in ("size ASC", "size DESC"):
        assert ask(house, "Datasets", {"order": order})[0]["pid"] == PIDS["open"]


def test_hidden_and_absent_are_the_same_byte_for_byte(house: House) -> None:
    for path in ("Datasets/{}", "Datasets/{}/files", "Datasets/{}/files/count", "Documents/{}"):
        for hidden in (*(PIDS[name] for name in HIDDEN), *(VISITS[name] for name in HIDDEN), f"{PIDS['internal']}.v1"):
            absent = "x" * len(hidden)
            for accept in ("application/json", "text/html"):
                one, other = (
                    house.client.get("/api/" + path.format(pid), headers={"Accept": accept}) for pid in (hidden, absent)
                )
                assert one.status_code == other.status_code == 404
                assert one.text.replace(hidden, "") == other.text.replace(absent, "")
                assert sorted(one.headers) == sorted(other.headers)


def test_who_signed_in_searches_mine_and_open(documents: House) -> None:
    mine = set(PIDS.values()) - {PIDS["internal"]}
    assert pids(documents, "Datasets", None, "pi") == set(PIDS.values())
    assert pids(documents, "Datasets", None, "outsider") == {PIDS["open"], PIDS["embargoed"]}
    assert mine <= pids(documents, "Datasets", {"limit": 50}, "member")
    assert pids(documents, "Datasets", {"where": {"text": SECRET}}, "member")
    found = pids(documents, "Datasets", {"include": [{"relation": "samples", "scope": {"where": {"text": SECRET}}}]}, "member")
    assert PIDS["proprietary"] in found
    assert set(VISITS.values()) >= pids(documents, "Documents", None, "pi") > {VISITS["open"], VISITS["embargoed"]}


def test_an_answer_for_one_is_kept_for_nobody_else(house: House) -> None:
    for path in ("Datasets", "Datasets/count", f"Datasets/{PIDS['proprietary']}"):
        mine = house.client.get(f"/api/{path}", headers=house.bearer("member"))
        assert mine.status_code == 200
        anonymous = house.client.get(f"/api/{path}")
        assert anonymous.text != mine.text
        assert SECRET not in anonymous.text
        again = house.client.get(f"/api/{path}", headers=house.bearer("member"))
        assert again.text == mine.text
        known = house.client.get(f"/api/{path}", headers={"If-None-Match": mine.headers["etag"]})
        assert known.status_code == anonymous.status_code
        assert "Authorization" in mine.headers["vary"]
    weak = house.client.get("/api/Datasets", headers=house.bearer("member", frozenset({Scope.INGEST})))
    assert weak.status_code == 403
    assert weak.json()["error"]["statusCode"] == 403
    assert house.client.get("/api/Datasets", headers={"Authorization": "Bearer nonsense"}).status_code == 401


def test_a_commit_shows_at_once(house: House) -> None:
    path = f"Datasets/{PIDS['open']}"
    for _ in range(3):
        assert ask(house, path, {"include": ["parameters"]})["parameters"]
        assert ask(house, "Datasets/count") == {"count": 2}
    with house.app.database.write() as c:
        c.execute(update(t.terms).where(t.terms.c.id == 1).values(withdrawn_us=house.moment[0]))
    assert ask(house, path, {"include": ["parameters"]})["parameters"] == []
    assert ask(house, path)["isPublic"] is False
    with house.app.database.write() as c:
        c.execute(update(t.dataset).where(t.dataset.c.id == 1).values(title="Renamed", title_folded="renamed"))
    assert ask(house, path)["title"] == "Renamed"
    with house.app.database.write() as c:
        c.execute(update(t.terms).where(t.terms.c.id == 5).values(access="open"))
    assert ask(house, "Datasets/count") == {"count": 3}


def test_an_embargo_that_ends_shows_within_a_second(house: House) -> None:
    include = {"include": ["parameters", "files"]}
    path = f"Datasets/{PIDS['embargoed']}"
    for _ in range(3):
        assert ask(house, path, include)["parameters"] == []
    opens = NOW - 10 * DAY_US + 1000 * DAY_US
    house.moment[0] = opens - 1
    for _ in range(3):
        assert ask(house, path, include)["files"] == []
        assert ask(house, "Datasets/count", None) == {"count": 3}  # what was being collected is over, and embargoed
    house.moment[0] = opens
    found = ask(house, path, include)
    assert found["isPublic"] is True
    assert len(found["parameters"]) == len(found["files"]) == 1


def test_a_membership_that_ends_takes_rights_and_not_authorship(documents: House) -> None:
    with_people = {"include": [{"relation": "members", "scope": {"include": ["person"]}}]}

    def members() -> list[str]:
        found = ask(documents, f"Documents/{VISITS['open']}", with_people)
        return sorted(one["person"]["fullName"] for one in found["members"])

    def files() -> int:
        return len(ask(documents, f"Datasets/{PIDS['embargoed']}", {"include": ["files"]}, "member")["files"])

    end = documents.moment[0] + 10_000_000
    with documents.app.database.write() as c:
        account = c.execute(t.account.select().where(t.account.c.login == "member")).one().id
        c.execute(update(t.team_member).where(t.team_member.c.account_id == account).values(expires_us=end))
    for _ in range(3):
        assert (members(), files()) == (["Member", "Pi"], 1)
    documents.moment[0] = end
    assert (members(), files()) == (["Member", "Pi"], 0)


def test_who_left_before_a_visit_began_is_not_named_by_it(documents: House) -> None:
    """Also not from what was kept before."""
    include = {"include": ["members"]}
    assert len(ask(documents, f"Documents/{VISITS['open']}", include)["members"]) == 2
    with documents.app.database.write() as c:
        account = c.execute(t.account.select().where(t.account.c.login == "member")).one().id
        before = NOW - 21 * DAY_US
        c.execute(update(t.team_member).where(t.team_member.c.account_id == account).values(expires_us=before))
    assert len(ask(documents, f"Documents/{VISITS['open']}", include)["members"]) == 1


def test_nothing_hidden_is_told_by_scores_and_counts(house: House) -> None:
    """The weight of a word follows from what the viewer may read: hidden runs that have it too do not change it."""
    before = ask(house, "Datasets", {"query": "run open"})
    with house.app.database.write() as c:
        c.execute(update(t.dataset).where(t.dataset.c.id.in_([3, 4, 5])).values(core_text="run open", full_text="run open"))
    assert ask(house, "Datasets", {"query": "run open"}) == before
    assert ask(house, "Datasets", {"query": SECRET}) == []
