"""What is known here of people, institutions and funders, offered to whoever describes a release."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from panmesh.access.viewer import Viewer
from panmesh.catalogue.model import DatasetSummary, PersonView
from panmesh.catalogue.search import SearchService
from panmesh.kernel.errors import NotFound
from panmesh.kernel.text import fold
from panmesh.publication import identifiers
from panmesh.publication.planning import PlanService
from panmesh.publication.record import Agent, Funding
from panmesh.publication.release import Description

MOST_RUNS = 30  # whose files are asked for people
MOST = 100
_NOT_CREATORS = frozenset({"local contact", "local_contact", "operator"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    people: tuple[Agent, ...] = ()  # who took part, the team first
    institutions: tuple[tuple[str, str | None], ...] = ()  # name and ROR
    funders: tuple[Funding, ...] = ()


class Suggesting:
    def __init__(self, search: SearchService, plans: PlanService, facility: Agent) -> None:
        self._search, self._plans, self._facility = search, plans, facility

    def around(self, viewer: Viewer, runs: Sequence[DatasetSummary], before: Iterable[Description] = ()) -> Suggestions:
        """`before`: descriptions that are public, in which the same people may be named with more."""
        told = list(before)
        people: dict[str, Agent] = {}
        for person in (*self._teams(viewer, runs), *self._files(viewer, runs)):
            if person.name.strip() and (person.role or "") not in _NOT_CREATORS:
                people.setdefault(fold(person.name), _agent(person))
        known = [one for said in told for one in said.creators]
        found = [_fuller(one, known) for one in people.values()]
        places = dict.fromkeys((one.affiliation, one.affiliation_ror) for one in (*found, *known) if one.affiliation)
        own = {(self._facility.name, self._facility.ror): None}
        funders = dict.fromkeys((*self._funders(viewer, runs), *(one for said in told for one in said.funding)))
        return Suggestions(
            people=tuple(found[:MOST]),
            institutions=tuple((own | {(n, r): None for n, r in places if n}).keys())[:MOST],
            funders=tuple(funders)[:MOST],
        )

    def _teams(self, viewer: Viewer, runs: Sequence[DatasetSummary]) -> list[PersonView]:
        found: list[PersonView] = []
        for pid in dict.fromkeys(run.investigation.pid for run in runs if run.investigation is not None):
            try:
                found += self._search.investigation(viewer, pid).members
            except NotFound:
                continue
        return sorted(found, key=lambda person: person.role != "pi")

    def _files(self, viewer: Viewer, runs: Sequence[DatasetSummary]) -> list[PersonView]:
        found: list[PersonView] = []
        for run in runs[:MOST_RUNS]:
            try:
                found += self._search.get(viewer, run.pid).people
            except NotFound:
                continue
        return found

    def _funders(self, viewer: Viewer, runs: Sequence[DatasetSummary]) -> list[Funding]:
        """From the data management plans of their proposals, which the viewer may read or not."""
        found = []
        for number in dict.fromkeys(run.proposal for run in runs if run.proposal):
            pid = self._plans.readable(viewer, number)
            for one in self._plans.plan(viewer, pid).answers.funding if pid is not None else ():
                identifier = str((one.get("funder_id") or {}).get("identifier") or "")
                award = str((one.get("grant_id") or {}).get("identifier") or "") or None
                name = str(one.get("funder_name") or "") or identifier
                if name:
                    found.append(Funding(funder=name, funder_id=identifiers.funder(identifier), award=award))
        return found


def _agent(person: PersonView) -> Agent:
    orcid = identifiers.orcid(person.orcid) if person.orcid else None
    return Agent(name=person.name.strip(), orcid=orcid, affiliation=person.affiliation)


def _fuller(one: Agent, known: Sequence[Agent]) -> Agent:
    """With the institution, and the ORCID, that the same person had before."""
    same = next((k for k in known if (one.orcid and k.orcid == one.orcid) or fold(k.name) == fold(one.name)), None)
    if same is None or (one.orcid and same.orcid and one.orcid != same.orcid):
        return one
    place = (one.affiliation, None) if one.affiliation else (same.affiliation, same.affiliation_ror)
    return replace(one, orcid=one.orcid or same.orcid, affiliation=place[0], affiliation_ror=place[1])
