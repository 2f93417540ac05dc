"""A page that lives: the address of the stream that tells what happened since the page was drawn."""

from __future__ import annotations

from urllib.parse import urlencode

from panmesh.catalogue.events import Position
from panmesh.http.services import Services


def stream_since(s: Services, drawn: Position, **filters: str) -> str:
    """`drawn`: the head of the events, asked for before anything that the page shows was read: nothing falls between the two."""
    return "/api/v1/events?" + urlencode({**filters, "after": s.cursors.seal(drawn)})
