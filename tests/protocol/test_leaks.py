"""No route of the application tells an outsider of what is hidden; a route that this test does not know fails it."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.routing import BaseRoute, Mount, Route

from panmesh.app.asgi import services_of
from panmesh.app.compose import Composition
from panmesh.portal.pages import routes
from panmesh.protocols.api.app import create_api
from tests.protocol.conftest import HIDDEN, PIDS, SECRET, House

# Routes that show lists or one thing to anyone: asked as outsiders, with the pids of hidden things, and read for secrets.
READ = {
    "/", "/datasets/{pid}", "/datasets/{pid}/plot.svg", "/datasets/{pid}/files/{name:path}", "/datasets/{pid}/edit", "/investigations",
    "/investigations/{pid}", "/instruments", "/instruments/{pid}", "/samples/{pid}", "/ingest", "/quarantine", "/tokens", "/sign-in",
    "/api/v1/datasets", "/api/v1/datasets/{pid}", "/api/v1/datasets/{pid}/history", "/api/v1/datasets/{pid}/access",
    "/api/v1/datasets/{pid}/files", "/api/v1/datasets/{pid}/files/{name:path}", "/api/v1/investigations", "/api/v1/investigations/{pid}",
    "/api/v1/instruments", "/api/v1/instruments/{pid}", "/api/v1/facilities", "/api/v1/samples/{pid}", "/api/v1/quantities",
    "/api/v1/techniques", "/api/v1/ingest/units", "/api/v1/ingest/counts", "/api/v1/ingest/quarantine", "/api/v1/me", "/api/v1/tokens",
    "/api/v1/openapi.json",
}  # fmt: skip
# Routes that only change things: who may call them is tested in test_api.py and test_identity.py.
CHANGE = {
    "/datasets/{pid}/undo", "/ingest/retry", "/quarantine/{pid}/assign", "/tokens/{number:int}/revoke", "/sign-out", "/api/v1/datasets/{pid}/undo",
    "/api/v1/ingest", "/api/v1/ingest/units/retry", "/api/v1/ingest/quarantine/{pid}/assign", "/api/v1/session", "/api/v1/tokens/{token_id}",
}  # fmt: skip
FIXED = {"/static", "/favicon.ico", "/robots.txt"}  # files of the package


def _paths(app: Composition) -> Iterator[str]:
    yield from _walk(create_api(services_of(app)).routes, "/api/v1")
    yield from _walk(list(routes()), "")


def _walk(found: list[BaseRoute], prefix: str) -> Iterator[str]:
    for route in found:
        if isinstance(route, Mount):
            yield prefix + route.path
        else:
            assert isinstance(route, Route), route
            yield prefix + route.path


def test_every_route_is_known_to_this_test(house: House) -> None:
    unknown = set(_paths(house.app)) - READ - CHANGE - FIXED
    assert not unknown, "say how the leak test handles these routes"
    assert not READ - set(_paths(house.app))


def test_no_route_tells_an_outsider_of_what_is_hidden(house: House) -> None:
    with house.app.database.read() as connection:
        samples = [row[0] for row in connection.exec_driver_sql("SELECT pid FROM sample")]
    numbers = [list(PIDS).index(name) + 1 for name in HIDDEN]
    pids = {*(PIDS[name] for name in HIDDEN), *(f"pm-visit{n}" for n in numbers)}
    for headers in ({}, house.bearer("outsider")):
        for path in sorted(READ):
            kind = path.removeprefix("/api/v1").split("/")[1]
            given = (
                samples
                if kind == "samples"
                else ["pm-instrument1"]
                if kind == "instruments"
                else [*sorted(pids), PIDS["embargoed"]]
            )
            for pid in given if "{pid}" in path else [""]:
                answer = house.client.get(path.replace("{pid}", pid).replace("{name:path}", f"{SECRET}.nxs"), headers=headers)
                assert answer.status_code < 500, path
                text = answer.text.replace(pid, "") if pid else answer.text  # what was asked for may be said back
                assert SECRET not in text.replace(f"{SECRET}.nxs", ""), path
                assert not [p for p in pids if p in text], path
    for path, text in (("/", "q"), ("/api/v1/datasets", "text")):
        for key in (text, "sample", "person"):
            answer = house.client.get(path, params={key: SECRET})
            assert not [p for p in PIDS.values() if p in answer.text], (path, key)
