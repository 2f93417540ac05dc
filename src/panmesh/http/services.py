"""What routes may ask for: the services, bundled once by `app.compose`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from starlette.requests import Request

from panmesh.access.accounts import AccountService
from panmesh.access.audit import AuditLog
from panmesh.access.viewer import Viewer
from panmesh.catalogue.arrays import Arrays
from panmesh.catalogue.basket import BasketService
from panmesh.catalogue.correcting import CorrectionService
from panmesh.catalogue.editing import EditingService
from panmesh.catalogue.events import EventService
from panmesh.catalogue.graph_search import GraphService
from panmesh.catalogue.listing import ListingService
from panmesh.catalogue.model import FileLocation
from panmesh.catalogue.noting import NoteService
from panmesh.catalogue.saved_searches import SavedSearchService
from panmesh.catalogue.search import SearchService
from panmesh.catalogue.statistics import StatisticsService
from panmesh.catalogue.webhooks import WebhookService
from panmesh.http.cursors import Cursors
from panmesh.http.event_stream import EventHub
from panmesh.http.private_links import PrivateLinks
from panmesh.ingest.facts import PlotFacts
from panmesh.ingest.plot import PlotData
from panmesh.ingest.ports import IngestDesk
from panmesh.ingest.profile import Profile
from panmesh.ingest.pushing import PushService
from panmesh.kernel.clock import Clock


class Bytes(Protocol):
    """Where files are opened: paths that never leave their storage."""

    def resolve(self, storage: str, path: str) -> Path: ...

    def open(self, storage: str, path: str) -> int:
        """A handle for reading. Raises Invalid when the path leads out of the storage, OSError when it cannot be read."""
        ...

    def locate(self, path: str) -> tuple[str, str] | None:
        """The storage and the path in it, of an absolute path or one that begins with a storage's key and a colon."""
        ...

    def profile(self, storage: str, path: str) -> Profile: ...

    def open_at_hand(self, storage: str, path: str) -> int | None:
        """The same, only where nothing has to be waited for; None: open it the usual way."""
        ...


class Previews(Protocol):
    def preview(self, path: Path, plot: PlotFacts, companions: Sequence[Path] = ()) -> PlotData: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    search: SearchService
    graph: GraphService
    accounts: AccountService
    audit: AuditLog
    editing: EditingService
    corrections: CorrectionService
    pushing: PushService
    notes: NoteService
    baskets: BasketService
    listing: ListingService
    statistics: StatisticsService
    events: EventService
    webhooks: WebhookService
    searches: SavedSearchService
    private_links: PrivateLinks
    hub: EventHub
    cursors: Cursors
    desk: Callable[[], IngestDesk]
    storages: Bytes
    previews: Callable[[], Previews]
    arrays: Callable[[], Arrays]
    health: Callable[[], dict[str, Any]]
    clock: Clock
    facility_name: str
    facility_contact: str | None
    open_unscheduled: bool  # said on the pages
    mails: bool = False  # a mail server is configured
    offload: str = "none"
    offload_prefix: str = "/_files"
    public_url: str | None = None


def services(request: Request) -> Services:
    found: Services = request.app.state.services if hasattr(request.app.state, "services") else request.scope["panmesh.services"]
    return found


def viewer(request: Request) -> Viewer:
    found: Viewer = request.scope["panmesh.viewer"]
    return found


def offloaded(services_: Services, location: FileLocation) -> dict[str, str]:
    """The header that lets the proxy send the bytes, or none."""
    from urllib.parse import quote

    if services_.offload == "x-accel-redirect":
        return {"X-Accel-Redirect": f"{services_.offload_prefix}/{quote(location.storage)}/{quote(location.path)}"}
    if services_.offload == "x-sendfile":
        return {"X-Sendfile": str(services_.storages.resolve(location.storage, location.path))}
    return {}
