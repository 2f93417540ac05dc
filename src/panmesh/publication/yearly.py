"""The facility year by year, as those who pay for it ask: what was held at the end, and what was done with it meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from panmesh.kernel.clock import from_us
from panmesh.publication.citing import cited
from panmesh.publication.release import Listed
from panmesh.publication.usage import Holding, MonthOfUse


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    year: int
    held: Holding  # at its end; of this year, now
    investigations: int
    requests: int
    machine_requests: int
    bytes: int  # taken
    publications: int  # whose first version is of this year
    papers: int  # that cite these publications, or that they are the data of: each paper once, with the first


def years(held: Iterable[Holding], used: Iterable[MonthOfUse], published: Sequence[tuple[int, Listed]]) -> list[Year]:
    """Newest first. `published`: when each release was first published, and what it says now."""
    last = {int(one.month[:4]): one for one in sorted(held, key=lambda one: one.month)}
    uses: dict[int, list[MonthOfUse]] = defaultdict(list)
    for month in used:
        uses[int(month.month[:4])].append(month)
    releases: dict[int, list[Listed]] = defaultdict(list)
    for at_us, one in published:
        releases[from_us(at_us).year].append(one)
    papers = _papers(releases)
    return [
        Year(
            year=year,
            held=holding,
            investigations=sum(one.sum("investigations") for one in uses[year]),
            requests=sum(one.sum("requests") for one in uses[year]),
            machine_requests=sum(one.machine.requests for one in uses[year] if one.machine is not None),
            bytes=sum(one.sum("bytes") for one in uses[year]),
            publications=len(releases[year]),
            papers=papers.get(year, 0),
        )
        for year, holding in sorted(last.items(), reverse=True)
    ]


def _papers(releases: dict[int, list[Listed]]) -> dict[int, int]:
    found, known = {}, set[str]()
    for year in sorted(releases):
        named = {one.doi.casefold() for one in cited(releases[year])} - known
        found[year], known = len(named), known | named
    return found
