"""Runs corrected in bulk through the command line and the portal, and kill -9 in the middle of it."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from panmesh.access.viewer import OPERATOR
from panmesh.adapters.sql import tables as t
from panmesh.app.compose import Composition
from panmesh.catalogue.correction import CorrectionState
from panmesh.kernel.clock import DAY_US
from panmesh.kernel.pid import mint
from panmesh.testing.simulator import write_run
from tests.e2e.facility import Operator, found, until
from tests.processes import panmesh

START = (datetime.now(UTC) - timedelta(days=40)).replace(hour=8, minute=0, second=0, microsecond=0)
HEAD = "proposal,title,kind,visit,instrument,start,end,pi,members,local_contacts\n"
MANY = 1200


def _facility(folder: Path, url: str) -> Operator:
    """CM1 from day 0 to 1, CM2 from day 1 to 2; one run in the folder of CM2 that was measured in the time of CM1."""
    operator = found(folder, url)
    operator.people("pi", "other", "scientist", steward=("steward",))
    (operator.runs / "CM2-1").mkdir()
    write_run(operator.runs / "CM2-1", 7, START + timedelta(days=0.3))
    lines = [
        f"{name},Oxides,user,{name}-1,sim-powder,{(START + timedelta(days=a)).isoformat()},{(START + timedelta(days=a + 1)).isoformat()},{pi},,scientist\n"
        for name, a, pi in (("CM1", 0, "pi"), ("CM2", 1, "other"))
    ]
    file = operator.data / "visits.csv"
    file.write_text(HEAD + "".join(lines), "utf-8")
    operator.run("import", "schedule", str(file))
    operator.run("ingest", str(operator.runs))
    return operator


def _many(app: Composition) -> list[str]:
    """The run in quarantine, twelve hundred times."""
    with app.database.write() as c:
        row = dict(c.execute(select(t.dataset)).one()._mapping)
        version = dict(c.execute(select(t.dataset_version)).one()._mapping)
        first = row.pop("pid")
        del row["id"], row["identity"], row["version_id"], version["id"], version["pid"], version["dataset_id"]
        pids = [str(mint(os.urandom)) for _ in range(MANY - 1)]
        c.execute(t.dataset.insert(), [row | {"pid": pid, "identity": pid.encode()} for pid in pids])
        ids = {one.pid: one.id for one in c.execute(select(t.dataset.c.pid, t.dataset.c.id).where(t.dataset.c.pid.in_(pids)))}
        c.execute(t.dataset_version.insert(), [version | {"pid": f"{pid}.v1", "dataset_id": ids[pid]} for pid in pids])
        made = select(t.dataset_version.c.id).where(t.dataset_version.c.dataset_id == t.dataset.c.id).scalar_subquery()
        c.execute(t.dataset.update().where(t.dataset.c.pid.in_(pids)).values(version_id=made))
        alike = {"kind": "dataset", "version": None, "origin": "native"}
        c.execute(t.pid.insert(), [alike | {"pid": pid, "concept": pid} for pid in pids])
    return [first, *pids]


def _moved(app: Composition) -> int:
    query = select(func.count()).select_from(t.dataset).where(t.dataset.c.quarantine.is_(None))
    with app.database.read() as c:
        return c.execute(query).scalar_one()


@pytest.mark.parametrize("point", ["correction.before-commit", "correction.after-commit"])
@pytest.mark.parametrize("then", ["gone on with", "undone"])
def test_a_killed_bulk_says_so_and_is_gone_on_with_or_wholly_undone(
    point: str, then: str, tmp_path: Path, database_url: str
) -> None:
    operator = _facility(tmp_path, database_url)
    app = operator.composition()
    try:
        pids = _many(app)
        command = (
            "correct",
            "move",
            "--quarantined",
            "--visit",
            "CM1-1",
            "--because",
            "wrong folder",
            "--data",
            str(operator.data),
        )
        killed = panmesh(*command, environment=operator.environment, armed=f"{point}:kill:2", beside=app)
        assert killed.code == -9, killed.error[-500:]
        [one] = app.corrections.history(OPERATOR).items
        done = 500 if point == "correction.before-commit" else 1000
        assert (one.state, one.done, one.total) == (CorrectionState.RUNNING, done, len(pids))
        assert _moved(app) == done
        if then == "undone":
            said = json.loads(operator.run("correct", "undo", str(one.id), "--output", "json", beside=app))
            assert (said["state"], _moved(app)) == ("undone", 0)
            return
        assert app.corrections.finish_stopped() == 0, "it may still be alive"
        moment = app.clock() + DAY_US // 24
        app.__dict__.pop("corrections")
        app.clock = lambda: moment
        assert app.corrections.finish_stopped() == 1
        assert app.corrections.one(OPERATOR, one.id).state is CorrectionState.DONE
        assert _moved(app) == len(pids)
        app.corrections.undo(OPERATOR, one.id)
        assert _moved(app) == 0
    finally:
        app.close()


def test_a_scientist_takes_a_suggestion_and_thinks_again(tmp_path: Path, database_url: str) -> None:
    operator = _facility(tmp_path, database_url)
    with operator.serve() as served, served.browser("scientist") as scientist:
        until(lambda: "sim_00007" in scientist.page("/quarantine"))
        page = scientist.page("/quarantine")
        assert "Move to CM1-1" in page
        assert "was scheduled on this instrument at that time" in page
        assert "its folder is called CM2-1" in page
        pid = re.search(r'name="pid" value="([^"]+)"', page)
        visit = re.search(r'name="visit" value="([^"]+)"><input type="hidden" name="reason" value="Suggested: was', page)
        assert pid is not None
        assert visit is not None
        scientist.send("/quarantine", "/corrections", what="move", pids=pid[1], visit=visit[1], reason="Suggested: time")
        member, stranger = served.token("pi"), served.token("other")
        assert served.get(f"/datasets/{pid[1]}", member)["file_count"] == 1
        assert served.get(f"/datasets/{pid[1]}", stranger)["file_count"] is None
        assert "Moved 1 run to CM1-1" in scientist.page("/corrections")
        scientist.send("/corrections", "/corrections/1/undo")
        assert "sim_00007" in scientist.page("/quarantine")
        assert served.get("/datasets", member)["total"] == 0

        scientist.send(f"/corrections/new?pid={pid[1]}", "/corrections", what="discard", pids=pid[1], reason="beam was down")
        assert "Nothing waits here" in scientist.page("/quarantine")
        assert "beam was down" in scientist.page("/corrections/discarded")
        assert "discarded by the facility" in scientist.page(f"/datasets/{pid[1]}", 410)
    assert "already" not in operator.run("correct", "undo", "2")
