"""FAIR scores: they rise with what people add, say what to add, show the way over time, and tell nobody what they may not read."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace

from sqlalchemy import insert, select, update

from panmesh.access.viewer import OPERATOR
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.fair_facts import facts_of_many, scored_rows
from panmesh.adapters.sql.fair_sums import exchange
from panmesh.adapters.sql.fair_tables import fair_gap, fair_month, fair_run, fair_sum
from panmesh.app.publishing import Publishing
from panmesh.kernel.clock import DAY_US
from panmesh.publication.fair import POINTS, score
from panmesh.publication.fair_facts import facts_of
from tests.protocol.conftest import PIDS, SECRET, House
from tests.protocol.test_notes import sign_in

RUN = f"/api/v1/datasets/{PIDS['embargoed']}"


def told(house: House, who: str | None) -> dict[str, object]:
    found: dict[str, object] = house.client.get(f"{RUN}/fair", headers=house.bearer(who) if who else {}).json()
    return found


def rounds(house: House, many: int = 3) -> None:
    publishing = Publishing(house.app, threading.Event())
    for _ in range(many):
        publishing.round()
        house.moment[0] += 2_000_000


def test_it_rises_with_what_is_added_and_names_what_is_missing(house: House) -> None:
    before = told(house, "pi")
    hints = {p["name"]: p["hint"] for p in before["points"]}  # type: ignore[attr-defined]
    assert hints["a technique of PaNET"] == "Say by which technique."
    assert hints["the instrument"] is None
    revision = house.client.get(RUN, headers=house.bearer("pi")).headers["etag"]
    change = {"techniques": ["x-ray powder diffraction"], "description": "A calibration."}
    done = house.client.patch(RUN, json=change, headers=house.bearer("pi") | {"If-Match": revision})
    assert done.status_code == 200, done.text
    after = told(house, "pi")
    assert after["complete"] > before["complete"]  # type: ignore[operator]
    assert {p["name"]: p["hint"] for p in after["points"]}["a technique of PaNET"] is None  # type: ignore[attr-defined]
    assert set(after["letters"]) == set("FAIR")  # type: ignore[call-overload]
    page = sign_in(house, "pi").get(f"/datasets/{PIDS['embargoed']}")
    assert f"FAIR: {after['complete']} % described" in page
    assert "Add these now" in page


def test_whoever_may_not_read_it_learns_nothing_of_it(house: House) -> None:
    for who in (None, "outsider"):
        assert SECRET not in str(told(house, who))
        hidden = house.client.get(f"/api/v1/datasets/{PIDS['proprietary']}/fair", headers=house.bearer("outsider"))
        assert hidden.status_code == 404
    assert "FAIR:" not in house.client.get(f"/datasets/{PIDS['open']}").text


def test_one_run_and_many_are_scored_by_the_same_facts(house: House) -> None:
    revision = house.client.get(RUN, headers=house.bearer("pi")).headers["etag"]
    change = {
        "techniques": ["x-ray powder diffraction"],
        "description": "A calibration.",
        "sample": {"name": "CeO2", "identifier": "10.5072/x"},
    }
    assert house.client.patch(RUN, json=change, headers=house.bearer("pi") | {"If-Match": revision}).status_code == 200
    dois = {PIDS["embargoed"]: "10.5072/a", "pm-instrument2": "10.5072/i"}
    now = house.moment[0]
    with house.app.database.read() as c:
        ids = list(c.execute(select(t.dataset.c.id)).scalars())
        rows = scored_rows(c, ids, now)
        many = facts_of_many(c, rows, dois)
    assert len(rows) == len(PIDS)
    for row in rows:
        one = house.app.search.get(OPERATOR, row.pid)
        assert many[row.id] == facts_of(one, dois), row.pid
    assert {point.name for facts in many.values() for point in score(facts).points} <= set(POINTS)


def test_what_changed_is_scored_again_and_nothing_else(house: House) -> None:
    rounds(house)
    scores = house.app.fair_scores
    with house.app.database.read() as c:
        before = {row.dataset_id: row for row in c.execute(select(fair_run))}
    assert len(before) == len(PIDS)
    revision = house.client.get(RUN, headers=house.bearer("pi")).headers["etag"]
    change = {"techniques": ["x-ray powder diffraction"]}
    assert house.client.patch(RUN, json=change, headers=house.bearer("pi") | {"If-Match": revision}).status_code == 200
    rounds(house, 1)
    with house.app.database.read() as c:
        after = {row.dataset_id: row for row in c.execute(select(fair_run))}
    assert {number for number in after if after[number] != before[number]} == {2}
    assert after[2].complete > before[2].complete
    assert scores.sweep(house.moment[0]) is None
    with house.app.database.write() as c:  # an embargo that ends, which no change tells of
        c.execute(update(t.terms).where(t.terms.c.id == 2).values(opens_us=house.moment[0]))
    scores.sweep(house.moment[0] + 1)
    with house.app.database.read() as c:
        assert c.execute(select(fair_run.c.state).where(fair_run.c.dataset_id == 2)).scalar() == "open"
    assert kept_sums(house) == counted_sums(house)
    with house.app.database.write() as c:  # as when its run is absorbed by another
        row = c.execute(select(fair_run).where(fair_run.c.dataset_id == 2)).mappings().one()
        c.execute(insert(fair_run).values({**row, "dataset_id": 9_999}))
        exchange(c, [], [{**row}])
    scores.keep_month(house.moment[0])
    assert kept_sums(house) == counted_sums(house)
    assert sum(runs for _, _, runs in kept_sums(house)[0]) == len(PIDS)


def kept_sums(house: House) -> tuple[list[tuple[int, str, int]], Counter[tuple[int, str, int]]]:
    """Runs of each instrument and month, and those that lack each point, as they are kept."""
    s, g = fair_sum.c, fair_gap.c
    with house.app.database.read() as c:
        sums = c.execute(select(s.instrument_id, s.month, s.runs).where(s.runs != 0)).all()
        gaps = c.execute(select(fair_gap).where(g.runs != 0)).all()
    return sorted(tuple(row) for row in sums), Counter({(row.instrument_id, row.month, row.point): row.runs for row in gaps})


def counted_sums(house: House) -> tuple[list[tuple[int, str, int]], Counter[tuple[int, str, int]]]:
    with house.app.database.read() as c:
        rows = c.execute(select(fair_run)).all()
    runs = Counter((row.instrument_id, row.month) for row in rows)
    gaps = Counter((row.instrument_id, row.month, n) for row in rows for n in range(len(POINTS)) if row.missing >> n & 1)
    return sorted((*of, many) for of, many in runs.items()), gaps


def test_each_month_is_kept_as_it_was_and_the_way_is_shown(house: House) -> None:
    rounds(house)
    with house.app.database.read() as c:
        first = c.execute(select(fair_month).where(fair_month.c.instrument_id == 0)).one()
    assert first.runs == len(PIDS)
    revision = house.client.get(RUN, headers=house.bearer("pi")).headers["etag"]
    done = house.client.patch(
        RUN, json={"techniques": ["x-ray powder diffraction"]}, headers=house.bearer("pi") | {"If-Match": revision}
    )
    assert done.status_code == 200
    house.moment[0] += 32 * DAY_US
    rounds(house)
    quality = house.app.quality.of_facility(OPERATOR)
    assert [one.month for one in quality.held] == sorted(one.month for one in quality.held)
    assert len(quality.held) == 2
    assert quality.held[1].scores.complete > quality.held[0].scores.complete
    with house.app.database.read() as c:
        assert (
            c.execute(select(fair_month).where(fair_month.c.instrument_id == 0, fair_month.c.month == first.month)).one() == first
        )
    page = house.client.get("/report", headers=house.bearer("steward")).text
    assert "How well runs are described" in page
    last = house.client.get("/report.csv", headers=house.bearer("steward")).text.splitlines()[-1].split(",")
    assert float(last[-2]) == round(quality.held[1].scores.complete, 1)


def test_the_scientist_sees_which_runs_lack_a_sample(house: House) -> None:
    rounds(house)
    page = house.client.get("/instruments/pm-instrument1/fair", headers=house.bearer("scientist")).text
    assert "What is missing" in page
    assert "?without=a%20technique%20of%20PaNET#runs" in page
    listed = house.client.get(
        "/instruments/pm-instrument1/fair", params={"without": "a technique of PaNET"}, headers=house.bearer("scientist")
    ).text
    assert f"/datasets/{PIDS['open']}/edit" in listed
    assert (
        house.client.get(
            "/instruments/pm-instrument1/fair", params={"without": "x"}, headers=house.bearer("scientist")
        ).status_code
        == 422
    )


def test_scores_of_all_runs_are_for_those_who_look_after_them(house: House) -> None:
    rounds(house)
    for path in ("/instruments/pm-instrument1/fair", "/fair"):
        for headers in ({}, *(house.bearer(who) for who in ("outsider", "pi", "member"))):
            assert house.client.get(path, headers=headers).status_code in (303, 403), path
        assert house.client.get(path, headers=house.bearer("steward")).status_code == 200
    assert house.client.get("/instruments/pm-instrument2/fair", headers=house.bearer("scientist")).status_code in (200, 403)
    assert house.client.get("/fair", headers=house.bearer("scientist")).status_code == 403
    assert house.client.get("/instruments/pm-nothing/fair", headers=house.bearer("steward")).status_code == 404
    steward = house.client.get("/fair", params={"without": "a technique of PaNET"}, headers=house.bearer("steward")).text
    assert PIDS["proprietary"] not in steward  # what it holds is not the steward's to read
    assert PIDS["internal"] in steward


def test_who_has_no_orcid_is_said_as_people_say_it(house: House) -> None:
    facts = facts_of(house.app.search.get(OPERATOR, PIDS["open"]), {})
    for without, people, said in (
        (1, 1, "The only person named has no ORCID"),
        (2, 2, "None of the 2 people named has an ORCID"),
        (1, 3, "1 of the 3 people named has no ORCID"),
        (2, 3, "2 of the 3 people named have no ORCID"),
    ):
        hints = {point.hint for point in score(replace(facts, people=people, with_orcid=people - without)).points}
        assert f"{said}: add it to the account, and to the file." in hints
