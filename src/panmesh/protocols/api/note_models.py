"""Shapes of the logbook in the native API."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from panmesh.catalogue.notes import MAX_TAG, MAX_TAGS, MAX_TEXT
from panmesh.protocols.api.models import Model


class NoteRequest(Model):
    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)] = Field(
        description="Markdown", examples=["sample slipped"]
    )


class RestoreRequest(Model):
    version: int = Field(ge=1, le=2**31)


class MarkRequest(Model):
    flag: Literal["good", "doubtful", "bad"] | None = None
    tags: Annotated[list[Annotated[str, StringConstraints(max_length=MAX_TAG)]], Field(max_length=MAX_TAGS)] = Field(
        [], description="words, in the order shown"
    )


class NoteModel(BaseModel):
    id: int
    about: str = Field(description="pid of the dataset or investigation")
    kind: str
    text: str = Field(description="Markdown, pictures under full addresses")
    source: str = Field(description="Markdown as it was written")
    revision: int
    by: str
    at: str
    edited: str | None
    edited_by: str | None
    deleted: str | None
    deleted_by: str | None
    may_change: bool


class NoteVersionModel(BaseModel):
    number: int
    text: str
    deleted: bool
    by: str
    at: str


class NoteDetail(NoteModel):
    versions: list[NoteVersionModel]


class MarkVersionModel(BaseModel):
    number: int
    flag: str | None
    tags: list[str]
    by: str
    at: str


class MarkModel(BaseModel):
    flag: str | None
    tags: list[str]
    revision: int
    by: str | None
    at: str | None
    history: list[MarkVersionModel] | None = None


class PagesModel(BaseModel):
    items: list[NoteModel]
    mark: MarkModel
    tags_in_use: list[str]
    may_write: bool


class PictureModel(BaseModel):
    name: str
    markdown: str = Field(description="to be written into a note")
    width: int
    height: int
    size: int
    url: str


class EntryModel(BaseModel):
    at: str
    about: str
    kind: str
    title: str | None
    start: str | None
    url: str
    flag: str | None
    tags: list[str]
    note: NoteModel | None = Field(description="null: a run that was flagged or tagged, and of which nothing was written")


class LogbookModel(BaseModel):
    visit: str
    visit_id: str
    title: str | None
    url: str
    entries: list[EntryModel]
    total: int
    offset: int
    limit: int
    flags: dict[str, int]
    tags: dict[str, int]
