"""What the records of runs and visits are made from, as anybody may read it now: read at once for as many as are wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from panmesh.access.viewer import ANONYMOUS
from panmesh.catalogue.model import InvestigationView, RecordWithFiles, VisitParts
from panmesh.catalogue.search import SearchService
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
        *,
        runs: Sequence[str] = (),
        visits: Sequence[str] = (),
        files: int,
    ) -> None:
        self.runs: Mapping[str, RecordWithFiles] = search.many(ANONYMOUS, runs, files=files)
        of_runs = (one.record.summary.investigation for one in self.runs.values())
        around = {*visits, *(visit.pid for visit in of_runs if visit is not None)}
        self.visits: Mapping[str, InvestigationView] = search.visits(ANONYMOUS, sorted(around))
        wanted = [self.visits[pid].id for pid in visits if pid in self.visits]
        self.parts: Mapping[int, VisitParts] = search.parts(
            ANONYMOUS, wanted, runs=MOST_PARTS, techniques=MOST_TECHNIQUES
        )  # fmt: skip
        self.held = releases.holding_each(list(self.runs)) if releases is not None and self.runs else {}
        self.dois = dois(list(dict.fromkeys(self._named())))

    def _named(self) -> Iterator[str]:
        for one in self.runs.values():
            d = one.record.summary
            yield d.pid
            yield from (thing.pid for thing in (d.investigation, d.instrument, d.sample) if thing is not None)
            yield from (linked.pid for linked in one.record.relations)
        yield from (one.pid for held in self.held.values() for one in held)
        for visit in self.visits.values():
            if visit.id in self.parts:
                yield visit.pid
                yield from (part.pid for part in self.parts[visit.id].runs)
                if visit.proposal_pid is not None:
                    yield visit.proposal_pid
                if visit.instrument is not None:
                    yield visit.instrument.pid
