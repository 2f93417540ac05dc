"""Shapes of corrections in the native API."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from panmesh.protocols.api.models import Model, Text


class CorrectionRequest(Model):
    what: Literal["move", "split", "merge", "discard"]
    pids: Annotated[list[Text], Field(max_length=10_000)] = Field(
        [], description="datasets; of a merge, the first is the one that stays; of a split, the one that files are taken out of"
    )
    search: dict[str, list[Text]] | None = Field(None, description="instead of pids: all that this search finds, at most 10,000")
    waiting: bool = Field(False, description="of them, only those in quarantine")
    visit: Text | None = Field(None, description="move: pid of the investigation")
    files: Annotated[list[Text], Field(max_length=10_000)] = Field([], description="split: names in the dataset")
    reason: Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class StandModel(BaseModel):
    visit: str | None
    instrument: str | None
    state: str
    opens: str | None
    known_to: list[str]
    data_readable_by: list[str]
    files: int
    bytes: int
    sample: str | None


class ChangeModel(BaseModel):
    pid: str | None = Field(description="null: a dataset that the correction makes, which has its pid when it is made")
    title: str | None
    path: str | None
    before: StandModel
    after: StandModel
    results: list[str]


class EffectModel(BaseModel):
    count: int
    known_now_to: list[str]
    no_longer_known_to: list[str]
    data_now_readable_by: list[str]
    data_no_longer_readable_by: list[str]
    closes_again: bool
    before: StandModel
    after: StandModel


class RefusalModel(BaseModel):
    pid: str
    why: str


class PreviewModel(BaseModel):
    preview: Literal[True]
    what: str
    total: int
    changes: list[ChangeModel]
    effects: list[EffectModel]
    refused: list[RefusalModel]


class CorrectionModel(BaseModel):
    id: int
    at: str
    by: str
    what: str
    reason: str
    to: str | None
    to_pid: str | None
    state: str
    total: int
    done: int
    pids: list[str]
    refused: list[RefusalModel]
    undone: str | None
    undone_by: str | None


class CorrectionPage(BaseModel):
    items: list[CorrectionModel]
    total: int
    offset: int
    limit: int


class DiscardedModel(BaseModel):
    pid: str
    title: str | None
    path: str | None
    correction: int
    at: str
    by: str
    reason: str


class DiscardedPage(BaseModel):
    items: list[DiscardedModel]
    total: int
    offset: int
    limit: int


class SuggestionModel(BaseModel):
    visit: str
    visit_id: str
    title: str | None
    reasons: list[str]
