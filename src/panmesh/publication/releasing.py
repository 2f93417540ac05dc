"""Publishing runs for a paper: drafts that wait for their maker, one step that freezes them, versions, and what may be added later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from panmesh.access.release_policy import may_withdraw_release, release_state
from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.model import DatasetSummary
from panmesh.catalogue.query import DatasetQuery, Field, OneOf
from panmesh.catalogue.search import SearchService
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Conflict, Fault, Forbidden, Invalid, NotFound, QuotaExceeded, Unauthenticated, Withdrawn
from panmesh.kernel.pid import Pid, mint, version_pid
from panmesh.kernel.text import is_plain
from panmesh.publication.completeness import MOST_ASSESSED, Completeness, look
from panmesh.publication.describing import faults, limit, tidy
from panmesh.publication.record import Funding
from panmesh.publication.release import (
    MOST_DRAFTS,
    MOST_RUNS,
    Candidate,
    Description,
    DoiStanding,
    Draft,
    Listed,
    Paper,
    Release,
    ReleasedRun,
    VersionRef,
    amended,
    obstacle,
)
from panmesh.publication.suggesting import Suggesting, Suggestions

MOST_DESCRIBED = 200  # releases that suggestions are taken from
MOST_NAMED = 30  # runs of a pasted list that are not here: somebody has to look for them in it


class ReleaseStore(Protocol):
    def drafts(self, account_id: int) -> tuple[Draft, ...]:
        """Neither published nor discarded; the last changed first."""
        ...

    def draft(self, account_id: int, key: str) -> Draft | None: ...

    def begin(
        self, account_id: int, key: str, pid: str, release: str | None, pids: Sequence[str], said: Description, now_us: int
    ) -> Draft:
        """`release`: the concept pid that it is to be a new version of."""
        ...

    def save(self, draft: Draft, revision: int, pids: Sequence[str], said: Description, now_us: int) -> Draft:
        """Raises Stale when `revision` is not the newest."""
        ...

    def set_discarded(self, draft: Draft, discarded: bool, now_us: int) -> None: ...

    def candidates(self, viewer: Viewer, pids: Sequence[str], now_us: int) -> tuple[Candidate, ...]:
        """Of those that the viewer may know of, in their order."""
        ...

    def publish(self, viewer: Viewer, draft: Draft, revision: int, now_us: int) -> str:
        """Freezes it in one transaction, with the intent of its DOIs; the version's pid. Raises Stale, Conflict."""
        ...

    def release(self, pid: str, now_us: int) -> Release | None:
        """By the concept's pid (its newest version) or that of a version."""
        ...

    def doi(self, pid: str) -> DoiStanding | None: ...

    def may_change(self, viewer: Viewer, pid: str) -> bool: ...

    def amend(self, viewer: Viewer, pid: str, revision: int, said: Description, now_us: int) -> None:
        """Raises Stale."""
        ...

    def withdraw(self, viewer: Viewer, pid: str, reason: str, now_us: int) -> None: ...

    def mine(self, account_id: int) -> tuple[Listed, ...]:
        """The newest version of each release of which one published a version."""
        ...

    def published(self, offset: int, limit: int, but_of: int | None = None) -> tuple[tuple[Listed, ...], int]:
        """Newest versions that are not withdrawn, the last published first; how many there are. `but_of`: none of this account's."""
        ...

    def holding(self, pid: str) -> tuple[Listed, ...]:
        """Versions that hold this run, of each release the newest such; not the withdrawn."""
        ...

    def made_of(self, viewer: Viewer, now_us: int, *, visit: str | None, proposal: str | None) -> tuple[Listed, ...]:
        """Of each release that holds a run of it that the viewer may know of, the newest such version; not the withdrawn."""
        ...

    def of_instrument(self, pid: str, now_us: int) -> tuple[Listed, ...]:
        """Newest versions that are not withdrawn and hold runs of it that everybody may know of, oldest first."""
        ...

    def first_published(self) -> tuple[tuple[int, Listed], ...]:
        """When each that is there was first published, and its newest version."""
        ...

    def described(self, limit: int) -> tuple[Description, ...]:
        """The last ones that are public."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A run of a release, as one viewer may know it."""

    pid: str
    version: int
    version_pid: str
    run: DatasetSummary | None  # None: it was discarded, which this viewer is told
    gone: str | None = None


class ReleaseService:
    def __init__(
        self,
        store: ReleaseStore,
        search: SearchService,
        clock: Clock,
        new_key: Callable[[], str],
        random_bytes: Callable[[int], bytes],
        suggesting: Suggesting,
    ) -> None:
        self._store, self._search, self._clock, self._suggesting = store, search, clock, suggesting
        self._new_key, self._random_bytes = new_key, random_bytes

    # --- drafts -------------------------------------------------------------------------------------------------------

    def drafts(self, viewer: Viewer) -> tuple[Draft, ...]:
        return self._store.drafts(_account(viewer, writes=False))

    def draft(self, viewer: Viewer, key: str) -> Draft:
        """One's own. Raises NotFound."""
        found = self._store.draft(_account(viewer, writes=False), key) if is_plain(key) else None
        if found is None:
            raise NotFound()
        return found

    def begin(self, viewer: Viewer, pids: Sequence[str], said: Description | None = None) -> Draft:
        """With runs that the viewer knows of. Raises NotFound when one of them is not there, and says nothing of which."""
        account = _account(viewer)
        found = self._picked(viewer, pids)
        used = len(self._store.drafts(account))
        if used >= MOST_DRAFTS:
            raise QuotaExceeded(f"You have {used} drafts; publish or discard one first.", MOST_DRAFTS, used)
        limit(said or Description())
        given = tidy(said or self._first(viewer, found))
        pid = mint(self._random_bytes)
        return self._store.begin(account, self._new_key(), pid, None, found, given, self._clock())

    def next_version(self, viewer: Viewer, pid: str) -> Draft:
        """A draft with the runs and the description of the newest version."""
        account = _account(viewer)
        newest = self._changeable(viewer, pid)
        if newest.pid != newest.newest.pid:
            newest = self.release(newest.newest.pid)
        there = next((d for d in self._store.drafts(account) if d.release == newest.concept), None)
        if there is not None:
            return there
        runs = [run.pid for run in newest.runs]
        return self._store.begin(
            account, self._new_key(), newest.concept, newest.concept, runs, newest.description, self._clock()
        )

    def change(
        self,
        viewer: Viewer,
        key: str,
        revision: int,
        *,
        pids: Sequence[str] | None = None,
        said: Description | None = None,
        strict: bool = False,
    ) -> Draft:
        """`strict`: nothing is kept that has a fault; else it is kept as it was typed, and can be mended later."""
        draft = self._open(viewer, key)
        description = draft.description
        if said is not None:
            limit(said)
            description = tidy(said)
            if strict and (found := faults(description)):
                raise Invalid("The description is not right yet: " + _sentence(found), found)
        listed = draft.pids
        if pids is not None:
            new = [pid for pid in dict.fromkeys(pids) if pid not in draft.pids]
            known = dict(zip(new, self._picked(viewer, new), strict=True)) if new else {}
            listed = tuple(dict.fromkeys(known.get(pid, pid) for pid in pids))
            _few(listed)
        return self._store.save(draft, revision, listed, description, self._clock())

    def discard(self, viewer: Viewer, key: str) -> None:
        self._store.set_discarded(self._open(viewer, key), True, self._clock())

    def bring_back(self, viewer: Viewer, key: str) -> Draft:
        _account(viewer)
        self._store.set_discarded(self.draft(viewer, key), False, self._clock())
        return self.draft(viewer, key)

    def runs(self, viewer: Viewer, draft: Draft) -> tuple[DatasetSummary, ...]:
        """Those that the viewer may know of now, in their order."""
        known = self._known(viewer, draft.pids)
        return tuple(known[pid] for pid in draft.pids if pid in known)

    def obstacles(self, viewer: Viewer, draft: Draft) -> dict[str, str]:
        """pid → why it cannot be published, of those that cannot."""
        now_us = self._clock()
        found = {one.pid: obstacle(viewer, one, now_us) for one in self._store.candidates(viewer, draft.pids, now_us)}
        unknown = dict.fromkeys((pid for pid in draft.pids if pid not in found), _LOST)
        return {pid: why for pid, why in found.items() if why is not None} | unknown

    def check(self, viewer: Viewer, draft: Draft) -> Completeness:
        """What should still be added, and where."""
        records = []
        for run in self.runs(viewer, draft)[:MOST_ASSESSED]:
            with suppress(NotFound):
                records.append(self._search.get(viewer, run.pid))
        return look(draft.description, records)

    def suggestions(self, viewer: Viewer, draft: Draft) -> Suggestions:
        return self._suggesting.around(viewer, self.runs(viewer, draft), self._store.described(MOST_DESCRIBED))

    def candidates(self, viewer: Viewer, draft: Draft) -> tuple[Candidate, ...]:
        return self._store.candidates(viewer, draft.pids, self._clock())

    def as_published(self, viewer: Viewer, draft: Draft) -> Release:
        """What it would be, if it were published at this moment: for the preview."""
        now_us = self._clock()
        found = self._store.candidates(viewer, draft.pids, now_us)
        current, opens_us = release_state([one.terms for one in found], False, now_us)
        before = self._store.release(draft.release, now_us) if draft.release else None
        pid = version_pid(Pid(draft.pid), draft.number)
        mine = VersionRef(pid=pid, number=draft.number, published_us=now_us, withdrawn=False)
        return Release(
            concept=draft.pid,
            pid=pid,
            number=draft.number,
            description=draft.description,
            runs=tuple(ReleasedRun(pid=one.pid, version=one.version, version_pid=one.version_pid) for one in found),
            published_us=now_us,
            changed_us=now_us,
            revision=0,
            state=current,
            opens_us=opens_us,
            versions=(*(before.versions if before else ()), mine),
        )

    def publish(self, viewer: Viewer, key: str, revision: int) -> Release:
        """Raises Invalid with every fault, Forbidden where a run is not for this viewer to publish, Stale."""
        draft = self._open(viewer, key)
        found = list(faults(draft.description))
        if not draft.pids:
            found.append(Fault("/pids", "no run is picked"))
        why = self.obstacles(viewer, draft)
        found += [Fault(f"/pids/{n}", why[pid]) for n, pid in enumerate(draft.pids) if pid in why]
        if not found and (same := self._unchanged(viewer, draft)) is not None:
            detail = f"version {same} has the same runs, files and description: there is nothing that another DOI could name"
            found.append(Fault("/pids", detail))
        if found:
            raise Invalid("This cannot be published yet: " + _sentence(found), tuple(found))
        return self.release(self._store.publish(viewer, draft, revision, self._clock()))

    def _unchanged(self, viewer: Viewer, draft: Draft) -> int | None:
        """The number of the version before it that says the same of the same bytes."""
        before = self._store.release(draft.release, self._clock()) if draft.release is not None else None
        if before is None or before.withdrawn_us is not None or before.description != draft.description:
            return None
        runs = self.as_published(viewer, draft).runs
        return before.number if {run.version_pid for run in runs} == {run.version_pid for run in before.runs} else None

    # --- what is published --------------------------------------------------------------------------------------------

    def release(self, pid: str) -> Release:
        """Public. Raises NotFound."""
        found = self._store.release(pid, self._clock()) if is_plain(pid) else None
        if found is None:
            raise NotFound()
        return found

    def shown(self, viewer: Viewer, release: Release) -> tuple[Shown, ...]:
        """The runs as this viewer may know them at this moment, by each run's own terms; of others, not even that they are in it."""
        known = self._known(viewer, [run.pid for run in release.runs])
        found = []
        for one in release.runs:
            run, gone = known.get(one.pid), None
            if run is None:
                run, gone = self._elsewhere(viewer, one.version_pid)
            if run is not None or gone is not None:
                found.append(Shown(pid=one.pid, version=one.version, version_pid=one.version_pid, run=run, gone=gone))
        return tuple(found)

    def doi(self, pid: str) -> DoiStanding | None:
        """Of what is published, which is public."""
        return self._store.doi(pid)

    def may_change(self, viewer: Viewer, release: Release) -> bool:
        return viewer.user_id is not None and self._store.may_change(viewer, release.pid)

    def may_withdraw(self, viewer: Viewer, release: Release) -> bool:
        return may_withdraw_release(viewer) and release.withdrawn_us is None

    def amend(self, viewer: Viewer, pid: str, revision: int, *, papers: Sequence[Paper], funding: Sequence[Funding]) -> Release:
        """Papers and funders of a published version. Raises Invalid, Forbidden, Stale."""
        found = self._changeable(viewer, pid)
        said = replace(found.description, papers=tuple(papers), funding=tuple(funding))
        limit(said)
        clean = tidy(said)
        said = amended(found.description, papers=clean.papers, funding=clean.funding)
        wrong = tuple(f for f in faults(said) if f.pointer.startswith(("/papers", "/funding")))
        if wrong:
            raise Invalid("This is not right yet: " + _sentence(wrong), wrong)
        self._store.amend(viewer, found.pid, revision, said, self._clock())
        return self.release(found.pid)

    def withdraw(self, viewer: Viewer, pid: str, reason: str) -> Release:
        """One version; its page stays, and says why."""
        found = self.release(pid)
        if not may_withdraw_release(viewer):
            raise Forbidden("Only the data steward withdraws what was published. Write to them with the reason.")
        plain = " ".join(reason.split()) if is_plain(reason) else ""
        if not 10 <= len(plain) <= 1000:
            raise Invalid("Say why.", (Fault("/reason", "10 to 1000 signs: everybody who follows the citation reads it"),))
        if found.withdrawn_us is not None:
            raise Conflict("This version is withdrawn already.")
        self._store.withdraw(viewer, found.pid, plain, self._clock())
        return self.release(found.pid)

    def mine(self, viewer: Viewer) -> tuple[Listed, ...]:
        return self._store.mine(_account(viewer, writes=False))

    def published(self, offset: int = 0, limit: int = 25, *, but_of: Viewer | None = None) -> tuple[tuple[Listed, ...], int]:
        return self._store.published(offset, limit, but_of.user_id if but_of is not None else None)

    def first_published(self) -> tuple[tuple[int, Listed], ...]:
        return self._store.first_published()

    def holding(self, pid: str) -> tuple[Listed, ...]:
        """Public releases that hold this run: asked only for a run that the viewer may know of."""
        return self._store.holding(pid)

    def made_of(self, viewer: Viewer, *, visit: str | None = None, proposal: str | None = None) -> tuple[Listed, ...]:
        """Releases made of the runs of a visit or a proposal, by its pid."""
        return self._store.made_of(viewer, self._clock(), visit=visit, proposal=proposal)

    def of_instrument(self, pid: str) -> tuple[Listed, ...]:
        """Public releases with public runs of this instrument."""
        return self._store.of_instrument(pid, self._clock())

    def _first(self, viewer: Viewer, pids: Sequence[str]) -> Description:
        """What is known already need not be typed."""
        known = self._known(viewer, pids)
        runs = [known[pid] for pid in pids if pid in known]
        visits = {run.investigation.name for run in runs if run.investigation is not None and run.proposal}
        found = self._suggesting.around(viewer, runs, self._store.described(MOST_DESCRIBED))
        return Description(
            title=visits.pop() if len(visits) == 1 else "",
            creators=found.people,
            funding=tuple(one for one in found.funders if one.award),
        )

    # --- parts --------------------------------------------------------------------------------------------------------

    def _open(self, viewer: Viewer, key: str) -> Draft:
        _account(viewer)
        draft = self.draft(viewer, key)
        if draft.published is not None:
            raise Conflict("This draft is published; make a new version of it.")
        if draft.discarded:
            raise Conflict("This draft is discarded; bring it back first.")
        return draft

    def _changeable(self, viewer: Viewer, pid: str) -> Release:
        found = self.release(pid)
        _account(viewer)
        if not self._store.may_change(viewer, found.pid):
            raise Forbidden("Only who published it, the teams of all its runs and the data steward change it.")
        return found

    def _picked(self, viewer: Viewer, pids: Sequence[str]) -> list[str]:
        """Concept pids of the runs. Raises NotFound, Invalid."""
        wanted = list(dict.fromkeys(pid.strip() for pid in pids if pid.strip()))
        _few(wanted)
        if not is_plain(wanted):
            raise NotFound()
        known = self._known(viewer, wanted)
        found: list[str] = []
        lost: list[str] = []
        for pid in wanted:
            try:
                found.append(known[pid].pid if pid in known else self._search.get(viewer, pid).summary.pid)
            except NotFound:
                lost.append(pid)
        if lost:
            named = ", ".join(lost[:MOST_NAMED]) + (f" and {len(lost) - MOST_NAMED} more" if len(lost) > MOST_NAMED else "")
            raise NotFound(f"There is no run under {named}, or you may not know of it. Nothing was taken.")
        return list(dict.fromkeys(found))

    def _known(self, viewer: Viewer, pids: Sequence[str]) -> dict[str, DatasetSummary]:
        if not pids:
            return {}
        query = DatasetQuery(where=OneOf(Field.PID, tuple(pids)), limit=MOST_RUNS)
        return {str(run.pid): run for run in self._search.search(viewer, query).items}

    def _elsewhere(self, viewer: Viewer, pid: str) -> tuple[DatasetSummary | None, str | None]:
        """A run that was merged into another, or discarded."""
        try:
            return self._search.get(viewer, pid).summary, None
        except Withdrawn as gone:
            return None, gone.detail
        except NotFound:
            return None, None


_LOST = "You cannot see this run any more. Take it out."


def _account(viewer: Viewer, *, writes: bool = True) -> int:
    if viewer.user_id is None:
        raise Unauthenticated("Sign in to publish: what is published has somebody who answers for it.")
    if (Scope.WRITE if writes else Scope.READ) not in viewer.scopes:
        raise Forbidden(f"Your token has not the scope '{'write' if writes else 'read'}'.")
    return viewer.user_id


def _few(pids: Sequence[str]) -> None:
    if len(pids) > MOST_RUNS:
        detail = (
            f"A release holds at most {MOST_RUNS} runs; you gave {len(pids)}. Publish the visit as a whole, or several releases."
        )
        raise Invalid(detail, (Fault("/pids", f"more than {MOST_RUNS}"),))


def _sentence(found: Sequence[Fault]) -> str:
    shown = "; ".join(f"{f.pointer.strip('/')} {f.detail}" for f in found[:5])
    return shown + (f"; and {len(found) - 5} more." if len(found) > 5 else ".")
