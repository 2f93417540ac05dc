"""Which visit a run in quarantine may belong to, and why: decided from values, said in words, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from panmesh.kernel.clock import DAY_US
from panmesh.kernel.text import fold, key_of

MOST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """What a run says of itself. Names as written."""

    start_us: int | None
    path: str
    proposal: str | None
    visit: str | None
    sample: str | None
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A visit of the run's instrument."""

    pid: str
    visit_id: str
    proposal: str
    title: str | None
    starts_us: int
    ends_us: int
    samples: frozenset[str]  # folded names
    people: frozenset[str]  # folded names of its team


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    visit: str  # pid
    visit_id: str
    title: str | None
    reasons: tuple[str, ...]
    score: int


def suggest(run: Lost, candidates: Iterable[Candidate]) -> tuple[Suggestion, ...]:
    found = [s for s in (_judge(run, one) for one in candidates) if s is not None]
    return tuple(sorted(found, key=lambda s: (-s.score, s.visit_id))[:MOST])


def _judge(run: Lost, visit: Candidate) -> Suggestion | None:
    points = [
        said
        for said in (_time(run, visit), _name(run, visit), _folder(run, visit), _sample(run, visit), _people(run, visit))
        if said
    ]
    if not points:
        return None
    return Suggestion(
        visit=visit.pid,
        visit_id=visit.visit_id,
        title=visit.title,
        reasons=tuple(said for _, said in points),
        score=sum(score for score, _ in points),
    )


def _time(run: Lost, visit: Candidate) -> tuple[int, str] | None:
    if run.start_us is None:
        return None
    if visit.starts_us <= run.start_us < visit.ends_us:
        return 5, "was scheduled on this instrument at that time"
    away = max(visit.starts_us - run.start_us, run.start_us - visit.ends_us)
    if away >= 2 * DAY_US:
        return None
    side = "began" if run.start_us < visit.starts_us else "ended"
    hours = max(1, round(away / 3_600_000_000))
    return 2, f"{side} {hours} hour{'' if hours == 1 else 's'} {'after it' if side == 'began' else 'before it'}"


def _name(run: Lost, visit: Candidate) -> tuple[int, str] | None:
    keys = (key_of(visit.visit_id), key_of(visit.proposal))
    for written in filter(None, (run.visit, run.proposal)):
        key = key_of(written)
        if key in keys:
            return 6, f"the file names {written}"
        if len(key) >= 4 and any(_one_slip(key, other) for other in keys):
            return 4, f"the file names {written}, one slip from {visit.visit_id}"
    return None


def _folder(run: Lost, visit: Candidate) -> tuple[int, str] | None:
    keys = {key for key in (key_of(visit.visit_id), key_of(visit.proposal)) if len(key) >= 3}
    for part in run.path.split("/")[:-1]:
        if key_of(part) in keys:
            return 4, f"its folder is called {part}"
    return None


def _sample(run: Lost, visit: Candidate) -> tuple[int, str] | None:
    if run.sample and fold(run.sample) in visit.samples:
        return 3, f"has other runs of the sample {run.sample}"
    return None


def _people(run: Lost, visit: Candidate) -> tuple[int, str] | None:
    for name in run.people:
        if fold(name) in visit.people:
            return 3, f"{name} is in its team"
    return None


def _one_slip(a: str, b: str) -> bool:
    """One sign more, less or other, or two neighbours swapped."""
    if a == b or abs(len(a) - len(b)) > 1:
        return False
    first = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    if len(a) == len(b):
        swapped = a[first + 1 : first + 2] == b[first : first + 1] and b[first + 1 : first + 2] == a[first : first + 1]
        return a[first + 1 :] == b[first + 1 :] or (swapped and a[first + 2 :] == b[first + 2 :])
    longer, shorter = (a, b) if len(a) > len(b) else (b, a)
    return longer[first + 1 :] == shorter[first:]
