"""Signs of life for everybody, figures for the house, and the desk's rows for those who may know of them."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from starlette.types import ASGIApp

from panmesh.access.accounts import ATTEMPTS
from panmesh.adapters.sql.doi_tables import doi
from panmesh.adapters.sql.event_tables import alert_mail, saved_search
from panmesh.adapters.sql.tables import account as account_table
from panmesh.adapters.sql.tables import unit
from panmesh.app.asgi import build
from panmesh.http.metrics import REGISTRY
from panmesh.kernel.errors import TooMany, Unauthenticated
from tests.protocol.conftest import PIDS, SECRET, House

ROOT = Path(__file__).resolve().parents[2]


async def _asked(app: ASGIApp, url: str, address: str, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app, client=(address, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        return await client.get(url, headers=headers)


def test_a_stranger_learns_that_it_lives_and_not_how_much_it_holds(house: House) -> None:
    answer = house.client.get("/health")
    assert set(answer.json()) == {"status", "database", "worker", "disk", "sandbox"}
    assert house.client.get("/metrics").status_code == 403
    assert house.client.get("/metrics", headers=house.bearer("outsider")).status_code == 403


def test_admins_and_the_host_itself_see_the_figures(house: House) -> None:
    assert house.client.get("/health", headers=house.bearer("admin")).json()["datasets"] == 5
    assert "panmesh_datasets 5.0" in house.client.get("/metrics", headers=house.bearer("steward")).text
    app = build(house.app, work=False)
    assert asyncio.run(_asked(app, "/metrics", "127.0.0.1")).status_code == 200
    behind_a_proxy = {"X-Forwarded-For": "127.0.0.1"}
    assert asyncio.run(_asked(app, "/metrics", "127.0.0.1", **behind_a_proxy)).status_code == 403


def test_every_figure_that_the_alert_rules_ask_for_is_there(house: House) -> None:
    page = (ROOT / "docs/how-to/monitoring.md").read_text("utf-8")
    [rules] = [block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "alert:" in block]
    asked = set(re.findall(r"\bpanmesh_\w+", rules)) | set(re.findall(r"`(panmesh_\w+)`", page))
    told = house.client.get("/metrics", headers=house.bearer("admin")).text
    told = house.client.get("/metrics", headers=house.bearer("admin")).text  # the first was counted meanwhile
    there = set(re.findall(r"^(panmesh_\w+)", told, re.MULTILINE)) | {"panmesh_request_seconds"}
    assert asked <= there
    assert not re.search(r"^panmesh_\w+ NaN", told, re.MULTILINE)


def test_what_waits_and_what_failed_is_counted(house: House) -> None:
    with house.app.database.write() as c:
        account = c.execute(select(account_table.c.id).limit(1)).scalar_one()
        search = {"account_id": account, "name": "new", "query": "", "alert": "each", "key": "k", "created_us": 1}
        search |= {"sequence": 0, "opened_us": 0, "opened_id": 0}
        made = c.execute(saved_search.insert(), search).inserted_primary_key
        mail = {"search_id": made[0], "state": "waiting", "attempts": 3, "next_us": 1, "created_us": 1}
        c.execute(alert_mail.insert(), [mail | {"message": "a"}, mail | {"message": "b", "state": "failed"}])
        c.execute(unit.update().where(unit.c.path == "open/run.nxs").values(state="failed"))
        c.execute(
            doi.insert(),
            {"kind": "dataset", "pid": PIDS["open"], "suffix": "s", "asked_us": 1, "wanted": "findable", "confirmed": "none"}
            | {"due_us": 1, "error": "refused"},
        )
    told = house.client.get("/metrics", headers=house.bearer("admin")).text.splitlines()
    for one in ("alert_mails_waiting", "alert_mails_failed", "ingest_units_failed", "dois_waiting", "dois_failed"):
        assert f"panmesh_{one} 1.0" in told


def test_a_database_that_does_not_answer_is_a_sign_of_life_and_no_crash(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("connection refused"))

    app = build(house.app, work=False)
    monkeypatch.setattr(house.app.database, "read", gone)
    answer = asyncio.run(_asked(app, "/health", "127.0.0.1"))
    assert answer.status_code == 503
    assert (answer.json()["status"], answer.json()["database"]) == ("degraded", "does not answer")
    told = asyncio.run(_asked(app, "/metrics", "127.0.0.1")).text
    assert "panmesh_healthy 0.0" in told
    assert "panmesh_dois_failed NaN" in told, "nobody takes what is not known for nothing"


def test_an_instrument_scientist_sees_the_units_of_their_instrument_only(house: House) -> None:
    house.app.accounts.create(login="other", name="Other", password=None)
    house.app.accounts.set_instruments("other", ["i2"])
    mine = house.client.get("/api/v1/ingest/units", headers=house.bearer("scientist")).json()
    theirs = house.client.get("/api/v1/ingest/units", headers=house.bearer("other")).json()
    assert mine["total"] == 5
    assert [u["path"] for u in theirs["items"]] == ["open/run.nxs"]
    assert house.client.get("/api/v1/ingest/counts", headers=house.bearer("other")).json()["by_state"] == {"catalogued": 1}
    assert SECRET not in house.client.get("/ingest", headers=house.bearer("other")).text


def test_a_push_gives_only_pids_that_one_may_read(house: House) -> None:
    house.app.accounts.create(login="other", name="Other", password=None)
    house.app.accounts.set_instruments("other", ["i2"])
    path = str(house.app.storages.root("runs").path / "proprietary" / "run.nxs")
    with house.app.database.write() as connection:
        connection.exec_driver_sql("UPDATE unit SET state = 'catalogued', modified_us = 1")
    answer = house.client.post("/api/v1/ingest", json={"path": path}, headers=house.bearer("other"))
    assert answer.status_code == 202
    assert answer.json()["pids"] == []


def test_the_world_sees_that_a_person_corrected_it_and_not_who(house: House) -> None:
    url = f"/api/v1/datasets/{PIDS['open']}"
    tag = house.client.get(url, headers=house.bearer("steward")).headers["etag"]
    changed = house.client.patch(url, json={"title": "better"}, headers=house.bearer("steward") | {"If-Match": tag})
    assert changed.status_code == 200
    for page in (url, f"{url}/history", f"/datasets/{PIDS['open']}"):
        assert "steward" not in house.client.get(page).text.lower().replace("data stewards", "")
        assert "a person" in house.client.get(page).text
    assert house.client.get(url, headers=house.bearer("member")).json()["values"]["title"]["by"] == "steward"


def test_attempts_made_side_by_side_are_counted_like_others(house: House) -> None:
    def attempt(_: int) -> str:
        try:
            house.app.accounts.sign_in("pi", "not the password", "192.0.2.9")
        except Unauthenticated:
            return "tried"
        except TooMany:
            return "refused"
        return "in"

    with ThreadPoolExecutor(12) as pool:
        outcomes = list(pool.map(attempt, range(12)))
    assert outcomes.count("tried") == ATTEMPTS
    failed = [e for e in house.app.audit.entries(limit=100) if e.action == "sign-in failed"]
    assert len(failed) == ATTEMPTS
    assert "192.0.2.9" not in str(failed)


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "x" * 400])
def test_a_visit_that_cannot_be_is_not_found(house: House, text: str) -> None:
    answer = house.client.post(
        f"/api/v1/ingest/quarantine/{PIDS['internal']}/assign",
        content=b'{"investigation": %s, "reason": "why not"}' % __import__("json").dumps(text).encode(),
        headers=house.bearer("admin") | {"Content-Type": "application/json"},
    )
    assert answer.status_code in (400, 404, 422)


@pytest.mark.parametrize("path", ["Datasets", "Datasets/{id}", "Datasets/{id}/files", "Documents/count", "Instruments"])
def test_figures_tell_the_resources_of_the_search_api_apart(house: House, path: str) -> None:
    """Also of an answer that is kept."""

    def answered() -> float:
        labels = {"method": "GET", "route": f"/api/{path}", "status": "200"}
        return REGISTRY.get_sample_value("panmesh_requests_total", labels) or 0

    before = answered()
    for _ in range(3):
        assert house.client.get(f"/api/{path.replace('{id}', PIDS['open'])}").status_code == 200
    assert answered() - before == 3
