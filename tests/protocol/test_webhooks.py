"""Webhooks: signed, sent until they arrive, about what the owner may read at that moment, to no address inside the house."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from panmesh.access.viewer import Scope
from panmesh.adapters.outbound.call import Caller
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.event_tables import webhook, webhook_delivery
from panmesh.app.announcing import Announcer
from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.catalogue.webhooks import sign
from panmesh.kernel.errors import Invalid, PeerFailed
from tests.processes import does, killed
from tests.protocol.conftest import HIDDEN, PIDS, House
from tests.protocol.receiving import Receiver, receiving
from tests.protocol.test_events import tell

API = "/api/v1/webhooks"
HOUR_US = 3_600_000_000


@pytest.fixture
def house_settings() -> dict[str, str]:
    return {"PANMESH_WEBHOOKS__ALLOW": '["127.0.0.0/8"]', "PANMESH_SERVER__PUBLIC_URL": '"https://data.example.org"'}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def _make(house: House, login: str, receiver: Receiver, **wanted: Any) -> dict[str, Any]:
    made = house.client.post(API, json={"url": receiver.url, **wanted}, headers=house.bearer(login))
    assert made.status_code == 201, made.text
    return made.json()  # type: ignore[no-any-return]


def _round(house: House) -> None:
    Announcer(house.app, threading.Event()).round()


def _deliveries(house: House, login: str, number: int) -> list[dict[str, Any]]:
    return house.client.get(f"{API}/{number}/deliveries", headers=house.bearer(login)).json()  # type: ignore[no-any-return]


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """The example of the specification's own libraries."""
    body = b'{"test": 2432232314}'
    secret, message, at = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
    assert sign(secret, message, at, body) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_complete_run_is_told_with_a_signature(house: House, receiver: Receiver) -> None:
    made = _make(house, "outsider", receiver, events=["run.complete"], instruments=["i1"])
    for what in ("created", "closed", "digested"):
        tell(house.app, PIDS["open"], what)
    _round(house)
    (got,) = receiver.got
    assert got.signed_with(made["secret"])
    assert got.json["type"] == "run.complete"
    assert got.json["data"]["pid"] == PIDS["open"]
    assert got.json["data"]["link"] == f"https://data.example.org/datasets/{PIDS['open']}"
    _round(house)
    assert len(receiver.got) == 1
    (delivery,) = _deliveries(house, "outsider", made["id"])
    assert (delivery["state"], delivery["status"], delivery["webhook_id"]) == ("delivered", 204, got.id)
    assert "secret" not in house.client.get(f"{API}/{made['id']}", headers=house.bearer("outsider")).json()


def test_nobody_is_told_of_what_they_may_not_know(house: House, receiver: Receiver) -> None:
    made = _make(house, "outsider", receiver)
    for pid in PIDS.values():
        tell(house.app, pid, "updated")
    _round(house)
    assert {got.json["data"]["pid"] for got in receiver.got} == {PIDS["open"], PIDS["embargoed"]}
    assert all("zirconium" not in got.body.decode() for got in receiver.got)
    assert len(_deliveries(house, "outsider", made["id"])) == 2


def test_the_hook_of_somebody_who_left_the_team_falls_silent(house: House, receiver: Receiver) -> None:
    made = _make(house, "member", receiver)
    receiver.status = 500
    tell(house.app, PIDS["collecting"], "updated")
    _round(house)
    assert len(receiver.got) == 1
    house.app.accounts.set_member("team", "member", None)
    receiver.status = 204
    house.moment[0] += HOUR_US
    tell(house.app, PIDS["collecting"], "closed")
    _round(house)
    assert len(receiver.got) == 1
    assert _deliveries(house, "member", made["id"]) == []  # nor does the list tell of it
    with house.app.database.write() as c:
        c.execute(t.account.update().where(t.account.c.login == "member").values(disabled=True))
    tell(house.app, PIDS["open"], "closed")
    _round(house)
    assert len(receiver.got) == 1


def test_what_does_not_arrive_is_sent_again_later_and_given_up_after_a_day(house: House, receiver: Receiver) -> None:
    made = _make(house, "outsider", receiver)
    receiver.status = 503
    tell(house.app, PIDS["open"], "closed")
    waits, attempts = [], 0
    for _ in range(40):
        _round(house)
        (delivery,) = _deliveries(house, "outsider", made["id"])
        if delivery["state"] != "waiting":
            break
        assert len(receiver.got) == (attempts := attempts + 1)
        with house.app.database.read() as c:
            due = c.execute(webhook_delivery.select()).one().next_us
        waits.append(due - house.moment[0])
        house.moment[0] = due - 1
        _round(house)
        assert len(receiver.got) == attempts, "not before it is due"
        house.moment[0] = due
    assert delivery["state"] == "failed"
    assert waits[0] < 10_000_000 < waits[-1]
    assert len({got.id for got in receiver.got}) == 1
    hook = house.client.get(f"{API}/{made['id']}", headers=house.bearer("outsider")).json()
    assert hook["disabled"]
    assert "503" in hook["disabled_why"]
    assert house.client.post(f"{API}/{made['id']}/test", headers=house.bearer("outsider")).status_code == 409
    receiver.status = 204
    assert house.client.post(f"{API}/{made['id']}/enable", headers=house.bearer("outsider")).json()["disabled"] is None
    before = len(receiver.got)
    tell(house.app, PIDS["open"], "updated")
    _round(house)
    assert len(receiver.got) == before + 1


def test_a_receiver_that_wants_no_more_is_not_called_again(house: House, receiver: Receiver) -> None:
    made = _make(house, "outsider", receiver)
    receiver.status = 410
    tell(house.app, PIDS["open"], "closed")
    tell(house.app, PIDS["open"], "updated")
    _round(house)
    house.moment[0] += HOUR_US
    _round(house)
    assert len(receiver.got) == 1
    assert house.client.get(f"{API}/{made['id']}", headers=house.bearer("outsider")).json()["disabled"]


def test_a_test_and_a_second_delivery_can_be_asked_for(house: House, receiver: Receiver) -> None:
    made = _make(house, "outsider", receiver)
    who = house.bearer("outsider")
    assert house.client.post(f"{API}/{made['id']}/test", headers=who).status_code == 202
    _round(house)
    assert (receiver.got[0].json["type"], receiver.got[0].json["data"]) == ("test", {})
    (delivery,) = _deliveries(house, "outsider", made["id"])
    assert house.client.post(f"{API}/{made['id']}/deliveries/{delivery['id']}/redeliver", headers=who).status_code == 202
    _round(house)
    assert [got.id for got in receiver.got] == [receiver.got[0].id] * 2


def test_webhooks_are_their_owners_alone(house: House, receiver: Receiver) -> None:
    made = _make(house, "pi", receiver)
    number = made["id"]
    assert house.client.get(API).status_code == 401
    read = house.bearer("pi", frozenset({Scope.READ}))
    assert house.client.post(API, json={"url": receiver.url}, headers=read).status_code == 403
    for login in ("outsider", "admin"):
        who = house.bearer(login)
        assert house.client.get(API, headers=who).json() == []
        for method, path in (
            ("GET", ""), ("DELETE", ""), ("POST", "/enable"), ("POST", "/test"), ("GET", "/deliveries"), ("POST", "/deliveries/1/redeliver"),
        ):  # fmt: skip
            answers = [house.client.request(method, f"{API}/{n}{path}", headers=who) for n in (number, 10**6)]
            assert answers[0].status_code == 404, path
            assert answers[0].content == answers[1].content
    assert house.client.delete(f"{API}/{number}", headers=house.bearer("pi")).status_code == 204
    assert house.client.get(API, headers=house.bearer("pi")).json() == []


INSIDE = (
    "http://example.org/", "https://127.0.0.1/", "https://localhost/", "https://10.1.2.3/", "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://192.168.1.1:8443/", "https://0.0.0.0/", "https://100.64.1.1/",
    "https://[fd00::1]/", "https://[64:ff9b::a00:1]/", "https://[2002:a00:1::]/", "https://224.0.0.1/", "https://2130706433/",
    "ftp://example.org/", "https://user:word@93.184.215.14/", "https:///nowhere", "https://exa mple.org/", "javascript:alert(1)",
)  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
def test_no_address_inside_the_house_is_called(url: str) -> None:
    with pytest.raises((Invalid, PeerFailed)):
        Caller().check(url)


def test_a_name_is_asked_once_and_the_address_that_was_looked_at_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that says another address the second time gains nothing."""
    answers = iter(["93.184.215.14", "127.0.0.1"])
    called: list[Any] = []

    def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), 443))]

    def connect(address: Any, *_: Any, **__: Any) -> Any:
        called.append(address)
        raise OSError("not in a test")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(PeerFailed):
        Caller().post("https://rebinding.example.org/", {}, b"{}")
    assert called == [("93.184.215.14", 443)]


def test_no_redirect_is_followed_and_no_slow_answer_is_waited_for(receiver: Receiver) -> None:
    caller = Caller(["127.0.0.0/8"], seconds=1.0)
    receiver.status, receiver.headers = 302, {"Location": receiver.url + "/elsewhere"}
    assert caller.post(receiver.url, {}, b"{}") == 302
    assert len(receiver.got) == 1
    receiver.status, receiver.drip = 200, 0.05
    begun = time.monotonic()
    try:
        caller.post(receiver.url, {}, b"{}")
    except PeerFailed:
        pass
    assert time.monotonic() - begun < 5


def _announce(house: House, settings: dict[str, str]) -> None:
    environment = settings | {"PANMESH_DATABASE__URL": house.app.settings.database_url}
    app = Composition(load(data=house.app.settings.data, environment=environment))
    Announcer(app, threading.Event()).round()
    app.close()


@pytest.mark.parametrize("point", ["webhook.written", "webhook.sent"])
def test_kill_9_loses_no_delivery(house: House, receiver: Receiver, point: str, house_settings: dict[str, str]) -> None:
    made = _make(house, "outsider", receiver)
    tell(house.app, PIDS["open"], "closed")
    killed(lambda: _announce(house, house_settings), f"{point}:kill", beside=house.app)
    with house.app.database.write() as c:  # as if its lease had passed
        c.execute(webhook_delivery.update().values(next_us=0))
    does(lambda: _announce(house, house_settings), beside=house.app)
    assert len(receiver.got) == (2 if point == "webhook.sent" else 1)
    assert len({got.id for got in receiver.got}) == 1  # the receiver knows that it had it
    assert [one["state"] for one in _deliveries(house, "outsider", made["id"])] == ["delivered"]
    with house.app.database.read() as c:
        assert c.execute(webhook.select()).one().failing_us is None


def test_hidden_runs_leave_no_trace_in_the_list_of_deliveries(house: House, receiver: Receiver) -> None:
    made = _make(house, "pi", receiver)
    for name in HIDDEN:
        tell(house.app, PIDS[name], "updated")
    _round(house)
    assert len(_deliveries(house, "pi", made["id"])) == 3
    house.app.accounts.set_member("team", "pi", None)
    assert _deliveries(house, "pi", made["id"]) == []
