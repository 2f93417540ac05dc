"""A release: a frozen list of runs, each with the version it had, that people described and made citable.

The concept pid leads to the newest version, a version's pid to that version for ever. What is frozen: the runs, the title, the
abstract, the creators. Papers and funders are often known only later, and may be added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from panmesh.access.release_policy import RELEASABLE, may_release
from panmesh.access.terms import State, Terms, state
from panmesh.access.viewer import Viewer
from panmesh.publication.record import Agent, Funding

MOST_RUNS = 1000
MOST_DRAFTS = 100  # of one account


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    doi: str  # 10.…/…, or as it was typed
    relation: str = "IsSupplementTo"  # DataCite relationType: how the data stand to the paper
    title: str | None = None


# How data stand to a paper, in DataCite's words and in the reader's.
RELATIONS = {
    "IsSupplementTo": "these are the data of the paper",
    "IsCitedBy": "the paper cites these data",
    "IsDocumentedBy": "the paper describes these data",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    title: str = ""
    abstract: str = ""
    creators: tuple[Agent, ...] = ()  # in the order in which they are cited
    papers: tuple[Paper, ...] = ()
    funding: tuple[Funding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    key: str  # in its address
    pid: str  # the concept's; reserved for this draft, if it is not that of a release already
    number: int  # of the version that it will be
    release: str | None  # concept pid of the release that it is a new version of
    pids: tuple[str, ...]  # as they were picked: never shown without asking what the viewer may know of
    description: Description
    revision: int
    updated_us: int
    discarded: bool = False
    published: str | None = None  # pid of the version that it became


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A run as it stands to being released."""

    pid: str
    version: int
    version_pid: str
    terms: Terms
    native: bool
    growing: bool
    about: str  # what is asked about to open it early: its visit, or the run itself where it has terms of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedRun:
    pid: str
    version: int
    version_pid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRef:
    pid: str
    number: int
    published_us: int
    withdrawn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One published version, with how it stands at this instant."""

    concept: str
    pid: str
    number: int
    description: Description
    runs: tuple[ReleasedRun, ...]  # as they were frozen: never shown without asking what the viewer may know of
    published_us: int
    changed_us: int
    revision: int
    state: State
    opens_us: int | None  # of the run that opens last
    withdrawn_us: int | None = None
    reason: str | None = None  # of a tombstone
    versions: tuple[VersionRef, ...] = ()  # in their order, itself among them

    @property
    def newest(self) -> VersionRef:
        """That is not withdrawn, as long as there is one."""
        return next((one for one in reversed(self.versions) if not one.withdrawn), self.versions[-1])

    @property
    def before(self) -> VersionRef | None:
        return next((one for one in reversed(self.versions) if one.number < self.number), None)

    @property
    def after(self) -> VersionRef | None:
        return next((one for one in self.versions if one.number > self.number), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoiStanding:
    """How the DOI of something stands. Nothing is called registered that DataCite did not confirm."""

    name: str | None  # 10.…/…, reserved with the publication; None: no DataCite account is configured
    registered: bool
    error: str | None  # why it failed last, in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A line of a list of releases."""

    concept: str
    pid: str  # of the version
    number: int
    title: str
    creators: tuple[str, ...]
    published_us: int
    changed_us: int  # its papers and funders may
    withdrawn: bool
    papers: tuple[Paper, ...] = ()
    doi: str | None = None  # that everybody finds; only in the lists of visits and proposals


def obstacle(viewer: Viewer, one: Candidate, now_us: int) -> str | None:
    """Why this viewer cannot release this run now, as a sentence that says what to do; None: they can."""
    current = state(one.terms, now_us)
    if not one.native:
        return "It was brought from another catalogue: cite it there."
    if current in _CLOSED:
        return _CLOSED[current]
    if current not in RELEASABLE:
        return "Its visit is not over: what is released is complete."
    if not may_release(viewer, one.terms):
        return "Only its team can publish it. Ask them, or leave it out and cite it on its own page."
    if one.growing:
        return "It is still being written. Wait until it is complete."
    return None


_CLOSED = {
    State.PROPRIETARY: "It is proprietary. Its principal investigator can declassify it.",
    State.HELD: "It is held. The data steward can lift that.",
    State.WITHDRAWN: "It was withdrawn.",
    State.DELETED: "It was deleted.",
    State.INTERNAL: "It belongs to no visit yet. Staff can say to which.",
    State.ASIDE: "It was discarded.",
}


def amended(before: Description, *, papers: Sequence[Paper], funding: Sequence[Funding]) -> Description:
    """What may change of a published version; nothing else of it ever does."""
    return replace(before, papers=tuple(papers), funding=tuple(funding))
