"""The clocks of keeping, from the end of a visit to its deletion: mails, links, sessions and data, with the clock moved and nothing else; and files
that go to the archive meanwhile."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from panmesh.access.rules import PolicyRules, retained_until
from panmesh.access.viewer import OPERATOR
from panmesh.adapters.sql import people_tables as p
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.request_tables import notice
from panmesh.app.announcing import Announcer
from panmesh.app.compose import Composition
from panmesh.app.settings import load
from panmesh.app.upkeep import Upkeep
from panmesh.app.worker import ingest_until_done, scan_tree
from panmesh.kernel.clock import DAY_US, facility_day
from panmesh.testing.personas import PASSWORD
from panmesh.testing.simulator import write_run
from tests.protocol.conftest import NOW, PIDS, House, furnish
from tests.protocol.mailbox import Mailbox, receiving_mail
from tests.protocol.test_requests import ask, reads, why

VISIT, RUN = "pm-visit2", PIDS["embargoed"]
ENDED = NOW - 10 * DAY_US


@pytest.fixture
def mailed(tmp_path: Path, database_url: str) -> Iterator[tuple[House, Mailbox]]:
    from tests.conftest import empty_facility

    with receiving_mail() as (box, port):
        settings = {
            "PANMESH_MAIL__HOST": "127.0.0.1",
            "PANMESH_MAIL__PORT": str(port),
            "PANMESH_MAIL__SENDER": "data@example.org",
        }
        house = furnish(empty_facility(tmp_path, database_url, **settings, PANMESH_SERVER__PUBLIC_URL="https://data.example.org"))
        for login in ("pi", "member", "steward"):
            house.app.accounts.set_email(login, f"{login}@example.org")
        with house.app.database.write() as c:  # of one visit alone
            c.execute(update(t.terms).where(t.terms.c.id != 2).values(team_id=None, instrument_id=None))
        yield house, box
        house.app.close()


def test_everything_ends_on_its_day_and_nothing_before(mailed: tuple[House, Mailbox]) -> None:
    house, box = mailed
    app, kept = house.app, retained_until(ENDED, PolicyRules(version="1"), "UTC")
    announcer, upkeep = Announcer(app, threading.Event()), Upkeep(app, threading.Event())

    def at(now_us: int) -> list[str]:
        house.moment[0] = now_us
        house.tokens.clear()
        before = len(box.got)
        announcer.round()
        upkeep.round()
        return sorted(f"{mail['To'].partition('@')[0]}: {mail['Subject'].partition(':')[0]}" for mail in box.got[before:])

    assert at(NOW) == []
    session = app.accounts.sign_in("pi", PASSWORD, "192.0.2.1")
    invited = house.client.post(
        f"/api/v1/teams/{VISIT}/invitations", json={"address": "a@example.org"}, headers=house.bearer("pi")
    )
    assert invited.status_code == 201
    assert at(NOW + 1) == ["a: Invitation to the team of visit-2"]

    def held(*tables: object) -> list[int]:
        with app.database.read() as c:
            return [len(c.execute(select(table)).all()) for table in tables]  # type: ignore[call-overload]

    assert held(t.web_session, p.invitation) == [1, 1]
    assert app.accounts.of_session(session.secret) is not None
    at(NOW + 2 * DAY_US)
    assert held(t.web_session, p.invitation) == [0, 1]
    at(NOW + (14 + 365) * DAY_US - 1000)
    assert held(p.invitation) == [1]
    at(NOW + (14 + 365) * DAY_US + DAY_US)
    assert held(p.invitation) == [0]

    day = facility_day(kept, "UTC")
    words = f"Data are kept until {day.day} {day:%B %Y}"
    assert f"pi: {words}" not in at(kept - 365 * DAY_US - DAY_US // 24)  # the house looks every hour
    assert {f"pi: {words}", f"steward: {words}"} <= set(at(kept - 365 * DAY_US))
    sent = held(notice)[0]
    assert {f"pi: {words}", f"steward: {words}"} <= set(at(kept - 90 * DAY_US))
    assert held(notice)[0] >= sent
    at(kept - 1)
    refused = ask(house, "steward", "deletion", VISIT)
    assert (refused.status_code, "are kept until" in refused.text) == (409, True)
    assert reads(house, None), "open, and there"
    at(kept)
    assert reads(house, None), "the end of the time of keeping deletes nothing by itself"
    done = ask(house, "steward", "deletion", VISIT)
    assert done.json()["answer"] == "granted", done.text
    assert why(house, None)["state"] == "deleted"
    assert not reads(house, "pi")
    assert house.client.get(f"/investigations/{VISIT}").status_code == 200, "its page stays as a tombstone"
    assert at(kept + 400 * DAY_US) == []
    assert held(notice) == [0]


START = datetime(2026, 3, 2, 8, tzinfo=UTC)
SCHEDULE = "proposal,visit,instrument,start,end,pi,members\nCM1,CM1-1,sim-powder,{start},{end},ada,bea\n"


def test_files_that_are_moved_into_the_archive_are_told_of_once(tmp_path: Path, database_url: str) -> None:
    """The disk and the tape are two storages; the files go from one to the other, and the runs keep their pids."""
    for name in ("disk/CM1-1", "tape/CM1-1", "data"):
        (tmp_path / name).mkdir(parents=True)
    written = f'[storage.disk]\npath = "{tmp_path}/disk"\n\n[storage.tape]\npath = "{tmp_path}/tape"\narchive = true\n'
    (tmp_path / "data/panmesh.toml").write_text(written, "utf-8")
    app = Composition(load(data=tmp_path / "data", environment={"PANMESH_DATABASE__URL": database_url}))
    app.schedule.load(
        OPERATOR, SCHEDULE.format(start=START.isoformat(), end=(START + timedelta(days=2)).isoformat()), dry_run=False
    )
    for number in (1, 2, 3):
        write_run(tmp_path / "disk/CM1-1", number, START + timedelta(hours=number))
    _read(app)
    before = _places(app)
    assert {place.partition("/")[0] for place in before.values()} == {"disk"}
    assert len(before) == 3
    for file in sorted((tmp_path / "disk/CM1-1").iterdir()):
        shutil.move(file, tmp_path / "tape/CM1-1" / file.name)
        _read(app)
    after = _places(app)
    assert set(after) == set(before), "the runs are the same"
    assert {place.partition("/")[0] for place in after.values()} == {"tape"}
    with app.database.read() as c:
        told = c.execute(select(notice.c.kind, t.account.c.login).join(t.account, t.account.c.id == notice.c.account_id)).all()
    assert sorted(map(tuple, told)) == [("archived", "ada"), ("archived", "bea")]
    app.close()


def _read(app: Composition) -> None:
    for storage in ("tape", "disk"):
        scan_tree(app, storage, "")
    ingest_until_done(app)
    while app.digests.work():
        pass


def _places(app: Composition) -> dict[str, str]:
    with app.database.read() as c:
        return {
            row.pid: f"{row.storage}/{row.path}"
            for row in c.execute(select(t.dataset.c.pid, t.dataset.c.storage, t.dataset.c.path))
        }
