"""The page of ingest: staff alone, each of what they may know; failures by reason, tried again one by one or together."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from panmesh.access.viewer import OPERATOR, Scope
from panmesh.adapters.sql import tables as t
from panmesh.ingest.dashboard import BIN_US, BINS, Failed, grouped, kind_of
from panmesh.ingest.units import UnitState
from tests.protocol.conftest import NOW, SECRET, House

REASONS = ("bad byte number 7 in 'a.nxs'", "bad byte number 19 in 'b.nxs'", "The file /data/c.nxs ended early")


@pytest.fixture
def failing(house: House) -> House:
    """Two files of nobody's failed alike, one of the proprietary run otherwise."""
    with house.app.database.write() as c:
        for number, reason in enumerate(REASONS[:2]):
            row = {
                "storage": "runs",
                "path": f"new/{number}.nxs",
                "state": "failed",
                "size": 1,
                "seen_us": NOW - 1000,
                "reason": reason,
            }
            c.execute(t.unit.insert(), row | {"read_us": NOW - 500, "modified_us": NOW - 3_000_000})
        c.execute(t.unit.update().where(t.unit.c.id == 3).values(state="failed", reason=REASONS[2], read_us=NOW - BIN_US - 1))
        c.execute(t.dataset.update().where(t.dataset.c.id == 2).values(growing=True))
    return house


def _states(house: House) -> dict[str, str]:
    with house.app.database.read() as c:
        return {row.path: row.state for row in c.execute(t.unit.select())}


def test_each_sees_what_failed_among_what_they_may_know(failing: House) -> None:
    for login, files in (("admin", 2), ("steward", 2), ("scientist", 1)):
        report = failing.app.dashboard.report(failing.app.accounts.viewer(login))
        assert sum(one.files for one in report.failures) == files, login
        assert sum(one.files for one in report.reads) == files, login
        assert sum(one.failed for one, _ in report.storages) == files, login
        page = failing.client.get("/ingest", headers=failing.bearer(login))
        assert page.status_code == 200
        assert ("ended early" in page.text) == (login == "scientist")
        assert "A run embargoed" in page.text  # being written
    report = failing.app.dashboard.report(OPERATOR)
    (alike, other) = report.failures
    assert (alike.files, other.files) == (2, 1)
    assert alike.reason == "bad byte number … in …"
    assert report.soon == (2, 2)
    assert [one.number for one in report.reads if one.files] == [BINS - 2, BINS - 1]
    ((runs, space),) = report.storages
    assert runs.failed == 3
    assert space is not None
    assert 0 < space.free <= space.total


def test_all_files_of_one_reason_are_tried_again_and_no_other(failing: House) -> None:
    admin = failing.app.accounts.viewer("admin")
    assert failing.app.dashboard.retry(admin, kind_of(REASONS[0])) == 2
    assert {path: state for path, state in _states(failing).items() if path.startswith("new/")} == {
        "new/0.nxs": UnitState.SEEN,
        "new/1.nxs": UnitState.SEEN,
    }
    assert _states(failing)["proprietary/run.nxs"] == UnitState.FAILED


def test_nobody_tries_again_what_they_may_not_know_of(failing: House) -> None:
    """The admin may not know what a proprietary file says, nor an outsider anything."""
    form = {"reason": kind_of(REASONS[2])}
    assert failing.client.post("/ingest/retry", data=form, headers=failing.bearer("admin")).status_code == 404
    assert failing.client.post("/ingest/retry", data=form, headers=failing.bearer("outsider")).status_code == 403
    assert failing.client.post("/ingest/retry", data=form).status_code in (303, 401)
    reader = failing.bearer("admin", frozenset({Scope.READ}))
    assert failing.client.post("/ingest/retry", data={"reason": kind_of(REASONS[0])}, headers=reader).status_code == 403
    assert _states(failing)["proprietary/run.nxs"] == UnitState.FAILED
    assert _states(failing)["new/0.nxs"] == UnitState.FAILED


def test_one_file_is_tried_again_by_those_alone_who_may_know_of_it(failing: House) -> None:
    """A scientist of another instrument gets the answer that they would get of a file that is not there."""
    with failing.app.database.write() as c:
        number = c.execute(select(t.account.c.id).where(t.account.c.login == "scientist")).scalar_one()
        c.execute(t.unit.update().where(t.unit.c.id == 1).values(state="failed", reason="open"))
        c.execute(t.account_instrument.update().where(t.account_instrument.c.account_id == number).values(instrument_id=2))
        found = {row.path: row.id for row in c.execute(select(t.unit.c.path, t.unit.c.id))}
    hidden = found["proprietary/run.nxs"]
    for login, units in (("scientist", [hidden]), ("scientist", [found["new/0.nxs"]]), ("admin", [hidden]), ("admin", [99999])):
        answer = failing.client.post("/api/v1/ingest/units/retry", json={"units": units}, headers=failing.bearer(login))
        assert (answer.status_code, answer.json()) == (200, {"queued": 0}), login
        form = {"units": ",".join(map(str, units))}
        assert failing.client.post("/ingest/retry", data=form, headers=failing.bearer(login)).status_code == 303
    assert (_states(failing)["proprietary/run.nxs"], _states(failing)["new/0.nxs"]) == (UnitState.FAILED, UnitState.FAILED)
    assert failing.app.desk.retry(failing.app.accounts.viewer("admin"), [found["new/0.nxs"], hidden]) == 1
    assert failing.app.desk.retry(OPERATOR, [hidden]) == 1


def test_outsiders_and_odd_questions_get_words(failing: House) -> None:
    assert failing.client.get("/ingest").status_code in (303, 401)
    answer = failing.client.get("/ingest", headers=failing.bearer("outsider"))
    assert answer.status_code == 403
    assert SECRET not in answer.text
    staff = failing.bearer("admin")
    for query in ("?state=nothing", "?offset=9999999999", "?contains=%25_", "?contains=runs:new/", "?state=failed"):
        assert failing.client.get(f"/ingest{query}", headers=staff).status_code == 200, query
    for units in ("", "abc", "9" * 40, "1,,2", "٣"):
        answer = failing.client.post("/ingest/retry", data={"units": units}, headers=staff)
        assert answer.status_code == 303, units


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)


@given(st.lists(WORDS, min_size=1, max_size=8), st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_reason_is_the_same_kind_whatever_its_numbers(parts: list[str], one: int, other: int) -> None:
    text = " ".join(parts)
    assert kind_of(f"{text} {one} ") == kind_of(f"{text} {other} ")
    assert kind_of(kind_of(text)) == kind_of(text)
    failed = [Failed(id=i, storage="s", path=str(i), reason=f"{text} {i}", read_us=i) for i in range(7)]
    (group,) = grouped(failed)
    assert (group.files, group.last_us) == (7, 6)
    assert not re.search(r"\s\s", group.reason)
