"""How findable, accessible, interoperable and reusable a run is, from its record and its file, with what to do about the rest.

Two figures, since they answer two questions. `percent` is what an outside assessor will say of the landing page (see `assessors`); it is
high for every run of this catalogue, because the catalogue does that part. `complete` is how much of what only people and instruments can
say is there: it is asked during the visit, when the sample is still on the bench.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from panmesh.access.terms import State
from panmesh.catalogue.model import DatasetRecord
from panmesh.publication.assessors import assessed
from panmesh.publication.fair_facts import ARCHIVE, FairFacts, facts_of

NO_DOIS: Mapping[str, str] = {}


class Letter(StrEnum):
    FINDABLE = "F"
    ACCESSIBLE = "A"
    INTEROPERABLE = "I"
    REUSABLE = "R"


@dataclass(frozen=True, slots=True)
class Point:
    letter: Letter
    name: str
    weight: int
    share: float  # 0 … 1
    hint: str | None = None  # what to do; None where it is whole
    field: str | None = None  # that the correction form has


@dataclass(frozen=True, slots=True)
class Fairness:
    points: tuple[Point, ...]
    percent: int  # as outside assessors measure

    @property
    def complete(self) -> int:
        """Per cent of the points, rounded down: what is not whole is not 100."""
        whole = sum(point.weight for point in self.points)
        return int(100 * sum(point.weight * point.share for point in self.points) / whole + 1e-9)

    @property
    def todo(self) -> tuple[Point, ...]:
        """The most telling first."""
        open_ = [point for point in self.points if point.share < 1 and point.hint]
        return tuple(sorted(open_, key=lambda point: -point.weight * (1 - point.share)))

    def of(self, letter: Letter) -> int:
        return Fairness(tuple(point for point in self.points if point.letter is letter), self.percent).complete


def assess(record: DatasetRecord, dois: Mapping[str, str] = NO_DOIS) -> Fairness:
    """Of what the viewer may read: asked by those who may read all of it. `dois`: of the run, its instrument and its sample."""
    return score(facts_of(record, dois))


def score(facts: FairFacts) -> Fairness:
    return Fairness(tuple(_points(facts)), assessed(facts))


def _points(f: FairFacts) -> Iterator[Point]:
    """Always in this order, and the last only for processed data."""
    yield _yes(Letter.FINDABLE, "a title", 3, _telling(f.title), "Give it a title that says what was measured.", "title")
    yield _yes(Letter.FINDABLE, "a description", 1, f.described, "Describe in a sentence what it is for.", "description")
    yield _yes(Letter.FINDABLE, "a technique of PaNET", 3, f.techniques, "Say by which technique.", "techniques")
    where = "Say on which instrument, in the file or the storage's settings."
    yield _yes(Letter.FINDABLE, "the instrument", 2, f.instrument, where)
    yield _yes(Letter.FINDABLE, "a DOI of the instrument", 1, f.instrument_pid, "Let the data steward give the instrument a DOI.")
    known = f.visit and f.state not in (State.INTERNAL, State.ASIDE)
    yield _yes(Letter.ACCESSIBLE, "a visit, so that its policy holds", 3, known, "Say to which visit it belongs.")
    schedule = "Import the schedule: the embargo counts from the end of the visit."
    yield _yes(Letter.ACCESSIBLE, "a day on which it opens", 2, f.opens, schedule)
    made = "They are made by themselves, once the files are at rest."
    yield _yes(Letter.ACCESSIBLE, "digests of its files", 1, f.digested, made)
    yield _yes(Letter.INTEROPERABLE, "an open format that readers know", 2, f.hdf5, "Write NeXus/HDF5 files.")
    definition = "Name the application definition in the file (NXentry/definition)."
    yield _yes(Letter.INTEROPERABLE, "a NeXus definition", 2, f.file.definition, definition)
    yield _units(f)
    yield _archive(f)
    yield _yes(Letter.INTEROPERABLE, "a default plot", 1, f.plot, "Mark the default NXdata in the file.")
    yield _yes(Letter.REUSABLE, "the sample", 4, f.sample, "Name the sample.", "sample")
    formula = "Add the sample's identifier or formula."
    yield _yes(Letter.REUSABLE, "the sample's identifier or formula", 2, f.sample_said, formula, "sample")
    leads = "Give the sample an identifier that leads to it: an IGSN, a DOI or an address."
    yield _yes(Letter.REUSABLE, "a PID of the sample", 1, f.sample_pid, leads, "sample")
    yield _yes(Letter.REUSABLE, "its proposal", 2, f.proposal, "Say to which proposal it belongs.")
    yield _people(f)
    zone = "Write start_time and end_time with their offset."
    yield _yes(Letter.REUSABLE, "start and end, with a zone", 2, f.zoned, zone)
    names = "Map the file's quantities to names in the storage's settings."
    yield _yes(Letter.REUSABLE, "conditions that people search for", 2, f.conditions, names)
    if f.processed:
        yield _yes(Letter.REUSABLE, "what it was made from", 3, f.sources, "Say from which runs it was made.")


POINTS = (
    "a title", "a description", "a technique of PaNET", "the instrument", "a DOI of the instrument", "a visit, so that its policy holds",
    "a day on which it opens", "digests of its files", "an open format that readers know", "a NeXus definition", "units on every number",
    "what NXarchive asks for", "a default plot", "the sample", "the sample's identifier or formula", "a PID of the sample", "its proposal",
    "people with ORCID", "start and end, with a zone", "conditions that people search for", "what it was made from",
)  # fmt: skip


def _yes(letter: Letter, name: str, weight: int, there: bool, hint: str | None, field: str | None = None) -> Point:
    return Point(letter, name, weight, float(there), None if there else hint, field)


def _telling(title: str | None) -> bool:
    return title is not None and len(title.split()) >= 2


def _units(f: FairFacts) -> Point:
    numbers, without = f.file.numbers, f.file.without_unit
    share = 1 - without / numbers if numbers else 0.0
    hint = f"{without} of {numbers} numbers in the file have no unit." if numbers else "The file tells no quantities."
    return Point(Letter.INTEROPERABLE, "units on every number", 3, share, None if share == 1 else hint)


def _archive(f: FairFacts) -> Point:
    missing = f.file.missing
    first = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
    hint = f"The file has {ARCHIVE - len(missing)} of {ARCHIVE} fields of NXarchive. Missing: {first}." if missing else None
    return Point(Letter.INTEROPERABLE, "what NXarchive asks for", 2, 1 - len(missing) / ARCHIVE, hint)


def _people(f: FairFacts) -> Point:
    if not f.people:
        return Point(Letter.REUSABLE, "people with ORCID", 3, 0.0, "Name who measured it, with ORCID.", "people")
    without = f.people - f.with_orcid
    hint = _without_orcid(without, f.people) if without else None
    return Point(Letter.REUSABLE, "people with ORCID", 3, 0.5 + 0.5 * f.with_orcid / f.people, hint)


def _without_orcid(without: int, people: int) -> str:
    """`without`: at least one."""
    if people == 1:
        who = "The only person named has no ORCID"
    elif without == people:
        who = f"None of the {people} people named has an ORCID"
    else:
        who = f"{without} of the {people} people named {'has' if without == 1 else 'have'} no ORCID"
    return f"{who}: add it to the account, and to the file."
