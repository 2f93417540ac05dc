"""The matrix of the data policy, who may read what in each state, written a second time from the contract; and its invariants, in its words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read
from panmesh.access.rules import Embargo, PolicyRules, licence
from panmesh.access.steps import Held, Step, take
from panmesh.access.terms import AccessClass, Hold, State, Terms, state
from panmesh.access.viewer import ANONYMOUS, TeamRole, Viewer
from panmesh.kernel.clock import DAY_US
from panmesh.kernel.errors import Conflict

TEAM, INSTRUMENT = 1, 1
WHO = {
    "anonymous": ANONYMOUS,
    "outsider": Viewer(user_id=1),
    "other team": Viewer(user_id=2, teams={2: TeamRole.PI}, instruments=frozenset({2})),
    "pi": Viewer(user_id=3, teams={TEAM: TeamRole.PI}),
    "member": Viewer(user_id=4, teams={TEAM: TeamRole.MEMBER}),
    "grantee": Viewer(user_id=5, granted=frozenset({7})),
    "local contact": Viewer(user_id=6, instruments=frozenset({INSTRUMENT})),
    "admin": Viewer(user_id=7, admin=True),
    "steward": Viewer(user_id=8, steward=True),
}
PUBLIC, GROUP, HOUSE = {"anonymous", "outsider", "other team"}, {"pi", "member", "grantee"}, {"local contact", "admin", "steward"}
EVERYBODY = PUBLIC | GROUP | HOUSE
CORE = (Artefact.PID_RECORD, Artefact.CORE_METADATA)
DATA = (Artefact.FULL_METADATA, Artefact.LOGBOOK, Artefact.REPORT, Artefact.RAW, Artefact.PROCESSED)
BEGINS, ENDS, OPENS, LATER = 10 * DAY_US, 13 * DAY_US, 1000 * DAY_US, 5000 * DAY_US

# contract a.3, a row for each state: (core, data, proposal text, result)
MATRIX: dict[State, tuple[set[str], set[str], set[str], set[str]]] = {
    State.PLANNED: (GROUP | HOUSE, HOUSE, GROUP | HOUSE, {"pi", "member"}),
    State.COLLECTING: (GROUP | HOUSE, GROUP | HOUSE, GROUP | HOUSE, {"pi", "member"}),
    State.EMBARGOED: (EVERYBODY, GROUP | HOUSE, GROUP | HOUSE, {"pi", "member"}),
    State.OPEN: (EVERYBODY, EVERYBODY, GROUP | HOUSE, {"pi", "member"}),
    State.HELD: (EVERYBODY, {"pi", "steward"}, {"pi", "steward"}, {"pi"}),
    State.WITHDRAWN: (EVERYBODY, {"steward"}, GROUP | HOUSE, {"pi", "member"}),
    State.DELETED: (EVERYBODY, set(), GROUP | HOUSE, set()),
    State.PROPRIETARY: (GROUP | {"local contact"}, GROUP | {"local contact"}, GROUP | {"local contact"}, {"pi", "member"}),
    State.INTERNAL: (GROUP | HOUSE, GROUP | HOUSE, GROUP | HOUSE, {"pi", "member"}),
    State.ASIDE: (set(), set(), set(), set()),
}
FACTS = {"id": 7, "team_id": TEAM, "instrument_id": INSTRUMENT, "starts_us": BEGINS, "ends_us": ENDS, "opens_us": OPENS}
IN: dict[State, tuple[Terms, int]] = {
    State.PLANNED: (Terms(access=AccessClass.PUBLIC, **FACTS), BEGINS - 1),
    State.COLLECTING: (Terms(access=AccessClass.PUBLIC, **FACTS), ENDS - 1),
    State.EMBARGOED: (Terms(access=AccessClass.PUBLIC, **FACTS), OPENS - 1),
    State.OPEN: (Terms(access=AccessClass.PUBLIC, **FACTS), OPENS),
    State.HELD: (Terms(access=AccessClass.PUBLIC, held_us=OPENS, hold=Hold.LEGAL, **FACTS), LATER),
    State.WITHDRAWN: (Terms(access=AccessClass.PUBLIC, withdrawn_us=OPENS, **FACTS), LATER),
    State.DELETED: (Terms(access=AccessClass.PUBLIC, deleted_us=OPENS, **FACTS), LATER),
    State.PROPRIETARY: (Terms(access=AccessClass.PROPRIETARY, **FACTS), LATER),
    State.INTERNAL: (Terms(access=AccessClass.INTERNAL, **FACTS), LATER),
    State.ASIDE: (Terms(access=AccessClass.ASIDE, **FACTS), LATER),
}


@pytest.mark.parametrize("name", State)
def test_each_cell_of_the_matrix(name: State) -> None:
    terms, now = IN[name]
    assert state(terms, now) is name
    core, data, text, result = MATRIX[name]
    expected = dict.fromkeys(CORE, core) | dict.fromkeys(DATA, data)
    expected |= {Artefact.PROPOSAL_TEXT: text, Artefact.RESULT: result}
    if name is State.PROPRIETARY:  # admin and steward see that it exists, so that they can act on it, never its contents
        expected[Artefact.PID_RECORD] = core | {"admin", "steward"}
    for artefact in Artefact:
        assert {who for who, viewer in WHO.items() if may_read(viewer, terms, artefact, now)} == expected[artefact], artefact


days = st.integers(0, 1200).map(lambda day: day * DAY_US)
maybe = st.none() | days
facts = st.builds(
    Terms,
    id=st.just(7),
    access=st.sampled_from(AccessClass),
    team_id=st.just(TEAM),
    instrument_id=st.just(INSTRUMENT),
    core_from_proposal=st.booleans(),
    results_shared=st.booleans(),
    starts_us=maybe,
    ends_us=maybe,
    opens_us=maybe,
    declassified_us=maybe,
    held_us=maybe,
    hold=st.sampled_from(Hold),
    withdrawn_us=maybe,
    deleted_us=maybe,
)
calm = facts.map(lambda t: replace(t, held_us=None, withdrawn_us=None, deleted_us=None))
artefacts = st.sampled_from(Artefact)
moments = st.tuples(days, days).map(sorted)


@given(calm, moments, artefacts)
def test_opening_is_monotone_in_today_for_anonymous(terms: Terms, when: list[int], artefact: Artefact) -> None:
    if may_read(ANONYMOUS, terms, artefact, when[0]):
        assert may_read(ANONYMOUS, terms, artefact, when[1])


@given(calm, moments, artefacts, st.sampled_from(["pi", "member", "grantee"]))
@example(
    Terms(
        access=AccessClass.PROPRIETARY,
        **{**FACTS, "starts_us": None, "ends_us": None, "opens_us": None, "declassified_us": DAY_US},
    ),
    [0, DAY_US],
    Artefact.FULL_METADATA,
    "pi",
)
def test_team_access_never_shrinks(terms: Terms, when: list[int], artefact: Artefact, who: str) -> None:
    if may_read(WHO[who], terms, artefact, when[0]):
        assert may_read(WHO[who], terms, artefact, when[1])


@given(facts, days, st.sampled_from(sorted(WHO)))
def test_the_pid_record_stays_readable_in_every_state_except_proprietary(terms: Terms, now: int, who: str) -> None:
    """Once there is one: before the visit ends it is for its team; what belongs to no visit, or was discarded, never had one."""
    if state(terms, now) in (State.EMBARGOED, State.OPEN, State.HELD, State.WITHDRAWN, State.DELETED):
        assert may_read(WHO[who], terms, Artefact.PID_RECORD, now)
    if state(terms, now) is State.PROPRIETARY:
        assert may_read(WHO[who], terms, Artefact.PID_RECORD, now) == (who not in PUBLIC)


@given(facts, days)
def test_no_licence_is_asserted_before_open(terms: Terms, now: int) -> None:
    assert (licence(terms, now) is not None) == (state(terms, now) is State.OPEN)


@given(facts, days, artefacts)
def test_collecting_is_planned_for_anonymous(terms: Terms, now: int, artefact: Artefact) -> None:
    if state(terms, now) is State.COLLECTING:
        planned = replace(terms, starts_us=now + 1)
        if terms.access is AccessClass.PROPRIETARY:  # given to the public before it began: until then it is what it was
            assert state(planned, now) is State.PROPRIETARY
            assert not may_read(ANONYMOUS, planned, artefact, now)
        else:
            assert state(planned, now) is State.PLANNED
            assert may_read(ANONYMOUS, terms, artefact, now) == may_read(ANONYMOUS, planned, artefact, now)


@given(facts, days, artefacts)
def test_who_is_nobody_there_reads_what_anonymous_reads(terms: Terms, now: int, artefact: Artefact) -> None:
    anybody = may_read(ANONYMOUS, terms, artefact, now)
    assert all(may_read(WHO[who], terms, artefact, now) == anybody for who in PUBLIC)
    if anybody:
        assert all(may_read(viewer, terms, artefact, now) for viewer in WHO.values())


@given(facts, days, st.sampled_from(Step), st.none() | days)
def test_no_step_closes_again_what_is_open_but_a_hold_a_withdrawal_or_a_deletion(
    terms: Terms, now: int, step: Step, to_us: int | None
) -> None:
    held = Held(terms=terms, embargo=Embargo(years=3, plain_us=terms.opens_us), rules=PolicyRules(), zone="UTC")
    try:
        after = take(held, step, now, to_us=to_us)
    except Conflict:
        return
    if state(terms, now) is State.OPEN and step not in (Step.HOLD, Step.WITHDRAW, Step.DELETE):
        assert state(after.terms, now) is State.OPEN
    if step in (Step.EXTEND, Step.ASK_EXTENSION):
        assert state(terms, now) is State.EMBARGOED  # refused once it is open
        assert (after.terms.opens_us or 0) >= (terms.opens_us or 0)
