"""Saved searches: what is new in them is told once, to those who may read it at that moment; also what opens by the clock."""

from __future__ import annotations

import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from panmesh.access.viewer import Scope
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.event_tables import alert_mail
from panmesh.app.announcing import Announcer
from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.catalogue.mailing import due_us
from panmesh.catalogue.saved_searches import Alert
from panmesh.cli.main import cli
from panmesh.kernel.clock import DAY_US
from panmesh.testing.personas import PASSWORD
from tests.processes import does, killed
from tests.protocol.conftest import HIDDEN, NOW, PIDS, SECRET, House
from tests.protocol.mailbox import Mailbox
from tests.protocol.test_events import tell

API = "/api/v1/searches"
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def house_settings(mail_settings: dict[str, str]) -> dict[str, str]:
    return mail_settings


@pytest.fixture
def told(house: House, mailbox: tuple[Mailbox, int]) -> Callable[[], list[str]]:
    """Runs the work and returns the texts of all mails so far."""
    for login in ("outsider", "member", "pi"):
        house.app.accounts.set_email(login, f"{login}@example.org")

    def work() -> list[str]:
        Announcer(house.app, threading.Event()).round()
        return mailbox[0].texts(alerts=True)

    return work


def _save(house: House, login: str, query: str, alert: str = "at-once") -> dict[str, Any]:
    body = {"name": "my search", "query": query, "alert": alert}
    made = house.client.post(API, json=body, headers=house.bearer(login))
    assert made.status_code == 201, made.text
    return made.json()  # type: ignore[no-any-return]


def _arrive(house: House, name: str) -> None:
    """As if it came now."""
    with house.app.database.write() as c:
        c.execute(t.dataset.update().where(t.dataset.c.pid == PIDS[name]).values(created_us=house.moment[0]))
    tell(house.app, PIDS[name], "created")


def test_a_new_run_is_told_once(house: House, told: Callable[[], list[str]], mailbox: tuple[Mailbox, int]) -> None:
    _save(house, "outsider", "state=open&sort=title")
    assert told() == []  # what was there is no news
    house.moment[0] += 1
    _arrive(house, "open")
    (text,) = told()
    assert f"https://data.example.org/datasets/{PIDS['open']}" in text
    tell(house.app, PIDS["open"], "updated")
    house.moment[0] += DAY_US
    assert len(told()) == 1
    mail = mailbox[0].got[0]
    assert (mail["To"], mail["Subject"]) == ("outsider@example.org", "1 new run: my search")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Auto-Submitted"] == "auto-generated"


def test_what_opens_is_new_for_those_who_could_not_read_it_before(house: House, told: Callable[[], list[str]]) -> None:
    with house.app.database.write() as c:
        c.execute(t.terms.update().where(t.terms.c.id == 2).values(opens_us=NOW + DAY_US))
    for login in ("outsider", "member"):
        _save(house, login, f"sample={SECRET}")
    assert told() == []
    house.moment[0] = NOW + DAY_US
    (text,) = told()  # the member read it all the time
    assert PIDS["embargoed"] in text
    house.moment[0] += DAY_US
    assert len(told()) == 1


def test_many_that_open_at_one_instant_are_all_told(house: House, told: Callable[[], list[str]], monkeypatch: Any) -> None:
    monkeypatch.setattr("panmesh.catalogue.saved_searches.PIECE", 1)
    with house.app.database.write() as c:
        c.execute(t.terms.update().where(t.terms.c.id.in_([2, 4])).values(opens_us=NOW + DAY_US, ends_us=NOW - DAY_US))
    _save(house, "outsider", "state=open")
    house.moment[0] = NOW + DAY_US
    (text,) = told()
    assert PIDS["embargoed"] in text
    assert PIDS["collecting"] in text


def test_a_sample_that_is_named_later_makes_a_match_and_an_old_run_does_not(house: House, told: Callable[[], list[str]]) -> None:
    house.moment[0] += 1
    _save(house, "outsider", "sample=ceria")
    tell(house.app, PIDS["open"], "updated")
    assert told() == []  # it was there before
    house.moment[0] += 1
    with house.app.database.write() as c:
        late = {"created_us": house.moment[0], "sample_id": None}
        c.execute(t.dataset.update().where(t.dataset.c.pid == PIDS["open"]).values(**late))
    tell(house.app, PIDS["open"], "created")
    assert told() == []
    house.app.editing.change(house.app.accounts.viewer("admin"), PIDS["open"], {"sample": {"name": "ceria"}}, 2)
    assert len(told()) == 1


def test_nobody_is_mailed_about_what_they_may_not_know(house: House, told: Callable[[], list[str]]) -> None:
    _save(house, "outsider", "")
    house.moment[0] += 1
    for name in (*HIDDEN, "embargoed", "open"):
        _arrive(house, name)
    (text,) = told()
    assert SECRET not in text
    assert not [name for name in HIDDEN if PIDS[name] in text]
    assert PIDS["open"] in text


def test_rights_count_when_the_mail_is_sent(house: House, told: Callable[[], list[str]], mailbox: tuple[Mailbox, int]) -> None:
    _save(house, "member", "")
    house.moment[0] += 1
    _arrive(house, "collecting")
    mailbox[0].refuse = 1
    assert told() == []
    house.app.accounts.set_member("team", "member", None)
    house.moment[0] += DAY_US // 24
    assert told() == []
    with house.app.database.read() as c:
        assert c.execute(select(alert_mail.c.state)).scalar_one() == "empty"


def test_a_mail_that_is_not_taken_goes_later_under_the_same_name(
    house: House, told: Callable[[], list[str]], mailbox: tuple[Mailbox, int]
) -> None:
    _save(house, "outsider", "")
    house.moment[0] += 1
    _arrive(house, "open")
    mailbox[0].refuse = 1
    assert told() == []
    assert told() == []  # not at once
    house.moment[0] += DAY_US // 24
    assert len(told()) == 1


def test_daily_alerts_go_once_a_day_at_the_facilitys_hour(house: House, told: Callable[[], list[str]]) -> None:
    made = _save(house, "outsider", "", alert="daily")
    search = house.app.search_store.one(made["id"])
    assert search is not None
    assert search.alert is Alert.DAILY
    due = due_us(search, "UTC", 7)
    assert NOW < due <= NOW + DAY_US
    assert (due - 7 * DAY_US // 24) % DAY_US == 0
    house.moment[0] += 1
    _arrive(house, "open")
    house.moment[0] = due - 1
    assert told() == []
    house.moment[0] = due
    assert len(told()) == 1


def test_one_click_ends_the_mails_and_nothing_else(
    house: House, told: Callable[[], list[str]], mailbox: tuple[Mailbox, int]
) -> None:
    made = _save(house, "outsider", "")
    house.moment[0] += 1
    _arrive(house, "open")
    told()
    address = mailbox[0].got[0]["List-Unsubscribe"].strip("<>").removeprefix("https://data.example.org")
    assert house.client.get(address).status_code == 200
    assert house.client.get(API, headers=house.bearer("outsider")).json()[0]["alert"] == "at-once"
    assert house.client.post(address, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert house.client.get(API, headers=house.bearer("outsider")).json()[0]["alert"] == "none"
    token = address.rpartition("/")[2]
    assert house.client.get(f"/feed/{token}").status_code == 404
    feed = made["feed"].rpartition("/")[2]
    assert house.client.post(f"/unsubscribe/{feed}").status_code == 404
    assert house.client.post(f"/unsubscribe/{token[:-1]}x").status_code == 404


def _entries(text: str) -> list[tuple[str, str]]:
    found = ET.fromstring(text).findall(f"{ATOM}entry")
    return [(e.findtext(f"{ATOM}id") or "", e.findtext(f"{ATOM}title") or "") for e in found]


def test_a_feed_of_any_search_tells_everybody_what_is_open(house: House) -> None:
    answer = house.client.get("/feed", params={"instrument": "i1"})
    assert answer.headers["content-type"] == "application/atom+xml"
    assert {id.rpartition("/")[2] for id, _ in _entries(answer.text)} == {PIDS["open"], PIDS["embargoed"]}
    assert SECRET not in answer.text
    again = house.client.get("/feed", params={"instrument": "i1"}, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    with house.app.database.write() as c:
        c.execute(t.terms.update().where(t.terms.c.id == 2).values(opens_us=NOW + DAY_US))
    house.moment[0] = NOW + DAY_US
    opened = _entries(house.client.get("/feed", params={"instrument": "i1"}).text)
    assert (f"https://data.example.org/datasets/{PIDS['embargoed']}#opened", "Opened: A run embargoed") in opened


def test_a_private_feed_reads_as_its_owner_and_can_do_nothing_else(house: House) -> None:
    made = _save(house, "pi", "", "none")
    path = made["feed"].removeprefix("https://data.example.org")
    found = house.client.get(path)
    assert PIDS["collecting"] in found.text
    assert found.headers["cache-control"] == "private, no-cache"
    token = path.rpartition("/")[2]
    assert house.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert house.client.get(path[:-1] + ("x" if path[-1] != "x" else "y")).status_code == 404
    house.app.accounts.set_member("team", "pi", None)
    assert PIDS["collecting"] not in house.client.get(path).text
    who = house.bearer("pi")
    renewed = house.client.post(f"{API}/{made['id']}/new-addresses", headers=who).json()["feed"]
    assert renewed != made["feed"]
    assert house.client.get(path).status_code == 404
    assert house.client.delete(f"{API}/{made['id']}", headers=who).status_code == 204
    assert house.client.get(renewed.removeprefix("https://data.example.org")).status_code == 404


def test_saved_searches_are_their_owners_alone_and_deleting_can_be_undone(house: House) -> None:
    made = _save(house, "pi", "q=ceria", "none")
    assert house.client.get(API).status_code == 401
    read = house.bearer("pi", frozenset({Scope.READ}))
    assert house.client.delete(f"{API}/{made['id']}", headers=read).status_code == 403
    for login in ("outsider", "admin"):
        who = house.bearer(login)
        for method, path, body in (
            ("PATCH", "", {"name": "x"}), ("DELETE", "", None), ("POST", "/undo", None), ("POST", "/new-addresses", None),
        ):  # fmt: skip
            answers = [house.client.request(method, f"{API}/{n}{path}", headers=who, json=body) for n in (made["id"], 10**6)]
            assert answers[0].status_code == 404, path
            assert answers[0].content == answers[1].content
    who = house.bearer("pi")
    renamed = house.client.patch(f"{API}/{made['id']}", json={"name": " two\nlines "}, headers=who).json()
    assert renamed["name"] == "two lines"
    assert house.client.delete(f"{API}/{made['id']}", headers=who).status_code == 204
    assert house.client.get(API, headers=who).json() == []
    assert house.client.post(f"{API}/{made['id']}/undo", headers=who).json()["deleted"] is None
    assert len(house.client.get(API, headers=who).json()) == 1
    assert house.client.post(API, json={"name": "x", "query": "quantity=nonsense"}, headers=who).status_code == 422


def _announce(house: House, settings: dict[str, str]) -> None:
    environment = settings | {"PANMESH_DATABASE__URL": house.app.settings.database_url}
    app = Composition(load(data=house.app.settings.data, environment=environment))
    Announcer(app, threading.Event()).round()
    app.close()


@pytest.mark.parametrize("point", ["alert.written", "alert.sent"])
def test_kill_9_loses_no_alert_and_a_second_copy_is_known_as_one(
    house: House, told: Callable[[], list[str]], mailbox: tuple[Mailbox, int], point: str, house_settings: dict[str, str]
) -> None:
    house.app.clock = lambda: NOW
    _save(house, "outsider", "")
    with house.app.database.write() as c:
        c.execute(t.dataset.update().where(t.dataset.c.pid == PIDS["open"]).values(created_us=NOW + 1))
    tell(house.app, PIDS["open"], "created")
    killed(lambda: _announce(house, house_settings), f"{point}:kill", beside=house.app)
    with house.app.database.write() as c:
        c.execute(alert_mail.update().values(next_us=0))  # as if its lease had passed
    for _ in range(2):
        does(lambda: _announce(house, house_settings), beside=house.app)
    assert len(mailbox[0].got) == (2 if point == "alert.sent" else 1)
    assert len({mail["Message-ID"] for mail in mailbox[0].got}) == 1
    with house.app.database.read() as c:
        assert c.execute(select(alert_mail.c.state)).scalars().all() == ["sent"]


def test_a_mail_can_be_looked_at_and_the_server_tried(
    house: House,
    told: Callable[[], list[str]],
    mailbox: tuple[Mailbox, int],
    house_settings: dict[str, str],
    monkeypatch: Any,
    capsys: Any,
) -> None:
    made = _save(house, "outsider", "")
    house.moment[0] += 1
    _arrive(house, "open")
    told()
    for name, value in {**house_settings, "PANMESH_DATABASE__URL": house.app.settings.database_url}.items():
        monkeypatch.setenv(name, value)
    data = str(house.app.settings.data)
    cli.main(["mail", "preview", str(made["id"]), "--data", data], standalone_mode=False)
    assert "List-Unsubscribe:" in capsys.readouterr().out
    cli.main(["mail", "test", "somebody@example.org", "--data", data], standalone_mode=False)
    assert mailbox[0].got[-1]["To"] == "somebody@example.org"


def test_the_page_works_without_script(house: House) -> None:
    """Save from the search page, rename, delete, undo; make a webhook."""
    signed = house.client.post("/sign-in", data={"login": "pi", "password": PASSWORD})
    cookie = {"Cookie": signed.headers["set-cookie"].partition(";")[0]}
    page = house.client.get("/notifications/searches/new", params={"q": "ceria", "offset": "25"}, headers=cookie).text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    assert csrf is not None
    form = {"csrf": csrf[1]}
    assert 'value="q=ceria"' in page
    saved = house.client.post("/notifications/searches", data=form | {"name": "ceria", "query": "q=ceria"}, headers=cookie)
    assert saved.status_code == 303
    assert "ceria" in house.client.get("/notifications", headers=cookie).text
    (one,) = house.client.get(API, headers=house.bearer("pi")).json()
    gone = house.client.post(f"/notifications/searches/{one['id']}/delete", data=form, headers=cookie)
    assert "Undo" in house.client.get(gone.headers["location"], headers=cookie).text
    assert house.client.post(f"/notifications/searches/{one['id']}/undo", data=form, headers=cookie).status_code == 303
    assert len(house.client.get(API, headers=house.bearer("pi")).json()) == 1
    refused = house.client.post("/notifications/webhooks", data=form | {"url": "https://127.0.0.1/"}, headers=cookie)
    assert (refused.status_code, "not a public address" in refused.text) == (422, True)
    assert house.client.get("/notifications").status_code == 303
