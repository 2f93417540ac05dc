"""A small facility with one dataset in each state that matters, and people in every standing to them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import structlog
from sqlalchemy import Connection
from starlette.types import ASGIApp

from panmesh.access.accounts import AccountService
from panmesh.access.terms import AccessClass
from panmesh.access.viewer import ALL_SCOPES, Scope, TeamRole
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.materialise import materialise
from panmesh.app.asgi import build
from panmesh.app.compose import Composition
from panmesh.catalogue.manifest import FileRow, ManifestRef, pack
from panmesh.kernel.clock import DAY_US, system_clock
from panmesh.testing.personas import PASSWORD
from tests.conftest import MakeFacility
from tests.protocol.mailbox import Mailbox, receiving_mail

NOW = system_clock()
SECRET = "zirconium-mystery"  # occurs in everything that outsiders may not know of
HIDDEN = ("proprietary", "collecting", "internal")
STATES = ("open", "embargoed", *HIDDEN)
PIDS = {name: f"pm-{number:016d}" for number, name in enumerate(STATES, 1)}
CONTENT = b"0123456789" * 100


class Client:
    """Requests to the application in this process; what it raises is answered as a server would."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def request(self, method: str, url: str, **given: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False, client=("192.0.2.77", 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
                return await client.request(method, url, **given)

        return asyncio.run(ask())

    def get(self, url: str, **given: Any) -> httpx.Response:
        return self.request("GET", url, **given)

    def post(self, url: str, **given: Any) -> httpx.Response:
        return self.request("POST", url, **given)

    def patch(self, url: str, **given: Any) -> httpx.Response:
        return self.request("PATCH", url, **given)

    def delete(self, url: str, **given: Any) -> httpx.Response:
        return self.request("DELETE", url, **given)


@dataclass
class House:
    app: Composition
    client: Client
    moment: list[int]
    tokens: dict[str, str] = field(default_factory=dict)

    def bearer(self, login: str, scopes: frozenset[Scope] = ALL_SCOPES) -> dict[str, str]:
        if scopes != ALL_SCOPES or login not in self.tokens:
            secret, _ = self.app.accounts.make_token(self.app.accounts.viewer(login), "test", scopes)
            if scopes != ALL_SCOPES:
                return {"Authorization": f"Bearer {secret}"}
            self.tokens[login] = secret
        return {"Authorization": f"Bearer {self.tokens[login]}"}


@pytest.fixture
def house_settings() -> dict[str, str]:
    """For a module that needs others: settings by environment names."""
    return {}


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    with receiving_mail() as found:
        yield found


@pytest.fixture
def mail_settings(mailbox: tuple[Mailbox, int]) -> dict[str, str]:
    """For a module's `house_settings`."""
    return {
        "PANMESH_MAIL__HOST": "127.0.0.1",
        "PANMESH_MAIL__PORT": str(mailbox[1]),
        "PANMESH_MAIL__SENDER": "data@example.org",
        "PANMESH_SERVER__PUBLIC_URL": "https://data.example.org",
    }


@pytest.fixture
def house(make_facility: MakeFacility, house_settings: dict[str, str]) -> House:
    return furnish(make_facility(**house_settings))


def furnish(app: Composition) -> House:
    """An empty facility with a storage `runs` as the house."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    moment = [NOW]
    app.clock = lambda: moment[0]
    _people(app.accounts)
    _runs(app)
    for login, role in (("pi", TeamRole.PI), ("member", TeamRole.MEMBER)):
        app.accounts.set_member("team", login, role)
    app.accounts.set_instruments("scientist", ["i1"])
    return House(app, Client(build(app, work=False)), moment)


def _people(accounts: AccountService) -> None:
    for login in ("pi", "member", "outsider", "scientist", "steward", "admin"):
        password = PASSWORD if login in ("pi", "outsider") else None
        accounts.create(login=login, name=login.title(), password=password, admin=login == "admin", steward=login == "steward")


def _runs(app: Composition) -> None:
    with app.database.write() as c:
        facility_id = c.execute(t.facility.select()).one().id
        c.execute(t.team.insert(), {"id": 1, "name": "team"})
        for number in (1, 2):
            row = {"id": number, "pid": f"pm-instrument{number}", "facility_id": facility_id, "instrument_key": f"i{number}"}
            c.execute(t.instrument.insert(), row | {"name": f"I{number}", "aliases_json": "[]", "scheduled": True})
        for number, name in enumerate(STATES, 1):
            _run(app, c, number, name, facility_id)
        if not app.database.sqlite:
            for table in ("team", "instrument", "terms", "investigation", "dataset", "dataset_version", "unit"):
                c.exec_driver_sql(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 1000)")


def _run(app: Composition, c: Connection, number: int, name: str, facility_id: int) -> None:
    execute = c.execute
    hidden, pid, secret = name in HIDDEN, PIDS[name], SECRET if name != "open" else "ceria"
    access = {"open": AccessClass.OPEN, "proprietary": AccessClass.PROPRIETARY, "internal": AccessClass.INTERNAL}
    begins, ends = NOW - 20 * DAY_US, NOW + DAY_US if name == "collecting" else NOW - 10 * DAY_US
    terms = {
        "id": number,
        "access": access.get(name, AccessClass.PUBLIC).value,
        "team_id": 1,
        "instrument_id": 1,
        "policy_version": "1",
    }
    execute(t.terms.insert(), terms | {"starts_us": begins, "ends_us": ends, "opens_us": ends + 1000 * DAY_US})
    title = f"{SECRET} title" if hidden else f"A run {name}"
    visit = {
        "id": number,
        "pid": f"pm-visit{number}",
        "facility_id": facility_id,
        "terms_id": number,
        "natural_key": f"v{number}",
    }
    visit |= {"visit_id": SECRET if hidden else f"visit-{number}", "title": title, "kind": "user", "instrument_id": 1}
    execute(t.investigation.insert(), visit)
    path = f"{name}/run.nxs"
    file = app.storages.root("runs").path / path
    file.parent.mkdir()
    file.write_bytes(CONTENT)
    row = FileRow(name=f"{secret}.nxs", size=len(CONTENT), modified_us=file.stat().st_mtime_ns // 1000, storage="runs", path=path)
    manifest = ManifestRef(file_count=1, total_bytes=len(CONTENT), inline=pack([row])).to_bytes()
    base = {"facility_id": facility_id, "instrument_id": 1, "investigation_id": number, "terms_id": number}
    execute(
        t.dataset.insert(),
        base
        | {
            "id": number, "pid": pid, "identity": pid.encode(), "origin": "native", "kind": "raw", "read_state": "read", "version_id": number,
            "file_count": 1, "total_bytes": len(CONTENT), "created_us": NOW, "updated_us": NOW, "storage": "runs", "path": path,
            "quarantine": "no visit fits" if name == "internal" else None,
        },
    )  # fmt: skip
    version = {"id": number, "pid": f"{pid}.v1", "dataset_id": number, "number": 1, "manifest": manifest, "content_key": b""}
    version |= {"file_count": 1, "total_bytes": len(CONTENT), "digest_state": "done", "created_us": NOW}
    execute(t.dataset_version.insert(), version)
    for text, kind, at in ((pid, "dataset", None), (f"{pid}.v1", "version", 1)):
        execute(t.pid.insert(), {"pid": text, "kind": kind, "concept": pid, "version": at, "origin": "native"})
    values = {
        "title": title,
        "start": begins,
        "sample": {"name": secret},
        "people": [{"name": f"{secret} person"}],
        "description": secret,
        "parameters": [{"name": "temperature", "label": "temperature", "unit": "K", "value": 77.0}],
    }
    said = json.dumps({key: {"value": value, "path": f"/entry/{key}"} for key, value in values.items()})
    execute(t.layer.insert(), {"dataset_id": number, "source": "file", "values_json": said, "by": "ingest", "at_us": NOW})
    unit = {"id": number, "storage": "runs", "path": path, "state": "catalogued", "size": len(CONTENT), "seen_us": NOW}
    execute(t.unit.insert(), unit)
    execute(t.unit_dataset.insert(), {"unit_id": number, "dataset_id": number})
    materialise(c, number, NOW)
