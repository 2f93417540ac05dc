"""What may be done to terms, over the whole matrix of viewers, artefacts, states and days: the invariants of the data policy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read
from panmesh.access.rules import Embargo, PolicyRules, first_open, licence, pinned, retained_until
from panmesh.access.steps import Held, Step, take
from panmesh.access.terms import UNDECIDED_DAYS, AccessClass, State, Terms, state
from panmesh.access.viewer import ANONYMOUS, TeamRole, Viewer
from panmesh.kernel.clock import DAY_US
from panmesh.kernel.errors import Conflict
from tests.unit.test_policy import terms_, viewers

END = 100 * DAY_US
ZONE = "Europe/Paris"
days = st.integers(0, 1600)
_GONE = frozenset({State.PROPRIETARY, State.HELD, State.DELETED, State.WITHDRAWN, State.ASIDE})


def visit(access: AccessClass = AccessClass.PUBLIC, years: int = 3) -> Held:
    terms = Terms(id=1, access=access, team_id=1, instrument_id=1, starts_us=END - 5 * DAY_US, ends_us=END)
    embargo = Embargo(years=years)
    return Held(terms=replace(terms, opens_us=first_open(terms, embargo, ZONE)), embargo=embargo, rules=PolicyRules(), zone=ZONE)


held = st.builds(visit, st.sampled_from([AccessClass.PUBLIC, AccessClass.PROPRIETARY]), st.integers(0, 5))
steps = st.lists(st.tuples(st.sampled_from(Step), days, days), max_size=6)


def history(one: Held, plan: list[tuple[Step, int, int]]) -> list[tuple[int, Held]]:
    """What holds from which day on; steps that the policy refuses change nothing."""
    found = [(0, one)]
    for step, day, to in sorted(plan, key=lambda s: s[1]):
        try:
            one = take(one, step, day * DAY_US, to_us=to * DAY_US)
        except Conflict:
            continue
        found.append((day, one))
    return found


def at(found: list[tuple[int, Held]], day: int) -> Held:
    return [one for since, one in found if since <= day][-1]


@given(held, steps, days, days)
def test_what_is_open_to_everybody_closes_only_by_hold_withdrawal_or_deletion(
    one: Held, plan: list[tuple[Step, int, int]], first: int, later: int
) -> None:
    first, later = sorted((first, later))
    found = history(one, plan)
    if may_read(ANONYMOUS, at(found, first).terms, Artefact.RAW, first * DAY_US):
        now = at(found, later).terms
        assert may_read(ANONYMOUS, now, Artefact.RAW, later * DAY_US) or state(now, later * DAY_US) in _GONE


@given(held, steps, st.sampled_from(TeamRole), days, days, st.sampled_from(sorted(set(Artefact) - {Artefact.RESULT})))
def test_what_a_team_reads_it_goes_on_reading(
    one: Held, plan: list[tuple[Step, int, int]], role: TeamRole, first: int, later: int, artefact: Artefact
) -> None:
    first, later = sorted((first, later))
    viewer, found = Viewer(user_id=1, teams={1: role}), history(one, plan)
    if may_read(viewer, at(found, first).terms, artefact, first * DAY_US):
        now = at(found, later).terms
        assert may_read(viewer, now, artefact, later * DAY_US) or state(now, later * DAY_US) in _GONE


@given(terms_, viewers, st.integers(0, 20))
def test_no_licence_is_asserted_before_the_data_are_open(terms: Terms, viewer: Viewer, now: int) -> None:
    assert (licence(terms, now) is not None) == (state(terms, now) is State.OPEN)
    if licence(terms, now) is not None:
        assert may_read(ANONYMOUS, terms, Artefact.RAW, now)


@given(terms_, st.integers(0, 20))
def test_nobody_breaks_the_glass_of_proprietary_data(terms: Terms, now: int) -> None:
    one = Viewer(user_id=1, emergencies=frozenset({terms.id}))
    if state(terms, now) in (State.PROPRIETARY, State.ASIDE):
        assert not any(may_read(one, terms, artefact, now) for artefact in Artefact)
    if state(terms, now) in (State.HELD, State.EMBARGOED):
        assert may_read(one, terms, Artefact.RAW, now)
        assert not may_read(one, replace(terms, id=2), Artefact.RAW, now)


def test_an_undecided_extension_delays_the_opening_by_thirty_days_at_most() -> None:
    one = visit()
    opens = one.terms.opens_us
    assert opens is not None
    asked = take(one, Step.ASK_EXTENSION, opens - DAY_US, to_us=opens + 400 * DAY_US)
    assert asked.terms.opens_us == pytest.approx(opens + UNDECIDED_DAYS * DAY_US, abs=DAY_US // 24)
    assert state(asked.terms, asked.terms.opens_us or 0) is State.OPEN
    again = take(asked, Step.ASK_EXTENSION, opens + 2 * DAY_US, to_us=opens + 500 * DAY_US)
    assert again.terms.opens_us == asked.terms.opens_us
    assert take(asked, Step.KEEP_DATE, opens + DAY_US).terms.opens_us == opens
    soon = take(one, Step.ASK_EXTENSION, opens - DAY_US, to_us=opens + 5 * DAY_US)
    assert soon.terms.opens_us == opens + 5 * DAY_US


def test_what_is_held_back_opens_on_the_day_that_was_kept_when_its_extension_is_refused_meanwhile() -> None:
    one = visit()
    opens = one.terms.opens_us or 0
    asked = take(one, Step.ASK_EXTENSION, opens - 9 * DAY_US, to_us=opens + 400 * DAY_US)
    held = take(asked, Step.HOLD, opens - 8 * DAY_US)
    ended = take(take(held, Step.KEEP_DATE, opens - 7 * DAY_US), Step.UNHOLD, opens + DAY_US)
    assert (ended.terms.opens_us, state(ended.terms, opens + DAY_US)) == (opens, State.OPEN)


def test_an_extension_is_refused_once_open_and_where_it_is_none() -> None:
    one = visit()
    opens = one.terms.opens_us or 0
    with pytest.raises(Conflict, match="only while the data are embargoed"):
        take(one, Step.EXTEND, opens, to_us=opens + DAY_US)
    with pytest.raises(Conflict, match="after the day"):
        take(one, Step.EXTEND, opens - DAY_US, to_us=opens)
    assert take(one, Step.EXTEND, opens - DAY_US, to_us=opens + DAY_US).terms.opens_us == opens + DAY_US


def test_a_release_opens_at_once_and_a_hold_that_ends_gives_back_what_was() -> None:
    one = visit()
    released = take(one, Step.RELEASE, END + DAY_US)
    assert state(released.terms, END + DAY_US) is State.OPEN
    held = take(released, Step.HOLD, END + 2 * DAY_US)
    assert state(held.terms, END + 2 * DAY_US) is State.HELD
    assert state(take(held, Step.UNHOLD, END + 3 * DAY_US).terms, END + 3 * DAY_US) is State.OPEN


def test_data_are_deleted_after_their_retention_and_proprietary_ones_when_their_owner_says_so() -> None:
    one, now = visit(), END + DAY_US
    kept = retained_until(END, one.rules, ZONE)
    with pytest.raises(Conflict, match="10 years after the visit"):
        take(one, Step.DELETE, kept - 1)
    assert state(take(one, Step.DELETE, kept).terms, kept) is State.DELETED
    ours = take(visit(AccessClass.PROPRIETARY), Step.DELETE, now)
    assert not any(may_read(Viewer(user_id=1, teams={1: TeamRole.PI}, steward=True), ours.terms, a, now) for a in Artefact)


def test_what_was_declassified_behaves_as_public_from_that_day() -> None:
    one = visit(AccessClass.PROPRIETARY)
    assert one.terms.opens_us is None
    public = take(one, Step.DECLASSIFY, END + DAY_US)
    assert state(public.terms, END) is State.PROPRIETARY
    assert state(public.terms, END + DAY_US) is State.EMBARGOED
    assert public.terms.opens_us == visit().terms.opens_us


def test_a_version_of_the_policy_that_is_in_force_does_not_change() -> None:
    known = {"2024": PolicyRules(version="2024")}
    assert pinned(PolicyRules(version="2026", embargo_years=5), known).embargo_years == 5
    with pytest.raises(Conflict, match="embargo_years was 3 and would be 5"):
        pinned(PolicyRules(version="2024", embargo_years=5), known)
