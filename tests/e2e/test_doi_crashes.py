"""kill -9 between every two steps of a DOI: it exists once, in the right state, and our tables say so."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
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
MANY = 90  # visits that get a DOI
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


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # on SQLite one process does all the work
def test_of_three_that_send_under_load_two_die_and_each_doi_is_made_once(tmp_path: Path, database_url: str) -> None:
    """Who holds the lease is killed, then its heir; the last one sends the rest."""
    with DataCiteStub(takes_seconds=0.05) as stub:
        environment = os.environ | account(stub, tmp_path) | {"PANMESH_DATABASE__URL": database_url}
        environment |= {"PANMESH_DATACITE__INSTRUMENTS": "on-demand", "PANMESH_DATACITE__TIMEOUT": "30"}
        data = tmp_path / "data"
        _visit(data, environment, many=MANY)
        children = dict(_registering(data, environment, tmp_path) for _ in range(3))
        try:
            for _ in range(2):
                made = len(stub.made)
                _wait_for(lambda made=made: len(stub.made) >= made + MANY // 6)  # type: ignore[misc]
                dies = children.pop(_holder(data, environment))
                os.kill(dies, signal.SIGKILL)
                assert ended(dies) == -signal.SIGKILL
                assert len(stub.made) < MANY, "there is something left to do"
                _let_leases_end(data, environment)
            _wait_for(lambda: _confirmed(data, environment) == MANY)
            assert set(stub.made.values()) == {1}
            assert (len(stub.dois), {one.state for one in stub.dois.values()}) == (MANY, {"findable"})
        finally:
            for child in children.values():
                os.kill(child, signal.SIGKILL)
                ended(child)


def _registering(data: Path, environment: dict[str, str], folder: Path) -> tuple[str, int]:
    """A process of its own that sends for as long as it lives: the name under which it holds the lease, and its number."""
    told = folder / f"holder-{len(list(folder.glob('holder-*')))}"

    def sends() -> None:
        app = _app(data, environment)
        told.with_suffix(".new").write_text(app.doi_sender._holder)
        told.with_suffix(".new").rename(told)
        Registering(app).loop()

    child = begin(sends)
    _wait_for(told.exists)
    return told.read_text(), child


def _holder(data: Path, environment: dict[str, str]) -> str:
    app = _app(data, environment)
    found: list[str] = []

    def held() -> bool:
        with app.database.read() as c:
            found[:] = [name for name in c.execute(select(doi_round.c.holder)).scalars() if name]
        return bool(found)

    _wait_for(held)
    app.close()
    return found[0]


def _confirmed(data: Path, environment: dict[str, str]) -> int:
    app = _app(data, environment)
    with app.database.read() as c:
        found = len(c.execute(select(doi.c.id).where(doi.c.confirmed == "findable", doi.c.sent_us.is_(None))).all())
    app.close()
    return found


def _wait_for(there: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not there():
        assert time.monotonic() < until, "nothing came of it"
        time.sleep(0.02)


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


def _visit(data: Path, environment: dict[str, str], many: int = 1) -> None:
    app, now = _app(data, environment), system_clock()
    with app.database.write() as c:
        number = c.execute(select(facility.c.id)).scalar_one()
        times = {"starts_us": now - 3 * DAY_US, "ends_us": now - DAY_US}
        c.execute(insert(terms).values(id=1, access="public", policy_version="1", opens_us=now + 1000 * DAY_US, **times))
        row = {"facility_id": number, "terms_id": 1, "visit_id": "V", "kind": "user", "title": "A visit", **times}
        each = [{"id": n, "pid": f"pm-{n:016d}", "natural_key": f"v{n}"} for n in range(1, many + 1)]
        c.execute(insert(investigation), [row | one for one in each])
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
