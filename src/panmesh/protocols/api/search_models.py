"""Shapes of saved searches in the native API."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from panmesh.catalogue.saved_searches import Alert
from panmesh.protocols.api.models import Model


class SearchRequest(Model):
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    query: Annotated[str, StringConstraints(max_length=4000)] = Field(
        "", description="what follows the question mark in the search page's address, e.g. 'q=CeO2&state=open'"
    )
    alert: Alert = Field(Alert.NONE, description="mails about what is new in it")


class SearchChange(Model):
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    alert: Alert | None = None


class SearchModel(BaseModel):
    id: int
    name: str
    query: str
    alert: str
    created: str
    deleted: str | None
    feed: str = Field(
        description="Atom; whoever has this address reads the feed with your rights, and can do nothing else with it"
    )
