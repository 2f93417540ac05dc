"""Shapes of events in the native API."""

from __future__ import annotations

from pydantic import BaseModel, Field

from panmesh.protocols.api.models import DatasetModel


class EventModel(BaseModel):
    id: str = Field(description="cursor right after it; says nothing by itself")
    type: str
    at: str
    pid: str
    into: str | None = Field(description="run.corrected: the run that it was merged into")
    link: str
    run: DatasetModel | None = Field(description="as far as you may read it; null: withdrawn")


class EventPage(BaseModel):
    items: list[EventModel]
    next: str = Field(description="send it as `after`; it differs each time, also when nothing happened")
    more: bool
