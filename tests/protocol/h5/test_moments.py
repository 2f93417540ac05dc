"""What was decided a moment ago is not decided anew for the next frame; and holds not a moment longer than it is true."""

from __future__ import annotations

import h5py
import numpy as np

from panmesh.access.viewer import TeamRole
from panmesh.kernel.clock import DAY_US
from tests.protocol.conftest import PIDS
from tests.protocol.h5.conftest import Runs


def _fill(runs: Runs, state: str) -> None:
    with h5py.File(runs.folder(state) / "run.h5", "w") as file:
        file["data"] = np.arange(24.0).reshape(12, 2)
    runs.put(state, "run.h5")


def test_a_right_that_is_taken_away_ends_with_the_next_frame(runs: Runs) -> None:
    _fill(runs, "embargoed")
    for frame in range(6):
        assert runs.get("embargoed", "data", "member", path="/data", selection=str(frame)).status_code == 200
    runs.house.app.accounts.set_member("team", "member", None)
    assert runs.get("embargoed", "data", "member", path="/data", selection="6").status_code == 403
    assert runs.get("embargoed", "data", "outsider", path="/data", selection="6").status_code == 403
    runs.house.app.accounts.set_member("team", "outsider", TeamRole.MEMBER)
    assert runs.get("embargoed", "data", "outsider", path="/data", selection="6").status_code == 200


def test_the_end_of_an_embargo_opens_the_numbers_without_anybody_doing_anything(runs: Runs) -> None:
    _fill(runs, "embargoed")
    assert runs.get("embargoed", "data", path="/data").status_code == 403
    runs.house.moment[0] += 2000 * DAY_US
    assert runs.get("embargoed", "data", path="/data", selection="3").json() == [6.0, 7.0]


def test_what_staff_read_by_their_office_is_written_down_once_for_a_while(runs: Runs) -> None:
    _fill(runs, "embargoed")
    for frame in range(5):
        assert runs.get("embargoed", "data", "scientist", path="/data", selection=str(frame)).status_code == 200
    noted = [entry for entry in runs.house.app.audit.entries(pid=PIDS["embargoed"]) if entry.action == "download"]
    assert [entry.detail for entry in noted] == [{"file": "run.h5"}]
    runs.house.moment[0] += DAY_US
    runs.get("embargoed", "meta", "scientist")
    assert len([e for e in runs.house.app.audit.entries(pid=PIDS["embargoed"]) if e.action == "download"]) == 2
