"""What the records of runs and visits are made from, as anybody may read it now: read at once for as many as are wanted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol

from panmesh.access.tombstone import Tombstone, Tombstones, no_tombstones
from panmesh.access.viewer import ANONYMOUS
from panmesh.catalogue.model import InvestigationView, RecordWithFiles, VisitParts, VisitTeam
from panmesh.catalogue.search import SearchService
from panmesh.publication.record import GONE
from panmesh.publication.release import Listed, Release

MOST_PARTS = 200  # runs that the record of a visit names
MOST_TECHNIQUES = 20

Dois = Callable[[Sequence[str]], dict[str, str]]  # pid → DOI, of those that have one that everybody may know of


class Releases(Protocol):
    """What the records need of releases."""

    def release(self, pid: str, now_us: int) -> Release | None: ...

    def holding_each(self, pids: Sequence[str]) -> Mapping[str, tuple[Listed, ...]]:
        """Of each of these runs the versions that hold it, of each release the newest such; not the withdrawn."""
        ...


class Sight:
    """What nobody may know of is not in it."""

    def __init__(
        self,
        search: SearchService,
        releases: Releases | None,
        dois: Dois,
        tombstones: Tombstones = no_tombstones,
        *,
        runs: Collection[RecordWithFiles] = (),
        visits: Sequence[str] = (),
    ) -> None:
        self._runs = [one.record for one in runs]
        around = {visit.pid for one in self._runs if (visit := one.summary.investigation) is not None}
        self.teams: Mapping[str, VisitTeam] = search.teams(ANONYMOUS, sorted(around))
        self.visits: Mapping[str, InvestigationView] = search.visits(ANONYMOUS, visits)
        numbers = [visit.id for visit in self.visits.values()]
        self.parts: Mapping[int, VisitParts] = search.parts(ANONYMOUS, numbers, runs=MOST_PARTS, techniques=MOST_TECHNIQUES)
        concepts = [one.summary.pid for one in self._runs]
        self.held = releases.holding_each(concepts) if releases is not None and concepts else {}
        self.dois = dois(list(dict.fromkeys(self._named())))
        gone = list(self._gone())
        self.tombstones: Mapping[str, Tombstone] = tombstones(gone) if gone else {}

    def _gone(self) -> Iterator[str]:
        yield from (d.pid for one in self._runs if (d := one.summary).access.state in GONE)
        yield from (visit.pid for visit in self.visits.values() if visit.access.state in GONE)

    def _named(self) -> Iterator[str]:
        for one in self._runs:
            d = one.summary
            yield d.pid
            yield from (thing.pid for thing in (d.investigation, d.instrument, d.sample) if thing is not None)
            yield from (linked.pid for linked in one.relations)
        yield from (one.pid for held in self.held.values() for one in held)
        for visit in self.visits.values():
            yield visit.pid
            yield from (part.pid for part in self.parts[visit.id].runs)
            if visit.proposal_pid is not None:
                yield visit.proposal_pid
            if visit.instrument is not None:
                yield visit.instrument.pid
