"""What routes may ask for: the services, bundled once by `app.compose`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from starlette.requests import Request

from panmesh.access.accounts import AccountService
from panmesh.access.audit import AuditLog
from panmesh.access.disk_rights import DiskReport
from panmesh.access.personal import PersonalService
from panmesh.access.requests import RequestService
from panmesh.access.stewarding import StewardService
from panmesh.access.teams import TeamService
from panmesh.access.viewer import Viewer
from panmesh.access.why import WhyService
from panmesh.catalogue.arrays import Arrays
from panmesh.catalogue.basket import BasketService
from panmesh.catalogue.bulk_editing import BulkEditService
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
from panmesh.catalogue.visiting import VisitService
from panmesh.catalogue.webhooks import WebhookService
from panmesh.http.cursors import Cursors
from panmesh.http.event_stream import EventHub
from panmesh.http.private_links import PrivateLinks
from panmesh.ingest.dashboard import Dashboard
from panmesh.ingest.plot import PlotData, PlotRequest, Series
from panmesh.ingest.ports import IngestDesk
from panmesh.ingest.profile import Profile
from panmesh.ingest.pushing import PushService
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Unavailable
from panmesh.publication.doi_service import DoiService
from panmesh.publication.fair_history import QualityService
from panmesh.publication.harvesting import HarvestService
from panmesh.publication.planning import PlanService
from panmesh.publication.records import RecordService
from panmesh.publication.releasing import ReleaseService
from panmesh.publication.usage import UsageService


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
    def previews(self, requests: Sequence[PlotRequest]) -> list[PlotData | Unavailable]: ...

    def series(self, path: Path, wanted: Sequence[str], companions: Sequence[Path] = ()) -> tuple[Series, ...]: ...


class Thumbnails(Protocol):
    """Small drawings by what they are drawn from; asked after it is decided that they may be seen."""

    def get(self, key: str) -> str | None: ...

    def keep(self, key: str, drawing: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    search: SearchService
    graph: GraphService
    accounts: AccountService
    audit: AuditLog
    editing: EditingService
    corrections: CorrectionService
    bulk_edits: BulkEditService
    pushing: PushService
    notes: NoteService
    baskets: BasketService
    listing: ListingService
    statistics: StatisticsService
    visits: VisitService
    plans: PlanService
    records: RecordService
    dois: DoiService
    releases: ReleaseService
    quality: QualityService
    harvest: HarvestService
    usage: UsageService
    requests: RequestService
    teams: TeamService
    personal: PersonalService
    why: WhyService
    stewarding: StewardService
    events: EventService
    webhooks: WebhookService
    searches: SavedSearchService
    private_links: PrivateLinks
    hub: EventHub
    cursors: Cursors
    desk: Callable[[], IngestDesk]
    dashboard: Callable[[], Dashboard]
    storages: Bytes
    previews: Callable[[], Previews]
    thumbnails: Thumbnails
    arrays: Callable[[], Arrays]
    disk_report: Callable[[], DiskReport | None]
    one_state: Callable[[], AbstractContextManager[None]]  # of the database, for all that is read within, in this thread
    clock: Clock
    facility_name: str
    facility_contact: str | None
    open_unscheduled: bool  # said on the pages
    mails: bool = False  # a mail server is configured
    offload: str = "none"
    offload_prefix: str = "/_files"
    public_url: str | None = None
    languages: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # besides English: what its pages say


def services(request: Request) -> Services:
    scope = request.scope  # what answers before any application is chosen has no other
    found: Services = scope.get("panmesh.services") or request.app.state.services
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
