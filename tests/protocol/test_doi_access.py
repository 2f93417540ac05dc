"""Who may know of a DOI, ask for one and retry one: what somebody may not know of answers as what does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from panmesh.access.viewer import Scope
from panmesh.testing.datacite import DataCiteStub, Switch
from panmesh.testing.personas import PASSWORD
from tests.protocol.conftest import PIDS, SECRET, House
from tests.protocol.registering import account, round_of, row
from tests.protocol.test_notes import sign_in


@pytest.fixture(scope="module")
def stub() -> Iterator[DataCiteStub]:
    with DataCiteStub() as made:
        yield made


@pytest.fixture
def house_settings(stub: DataCiteStub, tmp_path: Path) -> dict[str, str]:
    stub.dois.clear()
    return account(stub, tmp_path)


def _plain(house: House, path: str, who: str | None) -> tuple[int, str]:
    answer = house.client.get(path, headers=house.bearer(who) if who else {})
    return answer.status_code, answer.text


def test_what_is_hidden_answers_as_what_is_absent(house: House) -> None:
    asked = house.client.request("PUT", "/api/v1/dois/pm-visit4", headers=house.bearer("pi"))  # its session goes on
    assert asked.status_code == 202, asked.text
    round_of(house)
    name = row(house, "pm-visit4").name or ""
    absent = "10.82012/zzzzzzzzzzzzzzzz"
    for who in (None, "outsider"):
        for form in ("/api/v1/dois/{}", "/doi/{}"):
            for hidden in (name, "pm-visit4", "pm-visit3", PIDS["proprietary"]):
                found = _plain(house, form.format(hidden), who)
                assert found[0] == 404, hidden
                assert found[1].replace(hidden, "") == _plain(house, form.format(absent), who)[1].replace(absent, "")
                assert SECRET not in found[1]
    for who in ("pi", "member", "scientist", "steward"):
        told = house.client.get(f"/api/v1/dois/{name}", headers=house.bearer(who))
        assert (told.status_code, told.json()["state"], told.json()["public"]) == (200, "draft", False)
        assert house.client.get(f"/doi/{name}", headers=house.bearer(who)).headers["location"] == "/investigations/pm-visit4"
    page = sign_in(house, "pi").get("/investigations/pm-visit4")
    assert name in page
    assert "reserved" in page
    narrow = house.client.get(f"/api/v1/dois/{name}", headers=house.bearer("pi", frozenset({Scope.INGEST})))
    assert narrow.status_code in (403, 404)


def test_everybody_finds_what_is_registered_by_its_doi(house: House) -> None:
    round_of(house)
    name = row(house, "pm-visit2").name or ""
    for who in (None, "outsider", "pi"):
        assert house.client.get(f"/doi/{name.upper()}", headers=house.bearer(who) if who else {}).status_code == 302
        told = house.client.get(f"/api/v1/dois/{name}", headers=house.bearer(who) if who else {}).json()
        assert (told["pid"], told["doi"], told["state"]) == ("pm-visit2", name, "findable")
    assert f"https://doi.org/{name}" in house.client.get("/investigations/pm-visit2").text
    record = house.client.get("/oai?verb=ListRecords&metadataPrefix=oai_datacite")
    house.app.harvest_upkeep.renew()
    record = house.client.get("/oai?verb=ListRecords&metadataPrefix=oai_datacite")
    assert f'<identifier identifierType="DOI">{name}</identifier>' in record.text


ASKED = (
    (None, PIDS["open"], {401, 403}),
    ("outsider", PIDS["open"], {403}),
    ("member", PIDS["embargoed"], {403}),
    ("pi", PIDS["embargoed"], {202}),
    ("steward", PIDS["open"], {202}),
    ("outsider", PIDS["proprietary"], {404}),
    ("pi", PIDS["proprietary"], {409}),
    ("steward", "pm-visit5", {409}),
    ("outsider", "pm-visit5", {404}),
    ("pi", "pm-instrument1", {403}),
    ("steward", "%7F%00", {422}),
    ("steward", "%F0%9F%92%A9/../..", {404}),
)


def test_who_may_ask_for_one(house: House) -> None:
    for who, pid, statuses in ASKED:
        answer = house.client.request("PUT", f"/api/v1/dois/{pid}", headers=house.bearer(who) if who else {})
        assert answer.status_code in statuses, (who, pid, answer.text)


def test_the_list_and_the_button_are_the_stewards(house: House, stub: DataCiteStub) -> None:
    stub.next(*[Switch.REFUSE] * 4)
    round_of(house)
    for who in (None, "outsider", "pi", "scientist"):
        headers = house.bearer(who) if who else {}
        assert house.client.get("/api/v1/dois", headers=headers).status_code in (401, 403)
        assert house.client.post("/api/v1/dois/retry", json={}, headers=headers).status_code in (401, 403)
        assert house.client.get("/dois", headers=headers).status_code in (303, 403)
    told = house.client.get("/api/v1/dois?state=failed", headers=house.bearer("steward")).json()
    assert told["counts"]["by_state"] == {"failed": 4}
    assert {one["error"] for one in told["items"]} == {
        "DataCite refused it (422): creators: Creators name identifier is not an ORCID. Correct the metadata, then retry."
    }
    assert SECRET not in str(told)
    house.app.accounts.set_password("steward", PASSWORD)
    steward = sign_in(house, "steward")
    page = steward.get("/dois?state=failed&contains=orcid")
    assert page.count(">Retry</button>") == 4
    assert house.client.post("/api/v1/dois/retry", json={}, headers=house.bearer("steward")).json() == {"retried": 4}
    assert "done" in steward.get("/dois")
    round_of(house)
    assert 'value="4"' not in steward.get("/dois?kind=instrument")
    assert house.client.get("/api/v1/dois", headers=house.bearer("steward")).json()["counts"]["by_state"] == {"findable": 4}
    assert [e.action for e in house.app.audit.entries(limit=1)] == ["retry DOIs"]
