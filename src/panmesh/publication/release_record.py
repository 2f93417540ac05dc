"""The public record of a release: what people wrote of it, and of its runs what anybody may know at this instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from urllib.parse import quote

from panmesh.access.terms import State
from panmesh.catalogue.model import DatasetSummary
from panmesh.catalogue.naming import run_title
from panmesh.kernel.clock import facility_day
from panmesh.publication.record import CC_BY, GONE, Agent, DataService, Kind, PublicRecord, Relation, Subject, Thing, epitaph
from panmesh.publication.release import Release

Parts = Sequence[tuple[str, DatasetSummary]]  # pid of the frozen version, and what anybody may know of the run


def release_record(
    release: Release,
    asked: str,
    parts: Parts,
    publisher: Agent,
    address: str,
    dois: Mapping[str, str],
    subjects: Sequence[Subject],
    service: DataService,
) -> PublicRecord:
    """`asked`: the concept's pid or the version's; `address`: of the portal; `subjects`: techniques last; `service`: where its runs are
    had."""
    concept = asked == release.concept
    runs = [run for _, run in parts]
    zone = runs[0].facility_zone if runs else "UTC"
    published = facility_day(release.published_us, zone)
    opened = facility_day(release.opens_us, zone) if release.opens_us is not None else None
    withdrawn = facility_day(release.withdrawn_us or release.changed_us, zone) if release.state in GONE else None
    said = release.description
    one = {run.instrument.pid: run.instrument for run in runs if run.instrument}
    return PublicRecord(
        kind=Kind.COLLECTION,
        pid=asked,
        url=_url(address, "releases", asked),
        doi=dois.get(asked),
        version=str(release.number),
        title=said.title,
        description=f"{epitaph(release.state, withdrawn, release.reason)}{said.abstract}\n\n{_what(runs, publisher)}",
        creators=said.creators or (publisher,),
        contributors=(Agent(name=publisher.name, ror=publisher.ror, organisation=True, role="HostingInstitution"),),
        publisher=publisher,
        year=published.year,
        created=published,
        collected=_collected(runs),
        accepted=published if release.state is State.EMBARGOED else None,
        available=opened if release.state is State.EMBARGOED else published if release.state is State.OPEN else None,
        updated=facility_day(release.changed_us, zone),
        withdrawn=withdrawn,
        subjects=tuple(s for s in subjects if s.scheme != "PaNET"),
        techniques=tuple(s for s in subjects if s.scheme == "PaNET"),
        instrument=_thing(address, "instruments", *next(iter((i.pid, i.name) for i in one.values())), dois) if len(one) == 1 else None,
        samples=tuple(
            {s.pid: _thing(address, "samples", s.pid, s.name, dois) for s in (run.sample for run in runs) if s is not None}.values()
        ),
        state=release.state,
        licence=CC_BY if release.state is State.OPEN else None,
        relations=tuple(_relations(release, concept, parts, list(one), address, dois)),
        funding=said.funding,
        service=None if release.state in GONE else service,
        file_count=_sum([run.file_count for run in runs]),
        total_bytes=_sum([run.total_bytes for run in runs]),
        reason=release.reason,
    )  # fmt: skip


def pids_of(release: Release, parts: Parts) -> list[str]:
    """Of all that may have a DOI."""
    runs = [run for _, run in parts]
    around = {thing.pid for run in runs for thing in (run.instrument, run.sample) if thing is not None}
    return [
        release.concept,
        *(v.pid for v in release.versions),
        *(pid for pid, _ in parts),
        *(r.pid for r in runs),
        *sorted(around),
    ]


def _relations(
    release: Release, concept: bool, parts: Parts, instruments: Sequence[str], address: str, dois: Mapping[str, str]
) -> list[Relation]:
    def to(folder: str, pid: str, name: str | None) -> Thing:
        return _thing(address, folder, pid, name, dois)

    found = [Relation(relation="IsCollectedBy", to=to("instruments", pid, None), general="Instrument") for pid in instruments]
    for pid, run in parts:
        found.append(Relation(relation="HasPart", to=_run(address, pid, run, dois), general="Dataset"))
    versions = {v.pid: to("releases", v.pid, f"{release.description.title}, version {v.number}") for v in release.versions}
    if concept:
        found += [Relation(relation="HasVersion", to=one, general="Collection") for one in versions.values()]
    else:
        whole = to("releases", release.concept, release.description.title)
        found.append(Relation(relation="IsVersionOf", to=whole, general="Collection"))
        for way, other in (("IsNewVersionOf", release.before), ("IsPreviousVersionOf", release.after)):
            if other is not None:
                found.append(Relation(relation=way, to=versions[other.pid], general="Collection"))
    for paper in release.description.papers:
        there = Thing(url=f"https://doi.org/{paper.doi}", name=paper.title, doi=paper.doi)
        found.append(Relation(relation=paper.relation, to=there, general="JournalArticle"))
    return found


def _run(address: str, version_pid: str, run: DatasetSummary, dois: Mapping[str, str]) -> Thing:
    """By the DOI of the run where it has one, else by the page of the version that was frozen."""
    doi = dois.get(version_pid) or dois.get(run.pid)
    return Thing(url=_url(address, "datasets", version_pid), name=run_title(run), doi=doi)


def _thing(address: str, folder: str, pid: str, name: str | None, dois: Mapping[str, str]) -> Thing:
    return Thing(url=_url(address, folder, pid), name=name, doi=dois.get(pid))


def _url(address: str, folder: str, pid: str) -> str:
    return f"{address}/{folder}/{quote(pid, safe='')}"


def _what(runs: Sequence[DatasetSummary], publisher: Agent) -> str:
    if not runs:
        return f"A collection of runs at {publisher.name}."
    where = sorted({run.instrument.name for run in runs if run.instrument})
    return f"{len(runs)} {'run' if len(runs) == 1 else 'runs'}{' on ' + ', '.join(where) if where else ''} at {publisher.name}."


def _collected(runs: Sequence[DatasetSummary]) -> tuple[date, date] | None:
    days = [facility_day(us, run.facility_zone) for run in runs for us in (run.start_us, run.end_us) if us is not None]
    return (min(days), max(days)) if days else None


def _sum(numbers: Sequence[int | None]) -> int | None:
    """None unless all are known."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known and len(known) == len(numbers) else None
