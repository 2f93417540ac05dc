"""Metadata of many runs at once: the same layers as single changes, shown before, left alone where others were quicker, undone as a whole."""

from __future__ import annotations

import pytest

from panmesh.adapters.sql import bulk_editing
from panmesh.catalogue.correction import CorrectionState
from panmesh.kernel.clock import DAY_US
from panmesh.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from panmesh.testing.statements import asked_of
from tests.protocol.conftest import PIDS, House
from tests.protocol.test_notes import sign_in

MINE = [PIDS[name] for name in ("open", "embargoed", "collecting")]
VALUES = {"sample": {"name": "Ceria, batch 7"}, "title": "Calibration"}


def titles(house: House) -> list[str | None]:
    who = house.app.accounts.viewer("pi")
    return [house.app.search.get(who, pid).summary.title for pid in MINE]


def test_seen_first_then_done_then_undone(house: House) -> None:
    who, service, before = house.app.accounts.viewer("pi"), house.app.bulk_edits, titles(house)
    seen = service.preview(who, MINE, VALUES)
    assert (seen.total, seen.same, [line.before["title"] for line in seen.lines]) == (3, 0, before)
    assert titles(house) == before
    made = service.make(who, MINE, VALUES, "wrong macro")
    assert (made.state, made.done, made.refused) == (CorrectionState.DONE, 3, ())
    assert titles(house) == ["Calibration"] * 3
    history = house.app.editing.history(who, MINE[0])
    assert history[0].values == VALUES
    assert service.preview(who, MINE, VALUES).same == 3
    assert service.undo(who, made.id).state is CorrectionState.UNDONE
    assert titles(house) == before
    with pytest.raises(Conflict):
        service.undo(who, made.id)


@pytest.mark.parametrize("piece", [1, 100])
def test_what_others_changed_meanwhile_is_left_as_it_is(house: House, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(bulk_editing, "PIECE", piece)
    who, store = house.app.accounts.viewer("pi"), house.app.bulk_edits
    number = store._store.begin(who, MINE, VALUES, "why", house.moment[0])
    record = house.app.search.get(who, MINE[1])
    house.app.editing.change(who, MINE[1], {"title": "Mine"}, record.revision)
    while store._store.step(number, house.moment[0]) != (3, 3):
        pass
    made = store.one(who, number)
    assert made.refused == ((MINE[1], "it was changed meanwhile"),)
    assert titles(house) == ["Calibration", "Mine", "Calibration"]
    later = house.app.search.get(who, MINE[0])
    house.app.editing.change(who, MINE[0], {"title": "Later"}, later.revision)
    store.undo(who, number)
    assert titles(house)[:2] == ["Later", "Mine"]


def test_many_cost_as_many_statements_as_one(house: House) -> None:
    who, store = house.app.accounts.viewer("pi"), house.app.bulk_edits._store
    asked_for = {}
    for pids in (MINE[:1], MINE):
        number = store.begin(who, pids, VALUES, "why", house.moment[0])
        for what in ("do", "undo"):
            with asked_of(house.app.database) as asked:
                assert store.step(number, house.moment[0]) == (len(pids), len(pids))
            asked_for.setdefault(what, []).append(len(asked))
            if what == "do":
                store.begin_undo(who, number, house.moment[0])
    assert all(many <= one + 3 for one, many in asked_for.values()), asked_for  # those that have people and parameters write them


def test_a_killed_one_is_gone_on_with(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_editing, "PIECE", 1)
    who, service = house.app.accounts.viewer("pi"), house.app.bulk_edits
    number = service._store.begin(who, MINE, VALUES, "why", house.moment[0])
    service._store.step(number, house.moment[0])
    assert service.finish_stopped() == 0
    house.moment[0] += DAY_US
    assert service.finish_stopped() == 1
    assert service.one(who, number).done == 3


def test_who_may(house: House) -> None:
    service, outsider = house.app.bulk_edits, house.app.accounts.viewer("outsider")
    with pytest.raises(NotFound):
        service.preview(outsider, MINE, VALUES)
    seen = service.preview(outsider, [PIDS["open"]], VALUES)
    assert (seen.total, [line.pid for line in seen.refused]) == (0, [PIDS["open"]])
    made = service.make(outsider, [PIDS["open"]], VALUES, "why")
    assert (made.done, len(made.refused)) == (0, 1)
    number = service.make(house.app.accounts.viewer("pi"), MINE, VALUES, "why").id
    for other in (outsider, house.app.accounts.viewer("member")):
        with pytest.raises(NotFound):
            service.one(other, number)
        with pytest.raises(NotFound):
            service.undo(other, number)
    assert service.one(house.app.accounts.viewer("steward"), number).total == 3
    for pids, values, reason in (([], VALUES, "x"), (MINE, {}, "x"), (MINE, {"pid": "x"}, "x"), (MINE, VALUES, " ")):
        with pytest.raises(Invalid):
            service.make(house.app.accounts.viewer("pi"), pids, values, reason)
    with pytest.raises(Forbidden):
        service.make(outsider.__class__(), MINE, VALUES, "x")


def test_in_the_portal(house: House) -> None:
    assert house.client.get("/edits").headers["location"].startswith("/sign-in")
    browser = sign_in(house, "pi")
    shown = browser.get("/edits/new?state=embargoed")
    assert "Change the metadata of 1 run" in shown
    assert '<a href="/?state=embargoed">Cancel</a>' in shown  # back to where they were chosen
    form = {"search": "state=embargoed", "reason": "wrong macro", "set-title": "1", "title": "<b>New</b>"}
    seen = browser.post("/edits/preview", **form)
    assert "A run embargoed" in seen.text
    assert "&lt;b&gt;New&lt;/b&gt;" in seen.text
    assert browser.post("/edits/preview", **(form | {"set-title": ""})).status_code == 422
    unticked = browser.post("/edits/preview", **(form | {"description": "measured in the dark"}))  # and not ticked
    assert (unticked.status_code, "measured in the dark" in unticked.text) == (422, True)
    assert browser.post("/edits", **form, count="2").status_code == 422
    made = browser.post("/edits", **form, count="1")
    assert made.status_code == 303, made.text
    done = browser.get(made.headers["location"])
    assert "Done: 1 run" in done
    assert f'<a href="/datasets/{PIDS["embargoed"]}">&lt;b&gt;New&lt;/b&gt;</a>' in done
    assert "wrong macro" in browser.get("/edits")
    for login, many in (("pi", 1), ("scientist", 1), ("outsider", 0)):  # whoever may undo it finds it again
        assert house.client.get("/", headers=house.bearer(login)).text.count(">Changes to many runs</a>") == many, login
    assert browser.post(f"{made.headers['location']}/undo").status_code == 303
    undone = browser.get(made.headers["location"])
    assert "Undone" in undone
    assert f'<a href="/datasets/{PIDS["embargoed"]}">A run embargoed</a>' in undone
