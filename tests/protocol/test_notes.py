"""Notes, flags, tags and pictures: under the logbook's rights alone, with history and undo, and harmless whatever is written."""

from __future__ import annotations

import html
import io
import re
from dataclasses import dataclass

import httpx
import pytest
from PIL import Image

from panmesh.testing.personas import PASSWORD
from tests.protocol.conftest import PIDS, SECRET, House

READERS = {
    "open": {None, "outsider", "pi", "member", "scientist", "steward", "admin"},
    "embargoed": {"pi", "member", "scientist", "steward", "admin"},
    "collecting": {"pi", "member", "scientist", "steward", "admin"},
    "proprietary": {"pi", "member", "scientist"},
    "internal": {"pi", "member", "scientist", "steward", "admin"},
}
EVERYBODY: tuple[str | None, ...] = (None, "outsider", "pi", "member", "scientist", "steward", "admin")
WRITERS = {"pi", "member", "scientist", "steward", "admin"}


@dataclass
class Browser:
    """Somebody who is signed in, with cookie and forms."""

    house: House
    cookie: str
    csrf: str = ""

    def get(self, path: str) -> str:
        answer = self.house.client.get(path, headers=self.headers)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        found = re.search(r'name="csrf" value="([^"]+)"', answer.text)
        self.csrf = found[1] if found else self.csrf
        return answer.text

    def post(self, path: str, files: list[tuple[str, bytes]] | None = None, **form: str) -> httpx.Response:
        sent = [("picture", (name, data, "image/png")) for name, data in files or []]
        return self.house.client.post(path, data={"csrf": self.csrf} | form, headers=self.headers, files=sent or None)

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": self.cookie, "Origin": "http://testserver"}


def sign_in(house: House, login: str) -> Browser:
    answer = house.client.post("/sign-in", data={"login": login, "password": PASSWORD})
    assert answer.status_code == 303
    found = Browser(house, answer.headers["set-cookie"].partition(";")[0])
    found.get("/tokens")
    return found


@pytest.fixture
def pi(house: House) -> Browser:
    return sign_in(house, "pi")


def photograph(kind: str = "JPEG", size: tuple[int, int] = (64, 48), **saved: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, kind, **saved)
    return buffer.getvalue()


def test_a_note_at_three_in_the_morning(house: House, pi: Browser) -> None:
    path = f"/datasets/{PIDS['embargoed']}"
    assert "Save" in pi.get(path)
    made = pi.post(
        f"{path}/notes", [("IMG_1.jpg", photograph())], text="sample slipped, **bad**", flag="bad", tags="slipped", mark="0"
    )
    assert (made.status_code, made.headers["location"].partition("#")[0]) == (303, path)
    shown = pi.get(path)
    assert "sample slipped, <strong>bad</strong>" in shown
    assert 'class="flag flag-bad"' in shown
    assert "<li>slipped</li>" in shown
    picture = re.search(rf'src="({path}/pictures/[0-9a-f]{{64}}\.jpg)"', shown)
    assert picture is not None
    seen = house.client.get(picture[1], headers=pi.headers)
    assert (seen.status_code, seen.headers["content-type"]) == (200, "image/jpeg")
    assert house.client.get(picture[1]).status_code == 403  # its record is public, its logbook is not
    outside = house.client.get(path).text
    assert "slipped" not in outside
    assert 'id="notes"' not in outside


@pytest.mark.parametrize("state", READERS)
def test_whoever_may_read_the_logbook_reads_it_and_nobody_else(house: House, state: str) -> None:
    pid, visit = PIDS[state], f"pm-visit{list(PIDS).index(state) + 1}"
    writer = house.bearer("scientist")
    for about in (f"datasets/{pid}", f"investigations/{visit}"):
        assert house.client.post(f"/api/v1/{about}/notes", json={"text": SECRET + "-note"}, headers=writer).status_code == 201
    for login in EVERYBODY:
        who = house.bearer(login) if login else {}
        for path in (
            f"/api/v1/datasets/{pid}/notes",
            f"/api/v1/investigations/{visit}/notes",
            f"/api/v1/investigations/{visit}/logbook",
            f"/datasets/{pid}",
            f"/investigations/{visit}",
            f"/investigations/{visit}/logbook",
            f"/investigations/{visit}/logbook.md",
            f"/investigations/{visit}/logbook.json",
        ):
            answer = house.client.get(path, headers=who)
            assert (SECRET + "-note" in answer.text) == (login in READERS[state]), (path, login, answer.status_code)


@pytest.mark.parametrize("login", EVERYBODY)
def test_the_team_and_the_staff_write_and_nobody_else(house: House, login: str | None) -> None:
    who = house.bearer(login) if login else {}
    path = f"/api/v1/datasets/{PIDS['open']}"
    expected = 201 if login in WRITERS else 401 if login is None else 403
    assert house.client.post(f"{path}/notes", json={"text": "x"}, headers=who).status_code == expected
    marked = house.client.request("PUT", f"{path}/mark", json={"flag": "good"}, headers=who | {"If-Match": '"mark-0"'})
    assert marked.status_code == (200 if login in WRITERS else expected)
    sent = house.client.post(f"{path}/pictures", content=photograph(), headers=who | {"Content-Type": "image/jpeg"})
    assert sent.status_code == expected


def test_html_cannot_be_smuggled_in(house: House, pi: Browser) -> None:
    path = f"/datasets/{PIDS['open']}"
    pi.get(path)
    hostile = (
        "<script>alert(1)</script> <img src=x onerror=alert(1)> [a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) "
        "[c](data:text/html,<script>alert(1)</script>) ![d](https://evil.example/track.png) <https://ok.example> "
        "[e](vbscript:x) [f](&#106;avascript:alert(1)) <svg onload=alert(1)> ![g](javascript:alert(1))"
    )
    assert pi.post(f"{path}/notes", text=hostile).status_code == 303
    shown = pi.get(path).partition('<section id="notes"')[2].partition("</section>")[0]
    assert "<script>alert" not in shown
    assert "<svg" not in shown
    assert not re.search(r'(?i)(href|src)="\s*(javascript|data|vbscript|https://evil[^"]*png"[^>]*loading)', shown)
    assert 'src="https://evil' not in shown
    assert not re.search(r"<[^>]+\son\w+=", shown)
    assert 'href="https://ok.example" rel="nofollow noopener noreferrer"' in shown
    assert html.unescape(shown).count("alert(1)") >= 4  # said, not done


def test_forms_without_the_token_of_the_session_change_nothing(house: House, pi: Browser) -> None:
    path = f"/datasets/{PIDS['open']}"
    for csrf in ("", "wrong"):
        pi.csrf = csrf
        assert pi.post(f"{path}/notes", text="forged").status_code == 403
        assert pi.post(f"{path}/pictures", [("x.png", photograph("PNG"))]).status_code == 403
    elsewhere = {"Cookie": pi.cookie, "Origin": "https://evil.example"}
    assert house.client.post(f"{path}/notes", data={"text": "forged"}, headers=elsewhere).status_code in (303, 403)
    assert "forged" not in house.client.get(path).text
