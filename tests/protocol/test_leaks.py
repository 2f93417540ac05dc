"""No route of the application tells an outsider of what is hidden; a route that this test does not know fails it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from starlette.routing import BaseRoute, Mount, Route

from panmesh.adapters.sql.documents import keep_document
from panmesh.app.asgi import harvest_routes, services_of
from panmesh.app.compose import Composition
from panmesh.catalogue.graph import SHAPES, Entity
from panmesh.portal.pages import routes
from panmesh.protocols.api.app import create_api
from panmesh.protocols.h5.routes import h5_routes
from panmesh.protocols.panosc.routing import COLLECTIONS, resource
from tests.protocol.conftest import HIDDEN, PIDS, SECRET, House

# Routes that show lists or one thing to anyone: asked as outsiders, with the pids of hidden things, and read for secrets.
READ = {
    "/", "/datasets/{pid}", "/datasets/{pid}/plot.svg", "/datasets/{pid}/files/{name:path}", "/datasets/{pid}/edit", "/investigations",
    "/investigations/{pid}", "/investigations/{pid}/runs.csv", "/proposals/{pid}", "/instruments", "/instruments/{pid}", "/instruments/{pid}/lacking/{what}", "/facility", "/facility.csv", "/samples/{pid}", "/ingest", "/quarantine", "/tokens", "/sign-in",
    "/datasets/{pid}/changes.svg", "/corrections", "/corrections/new", "/corrections/discarded", "/corrections/{number:int}",
    # /baskets/{key} and what is below it are asked about with keys that exist in test_baskets.py
    "/baskets", "/baskets/{key}", "/baskets/{key}/{form}", "/export.csv", "/export.json", "/export.txt", "/compare", "/compare.csv", "/compare/overlay.svg",
    "/api/v1/baskets", "/api/v1/baskets/{key}", "/api/v1/baskets/{key}/files",
    "/investigations/{pid}/logbook", "/investigations/{pid}/logbook.md", "/investigations/{pid}/logbook.json", "/notes/{number:int}",
    "/datasets/{pid}/pictures/{name}", "/investigations/{pid}/pictures/{name}", "/api/v1/investigations/{pid}/logbook",
    "/api/v1/datasets/{pid}/notes", "/api/v1/investigations/{pid}/notes", "/api/v1/datasets/{pid}/mark", "/api/v1/investigations/{pid}/mark",
    "/api/v1/datasets/{pid}/pictures/{name}", "/api/v1/investigations/{pid}/pictures/{name}", "/api/v1/notes/{number}",
    "/notifications", "/notifications/searches/new", "/notifications/webhooks/{number:int}", "/feed", "/feed/{token}", "/unsubscribe/{token}",
    "/api/v1/searches",
    "/doi/{pid:path}", "/dois", "/api/v1/dois", "/api/v1/dois/{pid:path}",
    "/edits", "/edits/new", "/edits/{number:int}",
    # plans of proposals, asked for with one that exists in test_plans.py
    "/plans", "/proposals/{pid}/plan", "/proposals/{pid}/plan.json", "/api/v1/plans", "/api/v1/proposals/{pid}/plan", "/api/v1/proposals/{pid}/dmp",
    # drafts and releases that exist are asked for in test_releases.py
    "/publications", "/publications/new", "/publications/{key}", "/publications/{key}/runs", "/publications/{key}/check",
    "/publications/{key}/describe", "/publications/{key}/preview", "/releases/{pid}", "/releases/{pid}/take/{form}", "/releases/{pid}/papers", "/releases/{pid}/withdraw",
    "/api/v1/releases", "/api/v1/releases/{pid}", "/api/v1/releases/drafts", "/api/v1/releases/drafts/{key}", "/api/v1/releases/drafts/{key}/check",
    "/api/v1/datasets/{pid}/releases",
    "/api/v1/events", "/api/v1/webhooks", "/api/v1/webhooks/{number}", "/api/v1/webhooks/{number}/deliveries",
    "/api/v1/datasets", "/api/v1/datasets/{pid}", "/api/v1/datasets/{pid}/history", "/api/v1/datasets/{pid}/access", "/api/v1/datasets/{pid}/fair",
    "/api/v1/datasets/{pid}/files", "/api/v1/datasets/{pid}/files/{name:path}", "/api/v1/investigations", "/api/v1/investigations/{pid}",
    "/api/v1/instruments", "/api/v1/instruments/{pid}", "/api/v1/facilities", "/api/v1/samples/{pid}", "/api/v1/quantities", "/quantities", "/api/v1/quantities/spread",
    "/api/v1/techniques", "/api/v1/ingest/units", "/api/v1/ingest/counts", "/api/v1/ingest/quarantine", "/api/v1/me", "/api/v1/tokens",
    # who sees a team, and what an invitation's link shows, is tested in test_teams.py
    # what is held of a person, and names that are withheld, in test_personal_data.py; the disk's rights in test_disk_rights.py
    "/me", "/me/data.json", "/withheld-names", "/disk-rights", "/api/v1/me/data", "/api/v1/me/profile", "/api/v1/withheld-names",
    "/teams", "/proposals/{pid}/team", "/investigations/{pid}/team", "/invitations/{token}", "/api/v1/teams", "/api/v1/teams/{about}",
    "/steward", "/audit", "/audit.jsonl", "/audit.csv", "/why/{pid}", "/requests", "/requests/{number:int}",
    "/api/v1/why/{pid}", "/api/v1/requests", "/api/v1/requests/{number}",
    "/api/v1/openapi.json", "/api/v1/corrections", "/api/v1/corrections/discarded", "/api/v1/corrections/suggestions", "/api/v1/corrections/{number}",
    # what harvesters are told is asked with all verbs and forms in test_harvested_house.py
    "/oai", "/sitemap.xml", "/sitemap-{part:int}.xml.gz", "/catalog.ttl", "/api/v1/changes",
    *(f"/api/v1/{of}/{{pid}}/usage/citations" for of in ("datasets", "releases", "instruments")), "/releases/{pid}/usage",
    "/datasets/{pid}/usage", "/instruments/{pid}/usage", "/report", "/report.csv", "/report-years.csv", "/api/v1/datasets/{pid}/usage", "/api/v1/usage/reports/dsr", "/api/v1/usage/reports/{report}",
    "/api/v1/usage/status", "/api/v1/usage/members", "/api/v1/usage/reports",
    "/fair", "/instruments/{pid}/fair",
}  # fmt: skip
# h5grove's routes: asked as all others, and about what is in the files in tests/protocol/h5/test_access.py.
H5 = {f"/api/h5/{{pid}}{what}" for what in ("", "/meta", "/attr", "/data", "/stats", "/paths", "/plot.png", "/export")}
READ |= H5
# Routes that only change things: who may call them is tested in test_api.py and test_identity.py.
CHANGE = {
    # who may ask for a DOI and retry one is tested in test_doi_access.py
    "/dois/retry", "/dois/mint", "/api/v1/dois/retry",
    "/investigations/{pid}/columns", "/datasets/{pid}/undo", "/ingest/retry", "/quarantine/{pid}/assign", "/tokens/{number:int}/revoke", "/sign-out", "/api/v1/datasets/{pid}/undo",
    "/api/v1/ingest", "/api/v1/ingest/units/retry", "/api/v1/ingest/quarantine/{pid}/assign", "/api/v1/session", "/api/v1/tokens/{token_id}",
    "/api/v1/corrections/{number}/undo", "/corrections/preview", "/corrections/{number:int}/undo",
    # who may decide is tested in test_requests.py
    # who may change a team is tested in test_teams.py
    *(f"/proposals/{{pid}}/team/{what}" for what in ("invite", "add", "members/{number:int}", "members/{number:int}/remove")),
    *(f"/proposals/{{pid}}/team/{what}" for what in ("invitations/{number:int}/revoke", "former/{number:int}/remove", "changes/{number:int}/undo")),
    *(f"/api/v1/teams/{{about}}/{what}" for what in ("invitations", "invitations/{number}", "members", "members/{number}", "former/{number}")),
    "/api/v1/teams/{about}/changes/{number}/undo",
    "/me/name/withhold", "/withheld-names/{number:int}/show", "/api/v1/withheld-names/{number}",
    "/api/v1/requests/{number}/decision", "/api/v1/requests/{number}/undo", "/steward/notices/{number:int}/again", "/requests/{number:int}/take-back", "/requests/{number:int}/undo",
    # who may write into a logbook is tested in test_notes.py
    "/datasets/{pid}/notes", "/investigations/{pid}/notes", "/datasets/{pid}/pictures", "/investigations/{pid}/pictures", "/notes/preview",
    "/notes/{number:int}/delete", "/notes/{number:int}/restore", "/api/v1/datasets/{pid}/pictures", "/api/v1/investigations/{pid}/pictures",
    "/api/v1/notes/{number}/restore",
    # whose baskets may be changed is tested in test_baskets.py
    "/proposals/{pid}/plan/bring", "/edits/preview", "/edits/{number:int}/undo", "/baskets/new", "/baskets/add", "/baskets/{key}/change", "/api/v1/baskets/{key}/runs", "/api/v1/baskets/{key}/restore", "/api/v1/baskets/{key}/undelete",
    # who may publish, change and withdraw is tested in test_releases.py
    "/publications/{key}/open", "/publications/{key}/publish", "/releases/{pid}/new-version", "/api/v1/releases/drafts/{key}/publish", "/api/v1/releases/drafts/{key}/restoration",
    "/api/v1/releases/{pid}/versions", "/api/v1/releases/{pid}/withdrawal",
    # whose webhooks and saved searches these are is tested in test_webhooks.py and test_alerts.py
    "/notifications/searches", "/notifications/searches/{number:int}", "/notifications/searches/{number:int}/delete",
    "/notifications/searches/{number:int}/undo", "/notifications/searches/{number:int}/new-address", "/notifications/webhooks",
    "/notifications/webhooks/{number:int}/remove", "/notifications/webhooks/{number:int}/enable", "/notifications/webhooks/{number:int}/test",
    "/notifications/webhooks/{number:int}/deliveries/{delivery:int}", "/api/v1/searches/{number}", "/api/v1/searches/{number}/undo",
    "/api/v1/searches/{number}/new-addresses",
    "/api/v1/webhooks/{number}/enable", "/api/v1/webhooks/{number}/test", "/api/v1/webhooks/{number}/deliveries/{delivery}/redeliver",
}  # fmt: skip
# The Search API has no routes of the framework: one application for all below /api. What it answers to, by its own table.
SEARCH_API = {
    "/api/", "/api/Datasets", "/api/Datasets/count", "/api/Datasets/{pid}", "/api/Datasets/{pid}/files", "/api/Datasets/{pid}/files/count",
    "/api/Documents", "/api/Documents/count", "/api/Documents/{pid}", "/api/Instruments", "/api/Instruments/count", "/api/Instruments/{pid}",
    "/api/techniques", "/api/techniques/count", "/api/techniques/{pid}",
}  # fmt: skip
FIXED = {"/static", "/favicon.ico", "/robots.txt"}  # files of the package


def _paths(app: Composition) -> Iterator[str]:
    yield from _walk(create_api(services_of(app)).routes, "/api/v1")
    yield from (path.rstrip("/") for path in _walk(list(h5_routes()), "/api/h5"))  # each with and without a slash at its end
    yield from _walk(list(routes()), "")
    yield from _walk(list(harvest_routes(app)), "")


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


def _of_search_api() -> Iterator[str]:
    yield "/api/"
    for name in COLLECTIONS:
        for below in ("", "/count", "/{pid}", "/{pid}/files", "/{pid}/files/count"):
            path = f"/api/{name}{below}"
            found = resource(path.replace("{pid}", "x").encode(), "/api")
            if found is not None and found.pid in (None, "x"):  # else it is another pid, with a slash in it
                yield path


def test_every_path_of_the_search_api_is_known_to_this_test() -> None:
    assert {path.lower() for path in SEARCH_API} == set(_of_search_api())


def test_no_path_of_the_search_api_tells_an_outsider_of_what_is_hidden(house: House) -> None:
    with house.app.database.write() as c:
        for number in range(1, len(PIDS) + 1):
            keep_document(c, number)
    numbers = [list(PIDS).index(name) + 1 for name in HIDDEN]
    hidden = {*(PIDS[name] for name in HIDDEN), *(f"pm-visit{n}" for n in numbers)}
    relations = {entity.value + "s": sorted(SHAPES[entity].relations) for entity in COLLECTIONS.values()}
    for headers in ({}, house.bearer("outsider")):
        for path in sorted(SEARCH_API):
            include = relations[path.split("/")[2].lower()] if path != "/api/" else []
            deep = [{"relation": r, "scope": {"include": _inner(path, r)}} for r in include]
            questions = [
                {},
                {"include": include},
                {"include": deep},
                {"query": SECRET},
                {"where": {"text": SECRET}},
                {"order": "title DESC"},
            ]
            for pid in [*sorted(hidden), PIDS["embargoed"]] if "{pid}" in path else [""]:
                for question in questions if "techniques" not in path else [{}]:
                    asked = {"filter": json.dumps(question)}
                    answer = house.client.get(path.replace("{pid}", pid), params=asked, headers=headers)
                    assert answer.status_code < 500, (path, question)
                    text = answer.text.replace(pid, "") if pid else answer.text
                    assert SECRET not in text, (path, question)
                    assert not [p for p in hidden if p in text], (path, question)
                    assert not [p for p in hidden if p in str(answer.headers)], (path, question)


def test_no_path_of_scicats_interface_tells_an_outsider_of_what_is_hidden(house: House) -> None:
    """What it answers to is in its own tests; here every path that reads, with every pid, as nobody and as an outsider."""
    lists = ("datasets", "datasets/fullquery", "datasets/count", "datasets/findone", "datasets/public")
    lists += ("instruments", "instruments/findone", "proposals", "samples", "publisheddata")
    ones = (
        "datasets/{}",
        "datasets/public/{}",
        "datasets/{}/origdatablocks",
        "datasets/{}/attachments",
        "datasets/{}/datablocks",
    )
    ones += ("instruments/{}", "proposals/{}", "samples/{}", "publisheddata/{}")
    hidden = {*(PIDS[name] for name in HIDDEN), *(f"pm-visit{list(PIDS).index(name) + 1}" for name in HIDDEN)}
    asked = {"include": "all", "fields": json.dumps({"text": SECRET}), "filter": json.dumps({"order": "datasetName DESC"})}
    for headers in ({}, house.bearer("outsider")):
        urls = [*lists, *(one.format(pid) for one in ones for pid in (*sorted(hidden), SECRET, PIDS["embargoed"]))]
        for url in urls:
            for version in ("v3", "v4"):
                answer = house.client.get(f"/api/{version}/{url}", params=asked, headers=headers)
                assert answer.status_code < 500, url
                said = answer.text.replace(url.rpartition("/")[2], "")  # what was asked for may be repeated
                assert SECRET not in said, url
                assert not [pid for pid in hidden if pid in said], url


def _entity(path: str) -> Entity:
    return COLLECTIONS[path.split("/")[2].lower()]


def _inner(path: str, relation: str) -> list[str]:
    return sorted(SHAPES[SHAPES[_entity(path)].relations[relation][0]].relations)


def test_no_route_tells_an_outsider_of_what_is_hidden(house: House) -> None:
    house.app.harvest_upkeep.renew()
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
                answer = house.client.get(
                    path.replace("{pid}", pid).replace("{name:path}", f"{SECRET}.nxs").replace("{what}", "sample"),
                    headers=headers,
                )
                assert answer.status_code < 500, path
                text = answer.text.replace(pid, "") if pid else answer.text  # what was asked for may be said back
                assert SECRET not in text.replace(f"{SECRET}.nxs", ""), path
                assert not [p for p in pids if p in text], path
    for path, text in (("/", "q"), ("/api/v1/datasets", "text")):
        for key in (text, "sample", "person"):
            answer = house.client.get(path, params={key: SECRET})
            assert not [p for p in PIDS.values() if p in answer.text], (path, key)
