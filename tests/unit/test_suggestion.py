"""Which visits are suggested for a run in quarantine, with what reasons, and in what order."""

from __future__ import annotations

import pytest

from panmesh.catalogue.suggestion import Candidate, Lost, suggest
from panmesh.kernel.clock import DAY_US

HOUR = 3_600_000_000


def _visit(name: str, *, day: int = 0, samples: tuple[str, ...] = (), people: tuple[str, ...] = ()) -> Candidate:
    return Candidate(
        pid=f"pm-{name}",
        visit_id=f"{name}-1",
        proposal=name,
        title=None,
        starts_us=day * DAY_US,
        ends_us=(day + 1) * DAY_US,
        samples=frozenset(samples),
        people=frozenset(people),
    )


def _run(**said: object) -> Lost:
    nothing: dict[str, object] = {
        "start_us": None,
        "path": "run.nxs",
        "proposal": None,
        "visit": None,
        "sample": None,
        "people": (),
    }
    return Lost(**(nothing | said))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("run", "visit", "reason"),
    [
        (_run(start_us=HOUR), _visit("cm40607"), "was scheduled on this instrument at that time"),
        (_run(start_us=-3 * HOUR), _visit("cm40607"), "began 3 hours after it"),
        (_run(start_us=DAY_US + HOUR), _visit("cm40607"), "ended 1 hour before it"),
        (_run(proposal="CM40607"), _visit("cm40607"), "the file names CM40607"),
        (_run(proposal="cm40670"), _visit("cm40607"), "the file names cm40670, one slip from cm40607-1"),
        (_run(proposal="cm4067"), _visit("cm40607"), "the file names cm4067, one slip from cm40607-1"),
        (_run(path="2026/cm40607-1/run.nxs"), _visit("cm40607"), "its folder is called cm40607-1"),
        (_run(sample="LaB6"), _visit("cm40607", samples=("lab6",)), "has other runs of the sample LaB6"),
        (_run(people=("Simulated User",)), _visit("cm40607", people=("simulated user",)), "Simulated User is in its team"),
    ],
)
def test_each_likeness_is_a_reason_in_words(run: Lost, visit: Candidate, reason: str) -> None:
    assert [one.reasons for one in suggest(run, [visit])] == [(reason,)]


def test_what_has_nothing_in_common_is_not_suggested() -> None:
    run = _run(start_us=9 * DAY_US, proposal="mx123", sample="Si", people=("Simulated User",))
    assert suggest(run, [_visit("cm40607", samples=("lab6",), people=("somebody else",))]) == ()


def test_the_likeliest_is_first_and_there_are_three_at_most() -> None:
    run = _run(start_us=HOUR, proposal="cm40607")
    found = suggest(run, [_visit("aa1"), _visit("bb2"), _visit("cc3"), _visit("cm40607")])
    assert [one.visit_id for one in found] == ["cm40607-1", "aa1-1", "bb2-1"]
