"""The only place that names every class: settings to a running set of services."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from panmesh.access.accounts import AccountService
from panmesh.access.personal import PersonalService
from panmesh.access.requests import RequestService
from panmesh.access.rules import PolicyRules
from panmesh.access.stewarding import StewardService
from panmesh.access.teams import TeamService
from panmesh.access.terms import AccessClass
from panmesh.access.viewer import OPERATOR
from panmesh.access.why import WhyService
from panmesh.adapters.hdf5.arrays import ArrayReaders
from panmesh.adapters.hdf5.sandbox import SandboxedReader
from panmesh.adapters.identity.passwords import Argon2Passwords
from panmesh.adapters.outbound.call import Caller
from panmesh.adapters.sql.accounts import SqlAccounts
from panmesh.adapters.sql.audit import SqlAudit
from panmesh.adapters.sql.audit_chain import SqlAuditChain
from panmesh.adapters.sql.baskets import SqlBaskets
from panmesh.adapters.sql.bulk_editing import SqlBulkEdits
from panmesh.adapters.sql.correction import SqlCorrections
from panmesh.adapters.sql.dashboard import SqlDashboard
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.desk import SqlDesk
from panmesh.adapters.sql.directory import Directory
from panmesh.adapters.sql.doi_desk import SqlDoiDesk
from panmesh.adapters.sql.doi_following import SqlDoiOutbox
from panmesh.adapters.sql.dois import intend_doi
from panmesh.adapters.sql.editing import SqlEditing
from panmesh.adapters.sql.fair_scores import SqlFairScores
from panmesh.adapters.sql.feed import SqlFeed
from panmesh.adapters.sql.graph.fetch import SqlGraph
from panmesh.adapters.sql.harvest import SqlHarvest
from panmesh.adapters.sql.harvest_texts import SqlHarvestTexts
from panmesh.adapters.sql.harvest_upkeep import SqlHarvestUpkeep
from panmesh.adapters.sql.health import SqlHealth
from panmesh.adapters.sql.importing import SqlImports
from panmesh.adapters.sql.index.reads import IndexedReads
from panmesh.adapters.sql.invitations import SqlInvitations
from panmesh.adapters.sql.listing import SqlListing
from panmesh.adapters.sql.migrate import migrate
from panmesh.adapters.sql.notes import SqlNotes
from panmesh.adapters.sql.notice_outbox import SqlNoticeOutbox
from panmesh.adapters.sql.notice_round import SqlNoticeRound
from panmesh.adapters.sql.personal import SqlPersonal
from panmesh.adapters.sql.plans import SqlPlans
from panmesh.adapters.sql.pushing import SqlPushes
from panmesh.adapters.sql.registration import SqlIngestStore
from panmesh.adapters.sql.releases import SqlReleases
from panmesh.adapters.sql.requests import SqlRequests
from panmesh.adapters.sql.saved_searches import SqlSavedSearches
from panmesh.adapters.sql.schedule import SqlSchedule
from panmesh.adapters.sql.setup import ensure_facility, ensure_instrument
from panmesh.adapters.sql.statistics import SqlStatistics
from panmesh.adapters.sql.stewarding import SqlStewardStore
from panmesh.adapters.sql.teams import SqlTeams
from panmesh.adapters.sql.tombstones import SqlTombstones
from panmesh.adapters.sql.upkeep import SqlUpkeep
from panmesh.adapters.sql.usage import SqlUsage
from panmesh.adapters.sql.visits import SqlVisits
from panmesh.adapters.sql.webhooks import SqlWebhooks
from panmesh.adapters.storage.digest import digest_handle
from panmesh.adapters.storage.manifests import ParquetManifests
from panmesh.adapters.storage.pictures import FolderPictures
from panmesh.adapters.storage.roots import Root, Roots
from panmesh.adapters.storage.space import FreeSpace
from panmesh.adapters.storage.thumbnails import FolderThumbnails
from panmesh.app.dissemination import Records
from panmesh.app.keys import secret_key
from panmesh.app.lock import WorkerLock
from panmesh.app.profiles import facility_profile, instrument_profiles
from panmesh.app.settings import Settings, StorageSettings
from panmesh.app.storages import remember_storage
from panmesh.catalogue.basket import BasketService
from panmesh.catalogue.bulk_editing import BulkEditService
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
from panmesh.catalogue.visiting import VisitService
from panmesh.catalogue.webhooks import WebhookService
from panmesh.http.cursors import Cursors
from panmesh.http.filters import query_of_address
from panmesh.http.private_links import PrivateLinks
from panmesh.ingest.dashboard import Dashboard
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
from panmesh.portal import strings
from panmesh.publication.doi_comparing import DoiComparing
from panmesh.publication.doi_sending import DoiSender
from panmesh.publication.doi_service import DoiService
from panmesh.publication.dois import Automatic
from panmesh.publication.fair_history import QualityService
from panmesh.publication.harvesting import HarvestService
from panmesh.publication.planning import PlanService
from panmesh.publication.record import Agent
from panmesh.publication.records import InstrumentFacts, Publisher, RecordService, Sources
from panmesh.publication.releasing import ReleaseService
from panmesh.publication.suggesting import Suggesting
from panmesh.publication.usage import Recorder, UsageService
from panmesh.wire import datacite

if TYPE_CHECKING:
    from panmesh.adapters.datacite.registry import DataCiteRegistry  # whose client takes long to load


@dataclass
class Composition:
    """Everything is made when it is first asked for, so that a command starts only what it uses."""

    settings: Settings
    clock: Clock = system_clock

    @cached_property
    def database(self) -> Database:
        self.settings.data.mkdir(parents=True, exist_ok=True)
        database = Database(self.settings.database_url)
        database.reach()
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
        return IndexedReads(self.database, self.manifests, self.index_folder)

    @cached_property
    def search(self) -> SearchService:
        return SearchService(self.reads, self.clock, self.settings.facility.contact)

    @cached_property
    def graph(self) -> GraphService:
        return GraphService(SqlGraph(self.database, self.manifests, self.reads.candidates), self.clock)

    @cached_property
    def accounts(self) -> AccountService:
        return AccountService(
            SqlAccounts(self.database), Argon2Passwords(), self.clock, address_key=secret_key(self.settings.data)
        )

    @cached_property
    def personal(self) -> PersonalService:
        return PersonalService(SqlPersonal(self.database), self.clock)

    @cached_property
    def invitations(self) -> SqlInvitations:
        return SqlInvitations(self.database)

    @cached_property
    def teams(self) -> TeamService:
        one = self.settings.teams
        return TeamService(
            SqlTeams(self.database, schedule_returns=self.schedule_returns),
            self.invitations,
            Argon2Passwords(),
            self.clock,
            secrets.token_urlsafe,
            valid_days=one.invitation_days,
            mails=self.settings.mail.host is not None,
            new_accounts=one.new_accounts,
        )

    @property
    def schedule_returns(self) -> bool:
        return self.settings.teams.removed_members == "return-with-schedule"

    @cached_property
    def audit(self) -> SqlAudit:
        return SqlAudit(self.database, self.clock)

    @cached_property
    def editing(self) -> EditingService:
        return EditingService(SqlEditing(self.database), self.clock)

    @cached_property
    def bulk_edits(self) -> BulkEditService:
        return BulkEditService(SqlBulkEdits(self.database), self.clock)

    @cached_property
    def corrections(self) -> CorrectionService:
        return CorrectionService(SqlCorrections(self.database, self.manifests), self.clock)

    @cached_property
    def pictures(self) -> FolderPictures:
        return FolderPictures(self.settings.data / "pictures")

    @cached_property
    def thumbnails(self) -> FolderThumbnails:
        return FolderThumbnails(self.settings.data / "thumbnails")

    @cached_property
    def notes(self) -> NoteService:
        return NoteService(SqlNotes(self.database), self.pictures, self.search, self.clock)

    @cached_property
    def baskets(self) -> BasketService:
        return BasketService(SqlBaskets(self.database), self.search, self.clock, lambda: secrets.token_hex(16))

    @cached_property
    def listing(self) -> ListingService:
        return ListingService(SqlListing(self.database, self.reads), self.clock)

    @cached_property
    def events(self) -> EventService:
        return EventService(SqlFeed(self.database), self.search, self.clock)

    @cached_property
    def statistics(self) -> StatisticsService:
        return StatisticsService(SqlStatistics(self.database), self.search, self.clock)

    @cached_property
    def visits(self) -> VisitService:
        return VisitService(SqlVisits(self.database), self.search, self.clock)

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
        archives = frozenset(key for key, one in self.settings.storage.items() if one.archive)
        return SqlIngestStore(self.database, self.directory, archives=archives)

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

    @cached_property
    def dashboard(self) -> Dashboard:
        space = FreeSpace(lambda key: self.storages.root(key).path)
        return Dashboard(SqlDashboard(self.database), self.storages.keys, space, self.clock)

    def desk_counts(self) -> IngestCounts:
        return SqlDesk(self.database).counts(OPERATOR, self.clock())

    @property
    def rules(self) -> PolicyRules:
        """Under which proposals are accepted from now on."""
        policy = self.settings.policy
        return PolicyRules(
            version=policy.version,
            embargo_years=policy.embargo_years,
            core_from_proposal=policy.core_metadata == "from-proposal",
            retention_years=self.settings.plan.retention_years,
        )

    @cached_property
    def notice_round(self) -> SqlNoticeRound:
        return SqlNoticeRound(self.database, self.rules, self.settings.policy.archive_after_days)

    @cached_property
    def notice_outbox(self) -> SqlNoticeOutbox:
        return SqlNoticeOutbox(self.database, self.rules)

    @cached_property
    def stewarding(self) -> StewardService:
        return StewardService(SqlStewardStore(self.database), self.notice_outbox, self.clock)

    @cached_property
    def audit_chain(self) -> SqlAuditChain:
        return SqlAuditChain(self.database)

    @cached_property
    def why(self) -> WhyService:
        return WhyService(SqlRequests(self.database, self.rules), self.accounts, self.clock)

    @cached_property
    def requests(self) -> RequestService:
        return RequestService(SqlRequests(self.database, self.rules), self.clock)

    @cached_property
    def schedule(self) -> ScheduleService:
        return ScheduleService(
            SqlSchedule(self.database, self.settings.facility.key, returning=self.schedule_returns),
            self.clock,
            zone=self.settings.facility.time_zone,
            rules=self.rules,
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

    @cached_property
    def records(self) -> RecordService:
        facility = self.settings.facility
        publisher = Publisher(facility.name, facility.ror, self.address.rstrip("/"))
        instruments = {
            key: InstrumentFacts(manufacturer=one.manufacturer, model=one.model, serial=one.serial)
            for key, one in self.settings.instrument.items()
        }
        tombstones = SqlTombstones(self.database, self.clock)
        sources = Sources(instruments=instruments, told_us=self.dois.asked_us, tombstones=tombstones)
        return RecordService(self.search, publisher, self.clock, self.dois.names, self.release_store, sources)

    @cached_property
    def dois(self) -> SqlDoiOutbox:
        return SqlDoiOutbox(self.database, lambda: self.clock())

    @cached_property
    def doi_service(self) -> DoiService:
        configured = self.registry is not None
        return DoiService(
            SqlDoiDesk(self.database, self.dois, configured=configured), lambda: self.clock(), configured=configured
        )

    @cached_property
    def registry(self) -> DataCiteRegistry | None:
        """None: there is no account, and nothing says DOI."""
        one = self.settings.datacite
        if one.prefix is None or one.repository is None or one.password_file is None:
            return None
        from panmesh.adapters.datacite.registry import DataCiteRegistry

        return DataCiteRegistry(
            url=one.url,
            repository=one.repository,
            password_file=one.password_file,
            prefix=one.prefix,
            timeout=one.timeout,
            per_minute=one.per_minute,
        )

    @property
    def automatic_dois(self) -> Automatic:
        one = self.settings.datacite
        return Automatic(
            investigations=one.investigations != "on-demand",
            datasets=one.datasets != "on-demand",
            proposals=one.proposals != "on-demand",
            instruments=one.instruments != "on-demand",
        )

    @cached_property
    def doi_sender(self) -> DoiSender:
        if self.registry is None:
            raise Invalid("There is no account of DataCite here: set prefix, repository and password_file in [datacite].")
        at_once = self.settings.datacite.at_once
        return DoiSender(
            self.dois, self.records, datacite.attributes, self.registry, lambda: self.clock(), self.worker_name, at_once
        )

    @cached_property
    def doi_comparing(self) -> DoiComparing:
        sender = self.doi_sender
        assert self.registry is not None
        return DoiComparing(self.dois, sender, self.registry, datacite.essence, lambda: self.clock())

    @cached_property
    def release_store(self) -> SqlReleases:
        return SqlReleases(self.database, intend_doi)

    @cached_property
    def releases(self) -> ReleaseService:
        facility = Agent(name=self.settings.facility.name, ror=self.settings.facility.ror, organisation=True)
        suggesting = Suggesting(self.search, self.plans, facility)
        return ReleaseService(self.release_store, self.search, self.clock, lambda: secrets.token_hex(16), os.urandom, suggesting)

    @cached_property
    def fair_scores(self) -> SqlFairScores:
        return SqlFairScores(self.database, self.records.dois)

    @cached_property
    def quality(self) -> QualityService:
        return QualityService(self.fair_scores, self.search, self.clock)

    @cached_property
    def harvest(self) -> HarvestService:
        return HarvestService(
            SqlHarvest(self.database), Records(self.records, self.settings.facility.name), self.clock, self.harvest_texts
        )

    @cached_property
    def harvest_texts(self) -> SqlHarvestTexts:
        facility = self.settings.facility
        said = "|".join((self.address, facility.name, facility.ror or "", version("panmesh")))
        return SqlHarvestTexts(self.database, hashlib.sha256(said.encode()).hexdigest()[:12])

    @cached_property
    def harvest_upkeep(self) -> SqlHarvestUpkeep:
        return SqlHarvestUpkeep(self.database, self.clock)

    @cached_property
    def usage_store(self) -> SqlUsage:
        return SqlUsage(self.database)

    @cached_property
    def usage(self) -> UsageService:
        return UsageService(self.usage_store, self.dois.names, self.clock)

    @cached_property
    def recorder(self) -> Recorder:
        return Recorder(self.usage_store, self.clock)

    @cached_property
    def plans(self) -> PlanService:
        return PlanService(
            SqlPlans(self.database),
            facility_profile(self.settings, self.address),
            instrument_profiles(self.settings),
            self.clock,
            self.release_store,
            self.dois.names,
        )

    @cached_property
    def languages(self) -> dict[str, dict[str, str]]:
        """Besides English: what was translated in the folder `strings` of the data directory. Raises Invalid for a broken file."""
        try:
            return {language: strings.read(path) for language, path in strings.languages(self.settings.data / "strings").items()}
        except ValueError as error:
            raise Invalid(str(error)) from error

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
