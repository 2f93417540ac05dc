"""Public records made from the catalogue, each with what anybody may read at this instant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from urllib.parse import quote

from panmesh.access.terms import State
from panmesh.access.tombstone import Tombstones, no_tombstones
from panmesh.access.viewer import ANONYMOUS
from panmesh.catalogue.file_types import media_type
from panmesh.catalogue.model import (
    DatasetKind,
    DatasetRecord,
    FilesPage,
    FileState,
    FileView,
    InvestigationView,
    PersonView,
    RecordWithFiles,
    TechniqueView,
    VisitTeam,
)
from panmesh.catalogue.naming import run_title
from panmesh.catalogue.query import Compare, DatasetQuery, Field, OneOf, Op, VisitQuery
from panmesh.catalogue.search import SearchService
from panmesh.kernel import techniques
from panmesh.kernel.clock import Clock, facility_day
from panmesh.kernel.errors import NotFound
from panmesh.kernel.text import counted, is_plain
from panmesh.publication.record import (
    CC_BY,
    GONE,
    MOST_FILES,
    Agent,
    DataService,
    Kind,
    PublicFile,
    PublicRecord,
    Relation,
    Subject,
    Thing,
    Variable,
    epitaph,
)
from panmesh.publication.release import MOST_RUNS, Listed, Release
from panmesh.publication.release_record import pids_of, release_record
from panmesh.publication.sight import Dois, Releases, Sight

PANET = "http://purl.org/pan-science/PaNET/PaNET.owl"
FIELD_OF_SCIENCE = Subject(
    term="Physical sciences",
    scheme="Fields of Science and Technology (FOS)",
    scheme_uri="https://web-archive.oecd.org/2012-06-15/138575-38235147.pdf",
    uri="https://vocabs.acdh.oeaw.ac.at/oefosdisciplines/103",
)
PIECE = 200  # records read at once
MOST_TECHNIQUES = 100  # of an instrument: in practice all
MOST_VISITS = 200  # that the record of a proposal names
_ROLES = {"local contact": "DataCollector", "local_contact": "DataCollector", "operator": "DataCollector"}


@dataclass(frozen=True, slots=True)
class Publisher:
    name: str
    ror: str | None
    url: str  # of the portal, without a slash at its end


def no_dois(_pids: Sequence[str]) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentFacts:
    """What PIDINST asks for besides."""

    manufacturer: str | None = None
    model: str | None = None
    serial: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where else the records come from."""

    instruments: Mapping[str, InstrumentFacts] = field(default_factory=dict)  # by key
    told_us: Callable[[str], int | None] = lambda _pid: None  # since when something is to have a DOI
    tombstones: Tombstones = no_tombstones


class RecordService:
    def __init__(
        self,
        search: SearchService,
        publisher: Publisher,
        clock: Clock,
        dois: Dois = no_dois,
        releases: Releases | None = None,
        sources: Sources | None = None,
    ) -> None:
        self._search, self._publisher, self._clock, self._dois, self._releases = search, publisher, clock, dois, releases
        self._sources = sources or Sources()

    def at(self, url: str) -> RecordService:
        """The same under another address: the one by which a request found us."""
        publisher = Publisher(self._publisher.name, self._publisher.ror, url.rstrip("/"))
        return RecordService(self._search, publisher, self._clock, self._dois, self._releases, self._sources)

    def dois(self, pids: Sequence[str]) -> dict[str, str]:
        """pid → DOI, of those that have one that everybody may know of."""
        return self._dois(pids)

    def record(self, pid: str, kind: Kind | None = None, most_files: int = MOST_FILES) -> PublicRecord:
        """Raises NotFound where nobody may know of it (Withdrawn where it was discarded)."""
        makers: dict[Kind, Callable[[str], PublicRecord]] = {
            Kind.DATASET: partial(self.dataset, most_files=most_files),
            Kind.INVESTIGATION: self.investigation,
            Kind.INSTRUMENT: self.instrument,
            Kind.COLLECTION: self.collection,
            Kind.PROPOSAL: self.proposal,
        }
        if kind is not None:
            return makers[kind](pid)
        for maker in (self.investigation, self.instrument, self.collection, self.proposal):
            try:
                return maker(pid)
            except NotFound:
                continue
        return self.dataset(pid, most_files)

    def records(self, wanted: Sequence[tuple[str, Kind]], most_files: int = MOST_FILES) -> dict[str, PublicRecord]:
        """By pid, of those that everybody may know of: as `record`, in fewer questions to the catalogue."""
        found: dict[str, PublicRecord] = {}
        for begin in range(0, len(wanted), PIECE):
            piece = wanted[begin : begin + PIECE]
            runs, visits = ([pid for pid, kind in piece if kind is which] for which in (Kind.DATASET, Kind.INVESTIGATION))
            read = self._search.many(ANONYMOUS, runs, files=most_files)
            sight = self._sight(runs=read.values(), visits=visits)
            for pid, kind in piece:
                try:
                    if kind is Kind.INVESTIGATION:
                        found[pid] = self._investigation(pid, sight)
                    elif kind is not Kind.DATASET:
                        found[pid] = self.record(pid, kind, most_files)
                    elif pid in read:
                        found[pid] = self._of_run(read[pid], sight)
                except NotFound:
                    continue
        return found

    def dataset(self, pid: str, most_files: int = MOST_FILES) -> PublicRecord:
        return self.of_run(self._search.get(ANONYMOUS, pid), most_files)

    def of_run(self, record: DatasetRecord, most_files: int = MOST_FILES) -> PublicRecord:
        """Of what anybody reads of it."""
        read = RecordWithFiles(record=record, files=self._search.files_of(record, limit=most_files))
        return self._of_run(read, self._sight(runs=[read]))

    def investigation(self, pid: str) -> PublicRecord:
        return self._investigation(pid, self._sight(visits=[pid]))

    def _sight(self, *, runs: Collection[RecordWithFiles] = (), visits: Sequence[str] = ()) -> Sight:
        return Sight(self._search, self._releases, self._dois, self._sources.tombstones, runs=runs, visits=visits)

    def _of_run(self, read: RecordWithFiles, sight: Sight) -> PublicRecord:
        record, d, dois = read.record, read.record.summary, sight.dois
        held = sight.held.get(d.pid, ())
        visit = sight.teams.get(d.investigation.pid) if d.investigation is not None else None  # None: open by terms of its own
        creators = _creators(visit, record.people, self._publisher)
        zone, now = d.facility_zone, self._clock()
        state = d.access.state
        files = self._files(record, read.files)
        here, other = _at_hand(read.files, files)
        accepted = _day(visit.ends_us if visit else d.end_us or d.start_us, zone)
        opened = _day(d.access.opens_us, zone)
        created = _day(d.created_us, zone)
        from_, until = _embargo(state, accepted, opened, created)
        withdrawn, reason = _buried(sight, d.pid, zone)
        return PublicRecord(
            kind=Kind.DATASET,
            pid=d.pid,
            url=self.address("datasets", d.pid),
            doi=dois.get(d.pid),
            version=str(record.version),
            title=run_title(d),
            description=epitaph(state, withdrawn, reason) + self._described(record),
            creators=creators,
            contributors=_contributors(record.people, creators, self._publisher),
            publisher=self._agent(),
            year=_year(state, opened, accepted, created, facility_day(now, zone)),
            created=created,
            collected=_span(d.start_us, d.end_us, zone),
            accepted=from_,
            available=until,
            updated=_updated(state, _day(record.updated_us, zone), opened),
            withdrawn=withdrawn,
            subjects=(FIELD_OF_SCIENCE,),
            techniques=_techniques(d.techniques),
            instrument=self._thing("instruments", d.instrument.pid, d.instrument.name, dois) if d.instrument else None,
            samples=(self._thing("samples", d.sample.pid, d.sample.name, dois),) if d.sample else (),
            variables=tuple(Variable(name=p.name.replace("_", " "), unit=p.unit) for p in d.parameters),
            state=state,
            licence=CC_BY if state is State.OPEN else None,
            relations=self._relations(record, held, dois),
            files=here,
            formats_elsewhere=tuple(dict.fromkeys(one.media_type for one in other)),
            reason=reason,
            service=self._files_on_request(d.pid, listed=bool(other))
            if other or state in (State.EMBARGOED, State.HELD)
            else None,
            file_count=read.files.total if read.files is not None else None,
            total_bytes=read.files.total_bytes if read.files is not None else None,
        )

    def _investigation(self, pid: str, sight: Sight) -> PublicRecord:
        if pid not in sight.visits:
            raise NotFound()
        visit, dois = sight.visits[pid], sight.dois
        parts = sight.parts[visit.id]
        zone, state = visit.facility_zone, visit.access.state
        ended, opened = _day(visit.ends_us, zone), _day(visit.access.opens_us, zone)
        created = _day(visit.starts_us, zone) or min((facility_day(p.created_us, zone) for p in parts.runs), default=None)
        from_, until = _embargo(state, ended, opened, created)
        title = visit.title or visit.visit_id
        span = _span(visit.starts_us, visit.ends_us, zone)
        during = f" from {span[0]} to {span[1]}" if span else ""
        withdrawn, reason = _buried(sight, visit.pid, zone)
        where_at = f" on {visit.instrument.name}" if visit.instrument else ""
        has = tuple(
            Relation(relation="HasPart", to=self._thing("datasets", p.pid, run_title(p), dois), general="Dataset")
            for p in parts.runs
        )
        return PublicRecord(
            kind=Kind.INVESTIGATION,
            pid=visit.pid,
            url=self.address("investigations", visit.pid),
            doi=dois.get(visit.pid),
            title=title,
            description=epitaph(state, withdrawn, reason)
            + f"Experiment {visit.visit_id}{where_at} at {visit.facility_name}{during}: {title}. {counted(visit.dataset_count, 'run')}.",
            creators=_creators(visit, (), self._publisher),
            contributors=_contributors((), (), self._publisher),
            publisher=self._agent(),
            year=_year(state, opened, ended, created, facility_day(self._clock(), zone)),
            created=created,
            collected=span,
            accepted=from_,
            available=until,
            updated=_updated(state, None, opened),
            withdrawn=withdrawn,
            reason=reason,
            subjects=(FIELD_OF_SCIENCE,),
            techniques=_techniques([TechniqueView(pid=f.value, name=f.label) for f in parts.techniques]),
            instrument=self._thing("instruments", visit.instrument.pid, visit.instrument.name, dois)
            if visit.instrument
            else None,
            state=state,
            licence=CC_BY if state is State.OPEN else None,
            relations=(
                *self._collected_by(visit.instrument.pid if visit.instrument else None, dois),
                *self._proposed(visit, dois),
                *has,
            ),
            service=None if state in GONE else self._service("Its runs", f"datasets?visit={quote(visit.pid, safe='')}"),
            total_bytes=visit.total_bytes,
        )

    def instrument(self, pid: str) -> PublicRecord:
        """As PIDINST asks: name, owner, who made it, its number, what it measures. Its year stays that of its DOI. Its visits name it, and
        not the other way round: their coming and going changes nothing of it."""
        one = self._search.instrument(ANONYMOUS, pid)
        dois = self._dois([one.pid])
        found = self._search.facet(
            ANONYMOUS, DatasetQuery(where=Compare(Field.INSTRUMENT, Op.EQUAL, one.key)), Field.TECHNIQUE, MOST_TECHNIQUES
        )
        told_us = self._sources.told_us(one.pid)
        facts = self._sources.instruments.get(one.key, InstrumentFacts())
        made = Agent(name=facts.manufacturer, organisation=True) if facts.manufacturer else self._agent()
        return PublicRecord(
            kind=Kind.INSTRUMENT,
            pid=one.pid,
            url=self.address("instruments", one.pid),
            doi=dois.get(one.pid),
            title=one.name,
            description=one.description or f"{one.name}, an instrument of {one.facility_name} for photon or neutron science.",
            creators=(made,),
            contributors=_contributors((), (), self._publisher),
            publisher=self._agent(),
            year=facility_day(told_us or self._clock(), one.facility_zone).year,
            alternates=((facts.serial, "serial number"),) if facts.serial else (),
            technical=f"Model: {facts.model}" if facts.model else None,
            subjects=(FIELD_OF_SCIENCE,),
            techniques=_techniques([TechniqueView(pid=f.value, name=f.label) for f in sorted(found, key=lambda f: f.value)]),
            state=State.OPEN,
            licence=CC_BY,
            relations=(self._of_facility(),),
            service=self._service("Its runs", f"datasets?instrument={quote(one.key, safe='')}"),
        )

    def _of_facility(self) -> Relation:
        """What an instrument stands in: it stays, whatever is measured."""
        facility = Thing(url=self._publisher.ror or self._publisher.url, name=self._publisher.name)
        return Relation(relation="IsPartOf", to=facility, general="Other")

    def proposal(self, pid: str) -> PublicRecord:
        """What its visits that everybody may know of tell of it; never its text."""
        one = self._search.proposal(ANONYMOUS, pid)
        visits = self._search.investigations(ANONYMOUS, VisitQuery(proposal=one.pid), limit=MOST_VISITS).items
        if one.pid != pid or not visits:
            raise NotFound()
        dois = self._dois([one.pid, *(v.pid for v in visits)])
        zone = one.facility_zone
        days = [day for v in visits if (day := _day(v.starts_us, zone)) is not None]
        gone = all(v.access.state in GONE for v in visits)
        found = {p.name: _agent(p) for p in one.members if p.name.strip()}
        count = f"{len(visits)} visit" + ("s" if len(visits) != 1 else "")
        title = one.title or f"Proposal {one.number}"
        return PublicRecord(
            kind=Kind.PROPOSAL,
            pid=one.pid,
            url=self.address("proposals", one.pid),
            doi=dois.get(one.pid),
            title=title,
            description=f"Proposal {one.number} for beam time at {one.facility_name}: {title}. {count}.",
            creators=tuple(found.values()) or (self._agent(),),
            contributors=_contributors((), (), self._publisher),
            publisher=self._agent(),
            year=(min(days) if days else facility_day(self._sources.told_us(one.pid) or self._clock(), zone)).year,
            created=min(days, default=None),
            subjects=(FIELD_OF_SCIENCE,),
            state=State.WITHDRAWN if gone else State.OPEN,
            licence=None if gone else CC_BY,
            relations=tuple(
                Relation(relation="HasPart", to=self._thing("investigations", v.pid, v.title, dois), general="Collection")
                for v in visits
            ),
            service=None if gone else self._service("Its runs", f"datasets?proposal={quote(one.number, safe='')}"),
        )

    def _proposed(self, visit: InvestigationView, dois: dict[str, str]) -> tuple[Relation, ...]:
        """Whoever may know of the visit may know of its proposal."""
        if visit.proposal_pid is None:
            return ()
        to = self._thing("proposals", visit.proposal_pid, f"Proposal {visit.proposal}", dois)
        return (Relation(relation="IsPartOf", to=to, general="Project"),)

    def collection(self, pid: str) -> PublicRecord:
        """A release, by its concept's pid or that of a version."""
        found = self._releases.release(pid, self._clock()) if self._releases is not None and is_plain(pid) else None
        if found is None:
            raise NotFound()
        return self.of_release(found, pid)

    def of_release(self, release: Release, asked: str) -> PublicRecord:
        """Also of one that is not published yet: what the world would be told of it."""
        pids = {run.pid: run.version_pid for run in release.runs}
        query = DatasetQuery(where=OneOf(Field.PID, tuple(pids)), limit=MOST_RUNS)
        known = {str(run.pid): run for run in self._search.search(ANONYMOUS, query).items} if pids else {}
        parts = [(frozen, known[pid]) for pid, frozen in pids.items() if pid in known]
        named = {t.pid: t for _, run in parts for t in run.techniques}
        subjects = (FIELD_OF_SCIENCE, *_techniques([named[pid] for pid in sorted(named)]))
        dois = self._dois(pids_of(release, parts))
        service = self._service("Its runs", f"releases/{quote(asked, safe='')}")
        return release_record(release, asked, parts, self._agent(), self._publisher.url, dois, subjects, service)

    def address(self, collection: str, pid: str) -> str:
        return f"{self._publisher.url}/{collection}/{quote(pid, safe='')}"

    def _agent(self) -> Agent:
        return Agent(name=self._publisher.name, ror=self._publisher.ror, organisation=True)

    def _thing(self, collection: str, pid: str, name: str | None, dois: dict[str, str]) -> Thing:
        return Thing(url=self.address(collection, pid), name=name, doi=dois.get(pid))

    def _collected_by(self, pid: str | None, dois: dict[str, str]) -> tuple[Relation, ...]:
        if pid is None:
            return ()
        return (Relation(relation="IsCollectedBy", to=self._thing("instruments", pid, None, dois), general="Instrument"),)

    def _relations(self, record: DatasetRecord, held: Sequence[Listed], dois: dict[str, str]) -> tuple[Relation, ...]:
        d = record.summary
        found = list(self._collected_by(d.instrument.pid if d.instrument else None, dois))
        if d.investigation is not None:
            visit = self._thing("investigations", d.investigation.pid, d.investigation.name, dois)
            found.append(Relation(relation="IsPartOf", to=visit, general="Collection"))
        if d.sample is not None:
            sample = self._thing("samples", d.sample.pid, d.sample.name, dois)
            found.append(Relation(relation="IsDerivedFrom", to=sample, general="PhysicalObject"))
        for one in held:
            found.append(
                Relation(relation="IsPartOf", to=self._thing("releases", one.pid, one.title, dois), general="Collection")
            )
        for linked in record.relations:
            other = self._thing("datasets", linked.pid, linked.title, dois)
            way = "IsDerivedFrom" if linked.direction == "from" else "IsSourceOf"
            found.append(Relation(relation=way, to=other, general="Dataset"))
        return tuple(found)

    def _files(self, record: DatasetRecord, page: FilesPage | None) -> tuple[PublicFile, ...]:
        pid = record.summary.pid
        return tuple(self._file(pid, one, record.format) for one in page.items) if page is not None else ()

    def _files_on_request(self, pid: str, *, listed: bool) -> DataService:
        """`listed`: anybody reads what files there are, but their bytes are on no storage of ours."""
        name = "The list of its files, which are not here" if listed else "The files, for those who may read them"
        return self._service(name, f"datasets/{quote(pid, safe='')}/files")

    def _service(self, name: str, path: str) -> DataService:
        api = f"{self._publisher.url}/api/v1"
        return DataService(name=name, url=f"{api}/{path}", description=f"{api}/openapi.json")

    def _file(self, pid: str, one: FileView, found: str | None) -> PublicFile:
        return PublicFile(
            name=one.name,
            size=one.size,
            sha256=one.sha256,
            media_type=media_type(one.name, found),
            url=f"{self.address('datasets', pid)}/files/{quote(one.name)}",
        )

    def _described(self, record: DatasetRecord) -> str:
        d = record.summary
        written = str(((record.values or {}).get("description") or {}).get("value") or "").strip()
        kind = "Processed data" if d.kind is DatasetKind.PROCESSED else "Measured data"
        how = " by " + ", ".join(t.term for t in _techniques(d.techniques)) if d.techniques else ""
        place = f" on {d.instrument.name}" if d.instrument else ""
        of = f" of {d.sample.name}" if d.sample else ""
        when = f", {facility_day(d.start_us, d.facility_zone)}" if d.start_us is not None else ""
        what = f"{kind}{of}{how}{place} at {d.facility_name or self._publisher.name}{when}."
        return f"{written}\n\n{what}" if written else what


def _creators(
    visit: InvestigationView | VisitTeam | None, people: Sequence[PersonView], publisher: Publisher
) -> tuple[Agent, ...]:
    """The team of the visit; without one, the people whom the file names; without them, the facility."""
    named = visit.members if visit is not None and visit.members else people
    found = {p.name: _agent(p) for p in named if p.name.strip() and (p.role or "") not in _ROLES}
    return tuple(found.values()) or (Agent(name=publisher.name, ror=publisher.ror, organisation=True),)


def _contributors(people: Sequence[PersonView], creators: Sequence[Agent], publisher: Publisher) -> tuple[Agent, ...]:
    known = {one.name for one in creators}
    found = {
        p.name: _agent(p, _ROLES.get(p.role or "", "DataCollector")) for p in people if p.name.strip() and p.name not in known
    }
    host = Agent(name=publisher.name, ror=publisher.ror, organisation=True, role="HostingInstitution")
    return (*found.values(), host)


def _agent(person: PersonView, role: str | None = None) -> Agent:
    return Agent(name=person.name, orcid=person.orcid, affiliation=person.affiliation, role=role)


def _techniques(found: Sequence[TechniqueView]) -> tuple[Subject, ...]:
    """PaNET's terms under PaNET's names, however another catalogue calls them; what PaNET does not have is no term of it."""
    return tuple(dict.fromkeys(_technique(one) for one in found))


def _technique(one: TechniqueView) -> Subject:
    pid = techniques.find(one.pid) or techniques.find(one.name)
    if pid is None:
        return Subject(term=one.name, uri=one.pid if one.pid.startswith(("http://", "https://")) else None)
    return Subject(term=techniques.label(pid) or one.name, scheme="PaNET", scheme_uri=PANET, uri=pid)


def _at_hand(page: FilesPage | None, files: Sequence[PublicFile]) -> tuple[tuple[PublicFile, ...], tuple[PublicFile, ...]]:
    """Files that are had here, and files of which only the names are: a link to those would lead nowhere."""
    away = {one.name for one in page.items if one.state is FileState.ELSEWHERE} if page is not None else set()
    return tuple(f for f in files if f.name not in away), tuple(f for f in files if f.name in away)


def _day(us: int | None, zone: str) -> date | None:
    return None if us is None else facility_day(us, zone)


def _buried(sight: Sight, pid: str, zone: str) -> tuple[date | None, str | None]:
    """The day on which it was withdrawn or deleted, and why."""
    stone = sight.tombstones.get(pid)
    return (facility_day(stone.at_us, zone), stone.reason) if stone is not None else (None, None)


def _span(start_us: int | None, end_us: int | None, zone: str) -> tuple[date, date] | None:
    first, last = _day(start_us, zone), _day(end_us, zone)
    return (first, last or first) if first is not None else None


def _embargo(state: State, ended: date | None, opened: date | None, created: date | None) -> tuple[date | None, date | None]:
    """Its first day, and the first one without it. While data are held back no day is promised."""
    if state is State.HELD:
        return None, None
    return ended if state is State.EMBARGOED or opened else None, opened or (created if state is State.OPEN else None)


def _updated(state: State, changed: date | None, opened: date | None) -> date | None:
    """That it opened changed what is told of it, too."""
    days = [day for day in (changed, opened if state is State.OPEN else None) if day is not None]
    return max(days, default=None)


def _year(state: State, opened: date | None, ended: date | None, created: date | None, today: date) -> int:
    """Of the embargo's end, which stays the year afterwards; of what is held, that of the experiment."""
    if state is State.HELD:
        return (ended or created or today).year
    return (opened or created or ended or today).year
