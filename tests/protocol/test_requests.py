"""Requests about access: asked, decided, undone, by whom the policy says; nobody learns of what they may not know of."""

from __future__ import annotations

from datetime import date
from typing import Any

import httpx
import pytest

from panmesh.kernel.clock import DAY_US, facility_day
from panmesh.portal.words import civil
from tests.protocol.conftest import HIDDEN, NOW, PIDS, SECRET, House

RUN = PIDS["embargoed"]
VISIT = "pm-visit2"
FILE = f"/api/v1/datasets/{RUN}/files/{SECRET}.nxs"
UNTIL = facility_day(NOW + 990 * DAY_US, "UTC")


def ask(house: House, who: str, kind: str, about: str = VISIT, **wanted: Any) -> httpx.Response:
    body = {"kind": kind, "about": about, "reason": "We want to compare it with ours."} | wanted
    return house.client.post("/api/v1/requests", json=body, headers=house.bearer(who))


def decide(house: House, login: str, number: int, *, grant: bool, revision: int = 1, words: str = "") -> httpx.Response:
    body = {"grant": grant, "words": words, "revision": revision}
    return house.client.post(f"/api/v1/requests/{number}/decision", json=body, headers=house.bearer(login))


def undo(house: House, login: str, number: int) -> httpx.Response:
    return house.client.post(f"/api/v1/requests/{number}/undo", headers=house.bearer(login))


def reads(house: House, login: str | None) -> bool:
    return house.client.get(FILE, headers=house.bearer(login) if login else {}).status_code == 200


def why(house: House, who: str | None, pid: str = RUN, **asked: str) -> Any:
    answer = house.client.get(f"/api/v1/why/{pid}", params=asked, headers=house.bearer(who) if who else {})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_access_is_asked_of_the_leader_and_lasts_as_long_as_it_was_given_for(house: House) -> None:
    assert not reads(house, "outsider")
    asked = ask(house, "outsider", "access", RUN, days=30)
    assert asked.status_code == 201
    number = asked.json()["id"]
    assert ask(house, "outsider", "access", RUN).status_code == 409
    for nobody in ("outsider", "member", "scientist", "steward"):
        assert decide(house, nobody, number, grant=True).status_code in (403, 404), nobody
    assert decide(house, "pi", number, grant=True).json()["answer"] == "granted"
    assert decide(house, "pi", number, grant=False, words="no").status_code == 412
    assert reads(house, "outsider")
    assert not reads(house, None)
    last = facility_day(NOW + 30 * DAY_US, "UTC")
    assert f"given access until {last.day} {last:%B %Y}" in str(why(house, "outsider"))
    assert (
        house.client.post("/api/v1/datasets/" + RUN + "/notes", json={"text": "x"}, headers=house.bearer("outsider")).status_code
        == 403
    )
    house.moment[0] += 31 * DAY_US
    assert not reads(house, "outsider")
    house.moment[0] -= 31 * DAY_US
    assert undo(house, "outsider", number).status_code == 403
    assert undo(house, "pi", number).json()["answer"] == "undone"
    assert not reads(house, "outsider")
    assert [e.action for e in house.app.audit.entries(pid=RUN)][::-1][:3] == [
        "request asked",
        "request granted",
        "decision undone",
    ]


def test_a_refusal_says_why_and_can_be_undone(house: House) -> None:
    number = ask(house, "outsider", "access").json()["id"]
    assert decide(house, "pi", number, grant=False).status_code == 422
    assert decide(house, "pi", number, grant=False, words="After our paper.").json()["words"] == "After our paper."
    assert house.client.get(f"/api/v1/requests/{number}", headers=house.bearer("outsider")).json()["answer"] == "refused"
    assert undo(house, "pi", number).json()["answer"] == "asked"
    assert decide(house, "pi", number, grant=True, revision=3).status_code == 200
    assert reads(house, "outsider")


def test_the_steward_answers_when_the_leader_does_not(house: House) -> None:
    number = ask(house, "outsider", "access").json()["id"]
    assert decide(house, "steward", number, grant=True).status_code == 403
    house.moment[0] += 30 * DAY_US
    assert decide(house, "steward", number, grant=True).status_code == 200
    late = ask(house, "outsider", "access", RUN)
    assert late.status_code == 403  # has it already


def test_what_nobody_answers_expires_and_may_be_asked_again(house: House) -> None:
    number = ask(house, "outsider", "access").json()["id"]
    house.moment[0] += 61 * DAY_US
    assert house.client.get(f"/api/v1/requests/{number}", headers=house.bearer("outsider")).json()["answer"] == "expired"
    assert decide(house, "pi", number, grant=True).status_code == 409
    assert ask(house, "outsider", "access").status_code == 201


def test_an_extension_is_approved_by_somebody_else(house: House) -> None:
    later = date(UNTIL.year + 1, 6, 1).isoformat()
    assert ask(house, "outsider", "extension", to=later).status_code == 403
    assert ask(house, "pi", "extension").status_code == 422
    assert ask(house, "pi", "extension", to=NOW_DAY).status_code == 409
    number = ask(house, "pi", "extension", to=later).json()["id"]
    before = why(house, None)["until"]
    assert decide(house, "pi", number, grant=True).status_code == 403
    assert decide(house, "steward", number, grant=True).status_code == 200
    assert why(house, None)["until"] == later > before
    assert f"extended to 1 June {later[:4]}" in why(house, None)["clause"]
    assert undo(house, "steward", number).status_code == 200
    assert why(house, None)["until"] < before


NOW_DAY = facility_day(NOW, "UTC").isoformat()


def test_an_extension_that_nobody_decides_delays_the_opening_thirty_days(house: House) -> None:
    plain = date.fromisoformat(why(house, None)["until"])
    number = ask(house, "pi", "extension", to=date(plain.year + 5, 1, 1).isoformat()).json()["id"]
    assert (date.fromisoformat(why(house, None)["until"]) - plain).days == 30
    house.moment[0] = NOW + ((plain - facility_day(NOW, "UTC")).days + 1) * DAY_US
    assert not reads(house, None)
    assert decide(house, "steward", number, grant=False, words="No reason was given.").status_code == 200
    assert reads(house, None)


def test_the_leader_opens_early_at_once_and_a_member_asks_them(house: House) -> None:
    asked = ask(house, "member", "release").json()
    assert asked["answer"] == "asked"
    assert not reads(house, None)
    assert decide(house, "pi", asked["id"], grant=True).status_code == 200
    assert reads(house, None)
    assert ask(house, "pi", "extension", to="2090-01-01").status_code == 403  # it is open


def test_a_hold_comes_before_every_date_and_ends(house: House) -> None:
    open_visit, open_run = "pm-visit1", PIDS["open"]
    assert ask(house, "pi", "hold", open_visit).json()["answer"] == "asked"
    number = ask(house, "steward", "hold", RUN, hold="sensitive").json()["id"]
    assert why(house, "member")["state"] == "held"
    assert not reads(house, "member")
    assert reads(house, "pi")
    assert "being sensitive" in why(house, None)["clause"]
    assert undo(house, "steward", number).status_code == 200
    assert reads(house, "member")
    assert why(house, None, open_run)["state"] == "open"


def test_staff_break_the_glass_with_a_reason_for_some_hours(house: House) -> None:
    held = ask(house, "steward", "hold", RUN)
    assert held.status_code == 201
    assert not reads(house, "scientist")
    assert ask(house, "outsider", "emergency", RUN).status_code == 403
    assert ask(house, "scientist", "emergency", RUN, reason="fire").status_code == 422
    assert ask(house, "scientist", "emergency", RUN, reason="The detector burns: which run was it?").json()["answer"] == "granted"
    assert reads(house, "scientist")
    house.moment[0] += DAY_US // 3
    assert not reads(house, "scientist")
    assert any(e.detail.get("reason", "").startswith("The detector burns") for e in house.app.audit.entries(pid=RUN))


def test_who_leads_the_team_can_be_succeeded_and_that_be_undone(house: House) -> None:
    number = ask(house, "member", "succession", login="member").json()["id"]
    assert decide(house, "member", number, grant=True).status_code == 403
    assert decide(house, "admin", number, grant=True).status_code == 200
    assert ask(house, "member", "release").json()["answer"] == "granted"
    assert undo(house, "admin", number).status_code == 200
    house.app.accounts.set_member("team", "outsider", None)
    assert house.client.get("/api/v1/requests", headers=house.bearer("pi")).json()


def test_proprietary_data_are_their_owners_to_delete_and_to_give(house: House) -> None:
    pid = PIDS["proprietary"]
    for kind in ("access", "deletion", "declassification", "hold", "succession"):
        assert ask(house, "outsider", kind, pid, login="x").status_code == 404, kind
    assert ask(house, "steward", "emergency", pid).status_code == 403
    asked = ask(house, "steward", "deletion", pid).json()
    assert asked["answer"] == "asked"
    assert SECRET not in str(asked)
    given = ask(house, "pi", "declassification", pid)
    assert given.json().get("state") == "embargoed", given.text
    assert why(house, None, pid)["until"] is not None


def test_the_owner_of_proprietary_data_has_them_deleted(house: House) -> None:
    pid = PIDS["proprietary"]
    assert ask(house, "pi", "deletion", pid).json()["answer"] == "granted"
    for login in ("pi", "steward", "scientist"):
        assert house.client.get(f"/api/v1/datasets/{pid}", headers=house.bearer(login)).status_code == 404, login


def test_data_are_kept_until_their_retention_ends(house: House) -> None:
    assert ask(house, "steward", "deletion", RUN).status_code == 409
    assert ask(house, "steward", "withdrawal", RUN, reason="The wrong sample was measured.").json()["answer"] == "granted"
    assert why(house, None)["state"] == "withdrawn"
    assert not reads(house, "pi")


def test_a_tombstone_says_to_everybody_since_when_and_why(house: House) -> None:
    """As the page promises to whoever asks for it: in the page, in every form of the record, and where it is explained."""
    reason, day = "The wrong <b>sample</b> was measured.", facility_day(NOW, "UTC")
    number = ask(house, "pi", "withdrawal", VISIT, reason=reason).json()["id"]
    for path in (f"/datasets/{RUN}", f"/investigations/{VISIT}"):
        assert "wrong" not in house.client.get(path).text + house.client.get(path, params={"format": "jsonld"}).text
    assert decide(house, "steward", number, grant=True).status_code == 200
    told = "The wrong <b>sample</b> was measured"
    for path in (f"/datasets/{RUN}", f"/investigations/{VISIT}"):
        page = house.client.get(path).text
        assert f"The data were withdrawn on {civil(day)}.</b> The wrong &lt;b&gt;sample&lt;/b&gt; was measured." in page
        record = house.client.get(path, params={"format": "datacite-json"}).json()
        assert {"date": day.isoformat(), "dateType": "Withdrawn"} in record["dates"]
        said = f"Withdrawn on {day}: {told}. "
        assert record["descriptions"][0]["description"].startswith(said)
        assert house.client.get(path, params={"format": "jsonld"}).json()["description"].startswith(said)
        assert f"Withdrawn on {day}" in house.client.get(path, params={"format": "turtle"}).text
    for pid in (RUN, VISIT):
        clause = why(house, None, pid)["clause"]
        assert f"withdrawn on {day.day} {day:%B %Y}" in clause
        assert told in clause
    assert {"date": day.isoformat(), "dateType": "Withdrawn"} not in house.client.get(
        f"/datasets/{PIDS['open']}", params={"format": "datacite-json"}
    ).json()["dates"]


@pytest.mark.parametrize("name", HIDDEN)
def test_nobody_asks_about_what_they_may_not_know_of(house: House, name: str) -> None:
    absent = house.client.get("/api/v1/why/pm-nothing", headers=house.bearer("outsider"))
    hidden = house.client.get(f"/api/v1/why/{PIDS[name]}", headers=house.bearer("outsider"))
    assert (hidden.status_code, hidden.text.replace(PIDS[name], "")) == (404, absent.text.replace("pm-nothing", ""))
    number = ask(house, "pi", "succession", PIDS[name], login="member")
    if number.status_code == 201:
        one = house.client.get(f"/api/v1/requests/{number.json()['id']}", headers=house.bearer("outsider"))
        assert one.status_code == 404


def test_why_tells_of_each_part_for_any_viewer(house: House) -> None:
    assert {r["part"]: r["may"] for r in why(house, None)["reasons"]}["Measured files"] is False
    assert why(house, "outsider")["ask"] == ["access"]
    assert set(why(house, "pi")["ask"]) == {"extension", "release", "hold", "withdrawal", "succession"} | {"deletion"}
    assert house.client.get(f"/api/v1/why/{RUN}", params={"login": "pi"}, headers=house.bearer("outsider")).status_code == 403
    assert "you lead its team" in str(why(house, "steward", login="pi"))
    assert why(house, "steward", login="")["viewer"] == "anybody who is not signed in"
    assert (
        house.client.post("/api/v1/requests", json={"kind": "access", "about": RUN, "reason": "Because I want to."}).status_code
        == 401
    )
