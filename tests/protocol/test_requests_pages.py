"""The portal's pages of requests: asked, decided by one click out of a mail, undone; without script, and nothing for those it is not for."""

from __future__ import annotations

import re

import httpx

from panmesh.testing.personas import PASSWORD
from tests.protocol.conftest import PIDS, House

RUN = PIDS["embargoed"]


class Person:
    """Somebody in a browser without script."""

    def __init__(self, house: House, login: str) -> None:
        self._house = house
        if login not in ("pi", "outsider"):  # only these have a password
            house.app.accounts.set_password(login, PASSWORD)
        signed = house.client.post("/sign-in", data={"login": login, "password": PASSWORD})
        self._cookie = {"Cookie": signed.headers["set-cookie"].partition(";")[0]}
        csrf = re.search(r'name="csrf" value="([^"]+)"', self.get("/tokens").text)
        assert csrf is not None
        self._csrf = csrf[1]

    def get(self, path: str) -> httpx.Response:
        return self._house.client.get(path, headers=self._cookie)

    def post(self, path: str, **form: str) -> httpx.Response:
        return self._house.client.post(path, data={"csrf": self._csrf} | form, headers=self._cookie)


def test_a_scientist_asks_from_the_page_and_the_leader_answers_from_a_mail(house: House) -> None:
    assert f"/why/{RUN}" in house.client.get(f"/datasets/{RUN}").text
    told = house.client.get(f"/why/{RUN}").text
    assert "Sign in to ask for access" in told
    outsider, pi = Person(house, "outsider"), Person(house, "pi")
    page = outsider.get(f"/why/{RUN}").text
    assert 'value="access"' in page
    assert 'value="extension"' not in page
    short = outsider.post(f"/why/{RUN}", kind="access", reason="please")
    assert (short.status_code, ">please</textarea>" in short.text) == (422, True)
    asked = outsider.post(f"/why/{RUN}", kind="access", reason="We measured the same at 300 K.", days="90")
    assert asked.status_code == 303
    address = asked.headers["location"]
    assert "waits since" in outsider.get(f"/why/{RUN}").text
    assert "Take it back" in outsider.get(address).text
    assert "Grant it" not in outsider.get(address).text
    assert Person(house, "member").get(address).status_code == 404
    signing_in = house.client.get(f"{address}?answer=grant")
    assert signing_in.headers["location"] == f"/sign-in?next={address.replace('/', '%2F')}%3Fanswer%3Dgrant"
    page = pi.get(f"{address}?answer=grant").text
    assert "autofocus" in page
    assert "Grant it" in pi.get("/requests").text or "For you to decide" in pi.get("/requests").text
    assert pi.post(address, answer="refuse", revision="1", words="").status_code == 422
    assert pi.post(address, answer="grant", revision="1").status_code == 303
    assert pi.post(address, answer="grant", revision="1").status_code == 412
    assert "Granted by Pi" in outsider.get(address).text
    assert outsider.get(f"/datasets/{RUN}/files/zirconium-mystery.nxs").status_code == 200
    assert pi.post(f"{address}/undo").status_code == 303
    assert "decision undone by pi" in pi.get(address).text


def test_forms_are_offered_where_the_policy_allows_and_what_is_for_good_is_asked_twice(house: House) -> None:
    pi, steward = Person(house, "pi"), Person(house, "steward")
    page = pi.get(f"/why/{RUN}").text
    assert set(re.findall(r'name="kind" value="(\w+)"', page)) == {
        "extension", "release", "hold", "withdrawal", "deletion", "succession",
    }  # fmt: skip
    assert "What would somebody else see" not in page
    assert pi.post(f"/why/{RUN}", kind="release", reason="The paper is out now.").status_code == 422
    assert pi.post(f"/why/{RUN}", kind="extension", reason="Two theses wait for it.", to="soon").status_code == 422
    assert pi.post(f"/why/{RUN}", kind="nothing", reason="Two theses wait for it.").status_code == 422
    assert "you lead its team" in steward.get(f"/why/{RUN}?login=pi").text
    assert "What anybody who is not signed in may read" in steward.get(f"/why/{RUN}?login=").text
    assert "There is no account" in steward.get(f"/why/{RUN}?login=nobody").text
    assert "you lead its team" not in Person(house, "outsider").get(f"/why/{RUN}?login=pi").text
    done = pi.post(f"/why/{RUN}", kind="release", reason="The paper is out now.", sure="yes")
    assert "Granted by Pi" in pi.get(done.headers["location"]).text
    assert "open to everybody" in house.client.get(f"/why/{RUN}").text
