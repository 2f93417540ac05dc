"""The only place that names every class: settings to a running set of services."""

from __future__ import annotations

import os
import re
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from panmesh.access.accounts import AccountService
from panmesh.access.terms import AccessClass
from panmesh.access.viewer import OPERATOR
from panmesh.adapters.hdf5.arrays import ArrayReaders
from panmesh.adapters.hdf5.sandbox import SandboxedReader
from panmesh.adapters.identity.passwords import Argon2Passwords
from panmesh.adapters.outbound.call import Caller
from panmesh.adapters.sql.accounts import SqlAccounts
from panmesh.adapters.sql.audit import SqlAudit
from panmesh.adapters.sql.baskets import SqlBaskets
from panmesh.adapters.sql.correction import SqlCorrections
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.desk import SqlDesk
from panmesh.adapters.sql.directory import Directory
from panmesh.adapters.sql.editing import SqlEditing
from panmesh.adapters.sql.feed import SqlFeed
from panmesh.adapters.sql.graph.fetch import SqlGraph
from panmesh.adapters.sql.health import SqlHealth
from panmesh.adapters.sql.importing import SqlImports
from panmesh.adapters.sql.index.reads import IndexedReads
from panmesh.adapters.sql.listing import SqlListing
from panmesh.adapters.sql.migrate import migrate
from panmesh.adapters.sql.notes import SqlNotes
from panmesh.adapters.sql.pushing import SqlPushes
from panmesh.adapters.sql.registration import SqlIngestStore
from panmesh.adapters.sql.saved_searches import SqlSavedSearches
from panmesh.adapters.sql.schedule import SqlSchedule
from panmesh.adapters.sql.setup import ensure_facility, ensure_instrument
from panmesh.adapters.sql.statistics import SqlStatistics
from panmesh.adapters.sql.upkeep import SqlUpkeep
from panmesh.adapters.sql.webhooks import SqlWebhooks
from panmesh.adapters.storage.digest import digest_handle
from panmesh.adapters.storage.manifests import ParquetManifests
from panmesh.adapters.storage.pictures import FolderPictures
from panmesh.adapters.storage.roots import Root, Roots
from panmesh.app.keys import secret_key
from panmesh.app.lock import WorkerLock
from panmesh.app.settings import Settings, StorageSettings
from panmesh.app.storages import remember_storage
from panmesh.catalogue.basket import BasketService
from panmesh.catalogue.correcting import CorrectionService
from panmesh.catalogue.editing import EditingService
from panmesh.catalogue.events import EventService
from panmesh.catalogue.graph_search import GraphService
from panmesh.catalogue.importing import ImportService
from panmesh.catalogue.listing import ListingService
from panmesh.catalogue.noting import NoteService
from panmesh.catalogue.query import DatasetQuery
from panmesh.catalogue.saved_searches import Matching, SavedSearchService
from panmesh.catalogue.search import SearchService
from panmesh.catalogue.statistics import StatisticsService
from panmesh.catalogue.webhooks import WebhookService
from panmesh.http.cursors import Cursors
from panmesh.http.filters import query_of_address
from panmesh.http.private_links import PrivateLinks
from panmesh.ingest.desk import Desk
from panmesh.ingest.digesting import DigestService
from panmesh.ingest.profile import Profile
from panmesh.ingest.pushing import PushService
from panmesh.ingest.reader import ReadLimits
from panmesh.ingest.schedule import ScheduleService
from panmesh.ingest.service import IngestService
from panmesh.ingest.units import IngestCounts
from panmesh.kernel.clock import Clock, system_clock
from panmesh.kernel.errors import Invalid


@dataclass
class Composition:
    """Everything is made when it is first asked for, so that a command starts only what it uses."""

    settings: Settings
    clock: Clock = system_clock

    @cached_property
    def database(self) -> Database:
        self.settings.data.mkdir(parents=True, exist_ok=True)
        database = Database(self.settings.database_url)
        migrate(database)
        ensure_facility(
            database,
            self.settings.facility.key,
            self.settings.facility.name,
            self.settings.facility.time_zone,
            self.settings.facility.ror,
        )
        for key, one in self.settings.instrument.items():
            ensure_instrument(database, self.settings.facility.key, key, one.name, one.aliases, one.description)
        return database

    @cached_property
    def manifests(self) -> ParquetManifests:
        return ParquetManifests(self.settings.data / "manifests")

    @cached_property
    def storages(self) -> Roots:
        return Roots({key: self._root(key, one) for key, one in self.settings.storage.items()})

    @property
    def index_folder(self) -> Path:
        return self.settings.data / "index"

    @cached_property
    def reads(self) -> IndexedReads:
        horizon = SqlGraph(self.database, self.manifests).horizon
        return IndexedReads(self.database, self.manifests, self.index_folder, horizon)

    @cached_property
    def search(self) -> SearchService:
        return SearchService(self.reads, self.clock, self.settings.facility.contact)

    @cached_property
    def graph(self) -> GraphService:
        return GraphService(SqlGraph(self.database, self.manifests), self.clock)

    @cached_property
    def accounts(self) -> AccountService:
        return AccountService(
            SqlAccounts(self.database), Argon2Passwords(), self.clock, address_key=secret_key(self.settings.data)
        )

    @cached_property
    def audit(self) -> SqlAudit:
        return SqlAudit(self.database, self.clock)

    @cached_property
    def editing(self) -> EditingService:
        return EditingService(SqlEditing(self.database), self.clock)

    @cached_property
    def corrections(self) -> CorrectionService:
        return CorrectionService(SqlCorrections(self.database, self.manifests), self.clock)

    @cached_property
    def pictures(self) -> FolderPictures:
        return FolderPictures(self.settings.data / "pictures")

    @cached_property
    def notes(self) -> NoteService:
        return NoteService(SqlNotes(self.database), self.pictures, self.search, self.clock)

    @cached_property
    def baskets(self) -> BasketService:
        return BasketService(SqlBaskets(self.database), self.search, self.clock, lambda: secrets.token_urlsafe(16))

    @cached_property
    def listing(self) -> ListingService:
        return ListingService(SqlListing(self.database), self.clock)

    @cached_property
    def events(self) -> EventService:
        return EventService(SqlFeed(self.database), self.search, self.clock)

    @cached_property
    def statistics(self) -> StatisticsService:
        return StatisticsService(SqlStatistics(self.database), self.search, self.clock)

    @cached_property
    def webhook_store(self) -> SqlWebhooks:
        return SqlWebhooks(self.database)

    @cached_property
    def caller(self) -> Caller:
        return Caller(self.settings.webhooks.allow)

    @cached_property
    def webhooks(self) -> WebhookService:
        return WebhookService(self.webhook_store, self.events, self.caller, self.clock, os.urandom)

    def parse_search(self, text: str) -> DatasetQuery:
        return query_of_address(text, zone=self.settings.facility.time_zone)

    @cached_property
    def search_store(self) -> SqlSavedSearches:
        return SqlSavedSearches(self.database)

    @cached_property
    def searches(self) -> SavedSearchService:
        return SavedSearchService(self.search_store, self.events, self.parse_search, self.clock, os.urandom)

    @cached_property
    def matching(self) -> Matching:
        return Matching(self.search_store, self.events, self.reads, self.accounts, self.parse_search, self.clock)

    @cached_property
    def private_links(self) -> PrivateLinks:
        return PrivateLinks(secret_key(self.settings.data))

    @cached_property
    def cursors(self) -> Cursors:
        return Cursors(secret_key(self.settings.data))

    @cached_property
    def upkeep(self) -> SqlUpkeep:
        return SqlUpkeep(self.database)

    @cached_property
    def health(self) -> SqlHealth:
        return SqlHealth(self.database)

    @cached_property
    def reader(self) -> SandboxedReader:
        one = self.settings.ingest
        limits = ReadLimits(seconds=one.seconds, memory=one.memory_mib << 20)
        return SandboxedReader(limits, processes=one.readers, confined=one.sandbox == "on")

    @cached_property
    def arrays(self) -> ArrayReaders:
        one = self.settings.ingest
        return ArrayReaders(seconds=one.seconds, memory=one.memory_mib << 20, confined=one.sandbox == "on")

    @cached_property
    def directory(self) -> Directory:
        unscheduled = AccessClass.OPEN if self.settings.policy.unscheduled == "open" else AccessClass.INTERNAL
        return Directory(
            self.database, facility_key=self.settings.facility.key, unscheduled=unscheduled, margin_us=self._margin_us
        )

    @cached_property
    def ingest_store(self) -> SqlIngestStore:
        return SqlIngestStore(self.database, self.directory)

    @cached_property
    def worker_name(self) -> str:
        return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"

    @cached_property
    def ingest(self) -> IngestService:
        return IngestService(
            store=self.ingest_store,
            reader=self.reader,
            manifests=self.manifests,
            storages=self.storages,
            clock=self.clock,
            worker=self.worker_name,
            facility=self.settings.facility.key,
            quiet_us=int(self.settings.ingest.quiet_minutes * 60e6),
            margin_us=self._margin_us,
            series={key: re.compile(one.series) for key, one in self.settings.instrument.items() if one.series},
        )

    @cached_property
    def digests(self) -> DigestService:
        return DigestService(
            store=self.ingest_store,
            manifests=self.manifests,
            storages=self.storages,
            clock=self.clock,
            digest=digest_handle,
            pool=self.digest_pool,
        )

    @cached_property
    def digest_pool(self) -> ThreadPoolExecutor:
        """Threads do: the digests let go of the interpreter while they count."""
        return ThreadPoolExecutor(self.settings.ingest.digesters or min(8, os.cpu_count() or 1), "digest")

    @cached_property
    def lock(self) -> WorkerLock:
        self.settings.data.mkdir(parents=True, exist_ok=True)
        return WorkerLock(self.settings.data)

    @property
    def may_work(self) -> bool:
        return not self.database.sqlite or self.lock.take()

    @cached_property
    def desk(self) -> Desk:
        return Desk(
            store=SqlDesk(self.database),
            service=self.ingest,
            storages=self.storages,
            manifests=self.manifests,
            clock=self.clock,
            works_here=False,
        )

    def desk_counts(self) -> IngestCounts:
        return SqlDesk(self.database).counts(OPERATOR, self.clock())

    @cached_property
    def schedule(self) -> ScheduleService:
        policy = self.settings.policy
        return ScheduleService(
            SqlSchedule(self.database, self.settings.facility.key),
            self.clock,
            zone=self.settings.facility.time_zone,
            policy_version=policy.version,
            embargo_years=policy.embargo_years,
            core_from_proposal=policy.core_metadata == "from-proposal",
        )

    @cached_property
    def importing(self) -> ImportService:
        store = SqlImports(self.database, self.manifests, self.settings.facility.key, policy_version=self.settings.policy.version)
        return ImportService(store, self.clock)

    @cached_property
    def pushing(self) -> PushService:
        key = self.settings.facility.key
        store = SqlPushes(self.database, self.directory, self.manifests, key, margin_us=self._margin_us)
        return PushService(store, self.storages, self.clock)

    @property
    def facility_name(self) -> str:
        return self.settings.facility.name

    @property
    def address(self) -> str:
        """Where people find us, for links in what is sent to them."""
        server = self.settings.server
        return server.public_url or f"http://{server.host}:{server.port}"

    def with_storage(self, path: Path) -> tuple[Composition, str]:
        """For `panmesh ingest PATH` outside every storage: the folder becomes one, named after itself."""
        real = path.resolve()
        located = self.storages.locate(str(real))
        if located is not None:
            return self, located[0]
        folder = real if real.is_dir() else real.parent
        key = _key(folder, set(self.settings.storage))
        remember_storage(self.settings.data, key, folder)
        storages = {**self.settings.storage, key: StorageSettings(path=folder)}
        return Composition(self.settings.model_copy(update={"storage": storages}), self.clock), key

    def close(self) -> None:
        if "reader" in self.__dict__:
            self.reader.close()
        if "arrays" in self.__dict__:
            self.arrays.close()
        if "digest_pool" in self.__dict__:
            self.digest_pool.shutdown(cancel_futures=True)
        if "database" in self.__dict__:
            self.database.dispose()
        if "lock" in self.__dict__:
            self.lock.release()

    @property
    def _margin_us(self) -> int:
        return int(self.settings.ingest.schedule_margin_hours * 3600e6)

    def _root(self, key: str, one: StorageSettings) -> Root:
        path = one.path.resolve()
        if path == Path("/"):
            raise Invalid(f"storage.{key}: the whole file system cannot be a storage.")
        profile = Profile(
            facility=self.settings.facility.key,
            instrument=one.instrument,
            time_zone=one.time_zone or self.settings.facility.time_zone,
            day_first=one.day_first,
            default_technique=one.technique,
            canonical=dict(one.canonical),
            prefix_map=dict(one.prefix_map),
        )
        return Root(key=key, path=path, profile=profile, watch=one.watch)


def _key(folder: Path, taken: set[str]) -> str:
    base = "".join(c if c.isalnum() or c in "-_" else "-" for c in folder.name.lower()).strip("-") or "data"
    key, number = base, 2
    while key in taken:
        key, number = f"{base}-{number}", number + 1
    return key
