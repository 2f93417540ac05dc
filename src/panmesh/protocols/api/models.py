"""Shapes of the native API."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from panmesh.kernel.text import is_plain

Text = Annotated[str, StringConstraints(max_length=2000)]


class Model(BaseModel):
    """What clients send. No text in it has signs that a database cannot hold."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        if not is_plain(value):
            raise ValueError("text here has no NUL and no lone surrogates")
        return value


class FaultModel(BaseModel):
    pointer: str
    detail: str


class Problem(BaseModel):
    """RFC 9457. `detail` is written for a person."""

    type: str
    title: str
    status: int
    detail: str
    faults: list[FaultModel] | None = None
    embargo_until: str | None = None
    request_access: str | None = None
    retry_after: int | None = None
    incident: str | None = None


class RefModel(BaseModel):
    pid: str
    name: str


class TechniqueModel(BaseModel):
    pid: str = Field(examples=["http://purl.org/pan-science/PaNET/PaNET01101"])
    name: str = Field(examples=["x-ray powder diffraction"])


class ParameterModel(BaseModel):
    name: str
    label: str
    unit: str | None
    value: float | str | None = Field(description="null for a scanned quantity: see minimum and maximum")
    minimum: float | None
    maximum: float | None


class SampleModel(BaseModel):
    pid: str
    name: str
    identifier: str | None
    formula: str | None
    description: str | None


class AccessModel(BaseModel):
    state: str = Field(examples=["embargoed"])
    opens: str | None = Field(description="the first day on which everyone may read, at the facility; null: none is set")
    readable: list[str] = Field(description="what you may read now")


class DatasetModel(BaseModel):
    pid: str
    title: str | None
    kind: str
    origin: str
    start: str | None
    end: str | None
    created: str
    facility: str | None
    facility_name: str | None
    source: str | None = Field(description="the facility or source as the file names it")
    instrument: RefModel | None
    investigation: RefModel | None
    proposal: str | None
    techniques: list[TechniqueModel]
    access: AccessModel
    sample: SampleModel | None
    parameters: list[ParameterModel]
    file_count: int | None
    total_bytes: int | None
    read_state: str | None
    growing: bool | None
    run: str | None
    series: str | None


class DatasetPage(BaseModel):
    items: list[DatasetModel]
    total: int = Field(description="exact, of what you may know of")
    offset: int
    limit: int
    facets: dict[str, list[FacetModel]] | None = None


class FacetModel(BaseModel):
    value: str
    label: str
    count: int


class SpreadModel(BaseModel):
    """A quantity over the runs of a search."""

    name: str
    datasets: int
    units: list[str]
    unit: str | None
    low: float | None
    high: float | None
    decades: bool
    bars: list[int]


class DatasetDetail(DatasetModel):
    version: int
    version_pid: str
    versions: int
    revision: int
    updated: str
    people: list[dict[str, Any]]
    values: dict[str, Any] | None = Field(description="effective values, each with its source layer and its place in the file")
    facts: dict[str, Any] | None = Field(description="all that was read from the file")
    problems: list[dict[str, str]]
    advice: str | None
    format: str | None
    relations: list[dict[str, Any]]
    digests: str | None
    findings: int


class FileModel(BaseModel):
    name: str
    size: int | None = Field(description="In bytes; null of a file elsewhere, when its catalogue does not tell.")
    modified: str
    sha256: str | None
    blake3: str | None
    crc32: str | None
    adler32: str | None
    state: str


class FilePage(BaseModel):
    items: list[FileModel]
    total: int
    total_bytes: int
    offset: int
    limit: int


class PatchModel(Model):
    """Only the fields that change; null takes a field away."""

    title: Text | None = None
    description: Annotated[str, StringConstraints(max_length=20_000)] | None = None
    run: Text | None = None
    start: str | None = Field(None, description="RFC 3339 with zone", examples=["2026-03-01T08:00:00Z"])
    end: str | None = None
    sample: dict[str, str | None] | None = None
    techniques: list[str] | None = Field(None, description="PaNET pids or names")
    people: list[dict[str, str | None]] | None = None
    parameters: list[dict[str, str | float | None]] | None = None


class RevisionModel(BaseModel):
    pid: str
    revision: int


class ChangeModel(BaseModel):
    id: int
    source: str
    by: str
    at: str
    values: dict[str, Any]
    undone: str | None
    undone_by: str | None


class UndoModel(Model):
    change: int = Field(ge=1, le=2**53)


class AccessAnswer(BaseModel):
    state: str
    word: str
    sentence: str
    opens: str | None
    may_read_data: bool
    ask: str | None


class InvestigationModel(BaseModel):
    pid: str
    visit_id: str
    title: str | None
    proposal: str | None
    kind: str
    start: str | None
    end: str | None
    facility: str
    instrument: RefModel | None
    access: AccessModel
    dataset_count: int
    total_bytes: int | None
    members: list[dict[str, Any]]


class InvestigationPage(BaseModel):
    items: list[InvestigationModel]
    total: int
    offset: int
    limit: int


class InstrumentModel(BaseModel):
    pid: str
    key: str
    name: str
    facility: str
    description: str | None
    dataset_count: int
    latest: str | None


class FacilityModel(BaseModel):
    key: str
    name: str
    time_zone: str
    ror: str | None


class PushModel(Model):
    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)] = Field(
        description="absolute on the server, or 'storage:path'", examples=["i22:2026/cm123-1/run_17.nxs"]
    )


class PushAnswer(BaseModel):
    storage: str
    path: str
    accepted: int
    pids: list[str]


class DerivedModel(Model):
    title: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    sources: Annotated[list[Text], Field(min_length=1, max_length=1000)]
    files: Annotated[list[Text], Field(min_length=1, max_length=10_000)]
    software: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    software_version: Text | None = None
    parameters: dict[str, str | float | int | bool | None] | None = None
    finished: str | None = Field(None, description="RFC 3339 with zone")


class PidModel(BaseModel):
    pid: str


class UnitModel(BaseModel):
    id: int
    storage: str
    path: str
    state: str
    read_state: str | None
    format: str | None
    size: int
    reason: str | None
    advice: str | None
    attempts: int
    seen: str
    read: str | None
    pids: list[str]


class UnitPage(BaseModel):
    items: list[UnitModel]
    total: int
    offset: int
    limit: int


class CountsModel(BaseModel):
    by_state: dict[str, int]
    pending_digests: int
    quarantined: int
    lag_seconds: float | None
    last_hour: int


class RetryModel(Model):
    units: Annotated[list[Annotated[int, Field(ge=1, le=2**53)]], Field(min_length=1, max_length=10_000)]


class RetryAnswer(BaseModel):
    queued: int


class QuarantinedModel(BaseModel):
    pid: str
    title: str | None
    storage: str | None
    path: str | None
    reason: str
    start: str | None
    instrument: str | None
    proposal_in_file: str | None
    created: str


class QuarantinePage(BaseModel):
    items: list[QuarantinedModel]
    total: int
    offset: int
    limit: int


class AssignModel(Model):
    investigation: Text
    reason: Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class TokenRequest(Model):
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    scopes: Annotated[list[Literal["read", "data", "write", "ingest", "admin"]], Field(min_length=1, max_length=5)]
    days: int | None = Field(365, ge=1, le=3650)


class TokenModel(BaseModel):
    id: int
    name: str
    scopes: list[str]
    created: str
    expires: str | None
    last_used: str | None


class NewToken(TokenModel):
    token: str = Field(description="shown this once")


class SignIn(Model):
    login: Annotated[str, StringConstraints(max_length=100)]
    password: Annotated[str, StringConstraints(max_length=1024)]


class Me(BaseModel):
    login: str | None
    name: str
    signed_in: bool
    staff: bool
    scopes: list[str]


DatasetPage.model_rebuild()


class FairPoint(BaseModel):
    letter: str = Field(description="F, A, I or R")
    name: str
    weight: int
    share: float = Field(description="0 to 1")
    hint: str | None
    field: str | None = Field(description="what a change of the metadata calls it")


class FairModel(BaseModel):
    percent: int = Field(description="as outside assessors measure the landing page (FAIRsFAIR metrics 0.8)")
    complete: int = Field(description="per cent of what people and instruments can say")
    letters: dict[str, int] = Field(description="the same of each letter")
    points: list[FairPoint]
