"""Why somebody may read: what is the same for several parts is said once, and nothing is lost by it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from panmesh.access.rules import Embargo, PolicyRules
from panmesh.access.terms import AccessClass, State, Terms
from panmesh.access.viewer import ANONYMOUS
from panmesh.access.why import PARTS, Reason, Why, why
from panmesh.kernel.clock import DAY_US

REASONS = st.lists(
    st.tuples(st.booleans(), st.sampled_from(["everybody may", "only its team", "nobody may any more"])), max_size=7
)


@given(REASONS)
def test_parts_with_one_answer_are_together_and_each_part_is_there_once(said: list[tuple[bool, str]]) -> None:
    reasons = tuple(Reason(part=part, may=may, because=words) for part, (may, words) in zip(PARTS, said, strict=False))
    one = Why(about="pm-1", viewer="you", state=State.OPEN, clause="", until=None, reasons=reasons, ask=(), whom="")
    assert len({(answer.may, answer.because) for answer in one.answers}) == len(one.answers)
    again = {part: (answer.may, answer.because) for answer in one.answers for part in answer.parts}
    assert again == {reason.part: (reason.may, reason.because) for reason in reasons}
    assert [answer.parts[0] for answer in one.answers] == [r.part for r in reasons if r.part in {a.parts[0] for a in one.answers}]


def test_what_is_open_says_why_it_is() -> None:
    ended, opens, zone = 100 * DAY_US, 400 * DAY_US, "UTC"
    terms = Terms(id=1, access=AccessClass.PUBLIC, starts_us=0, ends_us=ended, opens_us=opens)

    def clause(terms: Terms, embargo: Embargo) -> str:
        return why(ANONYMOUS, "pm-1", terms, embargo, PolicyRules(version="v"), zone, 500 * DAY_US, ()).clause

    assert clause(terms, Embargo(years=1)).startswith("Its embargo is over")
    assert clause(terms, Embargo(years=3, released_us=opens)).startswith("Its embargo was ended early, on 5 February 1971")
    assert clause(replace(terms, access=AccessClass.OPEN), Embargo(years=3)).startswith("It never was under embargo")
