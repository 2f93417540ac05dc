"""A proposal stays under the policy that it was accepted under; what was decided about a visit outlives the next schedule."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from panmesh.access.steps import Step, take
from panmesh.access.viewer import OPERATOR
from panmesh.adapters.sql.rules import held_of, keep_held
from panmesh.adapters.sql.tables import investigation, terms
from panmesh.app.compose import Composition
from panmesh.kernel.clock import DAY_US, from_us
from panmesh.kernel.errors import Conflict
from tests.conftest import MakeFacility

HEAD = "proposal,visit,instrument,start,end,pi\n"
FIRST = "P-1,P-1-1,i22,2025-03-01T08:00Z,2025-03-03T08:00Z,ada\n"
SECOND = "P-1,P-1-2,i22,2026-03-01T08:00Z,2026-03-03T08:00Z,ada\n"
OTHER = "P-2,P-2-1,i22,2026-04-01T08:00Z,2026-04-03T08:00Z,bo\n"


def opening(app: Composition, visit: str) -> str:
    with app.database.read() as c:
        query = select(terms.c.opens_us).join(investigation, investigation.c.terms_id == terms.c.id)
        return from_us(c.execute(query.where(investigation.c.visit_id == visit)).scalar_one()).date().isoformat()


def test_a_new_policy_is_for_new_proposals(make_facility: MakeFacility) -> None:
    make_facility().schedule.load(OPERATOR, HEAD + FIRST, dry_run=False)
    with pytest.raises(Conflict, match="embargo_years was 3 and would be 5"):
        make_facility(PANMESH_POLICY__EMBARGO_YEARS="5").schedule.load(OPERATOR, HEAD + FIRST, dry_run=False)
    newer = make_facility(PANMESH_POLICY__EMBARGO_YEARS="5", PANMESH_POLICY__VERSION="year-2026")
    newer.schedule.load(OPERATOR, HEAD + FIRST + SECOND + OTHER, dry_run=False)
    assert (opening(newer, "P-1-1"), opening(newer, "P-1-2")) == ("2028-03-04", "2029-03-04")
    assert opening(newer, "P-2-1") == "2031-04-04"


def test_an_extension_outlives_the_next_schedule(make_facility: MakeFacility) -> None:
    app = make_facility()
    app.schedule.load(OPERATOR, HEAD + FIRST, dry_run=False)
    with app.database.write() as c:
        number = c.execute(select(investigation.c.terms_id)).scalar_one()
        held = held_of(c, number, app.rules)
        later = (held.terms.opens_us or 0) + 100 * DAY_US
        keep_held(c, take(held, Step.EXTEND, (held.terms.ends_us or 0) + DAY_US, to_us=later))
    app.schedule.load(OPERATOR, HEAD + FIRST, dry_run=False)
    assert opening(app, "P-1-1") == from_us(later).date().isoformat()
