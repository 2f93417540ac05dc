"""A team kept by who leads it: invited, put in, given an end, taken out, taken back, and from that moment on everywhere."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from panmesh.access.viewer import OPERATOR, Scope, TeamRole
from panmesh.adapters.sql import people_tables as p
from panmesh.adapters.sql import tables as t
from panmesh.app.team_mails import link_of
from panmesh.kernel.clock import DAY_US, facility_day
from panmesh.portal.pages_team import routes
from panmesh.testing.postgres import new_database
from tests.conftest import empty_facility
from tests.protocol.conftest import NOW, PIDS, SECRET, House, furnish

VISIT = "pm-visit2"
RUN = PIDS["embargoed"]
FILE = f"/api/v1/datasets/{RUN}/files/{SECRET}.nxs"
TODAY = facility_day(NOW, "UTC")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lasting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("teams")
    postgresql = request.param == "postgresql"
    url = new_database(os.environ["TEST_POSTGRES_URL"]) if postgresql else f"sqlite:///{folder / 'test.db'}"
    app = empty_facility(folder, url)
    yield furnish(app)
    app.close()


@pytest.fixture
def house(lasting: House) -> Iterator[House]:
    """One house for all of these tests: its team is as it was before each."""
    yield lasting
    lasting.moment[0] = NOW
    with lasting.app.database.write() as c:
        for table in (p.invitation, p.team_change, p.team_removal, p.former_member, t.team_member):
            c.execute(table.delete())
    for login, role in (("pi", TeamRole.PI), ("member", TeamRole.MEMBER)):
        lasting.app.accounts.set_member("team", login, role)


def call(house: House, who: str | None, method: str, path: str, **body: Any) -> httpx.Response:
    headers = house.bearer(who) if who else {}
    return house.client.request(method, f"/api/v1/teams{path}", headers=headers, **({"json": body} if body else {}))


def team(house: House, who: str = "pi") -> Any:
    answer = call(house, who, "GET", f"/{VISIT}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def number_of(house: House, login: str) -> int:
    with house.app.database.read() as connection:
        return int(connection.execute(select(t.account.c.id).where(t.account.c.login == login)).scalar_one())


def reads(house: House, login: str) -> bool:
    return house.client.get(FILE, headers=house.bearer(login)).status_code == 200


def token_of(house: House, address: str) -> str:
    found = next(i for i in house.app.teams.team(OPERATOR, VISIT).invitations if i.address == address)
    return link_of(house.app, found).rpartition("/")[2]


def sign_in(house: House, login: str) -> dict[str, str]:
    answer = house.client.post("/sign-in", data={"login": login, "password": "panmesh-demo"})
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def csrf(house: House, cookie: dict[str, str], path: str) -> str:
    page = house.client.get(path, headers=cookie).text
    return page.partition('name="csrf" value="')[2].partition('"')[0]


def join(house: House, login: str, token: str) -> httpx.Response:
    cookie = sign_in(house, login)
    path = f"/invitations/{token}"
    return house.client.post(path, data={"csrf": csrf(house, cookie, path)}, headers=cookie)


def test_the_team_and_the_facility_see_who_is_in_and_nobody_else(house: House) -> None:
    found = team(house)
    assert [(m["name"], m["role"], m["source"], m["you"]) for m in found["members"]] == [
        ("Pi", "pi", "person", True),
        ("Member", "member", "person", False),
    ]
    assert found["may_change"]
    assert not team(house, "member")["may_change"]
    assert team(house, "member")["invitations"] == []
    assert not team(house, "scientist")["may_change"]
    assert team(house, "steward")["may_change"]
    absent = call(house, "outsider", "GET", "/pm-nothing")
    hidden = call(house, "outsider", "GET", f"/{VISIT}")
    assert (hidden.status_code, hidden.text.replace(VISIT, "")) == (404, absent.text.replace("pm-nothing", ""))
    assert call(house, None, "GET", f"/{VISIT}").status_code == 401
    assert house.client.get(f"/proposals/{VISIT}/team", headers=house.bearer("outsider")).status_code == 404


def test_somebody_invited_joins_with_an_account_of_theirs_and_the_link_works_once(house: House) -> None:
    last = TODAY + timedelta(days=30)
    made = call(house, "pi", "POST", f"/{VISIT}/invitations", address="student@example.org", until=last.isoformat())
    assert made.status_code == 201, made.text
    assert made.json()["invitations"][0]["state"] == "open"
    assert not reads(house, "outsider")
    token = token_of(house, "student@example.org")
    assert "Pi invites you" in house.client.get(f"/invitations/{token}").text
    joined = join(house, "outsider", token)
    assert (joined.status_code, joined.headers["location"]) == (303, f"/proposals/{VISIT}/team")
    assert reads(house, "outsider")
    assert join(house, "outsider", token).status_code == 409
    assert house.client.get(f"/invitations/{token}").status_code == 410
    assert {i["taken_by"] for i in team(house)["invitations"]} == {"Outsider"}
    house.moment[0] += 29 * DAY_US
    assert reads(house, "outsider")
    house.moment[0] += 2 * DAY_US
    assert not reads(house, "outsider")
    assert [m["ended"] for m in team(house)["members"]] == [False, False, True]


def test_somebody_without_an_account_makes_one_with_the_link(house: House) -> None:
    call(house, "pi", "POST", f"/{VISIT}/invitations", address="new@example.org")
    token = token_of(house, "new@example.org")
    body = {"name": "New One", "login": "newone", "password": "long enough it is"}
    assert house.client.post(f"/invitations/{token}", data=body | {"password": "short"}).status_code == 422
    assert house.client.post(f"/invitations/{token}", data=body | {"login": "pi"}).status_code == 409
    made = house.client.post(f"/invitations/{token}", data=body)
    assert made.status_code == 303
    cookie = {"Cookie": made.headers["set-cookie"].partition(";")[0]}
    assert house.client.get(FILE, headers=cookie).status_code == 200
    assert house.client.post(f"/invitations/{token}", data=body | {"login": "second"}).status_code == 409
    with pytest.raises(Exception, match="no account"):
        house.app.accounts.viewer("second")
    assert house.app.accounts.email(house.app.accounts.viewer("newone").user_id or 0) == "new@example.org"


def test_an_invitation_ends_is_taken_back_and_falls_with_who_sent_it(house: House) -> None:
    for address in ("late@example.org", "back@example.org", "fallen@example.org"):
        call(house, "pi", "POST", f"/{VISIT}/invitations", address=address)
    assert call(house, "pi", "POST", f"/{VISIT}/invitations", address="LATE@example.org").status_code == 409
    tokens = {a: token_of(house, f"{a}@example.org") for a in ("late", "back", "fallen")}
    number = next(i["id"] for i in team(house)["invitations"] if i["address"] == "back@example.org")
    assert call(house, "member", "DELETE", f"/{VISIT}/invitations/{number}").status_code == 403
    assert call(house, "pi", "DELETE", f"/{VISIT}/invitations/{number}").status_code == 200
    assert call(house, "pi", "DELETE", f"/{VISIT}/invitations/{number}").status_code == 409
    assert join(house, "outsider", tokens["back"]).status_code == 409
    call(house, "steward", "PATCH", f"/{VISIT}/members/{number_of(house, 'member')}", role="pi")
    call(house, "steward", "PATCH", f"/{VISIT}/members/{number_of(house, 'pi')}", role="member")
    assert "does not keep this team any more" in join(house, "outsider", tokens["fallen"]).text
    house.moment[0] += 15 * DAY_US
    assert "has ended" in house.client.get(f"/invitations/{tokens['late']}").text
    assert not reads(house, "outsider")
    forged = tokens["late"][:-1] + ("A" if tokens["late"][-1] != "A" else "B")
    assert house.client.get(f"/invitations/{forged}").status_code == 404


def test_who_is_taken_out_reads_nothing_from_then_on_and_that_can_be_undone(house: House) -> None:
    number = number_of(house, "member")
    assert reads(house, "member")
    assert call(house, "pi", "DELETE", f"/{VISIT}/members/{number}").status_code == 204
    assert call(house, "pi", "DELETE", f"/{VISIT}/members/{number}").status_code == 404
    for path in (FILE, f"/api/v1/teams/{VISIT}"):
        assert house.client.get(path, headers=house.bearer("member")).status_code in (403, 404), path
    change = team(house)["changes"][0]
    assert (change["who"], change["what"], change["may_undo"]) == ("Member", "removed", True)
    assert call(house, "member", "POST", f"/{VISIT}/changes/{change['id']}/undo").status_code == 404
    assert call(house, "pi", "POST", f"/{VISIT}/changes/{change['id']}/undo").status_code == 200
    assert reads(house, "member")
    assert call(house, "pi", "POST", f"/{VISIT}/changes/{change['id']}/undo").status_code == 409
    actions = [e.action for e in house.app.audit.entries(pid=VISIT)]
    assert actions[:2] == ["team change undone", "team member removed"]


def test_a_stream_that_is_open_ends_for_who_is_taken_out(house: House) -> None:
    from panmesh.http.identity import viewer_now

    secret = house.bearer("member")["Authorization"].partition(" ")[2]
    services: Any = type("S", (), {"accounts": house.app.accounts})
    assert viewer_now(services, {"panmesh.bearer": secret}).teams
    call(house, "pi", "DELETE", f"/{VISIT}/members/{number_of(house, 'member')}")
    assert not viewer_now(services, {"panmesh.bearer": secret}).teams


def test_only_who_leads_changes_a_team_and_only_the_facility_says_who_leads(house: House) -> None:
    pi, member, outsider = (number_of(house, login) for login in ("pi", "member", "outsider"))
    for who in ("member", "scientist"):
        assert call(house, who, "POST", f"/{VISIT}/invitations", address="x@example.org").status_code == 403
        assert call(house, who, "PATCH", f"/{VISIT}/members/{pi}", role="member").status_code == 403
    assert call(house, "outsider", "POST", f"/{VISIT}/invitations", address="x@example.org").status_code == 404
    assert call(house, "pi", "PATCH", f"/{VISIT}/members/{member}", role="pi").status_code == 403
    assert call(house, "pi", "DELETE", f"/{VISIT}/members/{pi}").status_code == 403
    assert call(house, "steward", "DELETE", f"/{VISIT}/members/{pi}").status_code == 409
    assert call(house, "pi", "POST", f"/{VISIT}/members", login="outsider").status_code == 404
    assert call(house, "pi", "POST", f"/{VISIT}/members", login="nobody").status_code == 404
    assert call(house, "steward", "POST", f"/{VISIT}/members", login="outsider", role="grantee").status_code == 201
    assert reads(house, "outsider")
    assert call(house, "outsider", "GET", f"/{VISIT}").status_code == 404  # let in to look, not to see who else is
    assert call(house, "outsider", "DELETE", f"/{VISIT}/members/{outsider}").status_code == 204  # leaves
    assert not reads(house, "outsider")
    assert call(house, "member", "DELETE", f"/{VISIT}/members/{member}").status_code == 204
    left = next(c for c in team(house)["changes"] if c["who"] == "Member")
    assert (left["what"], left["may_undo"]) == ("left", False)
    reading = house.bearer("pi", frozenset({Scope.READ}))
    assert house.client.delete(f"/api/v1/teams/{VISIT}/members/{member}", headers=reading).status_code == 403


def test_an_end_is_tomorrow_or_later_and_for_nobody_who_leads(house: House) -> None:
    member = number_of(house, "member")
    for wrong in (TODAY - timedelta(days=1), TODAY + timedelta(days=4000)):
        answer = call(house, "pi", "PATCH", f"/{VISIT}/members/{member}", role="member", until=wrong.isoformat())
        assert answer.status_code == 422, answer.text
    pi = number_of(house, "pi")
    later = (TODAY + timedelta(days=9)).isoformat()
    assert call(house, "steward", "PATCH", f"/{VISIT}/members/{pi}", role="pi", until=later).status_code == 422
    assert call(house, "pi", "PATCH", f"/{VISIT}/members/{member}", role="member", until=later).status_code == 200
    assert team(house)["members"][1]["until"].startswith((TODAY + timedelta(days=10)).isoformat())


def test_who_took_part_stays_named_and_who_came_by_mistake_does_not(house: House) -> None:
    def named() -> list[str]:
        return [m["name"] for m in house.client.get(f"/api/v1/investigations/{VISIT}").json()["members"]]

    assert named() == ["Pi", "Member"]
    with house.app.database.write() as connection:
        connection.execute(t.team_member.update().values(source="schedule"))
    call(house, "pi", "DELETE", f"/{VISIT}/members/{number_of(house, 'member')}")
    assert named() == ["Pi", "Member"]
    former = team(house)["former"]
    assert [f["name"] for f in former] == ["Member"]
    call(house, "steward", "POST", f"/{VISIT}/members", login="outsider")
    assert named() == ["Pi", "Member", "Outsider"]
    call(house, "pi", "DELETE", f"/{VISIT}/members/{number_of(house, 'outsider')}")  # after the visit: took no part
    assert named() == ["Pi", "Member"]
    assert call(house, "pi", "DELETE", f"/{VISIT}/former/{former[0]['number']}").status_code == 200
    assert named() == ["Pi"]


def test_the_page_does_what_the_api_does(house: House) -> None:
    cookie = sign_in(house, "pi")
    path = f"/proposals/{VISIT}/team"
    token = csrf(house, cookie, path)
    assert "Keep the team" not in house.client.get("/investigations/pm-visit2").text
    assert f"/proposals/{VISIT}/team" in house.client.get(f"/investigations/{VISIT}", headers=cookie).text
    invited = house.client.post(f"{path}/invite", data={"csrf": token, "address": "a@example.org"}, headers=cookie)
    assert "/invitations/" in invited.text
    assert (
        house.client.post(f"{path}/invite", data={"csrf": token, "address": "a@b\nBcc: c@d"}, headers=cookie).status_code == 422
    )
    assert house.client.post(f"{path}/invite", data={"address": "b@example.org"}, headers=cookie).status_code == 403
    number = number_of(house, "member")
    assert house.client.post(f"{path}/members/{number}", data={"csrf": token, "until": "soon"}, headers=cookie).status_code == 422
    assert house.client.post(f"{path}/members/{number}/remove", data={"csrf": token}, headers=cookie).status_code == 303
    change = team(house)["changes"][0]["id"]
    assert "Undo" in house.client.get(path, headers=cookie).text
    assert house.client.post(f"{path}/changes/{change}/undo", data={"csrf": token}, headers=cookie).status_code == 303
    assert reads(house, "member")


# --- two who lead it, at once -----------------------------------------------------------------------------------------


def at_once(*acts: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """All begin at the same moment; the answers in their order."""
    together = threading.Barrier(len(acts))

    def begin(act: Callable[[], httpx.Response]) -> httpx.Response:
        together.wait(10)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(begin, acts))


@pytest.fixture
def two_leaders(house: House) -> House:
    assert call(house, "steward", "POST", f"/{VISIT}/members", login="scientist", role="pi").status_code == 201
    return house


def etag_of(house: House, login: str) -> str:
    number = number_of(house, login)
    return str(next(m["etag"] for m in team(house)["members"] if m["number"] == number))


def test_two_who_lead_a_team_do_not_undo_unseen_what_the_other_did(two_leaders: House) -> None:
    house = two_leaders
    number, days = number_of(house, "member"), [(TODAY + timedelta(days=n)).isoformat() for n in range(10, 30)]
    for round_ in range(5):
        seen = etag_of(house, "member")
        wanted = days[2 * round_ : 2 * round_ + 2]

        def change(who: str, until: str, seen: str = seen) -> httpx.Response:
            headers = house.bearer(who) | {"If-Match": f'"{seen}"'}
            body = {"role": "member", "until": until}
            return house.client.patch(f"/api/v1/teams/{VISIT}/members/{number}", json=body, headers=headers)

        one, other = at_once(partial(change, "pi", wanted[0]), partial(change, "scientist", wanted[1]))
        assert sorted((one.status_code, other.status_code)) == [200, 412], (one.text, other.text)
        lost, won = (one, wanted[1]) if one.status_code == 412 else (other, wanted[0])
        assert "Somebody else changed this person" in lost.json()["detail"]
        until = next(m["until"] for m in team(house)["members"] if m["number"] == number)
        assert until.startswith((date.fromisoformat(won) + timedelta(days=1)).isoformat())
        assert etag_of(house, "member") != seen
    assert sum(c["what"] == "changed" for c in team(house)["changes"]) == 5


def test_a_form_that_is_older_than_what_it_changes_says_so_and_shows_what_is(two_leaders: House) -> None:
    house = two_leaders
    cookie, number, path = sign_in(house, "pi"), number_of(house, "member"), f"/proposals/{VISIT}/team"
    page = house.client.get(path, headers=cookie).text
    seen = etag_of(house, "member")
    assert f'name="seen" value="{seen}"' in page
    later = (TODAY + timedelta(days=20)).isoformat()
    assert call(house, "scientist", "PATCH", f"/{VISIT}/members/{number}", role="grantee", until=later).status_code == 200
    form = {"csrf": csrf(house, cookie, path), "seen": seen, "role": "member", "until": ""}
    late = house.client.post(f"{path}/members/{number}", data=form, headers=cookie)
    assert late.status_code == 412
    assert "Somebody else changed this person since you read the page" in late.text
    assert f'name="seen" value="{etag_of(house, "member")}"' in late.text
    assert next(m["role"] for m in team(house)["members"] if m["number"] == number) == "grantee"
    again = house.client.post(f"{path}/members/{number}", data=form | {"seen": etag_of(house, "member")}, headers=cookie)
    assert again.status_code == 303


def test_two_who_take_out_invite_or_put_in_at_once_do_it_once(two_leaders: House) -> None:
    house, number = two_leaders, number_of(two_leaders, "member")
    for round_ in range(4):
        gone = at_once(*(partial(call, house, who, "DELETE", f"/{VISIT}/members/{number}") for who in ("pi", "scientist")))
        assert sorted(a.status_code for a in gone) == [204, 404]
        assert "not any more: reload the page" in next(a for a in gone if a.status_code == 404).text
        back = at_once(*(partial(call, house, who, "POST", f"/{VISIT}/members", login="member") for who in ("steward", "admin")))
        assert sorted(a.status_code for a in back) == [201, 409], [a.text for a in back]
        assert "in this team already" in next(a for a in back if a.status_code == 409).text
        address = f"both-{round_}@example.org"
        asked = at_once(
            *(partial(call, house, who, "POST", f"/{VISIT}/invitations", address=address) for who in ("pi", "scientist"))
        )
        assert sorted(a.status_code for a in asked) == [201, 409], [a.text for a in asked]
    both = at_once(
        partial(call, house, "pi", "DELETE", f"/{VISIT}/members/{number}"),
        partial(call, house, "steward", "POST", f"/{VISIT}/members", login="outsider"),
    )
    assert [a.status_code for a in both] == [204, 201]
    assert {m["name"] for m in team(house)["members"]} == {"Pi", "Scientist", "Outsider"}, "neither change is lost"
    assert reads(house, "outsider")
    assert not reads(house, "member")


# --- who leads another team -------------------------------------------------------------------------------------------


def test_who_leads_another_team_reaches_nothing_of_this_one(house: House) -> None:
    """Every way that a team has, for pages and for scripts, by its own address and by that of the other's own team."""
    app, mine = house.app, "pm-visit1"
    with app.database.write() as c:
        c.execute(t.team.insert(), {"id": 77, "name": "other team"})
        c.execute(t.terms.update().where(t.terms.c.id == 1).values(team_id=77))
    try:
        app.accounts.set_member("other team", "outsider", TeamRole.PI)
        assert call(house, "outsider", "GET", f"/{mine}").json()["may_change"]
        invited = call(house, "pi", "POST", f"/{VISIT}/invitations", address="somebody@example.org")
        assert invited.status_code == 201
        number = number_of(house, "member")
        assert call(house, "pi", "DELETE", f"/{VISIT}/members/{number}").status_code == 204
        found = team(house)
        known = {
            "invitations": found["invitations"][0]["id"],
            "members": number_of(house, "pi"),
            "former": found["former"][0]["number"] if found["former"] else 1,
            "changes": found["changes"][0]["id"],
        }
        before = _team_rows(house)
        cookie = sign_in(house, "outsider")
        token = csrf(house, cookie, f"/proposals/{mine}/team")
        ways = [(m, path) for path, methods in TEAM_WAYS for m in methods]
        assert len(ways) >= 16
        for about in (VISIT, mine):
            for method, path in ways:
                kind = next((k for k in known if f"/{k}/" in path), None)
                if about == mine and kind is None:
                    continue  # their own
                url = path.replace("{about}", about).replace("{pid}", about).replace("{number:int}", "{number}")
                url = url.replace("{number}", str(known[kind]) if kind else "")
                api = url.startswith("/api")
                body = {"address": "x@example.org", "login": "outsider", "role": "member"}
                if api:
                    unwanted = {"invitations": "login", "members": "address"}.get(url.rpartition("/")[2])
                    body = {k: v for k, v in body.items() if k == "role" or (unwanted and k != unwanted)}
                headers = house.bearer("outsider") if api else cookie
                sent = {} if method in ("GET", "DELETE") else {"json": body} if api else {"data": {**body, "csrf": token}}
                answer = house.client.request(method, url, headers=headers, **sent)
                assert answer.status_code in (404, 409 if about == mine else 404), (method, url, answer.status_code)
                for word in ("somebody@example.org", ">Member<", '"Member"', ">Pi<", '"Pi"', SECRET):
                    assert word not in answer.text, (method, url, word)
        assert _team_rows(house) == before
        assert not reads(house, "outsider")
    finally:
        with app.database.write() as c:
            c.execute(t.terms.update().where(t.terms.c.id == 1).values(team_id=1))
            c.execute(t.team_member.delete().where(t.team_member.c.team_id == 77))
            c.execute(t.team.delete().where(t.team.c.id == 77))


def _ways() -> list[tuple[str, list[str]]]:
    """From the routes themselves: one that is new is tried as well."""
    api = json.loads((Path(__file__).parents[2] / "docs/reference/openapi.json").read_text("utf-8"))
    found = [
        (f"/api/v1{path.removeprefix('/api/v1')}", [m.upper() for m in methods])
        for path, methods in api["paths"].items()
        if "/teams/{about}" in path
    ]
    for route in routes():
        if "/team" in route.path and "{pid}" in route.path:
            found.append((route.path, sorted((route.methods or {"GET"}) - {"HEAD"})))
    return found


TEAM_WAYS = _ways()


def _team_rows(house: House) -> list[Any]:
    with house.app.database.read() as c:
        tables = (p.invitation, p.team_change, p.team_removal, p.former_member, t.team_member)
        return [c.execute(select(table).order_by(*table.primary_key.columns)).all() for table in tables]
