"""Why somebody may read: what is the same for several parts is said once, and nothing is lost by it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from panmesh.access.terms import State
from panmesh.access.why import PARTS, Reason, Why

REASONS = st.lists(
    st.tuples(st.booleans(), st.sampled_from(["everybody may", "only its team", "nobody may any more"])), max_size=7
)


@given(REASONS)
def test_parts_with_one_answer_are_together_and_each_part_is_there_once(said: list[tuple[bool, str]]) -> None:
    reasons = tuple(Reason(part=part, may=may, because=why) for part, (may, why) in zip(PARTS, said, strict=False))
    one = Why(about="pm-1", viewer="you", state=State.OPEN, clause="", until=None, reasons=reasons, ask=(), whom="")
    assert len({(answer.may, answer.because) for answer in one.answers}) == len(one.answers)
    again = {part: (answer.may, answer.because) for answer in one.answers for part in answer.parts}
    assert again == {reason.part: (reason.may, reason.because) for reason in reasons}
    assert [answer.parts[0] for answer in one.answers] == [r.part for r in reasons if r.part in {a.parts[0] for a in one.answers}]
