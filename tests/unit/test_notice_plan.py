"""Which notices are due: each once, however the clock was followed; none that is no longer true."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from panmesh.access.notices import STALE_US, Due, Notice, NoticeKind, due_of_grant, due_of_request, due_of_visit, stands
from panmesh.access.requests import Answer, Kind
from panmesh.access.terms import AccessClass, State, Terms, state
from panmesh.kernel.clock import DAY_US

days = st.integers(0, 5000)
visits = st.builds(
    lambda access, ends, embargo, held, gone: Terms(
        id=1,
        access=access,
        starts_us=(ends - 3) * DAY_US,
        ends_us=ends * DAY_US,
        opens_us=(ends + embargo) * DAY_US,
        declassified_us=None if held is None else (held + 40) * DAY_US,
        held_us=None if held is None else held * DAY_US,
        withdrawn_us=None if gone is None else gone * DAY_US,
    ),
    st.sampled_from(AccessClass),
    days,
    st.integers(0, 1500),
    st.none() | days,
    st.none() | days,
)
clocks = st.lists(days, min_size=2, max_size=12, unique=True).map(sorted)


def key(due: Due) -> tuple[str, str]:
    return due.kind, due.mark


def kept(terms: Terms) -> int:
    return (terms.ends_us or 0) + 3653 * DAY_US


def as_notice(due: Due, terms: Terms) -> Notice:
    facts = {"due_us": due.due_us, "opens_us": due.opens_us, "terms": terms}
    return Notice(id=1, kind=due.kind, account=1, to="a@example.org", name="A", message="m", attempts=0, **facts)  # type: ignore[arg-type]


@settings(max_examples=200)
@given(visits, clocks)
def test_each_notice_is_due_once_and_true_when_it_is_written(terms: Terms, clock: list[int]) -> None:
    seen: list[tuple[str, str]] = []
    for after, upto in pairwise(clock):
        found = list(due_of_visit(terms, kept(terms), after * DAY_US, upto * DAY_US))
        for due in found:
            assert after * DAY_US < due.due_us <= upto * DAY_US
            if upto * DAY_US - due.due_us <= STALE_US:
                assert stands(as_notice(due, terms), upto * DAY_US), due
        assert len({due.kind for due in found}) == len(found)  # of warnings only the last
        seen += map(key, found)
    assert len(seen) == len(set(seen))


@settings(max_examples=200)
@given(visits, clocks)
def test_who_slept_says_what_is_last_of_what_they_would_have_said(terms: Terms, clock: list[int]) -> None:
    steps = pairwise(clock)
    awake = [due for after, upto in steps for due in due_of_visit(terms, kept(terms), after * DAY_US, upto * DAY_US)]
    asleep = list(due_of_visit(terms, kept(terms), clock[0] * DAY_US, clock[-1] * DAY_US))
    assert {key(due) for due in asleep} <= {key(due) for due in awake}
    opened = [due for due in awake if due.kind is NoticeKind.OPENED]
    if opened and state(terms, clock[-1] * DAY_US) is State.OPEN:
        assert opened[0] in asleep


@given(visits, days, days)
def test_proprietary_internal_and_discarded_data_open_silently(terms: Terms, one: int, other: int) -> None:
    after, upto = sorted((one, other))
    if terms.access in (AccessClass.INTERNAL, AccessClass.ASIDE, AccessClass.OPEN):
        found = {due.kind for due in due_of_visit(terms, None, after * DAY_US, upto * DAY_US)}
        assert not found


def test_a_warning_is_not_sent_when_a_nearer_one_is_due_or_the_day_has_moved() -> None:
    terms = Terms(id=1, access=AccessClass.PUBLIC, starts_us=0, ends_us=DAY_US, opens_us=1000 * DAY_US)
    (due,) = due_of_visit(terms, None, 900 * DAY_US, 911 * DAY_US)
    assert (due.kind, due.mark.split()[0]) == (NoticeKind.OPENS_SOON, "90")
    waiting = as_notice(due, terms)
    assert stands(waiting, 969 * DAY_US)
    assert not stands(waiting, 970 * DAY_US)

    assert not stands(replace(waiting, terms=replace(terms, opens_us=1100 * DAY_US)), 911 * DAY_US)
    assert not stands(replace(waiting, terms=replace(terms, held_us=0)), 911 * DAY_US)
    (last,) = due_of_visit(terms, None, 800 * DAY_US, 995 * DAY_US)
    assert last.mark.split()[0] == "7"
    (opened,) = due_of_visit(terms, None, 800 * DAY_US, 1001 * DAY_US)
    assert opened.kind is NoticeKind.OPENED


@given(st.integers(0, 70), st.integers(0, 70))
def test_a_request_is_reminded_of_escalated_and_expires(one: int, other: int) -> None:
    after, upto = sorted((one, other))
    asked, deadline = DAY_US, 61 * DAY_US
    found = [due.kind for due in due_of_request(Kind.ACCESS, asked, deadline, after * DAY_US, upto * DAY_US)]
    passed = {8: NoticeKind.REMINDER, 31: NoticeKind.ESCALATED, 61: NoticeKind.DECIDED}
    last = [kind for day, kind in passed.items() if after < day <= upto][-1:]
    over = upto >= 61 and after >= 61
    assert found == ([] if over else last)


def test_a_grant_is_told_to_end_a_week_before() -> None:
    assert [d.due_us for d in due_of_grant(0, 90 * DAY_US, 80 * DAY_US, 84 * DAY_US)] == [83 * DAY_US]
    assert not list(due_of_grant(0, 10 * DAY_US, 0, 9 * DAY_US))
    assert not list(due_of_grant(0, 90 * DAY_US, 80 * DAY_US, 91 * DAY_US))


def test_what_is_answered_is_not_asked_again() -> None:
    facts = {"id": 1, "account": 1, "to": None, "name": "A", "message": "m", "attempts": 0, "due_us": 0}
    for answer in Answer:
        asked = Notice(kind=NoticeKind.ASKED, answer=answer, request_kind=Kind.ACCESS, **facts)  # type: ignore[arg-type]
        assert stands(asked, DAY_US) == (answer is Answer.ASKED)


@given(visits, clocks, st.integers(8, 400))
def test_of_the_archive_is_told_once_and_only_before(terms: Terms, clock: list[int], after_days: int) -> None:
    leave = (terms.ends_us or 0) + after_days * DAY_US
    told = [
        (due.due_us, upto * DAY_US)
        for after, upto in pairwise(clock)
        for due in due_of_visit(terms, None, after * DAY_US, upto * DAY_US, leave)
        if due.kind is NoticeKind.ARCHIVES_SOON
    ]
    assert len(told) <= 1
    assert all(due <= said < leave for due, said in told)
