"""SciCat's interface: who may push, what is shown to whom, and that nothing that is sent can break it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from panmesh.access.viewer import ALL_SCOPES, OPERATOR, Scope
from panmesh.adapters.sql import tables as t
from panmesh.catalogue.editing import EditingService
from tests.protocol.conftest import PIDS, SECRET, House

V3, V4 = "/api/v3", "/api/v4"
BODY: dict[str, Any] = {
    "contactEmail": "contact@example.org", "creationTime": "2026-03-02T08:00:00Z", "owner": "Ada Example", "ownerGroup": "g", "sourceFolder": "/nowhere",
    "type": "raw", "datasetName": "pushed", "instrumentId": "pm-instrument1", "scientificMetadata": {"temperature": {"value": 5, "unit": "K"}},
}  # fmt: skip
WRITES = [
    ("POST", "/datasets", BODY),
    ("PATCH", "/datasets/{}", {"datasetName": "other"}),
    ("DELETE", "/datasets/{}", None),
    ("POST", "/datasets/{}/origdatablocks", {"size": 1, "dataFileList": [{"path": "a", "size": 1}]}),
    ("POST", "/datasets/{}/attachments", {"caption": "c"}),
    ("POST", "/origdatablocks", {"datasetId": "{}", "size": 1, "dataFileList": [{"path": "a", "size": 1}]}),
    ("POST", "/samples", {"ownerGroup": "g", "sampleId": "s"}),
    ("POST", "/instruments", {"name": "n"}),
    ("POST", "/proposals", {"proposalId": "p", "email": "e", "ownerGroup": "g"}),
]


def _push(house: House, login: str, **values: Any) -> str:
    made = house.client.post(f"{V3}/Datasets", headers=house.bearer(login), json=BODY | values)
    assert made.status_code == 201, made.text
    pid: str = made.json()["pid"]
    return pid


@pytest.mark.parametrize(("method", "path", "body"), WRITES, ids=[f"{m} {p}" for m, p, _ in WRITES])
def test_nobody_without_a_right_to_it_writes_anything(house: House, method: str, path: str, body: Any) -> None:
    pid = _push(house, "scientist")
    filled = json.loads(json.dumps(body).replace("{}", pid)) if body else None
    url = V4 + path.format(pid)
    with house.app.database.read() as c:
        before = len(c.execute(select(t.change.c.sequence)).all())
    assert house.client.request(method, url, json=filled).status_code in (401, 404)
    outsider = house.client.request(method, url, json=filled, headers=house.bearer("outsider"))
    if path != "/samples":
        assert outsider.status_code in (400, 403, 404)
    reading = house.bearer("scientist", frozenset({Scope.READ, Scope.DATA}))
    assert house.client.request(method, url, json=filled, headers=reading).status_code == 403
    with house.app.database.read() as c:
        assert len(c.execute(select(t.change.c.sequence)).all()) == before


@pytest.mark.parametrize("state", ["embargoed", "proprietary", "collecting", "internal"])
def test_hidden_is_absent_and_under_embargo_is_core_only(house: House, state: str) -> None:
    pid = PIDS[state]
    for path in ("/datasets/{}", "/datasets/public/{}", "/datasets/{}/origdatablocks", "/datasets/{}/attachments"):
        for headers in ({}, house.bearer("outsider")):
            said = house.client.get(V3 + path.format(pid), headers=headers)
            absent = house.client.get(V3 + path.format("pm-0000000000009999"), headers=headers)
            if state == "embargoed":
                assert said.status_code in (200, 403)
                assert SECRET not in said.text.replace(f"{SECRET} title", "")
            else:
                assert said.status_code == absent.status_code == 404
                assert said.text == absent.text
    for question in ({"scientificMetadata.temperature.value": 77.0}, {"sampleId": SECRET}, {"datasetName": f"{SECRET} title"}):
        found = house.client.get(f"{V3}/datasets", params={"filter": json.dumps({"where": question})})
        assert pid not in found.text
        full = house.client.get(f"{V3}/datasets/fullquery", params={"fields": json.dumps(question)})
        assert pid not in full.text
        count = house.client.get(f"{V3}/datasets/count", params={"filter": json.dumps({"where": question})})
        assert count.json()["count"] == len(found.json())
    member = house.client.get(f"{V3}/datasets/{pid}", headers=house.bearer("member")).json()
    assert member["scientificMetadata"]["temperature"]["value"] == 77.0


def test_what_was_sent_is_for_those_who_may_read_it(house: House) -> None:
    pid = _push(house, "scientist", keywords=["secret word"])
    mine = house.client.get(f"{V4}/datasets/{pid}", headers=house.bearer("scientist")).json()
    assert mine["keywords"] == ["secret word"]
    for headers in ({}, house.bearer("outsider"), house.bearer("member")):
        assert house.client.get(f"{V4}/datasets/{pid}", headers=headers).status_code == 404
        found = house.client.get(f"{V3}/datasets/fullquery", params={"fields": '{"keywords": ["secret word"]}'}, headers=headers)
        assert found.json() == []


def test_addresses_of_people_are_not_for_the_world(house: House) -> None:
    pid = _push(house, "scientist")
    with house.app.database.write() as c:
        terms = select(t.dataset.c.terms_id).where(t.dataset.c.pid == pid).scalar_subquery()
        c.execute(update(t.terms).where(t.terms.c.id == terms).values(access="open"))
    said = house.client.get(f"{V3}/datasets/public/{pid}").json()
    assert (said["owner"], said["isPublished"]) == ("Ada Example", True)
    assert "contactEmail" not in said
    assert "createdBy" not in said
    known = house.client.get(f"{V3}/datasets/{pid}", headers=house.bearer("outsider")).json()
    assert known["contactEmail"] == "contact@example.org"


def test_a_token_in_the_address_counts_and_an_old_one_does_not(house: House) -> None:
    pid = _push(house, "scientist")
    secret, info = house.app.accounts.make_token(house.app.accounts.viewer("scientist"), "t", ALL_SCOPES, 1)
    assert house.client.get(f"{V3}/Datasets/{pid}", params={"access_token": secret}).status_code == 200
    house.moment[0] += 2 * 86_400_000_000
    late = house.client.get(f"{V3}/Datasets/{pid}", params={"access_token": secret})
    assert (late.status_code, late.json()["statusCode"]) == (401, 401)
    assert info.id


def test_signing_in_gives_a_token_of_a_day_that_is_no_admins(house: House) -> None:
    for path in (f"{V3}/auth/login", f"{V4}/Auth/Login", "/api/auth/login", "/auth/msad"):
        from panmesh.testing.personas import PASSWORD

        said = house.client.post(path, json={"username": "pi", "password": PASSWORD})
        assert said.status_code == 201
        headers = {"Authorization": f"Bearer {said.json()['id']}"}
        assert house.client.get(f"{V3}/users/my/self", headers=headers).json()["username"] == "pi"
    wrong = house.client.post(f"{V3}/auth/login", json={"username": "pi", "password": "wrong"})
    assert (wrong.status_code, wrong.json()["error"]) == (401, "Unauthorized")
    assert house.client.post(f"{V3}/auth/login", json={"username": {"$ne": 1}, "password": ["x"]}).status_code == 401


def test_faults_are_all_told(house: House) -> None:
    said = house.client.post(
        f"{V3}/datasets", headers=house.bearer("steward"), json={"type": "odd", "keywords": "one", "size": 3}
    )
    assert said.status_code == 400
    assert said.json()["message"] == [
        "contactEmail should not be empty", "creationTime should not be empty", "owner should not be empty", "ownerGroup should not be empty",
        "sourceFolder should not be empty", "keywords must be an array", "type must be one of raw, derived, custom",
    ]  # fmt: skip
    valid = house.client.post(f"{V4}/datasets/isValid", json={"type": "raw"})
    assert valid.json()["valid"] is False
    assert house.client.post(f"{V4}/datasets/isValid", json=BODY).json() == {"valid": True}


def test_a_title_that_a_person_gave_here_is_what_scripts_read(house: House) -> None:
    pid = _push(house, "scientist")
    editing: EditingService = house.app.editing
    editing.change(OPERATOR, pid, {"title": "a better title"}, house.app.search.get(OPERATOR, pid).revision)
    assert house.client.get(f"{V3}/datasets/{pid}", headers=house.bearer("scientist")).json()["datasetName"] == "a better title"


def test_what_is_discarded_is_gone_for_scripts_and_can_be_undone_by_the_staff(house: House) -> None:
    pid = _push(house, "scientist")
    assert house.client.delete(f"{V3}/Datasets/{pid}", headers=house.bearer("scientist")).status_code == 200
    assert house.client.get(f"{V3}/Datasets/{pid}", headers=house.bearer("scientist")).status_code == 404
    [one] = house.app.corrections.history(OPERATOR).items
    house.app.corrections.undo(OPERATOR, one.id)
    assert house.client.get(f"{V3}/Datasets/{pid}", headers=house.bearer("scientist")).status_code == 200


HOSTILE: list[bytes] = [
    b"", b"[]", b"null", b'"text"', b"{", b"\xff\xfe", b'{"a": NaN}', b'{"pid": "a\\u0000b"}', b'{"a":' * 600 + b"1" + b"}" * 600,
    json.dumps(BODY | {"pid": "x" * 100_000}).encode(), json.dumps(BODY | {"pid": "  "}).encode(), json.dumps(BODY | {"pid": {"$ne": None}}).encode(),
    json.dumps(BODY | {"creationTime": "never"}).encode(), json.dumps(BODY | {"creationTime": 10**400}).encode(),
    json.dumps(BODY | {"scientificMetadata": {str(i): i for i in range(5000)}}).encode(),
    json.dumps(BODY | {"techniques": [1, None, {"pid": {}}, "x"]}).encode(), json.dumps(BODY | {"sourceFolder": "../../etc"}).encode(),
    json.dumps(BODY | {"datasetName": "x" * 200_000}).encode(), json.dumps(BODY | {"proposalIds": [[["a"]]], "sampleIds": [{}]}).encode(),
    json.dumps(BODY | {"scientificMetadata": {"t": {"value": 1e999, "unit": "🜁"}}}).encode(),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_bodies_are_refused_or_kept_and_never_break_anything(house: House, number: int) -> None:
    pid = _push(house, "steward")
    headers = house.bearer("steward") | {"Content-Type": "application/json"}
    paths = (
        "/datasets",
        "/datasets/isValid",
        f"/datasets/{pid}/origdatablocks",
        f"/datasets/{pid}/attachments",
        "/samples",
        "/origdatablocks",
    )
    for path in paths:
        said = house.client.post(V4 + path, headers=headers, content=HOSTILE[number])
        assert said.status_code < 500, (path, said.text)
    assert house.client.patch(f"{V3}/datasets/{pid}", headers=headers, content=HOSTILE[number]).status_code < 500
    assert house.client.get(f"{V3}/datasets/fullquery", headers=headers).status_code == 200


def test_a_list_of_a_hundred_thousand_files_and_one_too_large(house: House) -> None:
    pid = _push(house, "steward")
    files = [{"path": f"f{i}", "size": 1} for i in range(100_000)]
    url = f"{V3}/datasets/{pid}/origdatablocks"
    made = house.client.post(url, headers=house.bearer("steward"), json={"size": 100_000, "dataFileList": files})
    assert made.status_code == 201
    assert house.app.search.get(OPERATOR, pid).summary.file_count == 100_000
    more = house.client.post(url, headers=house.bearer("steward"), json={"size": 1, "dataFileList": [*files, *files]})
    assert more.status_code in (400, 413)
    huge = house.client.post(url, headers=house.bearer("steward"), content=b"[" + b"1," * (13 << 20) + b"1]")
    assert huge.status_code == 413


def test_a_path_that_leads_out_of_the_storage_is_named_and_never_opened(house: House) -> None:
    runs = house.app.storages.root("runs").path
    pid = _push(house, "steward", sourceFolder=str(runs))
    files = [{"path": one, "size": 1} for one in ("../../../../etc/passwd", "/etc/passwd", "a/../../../etc/hostname", "~root/x")]
    said = house.client.post(
        f"{V3}/datasets/{pid}/origdatablocks", headers=house.bearer("steward"), json={"size": 4, "dataFileList": files}
    )
    assert said.status_code == 201
    for one in house.app.search.files(OPERATOR, pid).items:
        got = house.client.get(f"/api/v1/datasets/{pid}/files/{one.name.replace('/', '%2F')}", headers=house.bearer("steward"))
        assert got.status_code in (404, 503), got.text[:100]


def test_pictures_that_are_none_are_refused(house: House) -> None:
    pid = _push(house, "steward")
    for said in (
        "<script>",
        "data:text/html;base64,PHA+",
        "data:image/png;base64,%%%",
        5,
        "data:image/png;base64," + "A" * (13 << 20),
    ):
        url = f"{V3}/datasets/{pid}/attachments"
        answer = house.client.post(url, headers=house.bearer("steward"), json={"thumbnail": said, "caption": "c"})
        assert answer.status_code == 400, answer.text[:100]


_plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12)
_json = st.recursive(
    _plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=8
)


@given(
    fields=st.dictionaries(
        st.sampled_from([*BODY, "pid", "proposalIds", "techniques", "inputDatasets", "thumbnail", "dataFileList"]), _json
    )
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_is_answered(house: House, fields: dict[str, Any]) -> None:
    headers = house.bearer("steward")
    for path in ("/datasets", "/datasets/isValid", "/samples"):
        assert house.client.post(V4 + path, headers=headers, json=BODY | fields).status_code < 500
    asked = {"filter": json.dumps({"where": fields}), "fields": json.dumps(fields), "limits": json.dumps({"limit": 2})}
    for path in ("/datasets", "/datasets/fullquery", "/samples", "/instruments"):
        assert house.client.get(V3 + path, headers=headers, params=asked).status_code < 500
