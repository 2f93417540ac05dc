"""Runs that lack a point of their score: the newest first, in pages, whatever months and instruments they are of."""

from __future__ import annotations

import random

from sqlalchemy import insert, update

from panmesh.access.terms import AccessClass
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql import tables as t
from panmesh.adapters.sql.fair_scores import SqlFairScores
from panmesh.adapters.sql.fair_sums import SUMS, exchange
from panmesh.adapters.sql.fair_tables import fair_run
from panmesh.kernel.clock import DAY_US, from_us
from panmesh.publication.records import no_dois
from tests.conftest import MakeFacility
from tests.protocol.harvested import NOW, PROPRIETARY, Facility

RUNS = 120
POINT = 3


def test_pages_of_runs_that_lack_a_point_are_all_of_them_by_time(make_facility: MakeFacility) -> None:
    facility = Facility(make_facility().database, RUNS)
    chance = random.Random(1)
    starts = {number: NOW - chance.randrange(400) * DAY_US for number in range(1, RUNS + 1)}
    lack = {number for number in starts if chance.random() < 0.5}
    hidden = set(chance.sample(sorted(lack), 10))
    with facility.database.write() as c:
        for number, start_us in starts.items():
            values = {"start_us": start_us, "terms_id": PROPRIETARY if number in hidden else 1}
            c.execute(update(t.dataset).where(t.dataset.c.id == number).values(**values))
        c.execute(update(t.terms).where(t.terms.c.id == 1).values(access=AccessClass.OPEN.value))
        rows = [
            {
                "dataset_id": number, "instrument_id": 1 + number % 2, "month": from_us(start_us).strftime("%Y-%m"), "revision": 1,
                "version_id": 0, "terms_id": 1, "state": "open", **dict.fromkeys(SUMS, 50), "missing": 1 << POINT if number in lack else 2,
            }
            for number, start_us in starts.items()
        ]  # fmt: skip
        c.execute(insert(fair_run), rows)
        exchange(c, [], rows)
    scores = SqlFairScores(facility.database, no_dois)
    for instrument in (None, 1, 2):
        expected = [n for n in lack - hidden if instrument is None or 1 + n % 2 == instrument]
        expected.sort(key=lambda n: (starts[n], n), reverse=True)
        for size in (1, 7, 200):
            found: list[int] = []
            while page := scores.lacking(Viewer(), instrument, POINT, NOW, offset=len(found), limit=size):
                found += [one.id for one in page]
            assert found == expected
