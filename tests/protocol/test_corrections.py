"""Corrections over HTTP: who may, what they see of it, and that the pages work without script."""

from __future__ import annotations

import html
import re

import pytest

from panmesh.adapters.sql import tables as t
from panmesh.testing.personas import PASSWORD
from tests.protocol.conftest import PIDS, SECRET, House

API = "/api/v1/corrections"
WHY = "the logbook says so"


def _move(pid: str, visit: str = "pm-visit2") -> dict[str, object]:
    return {"what": "move", "pids": [pid], "visit": visit, "reason": WHY}


def test_only_the_staff_of_both_instruments_move_a_run(house: House) -> None:
    body = _move(PIDS["internal"])
    assert house.client.post(API, json=body).status_code == 401
    for login in ("outsider", "pi", "member"):
        assert house.client.post(API, json=body, headers=house.bearer(login)).status_code == 403
    with house.app.database.write() as c:  # the visit is of another instrument now
        c.execute(t.terms.update().where(t.terms.c.id == 2).values(instrument_id=2))
    refused = house.client.post(API, json=body, headers=house.bearer("scientist"))
    assert (refused.status_code, "that visit's instrument" in refused.json()["detail"]) == (403, True)
    house.app.accounts.set_instruments("scientist", ["i1", "i2"])
    house.tokens.clear()
    made = house.client.post(API, json=body, headers=house.bearer("scientist"))
    assert made.status_code == 200, made.text
    assert (made.json()["state"], made.json()["done"], made.json()["by"]) == ("done", 1, "scientist")


def test_hidden_and_absent_answer_alike(house: House) -> None:
    house.app.accounts.create(login="elsewhere", name="Elsewhere", password=None)
    house.app.accounts.set_instruments("elsewhere", ["i2"])
    who = house.bearer("elsewhere")
    for make in (_move, lambda pid: {"what": "discard", "pids": [pid], "reason": WHY}):
        for query in ("", "?preview=true"):
            answers = [
                house.client.post(API + query, json=make(pid), headers=who) for pid in (PIDS["internal"], "pm-9999999999999999")
            ]
            assert answers[0].status_code == 404
            assert answers[0].content == answers[1].content
    visits = [
        house.client.post(API, json=_move(PIDS["internal"], visit), headers=house.bearer("admin")).content
        for visit in ("pm-visit3", "pm-visit999")
    ]
    assert visits[0] == visits[1]
    made = house.client.post(API, json=_move(PIDS["internal"]), headers=house.bearer("steward")).json()
    answers = [house.client.get(f"{API}/{number}", headers=who) for number in (made["id"], 10**6)]
    assert answers[0].status_code == 404
    assert answers[0].content == answers[1].content
    undone = [house.client.post(f"{API}/{number}/undo", headers=who) for number in (made["id"], 10**6)]
    assert undone[0].content == undone[1].content
    assert house.client.get(API, headers=who).json()["total"] == 0


def test_a_preview_says_who_and_a_correction_is_in_the_history_until_it_is_undone(house: House) -> None:
    staff = house.bearer("scientist")
    seen = house.client.post(f"{API}?preview=true", json=_move(PIDS["internal"]), headers=staff).json()
    assert (seen["preview"], seen["total"], seen["changes"][0]["after"]["state"]) == (True, 1, "embargoed")
    assert "everyone" in seen["effects"][0]["known_now_to"]
    assert house.client.get(API, headers=staff).json()["total"] == 0
    made = house.client.post(API, json=_move(PIDS["internal"]), headers=staff).json()
    assert house.client.get(f"{API}?pid={PIDS['internal']}", headers=staff).json()["items"][0]["id"] == made["id"]
    assert house.client.get(f"/api/v1/datasets/{PIDS['internal']}").status_code == 200
    undone = house.client.post(f"{API}/{made['id']}/undo", headers=staff)
    assert (undone.status_code, undone.json()["state"]) == (200, "undone")
    assert house.client.get(f"/api/v1/datasets/{PIDS['internal']}").status_code == 404
    assert house.client.post(f"{API}/{made['id']}/undo", headers=staff).status_code == 409
    actions = {e.action for e in house.app.audit.entries()}
    assert {"assigned", "correction undone"} <= actions


@pytest.mark.parametrize(
    "body",
    [
        {"what": "move", "pids": ["x"], "reason": "y"},
        {"what": "move", "pids": [], "visit": "v", "reason": "y"},
        {"what": "merge", "pids": ["x"], "reason": "y"},
        {"what": "split", "pids": ["x"], "reason": "y"},
        {"what": "discard", "pids": ["x"], "reason": "  "},
        {"what": "burn", "pids": ["x"], "reason": "y"},
        {"what": "discard", "pids": ["x\x00"], "reason": "y"},
    ],
)
def test_a_wish_that_is_not_well_formed_names_its_faults(house: House, body: dict[str, object]) -> None:
    answer = house.client.post(API, json=body, headers=house.bearer("scientist"))
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["faults"]


def test_what_a_publication_cites_and_what_is_mirrored_stands_fast(house: House) -> None:
    with house.app.database.write() as c:
        facility = c.execute(t.facility.select()).one().id
        c.execute(t.dataset.update().where(t.dataset.c.pid == PIDS["embargoed"]).values(origin="mirrored"))
        paper = {"id": 99, "pid": "pm-paper", "facility_id": facility, "terms_id": 1, "origin": "native", "type": "publication"}
        c.execute(t.document.insert(), paper | {"doi": "10.5555/12345"})
        c.execute(t.document_dataset.insert(), {"document_id": 99, "dataset_id": 1})
    for name, said in (("embargoed", "another catalogue"), ("open", "10.5555/12345")):
        body = {"what": "discard", "pids": [PIDS[name]], "reason": WHY}
        answer = house.client.post(API, json=body, headers=house.bearer("scientist"))
        assert (answer.status_code, said in answer.json()["detail"]) == (409, True)


def test_what_is_discarded_says_so_to_those_who_could_know_it(house: House) -> None:
    staff = house.bearer("scientist")
    for name in ("open", "internal"):
        body = {"what": "discard", "pids": [PIDS[name]], "reason": "beam was down"}
        assert house.client.post(API, json=body, headers=staff).status_code == 200
    told = house.client.get(f"/api/v1/datasets/{PIDS['open']}")
    assert (told.status_code, "discarded" in told.json()["detail"], "beam" in told.text) == (410, True, False)
    assert "beam was down" in house.client.get(f"/api/v1/datasets/{PIDS['open']}", headers=staff).text
    hidden = house.client.get(f"/api/v1/datasets/{PIDS['internal']}", headers=house.bearer("outsider"))
    absent = house.client.get("/api/v1/datasets/pm-9999999999999999", headers=house.bearer("outsider"))
    assert (hidden.status_code, hidden.content) == (404, absent.content)
    for path in ("/api/v1/datasets", "/api/datasets", "/", "/ingest", "/quarantine"):
        assert PIDS["open"] not in house.client.get(path, headers=staff).text
    listed = house.client.get(f"{API}/discarded", headers=staff).json()
    assert {d["pid"] for d in listed["items"]} == {PIDS["open"], PIDS["internal"]}


def test_runs_are_chosen_by_a_search(house: House) -> None:
    body = {"what": "discard", "search": {"instrument": ["i1"]}, "waiting": True, "reason": WHY}
    made = house.client.post(API, json=body, headers=house.bearer("scientist")).json()
    assert (made["total"], made["pids"]) == (1, [PIDS["internal"]])


def test_the_pages_lead_from_the_quarantine_through_the_preview_to_the_undo(house: House) -> None:
    signed = house.client.post("/sign-in", data={"login": "pi", "password": PASSWORD})
    assert signed.status_code == 303
    house.app.accounts.set_instruments("pi", ["i1"])
    cookie = {"Cookie": signed.headers["set-cookie"].partition(";")[0], "Origin": "http://testserver"}

    def page(path: str, **form: str) -> str:
        answer = house.client.post(path, data=form, headers=cookie) if form else house.client.get(path, headers=cookie)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return html.unescape(answer.text)

    waits = page("/quarantine")
    assert f'name="pid" value="{PIDS["internal"]}"' in waits
    found = re.search(r'name="csrf" value="([^"]+)"', waits)
    assert found is not None
    csrf = found[1]
    chosen = page(f"/corrections/new?pid={PIDS['internal']}")
    assert "Show what changes" in chosen
    form = {"csrf": csrf, "what": "move", "pids": PIDS["internal"], "visit": "visit-2", "reason": WHY}
    seen = page("/corrections/preview", **form)
    assert "Will see that it exists" in seen
    assert "everyone" in seen
    wrong = house.client.post("/corrections/preview", data=form | {"visit": "nowhere-1"}, headers=cookie)
    assert (wrong.status_code, "no such visit" in wrong.text) == (404, True)
    made = house.client.post("/corrections", data=form | {"count": "1"}, headers=cookie)
    assert made.status_code == 303
    assert "Done: 1 run." in page(made.headers["location"])
    assert "Moved 1 run to visit-2" in page(f"/corrections?pid={PIDS['internal']}")
    assert "Nothing waits here" in page("/quarantine")
    undone = house.client.post(f"{made.headers['location']}/undo", data={"csrf": csrf}, headers=cookie)
    assert undone.status_code == 303
    assert "all is as it was before" in page(made.headers["location"])
    assert f"/corrections/new?pid={PIDS['open']}" in page(f"/datasets/{PIDS['open']}")
    assert "/corrections/new?pid=" in page("/ingest")
    changed = house.client.post("/corrections", data=form | {"count": "2"}, headers=cookie)
    assert changed.status_code == 409


def test_the_pages_tell_an_outsider_nothing(house: House) -> None:
    for path in ("/corrections", f"/corrections/new?pid={PIDS['internal']}", "/corrections/discarded", "/corrections/1"):
        assert house.client.get(path).status_code == 303
        answer = house.client.get(path, headers=house.bearer("outsider"))
        assert (answer.status_code, SECRET in answer.text) == (403, False)
