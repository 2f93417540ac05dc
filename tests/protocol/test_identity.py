"""Who is asking: passwords, cookies, tokens, other origins."""

from __future__ import annotations

import pytest

from panmesh.access.accounts import ATTEMPT_WINDOW_US, SESSION_US
from panmesh.access.viewer import Scope
from panmesh.http.identity import COOKIE
from panmesh.testing.personas import PASSWORD
from tests.protocol.conftest import PIDS, House

ME = "/api/v1/me"


def _signed_in(house: House) -> tuple[str, str]:
    session = house.app.accounts.sign_in("pi", PASSWORD, "192.0.2.1")
    return session.secret, session.csrf


def _cookie(secret: str, **headers: str) -> dict[str, str]:
    return {"Cookie": f"{COOKIE}={secret}", **headers}


def test_after_five_failures_a_login_and_an_address_wait(house: House) -> None:
    url = "/api/v1/session"
    for attempt in range(5):
        wrong = house.client.post(url, json={"login": "pi", "password": f"wrong {attempt}"})
        nobody = house.client.post(url, json={"login": f"nobody{attempt}", "password": "wrong"})
        assert wrong.status_code in (401, 429)
        if nobody.status_code == 401:
            assert nobody.content == wrong.content
    blocked = house.client.post(url, json={"login": "pi", "password": PASSWORD})
    assert (blocked.status_code, blocked.headers["retry-after"]) == (429, "900")
    assert house.client.post(url, json={"login": "outsider", "password": PASSWORD}).status_code == 429
    house.moment[0] += ATTEMPT_WINDOW_US + 1
    assert house.client.post(url, json={"login": "pi", "password": PASSWORD}).status_code == 201


def test_addresses_are_kept_only_as_keyed_digests(house: House) -> None:
    house.client.post("/api/v1/session", json={"login": "pi", "password": "wrong password"})
    with house.app.database.read() as connection:
        kept = [row[0] for row in connection.exec_driver_sql("SELECT bucket FROM login_attempt")]
    assert len(kept) == 2
    assert not any("192.0.2.77" in bucket for bucket in kept)


def test_a_disabled_account_is_refused_in_every_way(house: House) -> None:
    secret, _ = _signed_in(house)
    bearer = house.bearer("pi")
    house.app.accounts.set_disabled("pi", True)
    assert house.client.get(ME, headers=_cookie(secret)).json()["signed_in"] is False
    assert house.client.get(ME, headers=bearer).status_code == 401
    assert house.client.post("/api/v1/session", json={"login": "pi", "password": PASSWORD}).status_code == 401


def test_a_session_lives_twelve_hours_from_its_use_and_ends_on_signing_out(house: House) -> None:
    secret, _ = _signed_in(house)
    house.moment[0] += SESSION_US * 3 // 4
    assert house.client.get(ME, headers=_cookie(secret)).json()["login"] == "pi"
    house.moment[0] += SESSION_US * 3 // 4
    assert house.client.get(ME, headers=_cookie(secret)).json()["login"] == "pi"
    house.moment[0] += SESSION_US + 1
    assert house.client.get(ME, headers=_cookie(secret)).json()["signed_in"] is False
    other, _ = _signed_in(house)
    house.app.accounts.sign_out(other)
    assert house.client.get(ME, headers=_cookie(other)).json()["signed_in"] is False


@pytest.mark.parametrize(
    ("headers", "counts"),
    [
        ({}, True),
        ({"Origin": "http://testserver"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, True),
    ],
)
def test_cookies_never_authenticate_what_another_origin_asks(house: House, headers: dict[str, str], counts: bool) -> None:
    secret, _ = _signed_in(house)
    answer = house.client.get(ME, headers=_cookie(secret, **headers))
    assert answer.json()["signed_in"] is counts
    assert "access-control-allow-credentials" not in answer.headers
    if "Origin" in headers:
        assert answer.headers["access-control-allow-origin"] == headers["Origin"]
        assert "Origin" in answer.headers["vary"]


def test_a_change_by_cookie_shows_the_token_of_its_session(house: House) -> None:
    secret, csrf = _signed_in(house)
    body = {"name": "laptop", "scopes": ["read"]}
    url = "/api/v1/tokens"
    assert house.client.post(url, json=body, headers=_cookie(secret)).status_code == 403
    assert house.client.post(url, json=body, headers=_cookie(secret, **{"X-CSRF-Token": "wrong"})).status_code == 403
    assert house.client.post(url, json=body, headers=_cookie(secret, **{"X-CSRF-Token": csrf})).status_code == 201
    evil = _cookie(secret, **{"X-CSRF-Token": csrf, "Origin": "https://evil.example"})
    assert house.client.post(url, json=body, headers=evil).status_code == 401
    for path in ("/tokens", "/sign-out", f"/datasets/{PIDS['open']}/edit"):
        assert house.client.post(path, data={"name": "x"}, headers=_cookie(secret)).status_code in (403, 422), path


def test_tokens_are_made_listed_revoked_and_end(house: House) -> None:
    pi = house.bearer("pi")
    made = house.client.post("/api/v1/tokens", json={"name": "laptop", "scopes": ["read"], "days": 1}, headers=pi).json()
    assert made["token"].startswith("pmt_")
    assert len(made["token"]) == 47
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert house.client.get(ME, headers=headers).json()["scopes"] == ["read"]
    assert made["token"] not in house.client.get("/api/v1/tokens", headers=pi).text
    assert house.client.post("/api/v1/tokens", json={"name": "more", "scopes": ["write"]}, headers=headers).status_code == 403
    assert house.client.delete(f"/api/v1/tokens/{made['id']}", headers=house.bearer("outsider")).status_code == 404
    house.moment[0] += 86_400_000_001
    expired = house.client.get(ME, headers=headers)
    assert (expired.status_code, expired.headers["www-authenticate"]) == (401, 'Bearer realm="panmesh"')
    assert house.client.delete(f"/api/v1/tokens/{made['id']}", headers=pi).status_code in (200, 204)
    house.moment[0] -= 86_400_000_001
    assert house.client.get(ME, headers=headers).status_code == 401


def test_a_membership_ends_on_its_day(house: House) -> None:
    from panmesh.access.viewer import TeamRole

    house.app.accounts.set_member("team", "outsider", TeamRole.GRANTEE, house.moment[0] + 1000)
    url = f"/api/v1/datasets/{PIDS['collecting']}"
    headers = house.bearer("outsider", frozenset({Scope.READ}))
    assert house.client.get(url, headers=headers).status_code == 200
    house.moment[0] += 1000
    assert house.client.get(url, headers=headers).status_code == 404


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "Bearer pmt_x", "Bearer \x01", "Basic cGk6cGk=", "Bearer pmt_" + "x" * 5000]
)
def test_odd_credentials_are_refused_or_count_for_nothing(house: House, value: str) -> None:
    answer = house.client.get(ME, headers={"Authorization": value})
    assert answer.status_code in (200, 401)
    if answer.status_code == 200:
        assert answer.json()["signed_in"] is False


def test_secrets_are_in_the_database_as_digests_only(house: House) -> None:
    secret, _ = _signed_in(house)
    token = house.bearer("pi")["Authorization"].split()[1]
    with house.app.database.read() as connection:
        for table in ("web_session", "api_token", "audit", "account"):
            rows = str(connection.exec_driver_sql(f"SELECT * FROM {table}").all())
            assert secret not in rows
            assert token not in rows
            assert PASSWORD not in rows
