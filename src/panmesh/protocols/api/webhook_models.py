"""Shapes of webhooks in the native API."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from panmesh.catalogue.events import EventKind
from panmesh.protocols.api.models import Model, Text


class WebhookRequest(Model):
    url: Annotated[str, StringConstraints(min_length=1, max_length=2000)] = Field(description="https; called with POST")
    events: Annotated[list[EventKind], Field(max_length=20)] = Field([], description="kinds; none: all")
    instruments: Annotated[list[Text], Field(max_length=100)] = Field([], description="keys or pids; none: all")
    visits: Annotated[list[Text], Field(max_length=100)] = Field([], description="pids of investigations; none: all")


class WebhookModel(BaseModel):
    id: int
    url: str
    events: list[str]
    instruments: list[str]
    visits: list[str]
    created: str
    failing_since: str | None
    disabled: str | None
    disabled_why: str | None


class NewWebhook(WebhookModel):
    secret: str = Field(description="shown this once: the receiver checks `webhook-signature` with it")


class DeliveryModel(BaseModel):
    id: int
    webhook_id: str = Field(description="the header `webhook-id`, the same at each attempt")
    type: str
    pid: str | None
    at: str
    state: str
    attempts: int
    status: int | None
    error: str | None
    next: str | None
    done: str | None
