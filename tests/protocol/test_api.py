"""The native API, route by route, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from panmesh.access.viewer import Scope
from panmesh.adapters.sql import tables as t
from tests.protocol.conftest import CONTENT, HIDDEN, PIDS, SECRET, House

API = "/api/v1"


def test_everybody_finds_what_is_open_or_embargoed_and_nothing_else(house: House) -> None:
    found = house.client.get(f"{API}/datasets", params={"facets": "state,sample"}).json()
    assert {item["pid"] for item in found["items"]} == {PIDS["open"], PIDS["embargoed"]}
    assert found["total"] == 2
    assert {f["value"] for f in found["facets"]["sample"]} == {"ceria"}
    mine = house.client.get(f"{API}/datasets", headers=house.bearer("pi")).json()
    assert {item["pid"] for item in mine["items"]} == set(PIDS.values())


def test_quantities_are_searched_in_any_unit_and_only_where_they_may_be_read(house: House) -> None:
    for text, total in (("temperature:..100 K", 1), ("temperature:-200..-190 degC", 1), ("temperature:100.. K", 0)):
        assert house.client.get(f"{API}/datasets", params={"quantity": text}).json()["total"] == total
    every = house.client.get(f"{API}/datasets", params={"quantity": "temperature:77 K"}, headers=house.bearer("member")).json()
    assert every["total"] == len(PIDS)


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"colour": "red"}, "colour"),
        ({"quantity": "temperature"}, "quantity"),
        ({"quantity": "temperature:1..2 blorp"}, "quantity"),
        ({"technique": "alchemy"}, "technique"),
        ({"from": "soon"}, "from"),
        ({"sort": "colour"}, "sort"),
        ({"facets": "colour"}, "facets"),
        ({"limit": "1001"}, "/query/limit"),
        ({"offset": "-1"}, "/query/offset"),
        ({"offset": "9" * 400}, "/query/offset"),
        ({"text": "a\x00b"}, "/"),
    ],
)
def test_a_search_that_is_not_well_formed_names_its_fault(house: House, parameters: dict[str, str], pointer: str) -> None:
    answer = house.client.get(f"{API}/datasets", params=parameters)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointer in [fault["pointer"] for fault in answer.json()["faults"]]


def test_pages_lead_to_the_next(house: House) -> None:
    first = house.client.get(f"{API}/datasets", params={"limit": 1, "sort": "title"})
    assert 'rel="next"' in first.headers["link"]
    second = house.client.get(first.headers["link"].split(">")[0][1:])
    assert [first.json()["items"][0]["title"], second.json()["items"][0]["title"]] == ["A run embargoed", "A run open"]
    assert "link" not in second.headers


def test_a_correction_is_a_layer_with_history_and_undo(house: House) -> None:
    url, pi = f"{API}/datasets/{PIDS['embargoed']}", house.bearer("pi")
    before = house.client.get(url, headers=pi)
    etag = before.headers["etag"]
    assert house.client.get(url, headers=pi | {"If-None-Match": etag}).status_code == 304
    assert house.client.get(url, headers=pi | {"If-None-Match": f'"x", W/{etag}'}).status_code == 304
    assert house.client.patch(url, json={"title": "Mended"}, headers=pi).status_code == 428
    done = house.client.patch(url, json={"title": "Mended", "sample": {"name": "water"}}, headers=pi | {"If-Match": etag})
    assert done.status_code == 200, done.text
    assert house.client.patch(url, json={"title": "Late"}, headers=pi | {"If-Match": etag}).status_code == 412
    after = house.client.get(url, headers=pi | {"If-None-Match": etag})
    assert (after.status_code, after.json()["title"], after.json()["sample"]["name"]) == (200, "Mended", "water")
    history = house.client.get(f"{url}/history", headers=pi).json()
    assert [(c["source"], c["by"]) for c in history] == [("human", "pi"), ("file", "ingest")]
    assert house.client.post(f"{url}/undo", json={"change": history[1]["id"]}, headers=pi).status_code == 409
    assert house.client.post(f"{url}/undo", json={"change": history[0]["id"]}, headers=pi).status_code == 200
    again = house.client.get(url, headers=pi).json()
    assert (again["title"], again["sample"]["name"]) == ("A run embargoed", SECRET)
    actions = [(e.actor, e.action) for e in house.app.audit.entries(pid=PIDS["embargoed"])]
    assert actions[:2] == [("pi", "metadata undone"), ("pi", "metadata changed")]


@pytest.mark.parametrize(
    ("login", "status"), [("pi", 200), ("scientist", 200), ("steward", 200), ("member", 403), ("outsider", 403)]
)
def test_those_who_look_after_a_run_correct_it_and_others_do_not(house: House, login: str, status: int) -> None:
    url, who = f"{API}/datasets/{PIDS['embargoed']}", house.bearer(login)
    etag = house.client.get(url, headers=who).headers["etag"]
    assert house.client.patch(url, json={"run": "7"}, headers=who | {"If-Match": etag}).status_code == status


@pytest.mark.parametrize(
    "change",
    [
        {"title": "a\x00b"}, {"title": ""}, {"start": "soon"}, {"colour": 1}, {}, {"sample": {"name": "\x00"}}, {"techniques": ["alchemy"]},
        {"people": [{"name": "a\x00"}]}, {"parameters": [{"name": "x\x00", "value": 1}]}, {"parameters": [{"name": "x", "value": [1]}]},
        {"parameters": [{"name": "x", "unit": 5}]}, {"parameters": [{"name": "x", "label": 3.5}]},
        {"start": "0001-01-01T00:00:00+23:59"}, {"sample": {"name": "x", "formula": "\x00"}},
    ],
)  # fmt: skip
def test_a_correction_that_no_catalogue_can_hold_is_refused(house: House, change: dict[str, object]) -> None:
    url, pi = f"{API}/datasets/{PIDS['embargoed']}", house.bearer("pi")
    etag = house.client.get(url, headers=pi).headers["etag"]
    answer = house.client.patch(url, json=change, headers=pi | {"If-Match": etag})
    assert answer.status_code == 422, answer.text


def test_files_are_listed_and_sent_to_those_who_may_read_them(house: House) -> None:
    for login, name, status in ((None, "open", 200), ("outsider", "embargoed", 403), ("member", "embargoed", 200)):
        headers = house.bearer(login) if login else {}
        listed = house.client.get(f"{API}/datasets/{PIDS[name]}/files", headers=headers)
        assert listed.status_code == status
        file = "ceria.nxs" if name == "open" else f"{SECRET}.nxs"
        sent = house.client.get(f"{API}/datasets/{PIDS[name]}/files/{file}", headers=headers)
        assert sent.status_code == status
        if status == 200:
            assert sent.content == CONTENT
        else:
            assert sent.json()["embargo_until"]
            assert sent.json()["request_access"]
            assert SECRET not in listed.text
    assert house.client.get(f"{API}/datasets/{PIDS['open']}/files/nothing%00").status_code == 422
    assert house.client.get(f"{API}/datasets/{PIDS['open']}/files/../../etc/passwd").status_code == 404


def test_staff_reads_of_what_is_not_open_are_written_down(house: House) -> None:
    url = f"{API}/datasets/{PIDS['embargoed']}"
    house.client.get(url, headers=house.bearer("scientist"))
    house.client.get(f"{url}/files/{SECRET}.nxs", headers=house.bearer("scientist"))
    house.client.get(url, headers=house.bearer("member"))
    house.client.get(f"{API}/datasets/{PIDS['open']}", headers=house.bearer("scientist"))
    assert [(e.actor, e.action) for e in house.app.audit.entries(pid=PIDS["embargoed"])] == [
        ("scientist", "download"),
        ("scientist", "read"),
    ]
    assert house.app.audit.entries(pid=PIDS["open"]) == ()


def test_the_audit_log_only_grows(house: House) -> None:
    from sqlalchemy.exc import DBAPIError

    for statement in ("UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"):
        with pytest.raises(DBAPIError, match="only grows"), house.app.database.write() as connection:
            connection.exec_driver_sql(statement)


@pytest.mark.parametrize("login", [None, "outsider", "admin"])
def test_hidden_and_absent_answer_byte_for_byte_the_same(house: House, login: str | None) -> None:
    headers = house.bearer(login) if login else {}
    names = ("proprietary",) if login == "admin" else HIDDEN
    shapes = [
        ("GET", "/datasets/{}", None), ("GET", "/datasets/{}.v1", None), ("GET", "/datasets/{}/files", None),
        ("GET", "/datasets/{}/files/" + SECRET + ".nxs", None), ("HEAD", "/datasets/{}/files/" + SECRET + ".nxs", None),
        ("GET", "/datasets/{}/access", None), ("GET", "/datasets/{}/history", None), ("PATCH", "/datasets/{}", {"title": "x"}),
        ("POST", "/datasets/{}/undo", {"change": 1}), ("POST", "/ingest/quarantine/{}/assign", {"investigation": "pm-visit1", "reason": "x"}),
        ("POST", "/datasets", {"title": "x", "sources": ["{}"], "files": ["runs:open/run.nxs"], "software": "x"}),
    ]  # fmt: skip
    for method, path, body in shapes:
        for extra in ({}, {"If-Match": "1"}):
            answers = []
            for name in (*names, None):
                pid = PIDS[name] if name else "pm-9999999999999999"
                filled = None if body is None else {k: [pid] if v == ["{}"] else v for k, v in body.items()}
                answer = house.client.request(method, API + path.format(pid), json=filled, headers=headers | extra)
                assert answer.status_code in (401, 403, 404), (method, path, answer.status_code, answer.text)
                answers.append((answer.status_code, answer.content, sorted(answer.headers.items())))
            assert all(answer == answers[-1] for answer in answers), (method, path)


def test_a_token_does_what_it_was_made_for(house: House) -> None:
    url = f"{API}/datasets/{PIDS['embargoed']}"
    read, data = house.bearer("pi", frozenset({Scope.READ})), house.bearer("pi", frozenset({Scope.DATA}))
    ingest = house.bearer("scientist", frozenset({Scope.INGEST}))
    assert house.client.get(url, headers=read).status_code == 200
    assert house.client.get(f"{url}/files/{SECRET}.nxs", headers=read).status_code == 403
    assert house.client.get(f"{url}/files/{SECRET}.nxs", headers=data).status_code == 200
    assert house.client.patch(url, json={"title": "x"}, headers=read | {"If-Match": "2"}).status_code == 403
    assert house.client.post(f"{API}/ingest", json={"path": "runs:open/run.nxs"}, headers=read).status_code == 403
    for path in ("/datasets", f"/datasets/{PIDS['embargoed']}", f"/datasets/{PIDS['embargoed']}/files", "/investigations"):
        assert house.client.get(API + path, headers=ingest).status_code == 403, path


def test_what_is_around_datasets_is_cut_to_the_viewer(house: House) -> None:
    assert house.client.get(f"{API}/investigations").json()["total"] == 2
    assert house.client.get(f"{API}/investigations", headers=house.bearer("pi")).json()["total"] == 5
    assert house.client.get(f"{API}/instruments").json()[0]["dataset_count"] == 2
    assert house.client.get(f"{API}/instruments/pm-instrument1").json()["key"] == "i1"
    assert [q["count"] for q in house.client.get(f"{API}/quantities").json()] == [1]
    assert house.client.get(f"{API}/facilities").status_code == 200
    assert house.client.get(f"{API}/techniques", params={"text": "powder diffraction"}).json()
    sample = house.client.get(f"{API}/datasets/{PIDS['embargoed']}", headers=house.bearer("pi")).json()["sample"]["pid"]
    assert house.client.get(f"{API}/samples/{sample}", headers=house.bearer("pi")).json()["name"] == SECRET
    assert house.client.get(f"{API}/samples/{sample}").status_code == 404


def test_the_staff_see_ingest_and_others_do_not(house: House) -> None:
    for path in ("/ingest/units", "/ingest/counts", "/ingest/quarantine"):
        assert house.client.get(API + path).status_code == 401
        assert house.client.get(API + path, headers=house.bearer("outsider")).status_code == 403
        assert house.client.get(API + path, headers=house.bearer("scientist")).status_code == 200
    held = house.client.get(f"{API}/ingest/quarantine", headers=house.bearer("scientist")).json()
    assert [item["pid"] for item in held["items"]] == [PIDS["internal"]]
    body = {"investigation": "pm-visit2", "reason": "the logbook says so"}
    url = f"{API}/ingest/quarantine/{PIDS['internal']}/assign"
    assert house.client.post(url, json=body, headers=house.bearer("scientist")).status_code == 200
    assert house.client.get(f"{API}/datasets/{PIDS['internal']}").json()["access"]["state"] == "embargoed"


def test_units_never_name_what_their_reader_may_not_know_of(house: House) -> None:
    units = house.client.get(f"{API}/ingest/units", headers=house.bearer("admin")).json()
    assert PIDS["proprietary"] not in [pid for unit in units["items"] for pid in unit["pids"]]


def test_results_are_registered_beside_what_they_were_made_from(house: House) -> None:
    body = {
        "title": "Reduced",
        "sources": [PIDS["open"]],
        "files": ["runs:open/run.nxs"],
        "software": "reducer",
        "finished": "2026-01-01T00:00:00Z",
    }
    made = house.client.post(f"{API}/datasets", json=body, headers=house.bearer("scientist"))
    assert made.status_code == 201, made.text
    record = house.client.get(made.headers["location"]).json()
    assert (record["kind"], record["relations"][0]["pid"]) == ("processed", PIDS["open"])
    for changed in (
        {"title": "a\x00"},
        {"software": "\x00"},
        {"software_version": "\x00"},
        {"sources": ["\x00"]},
        {"files": ["\x00"]},
    ):
        assert house.client.post(f"{API}/datasets", json=body | changed, headers=house.bearer("scientist")).status_code == 422


def test_results_follow_their_runs_into_a_visit_when_the_last_of_them_is_assigned(house: House) -> None:
    scientist, url = house.bearer("scientist"), f"{API}/ingest/quarantine/{PIDS['internal']}/assign"
    body = {"title": "Reduced", "sources": [PIDS["internal"]], "files": ["runs:internal/run.nxs"], "software": "reducer"}
    one = house.client.post(f"{API}/datasets", json=body, headers=scientist).json()["pid"]
    more = body | {"sources": [one], "files": ["runs:open/run.nxs"]}
    of_one = house.client.post(f"{API}/datasets", json=more, headers=scientist).json()["pid"]
    with house.app.database.write() as c:  # a second run that waits beside it
        twin = dict(c.execute(select(t.dataset).where(t.dataset.c.pid == PIDS["internal"])).one()._mapping)
        c.execute(t.dataset.insert(), twin | {"id": 77, "pid": "pm-twin", "identity": b"twin", "quarantine": "no visit fits"})
        c.execute(
            t.pid.insert(), {"pid": "pm-twin", "kind": "dataset", "concept": "pm-twin", "version": None, "origin": "native"}
        )
    both = body | {"sources": [PIDS["internal"], "pm-twin"], "files": ["runs:embargoed/run.nxs"]}
    of_both = house.client.post(f"{API}/datasets", json=both, headers=scientist).json()["pid"]

    def states() -> list[int]:
        return [house.client.get(f"{API}/datasets/{pid}").status_code for pid in (one, of_one, of_both)]

    assert states() == [404, 404, 404]
    target = {"investigation": "pm-visit2", "reason": "the logbook says so"}
    assert house.client.post(url, json=target, headers=scientist).status_code == 200
    assert states() == [200, 200, 404]  # the last one tells of the twin too
    second = house.client.post(f"{API}/ingest/quarantine/pm-twin/assign", json=target, headers=scientist)
    assert second.status_code == 200, second.text
    assert states() == [200, 200, 200]


def test_a_visit_that_is_hidden_is_no_target_and_a_run_with_a_visit_stays(house: House) -> None:
    url = f"{API}/ingest/quarantine/{{}}/assign"
    answers = [
        house.client.post(
            url.format(PIDS["internal"]), json={"investigation": pid, "reason": "x"}, headers=house.bearer("admin")
        ).content
        for pid in ("pm-visit3", "pm-visit999")  # proprietary, absent
    ]
    assert answers[0] == answers[1]
    assert b"Not found" in answers[0]
    kept = house.client.post(
        url.format(PIDS["embargoed"]), json={"investigation": "pm-visit1", "reason": "x"}, headers=house.bearer("admin")
    )
    assert kept.status_code == 409


def test_a_body_that_says_no_length_is_limited_too(house: House) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b" " * 65536

    answer = house.client.post(f"{API}/session", content=pieces(), headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert house.client.post(f"{API}/session", content=b" " * (5 << 20)).status_code == 413


def test_raw_bytes_in_a_query_are_no_accident_of_ours(house: House) -> None:
    answer = house.client.get(f"{API}/datasets?limit=1&text=%ff%fe")
    assert answer.status_code in (200, 422)
    assert house.client.get(f"{API}/datasets/%ff%fe").status_code == 404
