"""What a publication still lacks, as hints: what must be, from the description; what should be, from the record and from each run's own
FAIR points. Nothing is scored twice: a run's points are those of its page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from panmesh.catalogue.model import DatasetRecord
from panmesh.catalogue.naming import run_title
from panmesh.publication.fair import assess
from panmesh.publication.release import Description

MOST_ASSESSED = 50  # runs that are looked at one by one


@dataclass(frozen=True, slots=True)
class RunRef:
    pid: str
    title: str
    percent: int


@dataclass(frozen=True, slots=True)
class Hint:
    text: str
    field: str | None = None  # of the description, where it is added; None: of the runs
    runs: tuple[RunRef, ...] = ()  # that lack it
    editable: bool = False  # the form of a run has a field for it


@dataclass(frozen=True, slots=True)
class Completeness:
    of_release: tuple[Hint, ...]
    of_runs: tuple[Hint, ...]  # what most of them lack first
    assessed: int
    percents: tuple[RunRef, ...]  # the weakest first


def look(said: Description, runs: Sequence[DatasetRecord]) -> Completeness:
    """`runs`: with what their team may read; at most the first `MOST_ASSESSED` are looked at."""
    lacking: dict[tuple[str, bool], list[RunRef]] = defaultdict(list)
    weights: dict[tuple[str, bool], float] = defaultdict(float)
    refs = []
    looked = runs[:MOST_ASSESSED]
    for record in looked:
        fair = assess(record)
        ref = RunRef(record.summary.pid, run_title(record.summary), fair.percent)
        refs.append(ref)
        for point in fair.todo:
            key = (point.hint or point.name, point.field is not None)
            lacking[key].append(ref)
            weights[key] += point.weight * (1 - point.share)
    ordered = sorted(lacking, key=lambda key: (-weights[key], key))
    return Completeness(
        of_release=tuple(_of_release(said)),
        of_runs=tuple(Hint(text, runs=tuple(lacking[text, there]), editable=there) for text, there in ordered),
        assessed=len(looked),
        percents=tuple(sorted(refs, key=lambda ref: (ref.percent, ref.title))),
    )


def _of_release(said: Description) -> list[Hint]:
    found = []
    named = [one for one in said.creators if one.name and not one.organisation]
    without = [one.name for one in named if not one.orcid]
    if without:
        found.append(Hint(f"No ORCID iD for {_some(without)}: with it, their name is theirs for ever.", "creators"))
    without = [one.name for one in named if not one.affiliation]
    if without:
        found.append(Hint(f"No institution for {_some(without)}.", "creators"))
    elif named and any(not one.affiliation_ror for one in named):
        found.append(Hint("Institutions without their ROR are not counted as theirs.", "creators"))
    if not said.funding:
        found.append(Hint("No funder: most ask to be named in the data, too. It can be added after publication.", "funding"))
    if not said.papers:
        found.append(Hint("No paper yet. Add its DOI when you have it: also after publication.", "papers"))
    return found


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
