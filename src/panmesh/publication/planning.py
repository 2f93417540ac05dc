"""Reading and answering data management plans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from panmesh.access.viewer import Viewer
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Forbidden, Invalid, NotFound
from panmesh.publication.plan import Answers, FacilityProfile, InstrumentProfile, Plan, ProposalFacts, Visit
from panmesh.publication.release import Listed

MAX_TEXT = 20_000  # characters of one answer
MAX_LISTED = 500  # entries of one list
_TEXTS = ("title", "description", "ethical_description", "ethical_report", "third_party_rights", "results", "publication")
_LISTS = ("funding", "contributors", "projects", "costs", "datasets", "related", "alternates")


@dataclass(frozen=True, slots=True)
class Found:
    """A proposal as this viewer may know it."""

    facts: ProposalFacts
    instruments: dict[str, str]  # visit's pid → key of its instrument
    may_answer: bool


class PlanStore(Protocol):
    def proposal(self, viewer: Viewer, pid: str, now_us: int) -> Found | None:
        """None: there is none, or its plan is not for this viewer. Also by the proposal's number."""
        ...

    def readable(self, viewer: Viewer, pid: str, now_us: int) -> str | None:
        """The pid, when the viewer may read the plan; by pid or number."""
        ...

    def answers(self, pid: str) -> tuple[Answers, ...]:
        """Newest first."""
        ...

    def answer(self, pid: str, revision: int, answers: Answers, by: str, now_us: int) -> Answers:
        """Keeps them as the next revision. Raises Stale when `revision` is not the newest."""
        ...

    def plans(self, viewer: Viewer, now_us: int, *, offset: int, limit: int) -> tuple[tuple[str, str, str | None], ...]:
        """Proposals whose plan the viewer may read: pid, number and title, newest first."""
        ...


class Published(Protocol):
    """What plans need of releases."""

    def made_of(self, viewer: Viewer, now_us: int, *, visit: str | None, proposal: str | None) -> tuple[Listed, ...]: ...


class PlanService:
    """Plans are made when they are asked for: there is none that could be out of date."""

    def __init__(
        self,
        store: PlanStore,
        facility: FacilityProfile,
        instruments: dict[str, InstrumentProfile],
        clock: Clock,
        published: Published,
        dois: Callable[[Sequence[str]], Mapping[str, str]],
    ) -> None:
        """`dois`: pid → DOI, of those that have one that everybody may know of."""
        self._store, self._facility, self._instruments, self._clock = store, facility, instruments, clock
        self._published, self._dois = published, dois

    def plan(self, viewer: Viewer, pid: str) -> Plan:
        """Raises NotFound where there is none for this viewer."""
        now = self._clock()
        found = self._store.proposal(viewer, pid, now)
        if found is None:
            raise NotFound()
        return self._made(viewer, found, now)

    def readable(self, viewer: Viewer, number: str | None) -> str | None:
        """The pid of the proposal with this number, if this viewer may read its plan."""
        return (
            self._store.readable(viewer, number, self._clock())
            if number and (viewer.user_id is not None or viewer.operator)
            else None
        )

    def answer(self, viewer: Viewer, pid: str, revision: int, changes: dict[str, Any]) -> Plan:
        """Changes some answers. Raises Forbidden, Stale, Invalid."""
        now = self._clock()
        found = self._allowed(viewer, pid, now)
        _checked(changes)
        before = self._made(viewer, found, now).answers
        self._store.answer(found.facts.pid, revision, replace(before, **changes), viewer.name, now)
        return self.plan(viewer, pid)

    def restore(self, viewer: Viewer, pid: str, revision: int, number: int) -> Plan:
        """The answers of an earlier revision become the newest again; 0: none."""
        now = self._clock()
        found = self._allowed(viewer, pid, now)
        earlier = {one.revision: one for one in self._store.answers(found.facts.pid)} | {0: Answers()}
        if number not in earlier:
            raise NotFound()
        self._store.answer(found.facts.pid, revision, earlier[number], viewer.name, now)
        return self.plan(viewer, pid)

    def plans(self, viewer: Viewer, *, offset: int, limit: int) -> tuple[tuple[str, str, str | None], ...]:
        return self._store.plans(viewer, self._clock(), offset=offset, limit=limit)

    def _allowed(self, viewer: Viewer, pid: str, now_us: int) -> Found:
        found = self._store.proposal(viewer, pid, now_us)
        if found is None:
            raise NotFound()
        if not found.may_answer:
            raise Forbidden("The plan is answered by the team of the proposal and by the data steward.")
        return found

    def _made(self, viewer: Viewer, found: Found, now_us: int) -> Plan:
        dois = self._dois([v.pid for v in found.facts.visits])
        visits = tuple(
            replace(
                v,
                instrument=self._profile(found.instruments.get(v.pid), v),
                doi=dois.get(v.pid),
                releases=self._published.made_of(viewer, now_us, visit=v.pid, proposal=None),
            )
            for v in found.facts.visits
        )
        newest, *before = self._store.answers(found.facts.pid) or (Answers(),)
        return Plan(
            facility=self._facility,
            proposal=replace(found.facts, visits=visits),
            answers=newest,
            may_answer=found.may_answer,
            now_us=now_us,
            history=tuple(before),
        )

    def _profile(self, key: str | None, visit: Visit) -> InstrumentProfile | None:
        configured = self._instruments.get(key or "")
        if visit.instrument is None or configured is None:
            return visit.instrument
        return replace(configured, pid=visit.instrument.pid, name=visit.instrument.name)


def _checked(changes: dict[str, Any]) -> None:
    known = {*Answers.__dataclass_fields__} - {"revision", "at_us", "by"}
    unknown = sorted(set(changes) - known)
    if unknown:
        raise Invalid(f"A plan asks nothing by the name of {unknown[0]}; it asks for {', '.join(sorted(known))}.")
    for name in _TEXTS:
        if len(changes.get(name, "")) > MAX_TEXT:
            raise Invalid(f"The answer to {name} has more than {MAX_TEXT:,} characters.")
    for name in _LISTS:
        if len(changes.get(name, ())) > MAX_LISTED:
            raise Invalid(f"{name} has more than {MAX_LISTED} entries.")
