"""Where runs belong, said by staff: moved to a visit, split, merged, discarded; shown before it is done, and undone afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from panmesh.access.artefact import Artefact
from panmesh.access.policy import readers
from panmesh.access.terms import State, Terms, state
from panmesh.access.viewer import Scope, Standing, Viewer
from panmesh.kernel.clock import DAY_US
from panmesh.kernel.errors import Fault, Forbidden, Invalid, Unauthenticated
from panmesh.kernel.text import is_plain

AT_ONCE = 10_000  # datasets of one correction; files of one split
PIECE = 500  # datasets of one transaction
UNDO_US = 30 * DAY_US
MERGED = 500  # datasets of one merge
LONGEST_REASON = 2000


class What(StrEnum):
    MOVE = "move"
    SPLIT = "split"
    MERGE = "merge"
    DISCARD = "discard"


class CorrectionState(StrEnum):
    RUNNING = "running"  # some of it is done; it goes on by itself
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"


class ItemState(StrEnum):
    PLANNED = "planned"
    DONE = "done"
    REFUSED = "refused"  # it changed meanwhile, and was left as it is
    UNDONE = "undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    what: What
    pids: tuple[str, ...]  # of a merge, the first is the one that stays; of a split, one
    reason: str
    visit: str | None = None  # pid of the investigation that they move to
    files: tuple[str, ...] = ()  # names in the dataset: they become a dataset of their own
    waiting: bool = False  # only what is in quarantine, or was taken out of it by hand


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """How one dataset stands, before or after."""

    visit: str | None  # visit id; None: no visit
    instrument: str | None
    state: State
    opens_us: int | None
    core: frozenset[str]  # who sees that it exists, in words
    data: frozenset[str]  # who sees the data, in words
    files: int
    bytes: int
    sample: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetChange:
    pid: str
    title: str | None
    path: str | None
    before: Stand
    after: Stand
    results: tuple[str, ...] = ()  # pids of derived data that go with it
    made: bool = False  # a new dataset, with its own pid


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What changes in the same way for `count` datasets."""

    count: int
    before: Stand
    after: Stand

    @property
    def see_it_now(self) -> tuple[str, ...]:
        return _who(self.after.core - self.before.core, self.before.core)

    @property
    def no_longer_see_it(self) -> tuple[str, ...]:
        return _who(self.before.core - self.after.core, self.after.core)

    @property
    def read_data_now(self) -> tuple[str, ...]:
        return _who(self.after.data - self.before.data, self.before.data)

    @property
    def no_longer_read_data(self) -> tuple[str, ...]:
        return _who(self.before.data - self.after.data, self.after.data)

    @property
    def closes_again(self) -> bool:
        """What was open to everyone will not be."""
        return self.before.state is State.OPEN and self.after.state is not State.OPEN

    @property
    def opens(self) -> bool:
        return self.before.state is not State.OPEN and self.after.state is State.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    pid: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    what: What
    total: int  # datasets that will change
    changes: tuple[DatasetChange, ...]  # the first PIECE of them
    effects: tuple[Effect, ...]
    refused: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    id: int
    at_us: int
    by: str
    what: What
    reason: str
    to: str | None  # visit id of a move, for people
    to_pid: str | None
    state: CorrectionState
    total: int
    done: int
    refused: tuple[Refusal, ...]
    pids: tuple[str, ...]  # the first few that the viewer may know of
    undone_us: int | None
    undone_by: str | None

    def undoable(self, now_us: int) -> bool:
        return self.state in (CorrectionState.DONE, CorrectionState.RUNNING) and now_us - self.at_us < UNDO_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Discarded:
    pid: str
    title: str | None
    path: str | None
    correction: int
    at_us: int
    by: str
    reason: str


EVERYONE = "everyone"
_NAMED = {
    Standing.ANYONE: EVERYONE,
    Standing.PI: "the team",
    Standing.MEMBER: "the team",
    Standing.GRANTEE: "the team",
    Standing.STAFF: "the staff",
    Standing.ADMIN: "admins",
    Standing.STEWARD: "data stewards",
}


def audience(terms: Terms, artefact: Artefact, now_us: int, *, team: str | None, instrument: str | None) -> frozenset[str]:
    """Who may read it, in words. `team` and `instrument` name those of the terms. Whoever broke the glass is nobody in general."""
    found = set()
    for standing in readers(terms, artefact, now_us) - {Standing.EMERGENCY}:
        word = _NAMED[standing]
        if word == "the team":
            if terms.team_id is not None:
                found.add(f"the team of {team}" if team else "its team")
        elif word == "the staff":
            if terms.instrument_id is not None:
                found.add(f"the staff of {instrument}" if instrument else "its staff")
        else:
            found.add(word)
    return frozenset({EVERYONE}) if EVERYONE in found else frozenset(found)


def stand(
    terms: Terms,
    now_us: int,
    *,
    visit: str | None,
    instrument: str | None,
    team: str | None,
    files: int,
    total_bytes: int,
    sample: str | None,
) -> Stand:
    def who(artefact: Artefact) -> frozenset[str]:
        return audience(terms, artefact, now_us, team=team, instrument=instrument)

    return Stand(
        visit=visit,
        instrument=instrument,
        state=state(terms, now_us),
        opens_us=terms.opens_us,
        core=who(Artefact.CORE_METADATA),
        data=who(Artefact.RAW),
        files=files,
        bytes=total_bytes,
        sample=sample,
    )


def checked(wanted: Wanted) -> Wanted:
    """Raises Invalid with all faults."""
    faults: list[Fault] = []
    reason = wanted.reason.strip()
    if not reason:
        faults.append(Fault("/reason", "may not be empty: say why, the reason is kept"))
    elif len(reason) > LONGEST_REASON or not is_plain(reason):
        faults.append(Fault("/reason", f"is a plain text of at most {LONGEST_REASON} signs"))
    pids = tuple(dict.fromkeys(pid.strip() for pid in wanted.pids if pid.strip()))
    most = MERGED if wanted.what is What.MERGE else AT_ONCE
    if not pids:
        faults.append(Fault("/pids", "names no dataset"))
    elif len(pids) > most:
        faults.append(Fault("/pids", f"names {len(pids):,} datasets; at most {most:,} at once"))
    if wanted.what is What.MERGE and len(pids) == 1:
        faults.append(Fault("/pids", "a merge needs two datasets or more"))
    if wanted.what is What.SPLIT and (len(pids) > 1 or not wanted.files):
        faults.append(Fault("/files", "a split takes some files out of one dataset: name the dataset and the files"))
    if len(wanted.files) > AT_ONCE:
        faults.append(Fault("/files", f"names {len(wanted.files):,} files; at most {AT_ONCE:,} at once"))
    if wanted.what is What.MOVE and not wanted.visit:
        faults.append(Fault("/visit", "to which visit? Give its pid"))
    if not is_plain([*pids, *wanted.files, wanted.visit or ""]):
        faults.append(Fault("/pids", "has signs that no text here has: NUL or lone surrogates"))
    if faults:
        raise Invalid("The correction has faults: " + "; ".join(f"{f.pointer} {f.detail}" for f in faults) + ".", tuple(faults))
    return Wanted(
        what=wanted.what,
        pids=pids,
        reason=reason,
        visit=wanted.visit if wanted.what is What.MOVE else None,
        files=tuple(dict.fromkeys(wanted.files)) if wanted.what is What.SPLIT else (),
        waiting=wanted.waiting,
    )


def need_staff(viewer: Viewer, scope: Scope) -> None:
    if not viewer.staff:
        if viewer.user_id is None:
            raise Unauthenticated()
        raise Forbidden("This is for the facility's staff.")
    if scope not in viewer.scopes:
        raise Forbidden(f"Your token has not the scope {scope.value!r}.")


Progress = Callable[[int, int], object]  # (done, of)


def _who(more: frozenset[str], already: frozenset[str]) -> tuple[str, ...]:
    """Nobody gains what everyone had."""
    return () if EVERYONE in already else tuple(sorted(more))
