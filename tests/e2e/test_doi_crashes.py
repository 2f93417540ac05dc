"""kill -9 between every two steps of a DOI: it exists once, in the right state, and our tables say so."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from panmesh.adapters.sql.doi_tables import doi, doi_round
from panmesh.adapters.sql.dois import intend_doi
from panmesh.adapters.sql.tables import change, facility, investigation, terms
from panmesh.app.compose import Composition
from panmesh.app.registering import Registering
from panmesh.app.settings import load
from panmesh.kernel.clock import DAY_US, system_clock
from panmesh.testing.datacite import DataCiteStub, Switch
from tests.processes import begin, ended
from tests.protocol.registering import account

PID = "pm-0000000000000001"
# What is killed when: at a named point of ours, or while DataCite, which has done it, does not answer.
STEPS = ("doi.intended", "doi.begun", "doi.asked", "sent", "doi.answered", "doi.confirmed")


@pytest.fixture(scope="module")
def server() -> Iterator[DataCiteStub]:
    with DataCiteStub(slow_seconds=20.0) as made:
        yield made


def test_one_doi_whatever_dies_and_when(server: DataCiteStub, tmp_path: Path, database_url: str) -> None:
    """One life: each step is killed in turn, first of its creation, then of a change and of its hiding."""
    environment = os.environ | account(server, tmp_path) | {"PANMESH_DATABASE__URL": database_url}
    environment |= {"PANMESH_DATACITE__INSTRUMENTS": "on-demand", "PANMESH_DATACITE__TIMEOUT": "30"}
    for name in (server.dois, server.asked, server.made):
        name.clear()
    data = tmp_path / "data"
    _visit(data, environment)
    for step in STEPS:
        _killed(server, data, environment, step)
        assert len(server.dois) <= 1
        assert _row(data, environment, confirmed=step == "doi.confirmed")
        if step != "doi.confirmed":
            assert not _named(data, environment)
    _send(data, environment)
    assert _row(data, environment, confirmed=True)
    assert _named(data, environment)
    for title, steps in (("Another title", ("doi.begun", "sent", "doi.answered")), (None, ("doi.begun", "sent", "doi.answered"))):
        for step in steps:
            _change(data, environment, title)
            _killed(server, data, environment, step)
        _send(data, environment)
        (kept,) = server.dois.values()
        assert kept.state == ("findable" if title else "registered")
        assert kept.attributes["titles"] == [{"title": "Another title"}]
    assert list(server.made.values()) == [1]


def _killed(server: DataCiteStub, data: Path, environment: dict[str, str], step: str) -> None:
    """A process that sends is killed there."""
    _let_leases_end(data, environment)
    if step != "sent":
        assert ended(_sending(data, environment, f"{step}:kill")) == -signal.SIGKILL
        return
    server.stored.clear()
    server.next(*[Switch.FINE] * _asks_first(data, environment), Switch.SLOW)
    child = _sending(data, environment)
    assert server.stored.wait(60)
    os.kill(child, signal.SIGKILL)
    assert ended(child) == -signal.SIGKILL


def _send(data: Path, environment: dict[str, str]) -> None:
    _let_leases_end(data, environment)
    assert ended(_sending(data, environment)) == 0


def _sending(data: Path, environment: dict[str, str], armed: str = "") -> int:
    """A process of its own that sends what is due."""
    return begin(lambda: Registering(_app(data, environment)).round(), armed)


def _app(data: Path, environment: dict[str, str]) -> Composition:
    return Composition(load(data=data, environment=environment))


def _visit(data: Path, environment: dict[str, str]) -> None:
    app, now = _app(data, environment), system_clock()
    with app.database.write() as c:
        number = c.execute(select(facility.c.id)).scalar_one()
        times = {"starts_us": now - 3 * DAY_US, "ends_us": now - DAY_US}
        c.execute(insert(terms).values(id=1, access="public", policy_version="1", opens_us=now + 1000 * DAY_US, **times))
        row = {"id": 1, "pid": PID, "facility_id": number, "terms_id": 1, "natural_key": "v", "visit_id": "V", "kind": "user"}
        c.execute(insert(investigation).values(**row, title="A visit", **times))
    app.close()


def _change(data: Path, environment: dict[str, str], title: str | None) -> None:
    """Another title, or (None) it is proprietary from now on."""
    app = _app(data, environment)
    with app.database.write() as c:
        if title is not None:
            c.execute(investigation.update().values(title=title))
        else:
            c.execute(terms.update().values(access="proprietary"))
        c.execute(insert(change).values(at_us=system_clock(), kind="investigation", pid=PID, what="updated"))
        intend_doi(c, kind="investigation", pid=PID, now_us=system_clock())
    app.close()


def _row(data: Path, environment: dict[str, str], *, confirmed: bool) -> bool:
    app = _app(data, environment)
    with app.database.read() as c:
        rows = c.execute(select(doi)).all()
    app.close()
    return len(rows) == 1 and rows[0].pid == PID and (rows[0].confirmed == "findable") is confirmed


def _named(data: Path, environment: dict[str, str]) -> bool:
    """Whether our pages say its DOI."""
    app = _app(data, environment)
    try:
        return app.records.record(PID).doi is not None
    finally:
        app.close()


def _asks_first(data: Path, environment: dict[str, str]) -> bool:
    app = _app(data, environment)
    with app.database.read() as c:
        found = c.execute(select(doi.c.sent_us)).scalar()
    app.close()
    return found is not None


def _let_leases_end(data: Path, environment: dict[str, str]) -> None:
    app = _app(data, environment)
    with app.database.write() as c:
        c.execute(doi_round.update().values(held_until_us=1, paused_until_us=None))
        c.execute(doi.update().where(doi.c.error.is_not(None)).values(due_us=system_clock()))
    app.close()
