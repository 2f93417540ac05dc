"""How fast DataCite is asked: never more in five minutes than twice what is allowed, and nobody waits without need."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from panmesh.adapters.datacite.pace import Pace


@given(st.integers(20, 600), st.lists(st.floats(0, 30), max_size=2000))
def test_no_five_minutes_see_more_than_the_burst_and_what_is_allowed(per_minute: int, gaps: list[float]) -> None:
    now, sent = 0.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    pace = Pace(per_minute, lambda: now, sleep)
    for gap in gaps:
        now += gap
        pace.wait()
        sent.append(now)
    for first, at in enumerate(sent):
        within = sum(at <= other <= at + 300 for other in sent[first:])
        assert within <= 2 * 5 * per_minute + 1


def test_after_the_burst_each_waits_its_part_of_a_minute_and_rest_gives_it_back() -> None:
    now, slept = 0.0, []
    pace = Pace(20, lambda: now, slept.append)
    for _ in range(100):
        pace.wait()
    assert slept == []
    pace.wait()
    pace.wait()
    assert [round(one, 6) for one in slept] == [3.0, 6.0]
    now += 1000
    pace.wait()
    assert len(slept) == 2
