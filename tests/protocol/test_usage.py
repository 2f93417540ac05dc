"""Counted use: by the COUNTER Code of Practice, told of only as far as the data are, and of nobody in particular."""

from __future__ import annotations

import csv
import io
import json
import random
import threading
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from sqlalchemy import case, delete, update

from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.doi_tables import doi
from panmesh.adapters.sql.usage_tables import usage_event, usage_month, usage_salt
from panmesh.app.publishing import Publishing
from panmesh.http.use import UseNotes
from panmesh.kernel.clock import DAY_US, from_us
from panmesh.publication.usage import Action, Method, Recorder, Use, count_days, counts_of, what
from tests.protocol.conftest import HIDDEN, PIDS, SECRET, House
from tests.protocol.test_releases import publish

SECOND = 1_000_000
FIREFOX = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "sec-fetch-mode": "navigate"}
ROBOT = {"user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
TOOL = {"user-agent": "panmesh/1.0"}
RUN = f"/datasets/{PIDS['open']}"
FILE = f"{RUN}/files/ceria.nxs"


def ask(house: House, path: str, headers: dict[str, str], *, later: int = 0, times: int = 1) -> None:
    for _ in range(times):
        house.moment[0] += later * SECOND
        answer = house.client.get(path, headers=headers)
        assert answer.status_code in (200, 206), (path, answer.text[:200])


def counted(house: House) -> None:
    house.app.recorder.write()
    house.moment[0] += 2 * DAY_US
    count_days(house.app.usage_store, house.moment[0])


@pytest.fixture
def day(house: House) -> House:
    """In the middle of a day: what follows within hours is one day."""
    house.moment[0] += DAY_US - house.moment[0] % DAY_US + DAY_US // 3
    return house


def of(house: House, pid: str = PIDS["open"]) -> dict[str, tuple[int, int, int, int]]:
    found = house.app.usage_store.of_record(pid)
    return {c.method.value: (c.investigations, c.unique_investigations, c.requests, c.unique_requests) for c in found}


def test_people_tools_and_robots_are_counted_each_as_what_they_are(day: House) -> None:
    ask(day, RUN, FIREFOX)
    ask(day, RUN, FIREFOX, later=10, times=2)  # clicks again and again: once
    ask(day, RUN, FIREFOX, later=60)
    ask(day, FILE, FIREFOX, later=60)
    ask(day, RUN, ROBOT, times=3)
    ask(day, f"/api/v1{FILE}", TOOL, later=60)
    ask(day, f"/api/v1{FILE}", TOOL | {"range": "bytes=500-"}, later=60)  # goes on with what was begun
    ask(day, RUN, day.bearer("scientist") | FIREFOX, later=60)  # the house itself
    ask(day, RUN, FIREFOX, later=3600)
    counted(day)
    assert of(day) == {"regular": (4, 2, 1, 1), "machine": (1, 1, 1, 1)}
    assert not of(day, PIDS["embargoed"])


TOOLS = (
    "curl/8.5.0", "Wget/1.21.4", "aria2/1.37.0", "python-httpx/0.27.0", "python-requests/2.32.3", "Python-urllib/3.12", "Python/3.12 aiohttp/3.9.5",
    "rclone/v1.66.0", "Go-http-client/2.0", "libwww-perl/6.77", "davfs2/1.6.1", "MATLAB R2024b", "HTTPie/3.2",
)  # fmt: skip


ROBOTS = ("Mozilla/5.0 (compatible; bingbot/2.0)", "facebookexternalhit/1.1", "Scrapy/2.11", "b2find-harvester", "")


def test_downloads_by_tools_are_requests_of_machines_wherever_they_take_them(day: House) -> None:
    """Most of them are in COUNTER's list of robots as well."""
    for agent in (*TOOLS, *ROBOTS):
        for path in (FILE, f"/api/v1{FILE}"):
            ask(day, path, {"user-agent": agent})
    counted(day)
    many = len(TOOLS)
    assert of(day) == {"machine": (2 * many, many, 2 * many, many)}


def test_a_browser_that_says_little_is_a_person(day: House) -> None:
    """Over plain HTTP browsers do not say whether somebody clicked."""
    ask(day, FILE, {"user-agent": FIREFOX["user-agent"]})
    counted(day)
    assert of(day) == {"regular": (1, 1, 1, 1)}


def test_nothing_tells_who_it_was(day: House) -> None:
    ask(day, RUN, FIREFOX)
    ask(day, RUN, day.bearer("outsider") | FIREFOX)
    day.app.recorder.write()
    with day.app.database.read() as c:
        rows = c.execute(usage_event.select()).mappings().all()
        assert len({row["visitor"] for row in rows}) == 2
        text = repr([dict(row) for row in rows])
    assert "192.0.2.77" not in text
    assert "Firefox" not in text
    counted(day)
    with day.app.database.read() as c:
        assert not c.execute(usage_event.select()).all()
        assert not c.execute(usage_salt.select()).all()  # with it goes any way to tell visitors again


def test_a_day_is_counted_once_and_only_when_it_is_over(day: House) -> None:
    ask(day, RUN, FIREFOX)
    day.app.recorder.write()
    assert count_days(day.app.usage_store, day.moment[0]) == 0
    counted(day)
    before = of(day)
    assert before == {"regular": (1, 1, 0, 0)}
    assert count_days(day.app.usage_store, day.moment[0]) == 0
    ask(day, RUN, FIREFOX)
    counted(day)
    assert sum(c.investigations for c in day.app.usage_store.of_record(PIDS["open"])) == 2


def test_what_strangers_invent_is_not_kept(day: House) -> None:
    day.client.get("/datasets/pm-nothing", headers=FIREFOX)
    notes = UseNotes(day.app.recorder)
    scope = {
        "type": "http",
        "path": "/datasets/invented",
        "method": "GET",
        "headers": [],
        "panmesh.viewer": day.app.accounts.viewer("outsider"),
    }
    notes(scope, 200, [])
    day.app.recorder.write()
    with day.app.database.read() as c:
        assert not c.execute(usage_event.select()).all()


def test_the_report_is_a_sushi_report_of_what_is_public(day: House, shared_data: Path) -> None:
    ask(day, FILE, FIREFOX)
    ask(day, f"/datasets/{PIDS['proprietary']}", day.bearer("member") | FIREFOX)
    month = from_us(day.moment[0]).strftime("%Y-%m")
    counted(day)
    body = day.client.get("/api/v1/usage/reports/dsr", params={"begin_date": month}).json()
    schema = json.loads((shared_data / "metadata" / "schemas" / "sushi.json").read_text("utf-8"))
    assert not list(jsonschema.Draft7Validator(schema).iter_errors(body))
    (one,) = body["report-datasets"]
    assert one["dataset-title"] == "A run open"
    metrics = {(i["metric-type"], i["access-method"]): i["count"] for i in one["performance"][0]["instance"]}
    assert metrics[("total-dataset-requests", "regular")] == 1
    assert SECRET not in json.dumps(body)
    assert one["dataset-id"] == [{"type": "proprietary", "value": PIDS["open"]}]
    wanted = {"kind": "dataset", "asked_us": 1, "wanted": "findable", "attempts": 0}
    with day.app.database.write() as c:
        for name, confirmed in (("open", "findable"), ("embargoed", "none")):
            said = {"pid": PIDS[name], "suffix": name, "name": f"10.82012/{name}", "confirmed": confirmed}
            c.execute(doi.insert(), wanted | said | {"confirmed_us": day.moment[0] if confirmed != "none" else None})
    (one,) = day.client.get("/api/v1/usage/reports/dsr", params={"begin_date": month}).json()["report-datasets"]
    assert one["dataset-id"] == [{"type": "doi", "value": "10.82012/open"}]
    day.app.usage_store.hold(day.moment[0])
    assert [held.doi_datasets for held in day.app.usage_store.holdings()][-2:] == [0, 1]  # what is only asked for is none
    for odd in ("2026-13", "2026-02-30", "x" * 200, "2026-1", "-2026-01", "٢٠٢٦-01", "2026-01' OR 1=1"):
        refused = day.client.get("/api/v1/usage/reports/dsr", params={"begin_date": odd})
        assert (refused.status_code, refused.json()["code"], refused.json()["severity"]) == (400, 3020, "error"), odd


def test_a_sushi_client_finds_its_way_filters_and_is_told_what_was_not_understood(day: House, shared_data: Path) -> None:
    schema = json.loads((shared_data / "metadata" / "schemas" / "sushi.json").read_text("utf-8"))
    for path, name in (("status", "sushi_service_status"), ("reports", "sushi_report_list")):
        for one in day.client.get(f"/api/v1/usage/{path}").json():
            part = schema["definitions"][name] | {"definitions": schema["definitions"]}
            assert not list(jsonschema.Draft7Validator(part).iter_errors(one))
    (everybody,) = day.client.get("/api/v1/usage/members", params={"customer_id": "abc"}).json()
    assert (everybody["customer-id"], everybody["name"]) == ("0000000000000000", "The World")
    for other in ("tr", "DSR", "nothing%00"):
        refused = day.client.get(f"/api/v1/usage/reports/{other}")
        assert (refused.status_code, refused.json()["code"]) == (404, 3000), other
        assert "/reports/dsr" in refused.json()["data"]
    ask(day, FILE, FIREFOX)
    ask(day, RUN, FIREFOX, later=60)
    ask(day, f"/api/v1{FILE}", TOOL, later=60)
    month = from_us(day.moment[0]).strftime("%Y-%m")
    counted(day)
    day.moment[0] += 31 * DAY_US

    def report(**given: str) -> Any:
        body = day.client.get("/api/v1/usage/reports/dsr", params={"begin_date": f"{month}-01", "end_date": month} | given).json()
        assert not list(jsonschema.Draft7Validator(schema).iter_errors(body))
        return body

    def counts(body: Any) -> set[tuple[str, str, int]]:
        found = [i for one in body["report-datasets"] for part in one["performance"] for i in part["instance"]]
        return {(i["access-method"], i["metric-type"], i["count"]) for i in found}

    whole = report(customer_id="x", api_key="y")
    assert (whole["exceptions"], whole["report-filters"], len(counts(whole))) == ([], [], 8)
    machine = report(access_method="machine", metric_type="total-dataset-requests|unique-dataset-requests")
    assert counts(machine) == {("machine", "total-dataset-requests", 1), ("machine", "unique-dataset-requests", 1)}
    assert {"name": "access_method", "value": "machine"} in machine["report-filters"]
    assert (
        report(dataset_id=PIDS["open"], granularity="totals")["report-datasets"][0]["performance"][0]["period"]["end-date"]
        >= month
    )
    assert report(attributes_to_show="dataset-dates")["report-datasets"][0]["dataset-dates"][0]["type"] == "pub-date"
    for given in ({"dataset_id": "10.1/other"}, {"yop": "1901-1902"}):
        assert [e["code"] for e in report(**given)["exceptions"]] == [3030]
    for given, code in (
        ({"platform": "another"}, 3060), ({"yop": "long ago"}, 3060), ({"metric_type": "clicks"}, 3060), ({"access_method": "x"}, 3060),
        ({"attributes_to_show": "country"}, 3062), ({"granularity": "day"}, 3062), ({"odd": "1"}, 3050),
    ):  # fmt: skip
        body = report(**given)
        assert [(e["code"], e["severity"]) for e in body["exceptions"]] == [(code, "warning")], given
        assert counts(body) == counts(whole)
    this = from_us(day.moment[0]).strftime("%Y-%m")
    assert [e["code"] for e in report(end_date=this)["exceptions"]] == [3040]
    assert [e["code"] for e in report(begin_date="2999-01", end_date="2999-01")["exceptions"]] == [3031]
    refused = day.client.get("/api/v1/usage/reports/dsr", params={"begin_date": month, "end_date": "2020-01"})
    assert (refused.status_code, refused.json()["code"]) == (400, 3020)
    assert "later" in refused.json()["data"]


def test_pages_of_use_are_for_those_who_may_know_of_the_data(day: House) -> None:
    ask(day, FILE, FIREFOX)
    counted(day)
    page = day.client.get(f"{RUN}/usage").text
    assert "<svg" in page
    assert "1 by people" in page
    assert day.client.get("/instruments/pm-instrument1/usage").text.count("1 by people") == 2
    for name in set(HIDDEN) - {"collecting"}:  # that visit is over meanwhile
        assert day.client.get(f"/datasets/{PIDS[name]}/usage").status_code == 404
        assert day.client.get(f"/api/v1/datasets/{PIDS[name]}/usage").status_code == 404
    rows = day.client.get(f"/api/v1{RUN}/usage").json()
    assert len(rows) == 12
    assert sum(row["requests"] for row in rows) == 1
    assert sum(row["bytes"] for row in rows) == 1000


def test_the_report_of_the_facility_is_for_its_staff(day: House) -> None:
    day.app.usage_store.hold(day.moment[0])
    day.app.usage_store.hold(day.moment[0])  # the month goes on
    for headers in ({}, day.bearer("pi")):
        assert day.client.get("/report", headers=headers).status_code in (303, 403)
        assert day.client.get("/report.csv", headers=headers).status_code in (303, 403)
    page = day.client.get("/report", headers=day.bearer("steward")).text
    assert "5, 5" in page  # datasets, and bytes
    assert "<dt>FAIR</dt>" not in page  # before runs were scored
    lines = day.client.get("/report.csv", headers=day.bearer("steward")).text.splitlines()
    assert len(lines) == 1 + 36
    assert lines[-1].startswith(f"{from_us(day.moment[0]):%Y-%m},5,5000,1,1000,0,")
    assert lines[1].split(",")[1:6] == ["0"] * 5  # three years ago there was nothing


def test_the_report_says_nearly_all_where_it_is_not_all_and_how_fair_the_runs_are(day: House) -> None:
    with day.app.database.write() as c:
        c.execute(update(t.dataset).values(total_bytes=case((t.dataset.c.pid == PIDS["open"], 10**9), else_=1)))
    Publishing(day.app, threading.Event()).round()  # scores them
    day.app.usage_store.hold(day.moment[0])
    page = day.client.get("/report", headers=day.bearer("steward")).text
    assert "20 % of the datasets, 99 % of the bytes" in page
    (month,) = day.app.quality.of_facility(day.app.accounts.viewer("steward")).held
    assert f"<dt>FAIR</dt><dd>{month.scores.assessed:.0f} % by the metrics of F-UJI; {month.scores.complete:.0f} %" in page


def test_the_report_by_year_says_what_was_published_and_who_cites_it(day: House) -> None:
    for headers in ({}, day.bearer("pi")):
        assert day.client.get("/report-years.csv", headers=headers).status_code in (303, 403)
    ask(day, FILE, FIREFOX)
    counted(day)
    publish(day, "open")
    publish(day, "embargoed")  # of the same paper
    day.app.usage_store.hold(day.moment[0])
    *_, line = csv.DictReader(io.StringIO(day.client.get("/report-years.csv", headers=day.bearer("steward")).text))
    assert line["year"] == f"{from_us(day.moment[0]).year}"
    names = ("datasets", "open datasets", "requests", "bytes taken", "publications", "papers")
    assert [line[name] for name in names] == ["5", "1", "1", "1000", "2", "1"]
    page = day.client.get("/report", headers=day.bearer("steward")).text
    assert "By year" in page
    assert "/report-years.csv" in page


def test_datasets_are_under_the_doi_of_their_visit_and_of_a_publication(day: House) -> None:
    made = publish(day, "open")
    with day.app.database.write() as c:
        for kind, pid in (("investigation", "pm-visit2"), ("release", made["pid"])):
            said = {"kind": kind, "pid": pid, "suffix": pid, "name": f"10.82012/{pid}", "asked_us": 1, "wanted": "findable"}
            c.execute(delete(doi).where(doi.c.pid == pid))
            c.execute(doi.insert(), said | {"attempts": 0, "confirmed": "findable", "confirmed_us": day.moment[0]})
    day.app.usage_store.hold(day.moment[0])
    assert [held.doi_datasets for held in day.app.usage_store.holdings()][-2:] == [0, 2]


def test_counts_follow_their_definition() -> None:
    """Against the words of the code of practice, taken one by one."""
    chance = random.Random(4)
    for _ in range(200):
        uses = [
            Use(
                day="2026-01-01", at_us=chance.randrange(3 * 3600) * SECOND, pid="x", action=Action.REQUEST if (kind := chance.random()) < 0.5 else Action.INVESTIGATION,
                method=Method.REGULAR, visitor=bytes([chance.randrange(3)]), target=b"a" if kind < 0.5 else b"b", bytes=1,
            )
            for _ in range(chance.randrange(30))
        ]  # fmt: skip
        kept = [
            use
            for n, use in enumerate(sorted(uses, key=lambda one: one.at_us))
            if not any(
                (later.visitor, later.target) == (use.visitor, use.target) and later.at_us - use.at_us <= 30 * SECOND
                for later in sorted(uses, key=lambda one: one.at_us)[n + 1 :]
            )
        ]
        found = counts_of(uses)
        assert sum(c.investigations for c in found) == len(kept)
        assert sum(c.requests for c in found) == sum(use.action is Action.REQUEST for use in kept)
        hours = {(use.visitor, use.at_us // (3600 * SECOND)) for use in kept}
        assert sum(c.unique_investigations for c in found) == len(hours)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/datasets/x", (Action.INVESTIGATION, "x")),
        ("/datasets/x/plot.svg", None),
        ("/datasets/x/usage", None),
        ("/datasets/x/files/a/b.nxs", (Action.REQUEST, "x")),
        ("/api/v1/datasets/x", (Action.INVESTIGATION, "x")),
        ("/api/v1/datasets/x/files", None),
        ("/api/v1/datasets/x/files/a.nxs", (Action.REQUEST, "x")),
        ("/api/h5/x/data/", (Action.REQUEST, "x")),
        ("/api/h5/x/meta", (Action.INVESTIGATION, "x")),
        ("/api/v1/datasets", None),
        ("/investigations/v", (Action.INVESTIGATION, "v")),
    ],
)
def test_what_is_a_use(path: str, found: Any) -> None:
    assert what(path) == found


def test_noting_costs_a_request_next_to_nothing(house: House) -> None:
    """Microseconds: a page takes milliseconds."""
    notes = UseNotes(Recorder(house.app.usage_store, house.app.clock))
    viewer = house.app.accounts.viewer("outsider")
    headers = [(name.encode(), value.encode()) for name, value in FIREFOX.items()]
    scope = {
        "type": "http",
        "path": FILE,
        "method": "GET",
        "headers": headers,
        "client": ("192.0.2.1", 1),
        "panmesh.viewer": viewer,
    }
    began = time.process_time()
    for _ in range(10_000):
        notes(scope, 200, [(b"content-length", b"1000")])
    assert (time.process_time() - began) / 10_000 < 200e-6


def test_two_processes_that_count_the_same_day_count_it_once(house: House) -> None:
    use = Use(
        day="2026-01-05",
        at_us=1,
        pid=PIDS["open"],
        action=Action.REQUEST,
        method=Method.MACHINE,
        visitor=b"v",
        target=b"t",
        bytes=7,
    )
    house.app.usage_store.keep([use])
    counts = counts_of([use])
    house.app.usage_store.counted("2026-01-05", counts)
    house.app.usage_store.counted("2026-01-05", counts)
    with house.app.database.read() as c:
        (row,) = c.execute(usage_month.select()).all()
        assert (row.requests, row.bytes) == (1, 7)
