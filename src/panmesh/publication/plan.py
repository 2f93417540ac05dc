"""A data management plan: what the facility knows of a proposal, what its team answered, and what follows from the two.

Nothing of it is a copy: a plan is made anew each time it is read, from estimates before the visit and from what was measured after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from panmesh.access.terms import AccessClass, State
from panmesh.kernel.clock import DAY_US, add_years, facility_day
from panmesh.publication.citing import Citation, cited
from panmesh.publication.release import Listed

GIGABYTE = 10**9


class Known(StrEnum):
    """The answer to a question of law."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class FacilityProfile:
    """What a facility answers for every proposal; settings [plan]."""

    name: str
    ror: str | None
    contact: str | None  # mail address or URL
    zone: str
    url: str  # of the portal
    policy_url: str | None
    embargo_years: int
    retention_years: int
    storage: str
    backup: str
    country: str | None  # ISO 3166 alpha-2
    licence: str
    quality: str
    documentation: str
    costs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentProfile:
    """What an instrument answers for every visit; settings [instrument.KEY]."""

    pid: str
    name: str
    daily_gigabytes: float | None = None
    data_format: str | None = None
    acquisition: str | None = None
    analysis: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    name: str
    role: str  # access.viewer.TeamRole
    orcid: str | None
    email: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a visit has left on disk, as far as the reader may know."""

    datasets: int = 0
    files: int = 0
    size: int = 0  # bytes
    formats: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()  # names
    updated_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    pid: str
    visit_id: str
    title: str | None
    instrument: InstrumentProfile | None
    starts_us: int | None
    ends_us: int | None
    opens_us: int | None
    state: State
    access: AccessClass
    changed_us: int | None  # when its own facts changed last
    measured: Measured
    doi: str | None = None  # that everybody may know of
    releases: tuple[Listed, ...] = ()  # that hold runs of it

    @property
    def papers(self) -> tuple[Citation, ...]:
        return cited(self.releases)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalFacts:
    pid: str
    number: str
    title: str | None
    abstract: str | None
    kind: str  # catalogue.model.ProposalKind
    policy_version: str
    zone: str
    created_us: int
    participants: tuple[Participant, ...]
    visits: tuple[Visit, ...]  # by start


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What only the team can say. Empty texts: not answered yet."""

    title: str = ""  # of the plan, where it was begun elsewhere
    description: str = ""  # likewise
    language: str = "eng"  # ISO 639-3, of the data's documentation
    ethical_issues: Known = Known.UNKNOWN
    ethical_description: str = ""
    ethical_report: str = ""
    personal_data: Known = Known.UNKNOWN
    sensitive_data: Known = Known.UNKNOWN
    third_party_rights: str = ""
    results: str = ""  # where processed data and results go
    publication: str = ""
    funding: tuple[Mapping[str, Any], ...] = ()  # maDMP funding objects
    contributors: tuple[Mapping[str, Any], ...] = ()  # maDMP contributors beside the team
    projects: tuple[Mapping[str, Any], ...] = ()  # maDMP projects beside the proposal, without their funding
    costs: tuple[Mapping[str, Any], ...] = ()
    datasets: tuple[Mapping[str, Any], ...] = ()  # maDMP datasets that are not measured here
    related: tuple[Mapping[str, Any], ...] = ()
    alternates: tuple[Mapping[str, Any], ...] = ()  # identifiers that the plan has elsewhere
    revision: int = 0  # 0: nobody answered yet
    at_us: int | None = None
    by: str | None = None  # name


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    facility: FacilityProfile
    proposal: ProposalFacts
    answers: Answers
    may_answer: bool = False
    now_us: int = 0
    history: tuple[Answers, ...] = field(default=(), repr=False)  # earlier ones, newest first

    @property
    def title(self) -> str:
        return self.answers.title or f"Data management plan: {self.proposal.title or 'proposal ' + self.proposal.number}"

    @property
    def releases(self) -> tuple[Listed, ...]:
        """What was published of any visit, each once."""
        return tuple({one.concept: one for visit in self.proposal.visits for one in visit.releases}.values())

    @property
    def papers(self) -> tuple[Citation, ...]:
        return cited(self.releases)

    @property
    def modified_us(self) -> int:
        """The last change of anything that it says: an answer, a visit, or the data that it left."""
        moments = [self.proposal.created_us, self.answers.at_us]
        for visit in self.proposal.visits:
            moments += [visit.changed_us, visit.measured.updated_us, *(one.changed_us for one in visit.releases)]
            moments += [moment for moment in (visit.ends_us, visit.opens_us) if moment is not None and moment <= self.now_us]
        return max(moment for moment in moments if moment is not None)

    @property
    def contact(self) -> Participant | None:
        """The principal investigator who can be written to."""
        leaders = [p for p in self.proposal.participants if p.role == "pi"]
        return next((p for p in leaders if p.email), leaders[0] if leaders else None)

    @property
    def begins(self) -> date | None:
        days = [facility_day(v.starts_us, self.proposal.zone) for v in self.proposal.visits if v.starts_us is not None]
        return min(days, default=None)

    @property
    def ends(self) -> date | None:
        days = [facility_day(v.ends_us, self.proposal.zone) for v in self.proposal.visits if v.ends_us is not None]
        return max(days, default=None)


def expected_bytes(visit: Visit) -> int | None:
    """Days of the visit times what the instrument writes on a day; None where either is not known."""
    daily = visit.instrument.daily_gigabytes if visit.instrument is not None else None
    if daily is None or visit.starts_us is None or visit.ends_us is None:
        return None
    return round(max(visit.ends_us - visit.starts_us, 0) / DAY_US * daily * GIGABYTE)


def is_actual(visit: Visit, now_us: int) -> bool:
    """Whether the plan tells what was measured, and no longer what was expected."""
    return visit.ends_us is not None and visit.ends_us <= now_us and visit.measured.datasets > 0


def available_until(visit: Visit, facility: FacilityProfile, zone: str) -> date | None:
    """The last day on which the facility has promised to keep the data."""
    if visit.ends_us is None:
        return None
    return add_years(facility_day(visit.ends_us, zone), facility.retention_years)


def licence_from(visit: Visit, zone: str) -> date | None:
    """The day from which the licence holds: the first open one. None: no day is set on which it opens."""
    if visit.access is AccessClass.PROPRIETARY or visit.state in (State.HELD, State.WITHDRAWN, State.DELETED):
        return None
    if visit.opens_us is not None:
        return facility_day(visit.opens_us, zone)
    return None
