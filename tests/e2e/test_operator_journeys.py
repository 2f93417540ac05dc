"""What the staff of a facility do in a year, through the command line and a running server."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h5py
import httpx
import numpy as np

from panmesh.testing.simulator import write_run
from tests.e2e.facility import Operator, found, until

START = (datetime.now(UTC) - timedelta(days=40)).replace(hour=8, minute=0, second=0, microsecond=0)
HEAD = "proposal,title,kind,visit,instrument,start,end,pi,members,local_contacts\n"
DAY = timedelta(days=1)


def _visit(proposal: str, first: float, last: float, *, title: str = "Oxides", pi: str = "pi") -> str:
    times = f"{(START + first * DAY).isoformat()},{(START + last * DAY).isoformat()}"
    return f"{proposal},{title},user,{proposal}-1,sim-powder,{times},{pi},,scientist\n"


def _run(operator: Operator, folder: str, number: int, day: float) -> None:
    (operator.runs / folder).mkdir(exist_ok=True)
    write_run(operator.runs / folder, number, START + day * DAY)


def _import(operator: Operator, *lines: str, options: tuple[str, ...] = ()) -> list[dict[str, str]]:
    """The differences that the command prints."""
    file = operator.data / "visits.csv"
    file.write_text(HEAD + "".join(lines), "utf-8")
    said = json.loads(operator.run("import", "schedule", str(file), "--output", "json", *options))
    return [one for one in said if one["change"] != "same"]


def _visits(items: list[dict[str, Any]]) -> dict[str, str | None]:
    """run → name of its visit"""
    return {one["run"]: one["investigation"]["name"] if one["investigation"] else None for one in items}


def test_a_schedule_is_compared_then_imported_and_runs_join_their_visits(tmp_path: Path, database_url: str) -> None:
    operator = found(tmp_path, database_url)
    operator.people("pi", "other", "scientist", steward=("steward",))
    _run(operator, "CM1-1", 1, 0.1)
    _run(operator, "CM2-1", 2, 3.1)
    with operator.serve() as served:
        steward = served.token("steward")

        def visits() -> dict[str, str | None]:
            return _visits(served.get("/datasets", steward)["items"])

        until(lambda: len(visits()) == 2)
        names = {f"Simulated powder diffractometer, {START + day * DAY:%Y-%m} (not in the schedule)" for day in (0.1, 3.1)}
        assert set(visits().values()) == names
        first = (_visit("CM1", 0, 2), _visit("CM3", 90, 92))

        planned = _import(operator, *first, options=("--dry-run",))
        assert {"what": "visit", "name": "CM1 CM1-1", "change": "new"} in planned
        assert [one["name"] for one in planned if one["what"] == "placement"] == ["2 files"]
        assert set(visits().values()) == names
        assert _import(operator, *first) == planned
        until(lambda: visits() == {"1": "Oxides", "2": None})
        assert served.get("/investigations", steward)["total"] == 2  # nothing of the unscheduled ones is left
        [mine] = served.get("/datasets", served.token("pi"))["items"]
        assert (mine["proposal"], mine["access"]["state"], mine["file_count"]) == ("CM1", "embargoed", 1)

        _import(operator, *first, _visit("CM2", 3, 4, title="Welds", pi="other"))
        until(lambda: visits() == {"1": "Oxides", "2": "Welds"})
        assert [d["proposal"] for d in served.get("/datasets", served.token("other"), proposal="CM2")["items"]] == ["CM2"]


def test_a_changed_schedule_shows_as_a_difference_and_can_be_taken_back(tmp_path: Path, database_url: str) -> None:
    operator = found(tmp_path, database_url)
    operator.people("pi")
    before, after = _visit("CM3", 90, 92), _visit("CM3", 91, 92, title="Oxides again", pi="other")
    _import(operator, before)
    old, new = ((START + day * DAY).isoformat().replace("+00:00", "Z") for day in (90, 91))
    changed = {(one["what"], one["name"]): one["change"] for one in _import(operator, after)}
    assert changed == {
        ("account", "other"): "new, without a password",
        ("team", "local:CM3 other"): "nobody → pi",
        ("team", "local:CM3 pi"): "pi → nobody",
        ("proposal", "CM3"): "title 'Oxides' → 'Oxides again'",
        ("visit", "CM3 CM3-1"): f"start {old} → {new}; title 'Oxides' → 'Oxides again'",
    }
    back = {(one["what"], one["name"]): one["change"] for one in _import(operator, before)}
    assert back == {
        ("team", "local:CM3 other"): "pi → nobody",
        ("team", "local:CM3 pi"): "nobody → pi",
        ("proposal", "CM3"): "title 'Oxides again' → 'Oxides'",
        ("visit", "CM3 CM3-1"): f"start {new} → {old}; title 'Oxides again' → 'Oxides'",
    }
    assert _import(operator, before) == []


def test_a_run_that_contradicts_the_schedule_is_decided_by_the_staff(tmp_path: Path, database_url: str) -> None:
    operator = found(tmp_path, database_url)
    operator.people("pi", "other", "scientist", steward=("steward",))
    _import(operator, _visit("CM1", 0, 2), _visit("CM2", 3, 5, pi="other"))
    _run(operator, "CM1-1", 7, 3.5)  # of CM1 by its folder, of CM2 by its time
    with operator.serve() as served, served.browser("scientist") as scientist:
        member, stranger = served.token("pi"), served.token("other")
        until(lambda: "sim_00007" in scientist.page("/quarantine"))
        page = html.unescape(scientist.page("/quarantine"))
        assert "The run names CM1-1, which was not scheduled then. Scheduled at that time: CM2-1." in page
        assert served.get("/datasets", member)["total"] == served.get("/datasets", stranger)["total"] == 0

        steward = served.token("steward")
        pid = served.get("/ingest/quarantine", steward)["items"][0]["pid"]
        targets = {v["visit_id"]: v["pid"] for v in served.get("/investigations", steward)["items"]}
        scientist.send("/quarantine", f"/quarantine/{pid}/assign", investigation=targets["CM2-1"], reason="slip of the hand")
        assert served.get(f"/datasets/{pid}", stranger)["file_count"] == 1
        again = {"investigation": targets["CM1-1"], "reason": "swap of beam time"}
        answer = httpx.post(f"{served.url}/api/v1/ingest/quarantine/{pid}/assign", json=again, headers=steward)
        assert answer.status_code == 200, answer.text

        assert served.get(f"/datasets/{pid}", member)["file_count"] == 1
        assert served.get(f"/datasets/{pid}", stranger)["file_count"] is None
        assert "Nothing waits here" in scientist.page("/quarantine")
    app = operator.composition()
    entries = [(e.actor, e.detail) for e in app.audit.entries(pid=pid) if e.action == "assigned"]
    app.close()
    assert [(actor, said["to"], said["reason"]) for actor, said in entries] == [
        ("steward", targets["CM1-1"], "swap of beam time"),
        ("scientist", targets["CM2-1"], "slip of the hand"),
    ]
    assert entries[0][1]["was"] == targets["CM2-1"]
    assert "CM2-1" in entries[1][1]["was"]


def test_results_of_a_pipeline_stand_beside_their_run_and_under_its_embargo(tmp_path: Path, database_url: str) -> None:
    operator = found(tmp_path, database_url)
    operator.people("pi", "outsider", "scientist")
    _import(operator, _visit("CM1", 0, 2))
    _run(operator, "CM1-1", 1, 0.1)
    (operator.runs / "CM1-1/processed").mkdir()
    with h5py.File(operator.runs / "CM1-1/processed/pattern.h5", "w") as file:
        file["intensity"] = np.arange(100.0)
    token = operator.run("token", "make", "scientist", "--scope", "ingest", "--scope", "read").strip()
    pipeline = {"Authorization": f"Bearer {token}"}
    with operator.serve() as served:
        [raw] = until(lambda: served.get("/datasets", pipeline, text="simulated")["items"])
        body = {
            "title": "Integrated pattern",
            "sources": [raw["pid"]],
            "files": ["runs:CM1-1/processed/pattern.h5"],
            "software": "zeolitefit",
            "software_version": "2.4",
        }
        made = httpx.post(f"{served.url}/api/v1/datasets", json=body, headers=pipeline)
        assert made.status_code == 201, made.text
        derived = made.json()["pid"]
        with served.browser("pi") as member, served.browser("outsider") as outsider, served.browser() as anyone:
            told = html.unescape(member.page(f"/datasets/{raw['pid']}"))
            using = f"<h2>Used for</h2><ul class=.plain.><li><a href=./datasets/{derived}.>Integrated pattern</a> <span class=.none.>with zeolitefit 2.4</span>"
            assert re.search(using, told)
            told = html.unescape(member.page(f"/datasets/{derived}"))
            source = f"<h2>Made from</h2><ul class=.plain.><li><a href=./datasets/{raw['pid']}.>Simulated: LaB6 at 310 K</a> <span class=.none.>with zeolitefit 2.4</span>"
            assert re.search(source, told)
            for stranger in (outsider, anyone):
                for mine, other in ((raw["pid"], derived), (derived, raw["pid"])):
                    told = stranger.page(f"/datasets/{mine}")
                    assert "Embargoed until" in told
                    assert not [word for word in (other, "zeolitefit", "pattern.h5") if word in told]
                assert derived not in stranger.page("/?q=zeolitefit")
        for pid, name in ((raw["pid"], "sim_00001.nxs"), (derived, "pattern.h5")):
            assert httpx.get(f"{served.url}/api/v1/datasets/{pid}/files/{name}").status_code == 403


def test_runs_are_found_while_an_instrument_writes(tmp_path: Path, database_url: str) -> None:
    operator = found(tmp_path, database_url, '[policy]\nunscheduled = "open"\n')
    with operator.serve() as served:
        command = [sys.executable, "-m", "panmesh.testing.simulator", str(operator.runs), "--every", "0.2", "--count", "2"]
        seen: set[str] = set()
        totals = []

        def look(least: int) -> bool:
            page = served.get("/datasets")
            totals.append(page["total"])
            seen.update(one["run"] for one in page["items"])
            return len(seen) >= least

        for written in (2, 4, 6):  # it goes on when they were found, however slow this machine is
            with subprocess.Popen(command) as simulator:
                until(lambda written=written: look(written))  # type: ignore[misc]
            assert simulator.returncode == 0
        assert totals == sorted(totals)
        assert seen == {str(int(f.stem[4:])) for f in operator.runs.glob("sim_*.nxs")}  # how soon: benchmarks/bench_visible.py
