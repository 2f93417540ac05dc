"""Whoever wrote for an hour loses nothing: not when the session ends, not when another tab begins one; and nothing is sent unasked."""

from __future__ import annotations

import html
import re

import pytest

from panmesh.testing.personas import PASSWORD
from tests.protocol.conftest import PIDS, House

HOME = {"Origin": "http://testserver", "Accept": "text/html"}
WRITTEN = 'Beam lost at 3:12, "realigned" <twice> & measured again.\nSecond line.'
PATH = f"/datasets/{PIDS['embargoed']}/notes"


def cookie_of(house: House, login: str) -> dict[str, str]:
    answer = house.client.post("/sign-in", data={"login": login, "password": PASSWORD}, headers=HOME)
    assert answer.status_code == 303
    return HOME | {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def fields(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form that is sent there."""
    form = page.partition(f'action="{action}"')[2].partition("</form>")[0]
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form)
    return {name: html.unescape(value) for name, value in found}


def test_what_was_written_outlives_the_session(house: House) -> None:
    before = cookie_of(house, "pi")
    form = fields(house.client.get(PATH.removesuffix("/notes"), headers=before).text, PATH)
    house.app.accounts.sign_out(before["Cookie"].partition("=")[2])
    late = house.client.post(PATH, data=form | {"text": WRITTEN, "tags": "lost beam"}, headers=before)
    assert late.status_code == 401
    shown = late.text.partition('<p class="written">')[2].partition("</p>")[0]
    assert ("<" not in shown, html.unescape(shown)) == (True, WRITTEN)

    asked = fields(late.text, "/sign-in")
    wrong = house.client.post("/sign-in", data=asked | {"login": "pi", "password": "mistyped"}, headers=HOME)
    assert fields(wrong.text, "/sign-in") == asked  # also after a slip
    signed_in = house.client.post("/sign-in", data=asked | {"login": "pi", "password": PASSWORD}, headers=HOME)
    assert signed_in.status_code == 200
    now = HOME | {"Cookie": signed_in.headers["set-cookie"].partition(";")[0]}
    assert WRITTEN.partition("\n")[0] not in html.unescape(house.client.get(PATH.removesuffix("/notes"), headers=now).text)

    again = fields(signed_in.text, PATH)
    assert (again["text"], again["tags"]) == (WRITTEN, "lost beam")
    assert house.client.post(PATH, data=again, headers=now).status_code == 303
    assert "Second line." in house.client.get(PATH.removesuffix("/notes"), headers=now).text


def test_a_form_of_another_tab_is_sent_with_one_more_click(house: House) -> None:
    first, second = cookie_of(house, "pi"), cookie_of(house, "pi")
    form = fields(house.client.get(PATH.removesuffix("/notes"), headers=first).text, PATH)
    late = house.client.post(PATH, data=form | {"text": WRITTEN}, headers=second)
    assert late.status_code == 403
    again = fields(late.text, PATH)
    assert again["text"] == WRITTEN
    assert house.client.post(PATH, data=again, headers=second).status_code == 303


def test_who_signed_in_in_another_tab_signs_in_here_too(house: House) -> None:
    signed_in = cookie_of(house, "pi")
    again = house.client.post("/sign-in", data={"login": "pi", "password": PASSWORD, "next": "/teams"}, headers=signed_in)
    assert (again.status_code, again.headers["location"]) == (303, "/teams")


@pytest.mark.parametrize("origin", [{"Origin": "https://evil.example"}, {}, {"Origin": "null"}])
def test_a_form_of_another_site_is_never_held(house: House, origin: dict[str, str]) -> None:
    cookie = {"Cookie": cookie_of(house, "pi")["Cookie"], "Accept": "text/html"}
    answer = house.client.post(PATH, data={"csrf": "guessed", "text": WRITTEN}, headers=cookie | origin)
    assert answer.status_code == 403
    assert "Second line." not in answer.text


@pytest.mark.parametrize(
    "held",
    ["", "nonsense", "[]", '["https://evil.example", false, []]', '["//evil.example", false, [["a","b"]]]', '["/x",1,[3]]'],
)
def test_what_is_no_held_form_holds_nothing(house: House, held: str) -> None:
    answer = house.client.post("/sign-in", data={"login": "pi", "password": PASSWORD, "held": held}, headers=HOME)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_a_password_is_never_held(house: House) -> None:
    held = '["/x", false, [["password", "secret words here"], ["csrf", "c"], ["text", "kept words"]]]'
    page = house.client.post("/sign-in", data={"login": "pi", "password": "wrong", "held": held}, headers=HOME).text
    assert "kept words" in page
    assert "secret words" not in page
