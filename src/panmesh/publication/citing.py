"""Papers that cite what was published here, or that it is the data of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from panmesh.publication.release import RELATIONS, Listed, Paper, Release

_CITING = ("IsCitedBy", "IsSupplementTo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    doi: str
    title: str | None
    relation: str  # how the data stand to the paper
    release: str  # concept pid of the release that says so
    release_title: str

    @property
    def words(self) -> str:
        return RELATIONS[self.relation]


def cited(releases: Iterable[Listed]) -> tuple[Citation, ...]:
    """Each paper once, as the release that was published first says it."""
    found: dict[str, Citation] = {}
    for one in releases:
        for paper in one.papers:
            if paper.relation in _CITING and not one.withdrawn:
                found.setdefault(paper.doi.casefold(), _citation(paper, one))
    return tuple(found.values())


def naming(papers: Iterable[Paper]) -> tuple[str, ...]:
    """DOIs of the papers that used the data: not of one that only describes them."""
    return tuple(dict.fromkeys(paper.doi.casefold() for paper in papers if paper.relation in _CITING))


def listed(one: Release) -> Listed:
    """As a list of releases has it."""
    return Listed(
        concept=one.concept,
        pid=one.pid,
        number=one.number,
        title=one.description.title,
        creators=tuple(person.name for person in one.description.creators),
        published_us=one.published_us,
        changed_us=one.changed_us,
        withdrawn=one.withdrawn_us is not None,
        papers=one.description.papers,
    )


def _citation(paper: Paper, of: Listed) -> Citation:
    return Citation(doi=paper.doi, title=paper.title, relation=paper.relation, release=of.concept, release_title=of.title)
