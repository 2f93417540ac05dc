"""The questions that templates of data management plans ask, each with its answer and where that came from.

The order is that of the chapters most templates have; about 36 of their roughly 105 questions have an answer that a facility knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from panmesh.access.terms import AccessClass, State
from panmesh.publication.plan import Known, Plan, Visit, available_until, expected_bytes, is_actual, licence_from


class Source(StrEnum):
    PROPOSAL = "proposal"
    FACILITY = "facility"
    INSTRUMENT = "instrument"
    MEASURED = "measured"
    TEAM = "team"


@dataclass(frozen=True, slots=True)
class Question:
    chapter: str
    text: str
    source: Source
    answer: str | None  # None: open
    field: str | None = None  # of Answers, where the team is asked


Sizes = Callable[[int], str]  # bytes as people write them
_SAID = {Known.YES: "Yes", Known.NO: "No", Known.UNKNOWN: None}


def questions(plan: Plan, size: Sizes) -> tuple[Question, ...]:
    parts = (_general, _data, _metadata, _access, _legal, _keeping)
    return tuple(question for part in parts for question in part(plan, size))


def answered(found: tuple[Question, ...]) -> int:
    return sum(question.answer is not None for question in found)


def _general(plan: Plan, _size: Sizes) -> Iterator[Question]:
    chapter, p = "The project", plan.proposal
    yield Question(chapter, "What is the project called?", Source.PROPOSAL, p.title)
    yield Question(chapter, "What is its identifier?", Source.PROPOSAL, p.number)
    yield Question(chapter, "What is it about?", Source.PROPOSAL, p.abstract)
    if plan.answers.description and plan.answers.description != p.abstract:
        yield Question(chapter, "What is this plan for?", Source.TEAM, plan.answers.description)
    leader = plan.contact
    yield Question(chapter, "Who leads it?", Source.PROPOSAL, leader.name if leader else None)
    others = ", ".join(one.name for one in p.participants if one is not leader)
    yield Question(chapter, "Who else takes part?", Source.PROPOSAL, others or None)
    span = f"{_said(plan.begins)} to {_said(plan.ends)}" if plan.begins and plan.ends else None
    yield Question(chapter, "When is the beam time?", Source.PROPOSAL, span)
    funders = "; ".join(_funder(one) for one in plan.answers.funding)
    yield Question(chapter, "Who funds it?", Source.TEAM, funders or None, "funding")


def _said(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _funder(told: Mapping[str, Any]) -> str:
    grant = told.get("grant_id", {}).get("identifier")
    return str(told.get("funder_name") or told["funder_id"]["identifier"]) + (f", grant {grant}" if grant else "")


def _data(plan: Plan, size: Sizes) -> Iterator[Question]:
    chapter, visits = "The data", plan.proposal.visits
    yield Question(chapter, "Are the data made or reused?", Source.FACILITY, "They are measured in this project.")
    techniques = sorted({name for v in visits for name in v.measured.techniques})
    yield Question(chapter, "What is measured?", Source.MEASURED, ", ".join(techniques) or None)
    names = sorted({v.instrument.name for v in visits if v.instrument})
    yield Question(chapter, "On which instruments?", Source.PROPOSAL, ", ".join(names) or None)
    yield Question(chapter, "How much data?", *_amount(plan, size))
    formats = sorted({f for v in visits for f in v.measured.formats})
    if formats:
        yield Question(chapter, "In which formats?", Source.MEASURED, ", ".join(one.upper() for one in formats))
    else:
        yield Question(chapter, "In which formats?", Source.INSTRUMENT, _told(visits, "data_format"))
    yield Question(chapter, "With which software are they recorded?", Source.INSTRUMENT, _told(visits, "acquisition"))
    yield Question(chapter, "With which software are they analysed?", Source.INSTRUMENT, _told(visits, "analysis"))
    yield Question(chapter, "How is their quality assured?", Source.FACILITY, plan.facility.quality)
    yield Question(
        chapter,
        "How are files and folders named?",
        Source.FACILITY,
        "By proposal, visit and run, as the instrument writes them; in the catalogue each run has an identifier that its name is no part of.",
    )
    yield Question(
        chapter,
        "How are versions told apart?",
        Source.FACILITY,
        "A run has one identifier, and each version of its files one more; a version never changes.",
    )
    yield Question(chapter, "Where do processed data and results go?", Source.TEAM, plan.answers.results or None, "results")


def _amount(plan: Plan, size: Sizes) -> tuple[Source, str | None]:
    visits = plan.proposal.visits
    if visits and all(is_actual(v, plan.now_us) for v in visits):
        runs, files = sum(v.measured.datasets for v in visits), sum(v.measured.files for v in visits)
        return Source.MEASURED, f"{size(sum(v.measured.size for v in visits))} in {files:,} files of {runs:,} runs"
    expected = [expected_bytes(v) for v in visits if not is_actual(v, plan.now_us)]
    if not expected or None in expected:
        return Source.INSTRUMENT, None
    so_far = sum(v.measured.size for v in visits if is_actual(v, plan.now_us))
    about = f"about {size(so_far + sum(e for e in expected if e is not None))} expected"
    return Source.INSTRUMENT, about + (f", {size(so_far)} of it measured" if so_far else "")


def _told(visits: tuple[Visit, ...], name: str) -> str | None:
    said = dict.fromkeys(getattr(v.instrument, name) for v in visits if v.instrument)
    return "; ".join(text for text in said if text) or None


def _metadata(plan: Plan, _size: Sizes) -> Iterator[Question]:
    chapter, facility = "Description", plan.facility
    yield Question(
        chapter, "By which standards?", Source.FACILITY, "NeXus for the files, PaNET for techniques, DataCite for citations."
    )
    yield Question(
        chapter,
        "What is recorded without anybody's doing?",
        Source.FACILITY,
        "Instrument, times, proposal, settings and readings of the instrument, with units.",
    )
    yield Question(
        chapter,
        "What is taken over from the proposal?",
        Source.FACILITY,
        "Title, team with ORCID, instrument and times of the visit; the sample, where the proposal or the file names it.",
    )
    yield Question(
        chapter, "What has to be written by hand?", Source.FACILITY, "What the sample is, and notes in the logbook of the visit."
    )
    yield Question(chapter, "Where is it documented?", Source.FACILITY, facility.documentation)
    yield Question(
        chapter,
        "Which identifiers do the data get, and who looks after them?",
        Source.FACILITY,
        f"Persistent identifiers and DOIs (DataCite), kept by {facility.name}.",
    )
    if cited := _cited(plan):
        yield Question(chapter, "Under which DOIs are they cited?", Source.MEASURED, cited)
    yield Question(chapter, "How are people named?", Source.FACILITY, "By ORCID.")


def _cited(plan: Plan) -> str:
    named = [(v.visit_id, v.doi) for v in plan.proposal.visits] + [(one.title, one.doi) for one in plan.releases]
    return "; ".join(f"{name}: https://doi.org/{doi}" for name, doi in named if doi)


def _access(plan: Plan, _size: Sizes) -> Iterator[Question]:
    chapter, facility = "Access and sharing", plan.facility
    yield Question(
        chapter, "Under which policy?", Source.FACILITY, facility.policy_url or f"Policy {plan.proposal.policy_version}"
    )
    proprietary = any(v.access is AccessClass.PROPRIETARY for v in plan.proposal.visits)
    yield Question(
        chapter,
        "Who reads the data at first?",
        Source.FACILITY,
        "The principal investigator, the team, and staff for the facility's purposes.",
    )
    yield Question(
        chapter, "Will they be shared?", Source.FACILITY, "No: the beam time is proprietary." if proprietary else "Yes."
    )
    yield Question(chapter, "When?", Source.PROPOSAL, _when(plan, proprietary))
    yield Question(chapter, "Under which licence?", Source.FACILITY, None if proprietary else facility.licence)
    yield Question(
        chapter, "How are they found?", Source.FACILITY, f"{facility.url}, the PaNOSC search, and harvesters of DataCite."
    )
    yield Question(chapter, "How is it known who reads them?", Source.FACILITY, "People sign in until the data are open.")
    yield Question(chapter, "What will be published?", Source.TEAM, plan.answers.publication or None, "publication")
    if papers := "; ".join(f"{paper.title or 'A paper'}, https://doi.org/{paper.doi}" for paper in plan.papers):
        yield Question(chapter, "Which papers came of them?", Source.MEASURED, papers)


def _when(plan: Plan, proprietary: bool) -> str | None:
    if proprietary:
        return "Never, unless the team asks for it."
    told = []
    for visit in plan.proposal.visits:
        day = licence_from(visit, plan.proposal.zone)
        if visit.state is State.OPEN:
            told.append(f"{visit.visit_id}: open" + (f" since {_said(day)}" if day else ""))
        elif day is not None:
            told.append(f"{visit.visit_id}: on {_said(day)}")
    rule = f"{plan.facility.embargo_years} years after the end of the experiment."
    return "; ".join(told) or rule


def _legal(plan: Plan, _size: Sizes) -> Iterator[Question]:
    chapter, said = "Law and ethics", plan.answers
    issues = _SAID[said.ethical_issues]
    if issues and said.ethical_description:
        issues = f"{issues}: {said.ethical_description}"
    yield Question(chapter, "Are there ethical issues?", Source.TEAM, issues, "ethical_issues")
    yield Question(chapter, "Are there personal data?", Source.TEAM, _SAID[said.personal_data], "personal_data")
    yield Question(chapter, "Are there sensitive data?", Source.TEAM, _SAID[said.sensitive_data], "sensitive_data")
    yield Question(chapter, "Have others rights in the data?", Source.TEAM, said.third_party_rights or None, "third_party_rights")
    yield Question(
        chapter,
        "Whose are the data?",
        Source.FACILITY,
        f"{plan.facility.name} keeps raw data and metadata as their custodian; it does not own them.",
    )


def _keeping(plan: Plan, _size: Sizes) -> Iterator[Question]:
    chapter, facility = "Storage and preservation", plan.facility
    yield Question(chapter, "Where are the data stored?", Source.FACILITY, facility.storage)
    yield Question(chapter, "How are they backed up?", Source.FACILITY, facility.backup)
    yield Question(
        chapter,
        "How is it noticed that bytes change?",
        Source.FACILITY,
        "Every file has digests, and is read again and compared.",
    )
    last = max((d for v in plan.proposal.visits if (d := available_until(v, facility, plan.proposal.zone))), default=None)
    kept = f"At least {facility.retention_years} years" + (f", to {_said(last)}" if last else "")
    yield Question(chapter, "How long are they kept?", Source.FACILITY, kept + ".")
    yield Question(chapter, "Who keeps them in the long run?", Source.FACILITY, f"{facility.name} itself, in its own archive.")
    yield Question(chapter, "Who pays?", Source.FACILITY, facility.costs)
