"""What /api/v1 takes and tells of releases."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from panmesh.kernel.clock import iso
from panmesh.kernel.errors import Fault
from panmesh.protocols.api.models import Model, Text
from panmesh.publication.describing import LONGEST, LONGEST_ABSTRACT, LONGEST_TITLE, MOST, faults
from panmesh.publication.record import Agent, Funding
from panmesh.publication.release import MOST_RUNS, Description, DoiStanding, Draft, Listed, Paper, Release
from panmesh.publication.releasing import Shown

Short = Annotated[str, StringConstraints(max_length=LONGEST)]


class CreatorModel(Model):
    name: Short = Field(description='as it is cited: "Family, Given"')
    orcid: Short | None = Field(None, description="0000-0002-1825-0097")
    affiliation: Short | None = None
    ror: Short | None = Field(None, description="https://ror.org/02550n020")


class PaperModel(Model):
    doi: Short
    relation: Literal["IsSupplementTo", "IsCitedBy", "IsDocumentedBy"] = Field(
        "IsSupplementTo", description="how the data stand to it"
    )
    title: Short | None = None


class FundingModel(Model):
    funder: Short
    funder_id: Short | None = Field(None, description="ROR, or Crossref funder id")
    award: Short | None = None
    award_title: Short | None = None


class DescriptionModel(Model):
    title: Annotated[str, StringConstraints(max_length=LONGEST_TITLE)] = ""
    abstract: Annotated[str, StringConstraints(max_length=LONGEST_ABSTRACT)] = ""
    creators: Annotated[list[CreatorModel], Field(max_length=MOST)] = Field(
        [], description="in the order in which they are cited"
    )
    papers: Annotated[list[PaperModel], Field(max_length=MOST)] = Field(
        [], description="DOIs of what was written with these data"
    )
    funding: Annotated[list[FundingModel], Field(max_length=MOST)] = Field([], description="who paid")


class DraftRequest(Model):
    pids: Annotated[list[Text], Field(min_length=1, max_length=MOST_RUNS)] = Field(description="runs, in their order")
    description: DescriptionModel | None = Field(None, description="null: begun with what is known of the runs")


class DraftPatch(Model):
    """Only what changes."""

    pids: Annotated[list[Text], Field(max_length=MOST_RUNS)] | None = Field(None, description="the whole list, in its order")
    description: DescriptionModel | None = Field(None, description="the whole of it")


class AmendRequest(Model):
    """All of both lists: what is not in them is taken away."""

    papers: Annotated[list[PaperModel], Field(max_length=MOST)]
    funding: Annotated[list[FundingModel], Field(max_length=MOST)]


class WithdrawRequest(Model):
    reason: Annotated[str, StringConstraints(max_length=1000)] = Field(description="everybody who follows the citation reads it")


class FaultModel(BaseModel):
    pointer: str
    detail: str


class DraftModel(BaseModel):
    key: str
    pid: str = Field(description="reserved: what it will be cited by where there is no DOI")
    version: int = Field(description="number that it will have")
    release: str | None = Field(description="that it is a new version of")
    pids: list[str] = Field(description="those that you may know of")
    description: DescriptionModel
    revision: int
    updated: str
    published: str | None
    faults: list[FaultModel] = Field(description="what must be mended before it can be published")


class RunHintModel(BaseModel):
    pid: str
    title: str
    percent: int


class HintModel(BaseModel):
    text: str
    field: str | None
    runs: list[RunHintModel]


class CheckModel(BaseModel):
    must: list[FaultModel]
    should: list[HintModel]
    assessed: int = Field(description="runs that were looked at")


class VersionModel(BaseModel):
    pid: str
    version: int
    published: str
    withdrawn: bool


class ReleasedRunModel(BaseModel):
    pid: str
    version: int = Field(description="that was frozen")
    title: str | None
    state: str | None
    opens: str | None
    gone: str | None = Field(description="why there is nothing to show of it")


class DoiModel(BaseModel):
    name: str | None = Field(description="null: the facility has no DataCite account, or none is given yet")
    state: Literal["reserved", "registered", "failed"]
    error: str | None


class ReleaseModel(BaseModel):
    concept: str
    pid: str
    version: int
    description: DescriptionModel
    published: str
    changed: str
    state: str
    opens: str | None = Field(description="when all of it is open")
    withdrawn: str | None
    reason: str | None
    doi: DoiModel | None
    citation: str
    versions: list[VersionModel]
    runs: list[ReleasedRunModel] = Field(description="those that you may know of")


class ListedRelease(BaseModel):
    concept: str
    pid: str
    version: int
    title: str
    creators: list[str]
    published: str


class ReleasePage(BaseModel):
    items: list[ListedRelease]
    total: int


def described(given: DescriptionModel) -> Description:
    return Description(
        title=given.title,
        abstract=given.abstract,
        creators=tuple(
            Agent(name=one.name, orcid=one.orcid, affiliation=one.affiliation, affiliation_ror=one.ror) for one in given.creators
        ),
        papers=papers_of(given.papers),
        funding=funding_of(given.funding),
    )


def papers_of(given: list[PaperModel]) -> tuple[Paper, ...]:
    return tuple(Paper(doi=one.doi, relation=one.relation, title=one.title) for one in given)


def funding_of(given: list[FundingModel]) -> tuple[Funding, ...]:
    return tuple(Funding(**one.model_dump()) for one in given)


def description(said: Description) -> dict[str, Any]:
    return {
        "title": said.title,
        "abstract": said.abstract,
        "creators": [
            {"name": one.name, "orcid": one.orcid, "affiliation": one.affiliation, "ror": one.affiliation_ror}
            for one in said.creators
        ],
        "papers": [{"doi": one.doi, "relation": one.relation, "title": one.title} for one in said.papers],
        "funding": [
            {"funder": one.funder, "funder_id": one.funder_id, "award": one.award, "award_title": one.award_title}
            for one in said.funding
        ],
    }


def draft(one: Draft, pids: list[str]) -> dict[str, Any]:
    return {
        "key": one.key,
        "pid": one.pid,
        "version": one.number,
        "release": one.release,
        "pids": pids,
        "description": description(one.description),
        "revision": one.revision,
        "updated": iso(one.updated_us),
        "published": one.published,
        "faults": faulty(faults(one.description)),
    }


def faulty(found: tuple[Fault, ...]) -> list[dict[str, str]]:
    return [{"pointer": one.pointer, "detail": one.detail} for one in found]


def release(one: Release, runs: tuple[Shown, ...], doi: DoiStanding | None, citation: str) -> dict[str, Any]:
    return {
        "concept": one.concept,
        "pid": one.pid,
        "version": one.number,
        "description": description(one.description),
        "published": iso(one.published_us),
        "changed": iso(one.changed_us),
        "state": one.state.value,
        "opens": iso(one.opens_us),
        "withdrawn": iso(one.withdrawn_us),
        "reason": one.reason,
        "doi": None if doi is None else {"name": doi.name, "state": standing(doi), "error": doi.error},
        "citation": citation,
        "versions": [
            {"pid": v.pid, "version": v.number, "published": iso(v.published_us), "withdrawn": v.withdrawn} for v in one.versions
        ],
        "runs": [_run(run) for run in runs],
    }


def standing(doi: DoiStanding) -> str:
    return "registered" if doi.registered else "failed" if doi.error else "reserved"


def listed(one: Listed) -> dict[str, Any]:
    return {
        "concept": one.concept,
        "pid": one.pid,
        "version": one.number,
        "title": one.title,
        "creators": list(one.creators),
        "published": iso(one.published_us),
    }


def _run(shown: Shown) -> dict[str, Any]:
    run = shown.run
    return {
        "pid": shown.pid,
        "version": shown.version,
        "title": run.title if run else None,
        "state": run.access.state.value if run else None,
        "opens": iso(run.access.opens_us) if run else None,
        "gone": shown.gone,
    }
