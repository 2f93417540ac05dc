"""What the world may harvest: items with a datestamp, in lists that stay whole while the catalogue changes underneath."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from panmesh.access.artefact import Artefact
from panmesh.access.policy import may_read
from panmesh.access.release_policy import release_state
from panmesh.access.terms import AccessClass, State, Terms, state
from panmesh.access.viewer import ANONYMOUS
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Unavailable

EVERYTHING = "*"  # the set that no harvester names
WHOLE = frozenset({"facility", "type", "access"})  # every item is in one below each of these
DATA = "openaire_data"  # what B2FIND and OpenAIRE ask for
PAGE = 100
PART = 1_000  # items of one page of the sitemap


class ItemKind(StrEnum):
    DATASET = "dataset"
    INVESTIGATION = "investigation"
    INSTRUMENT = "instrument"
    COLLECTION = "collection"  # a version of a release
    PROPOSAL = "proposal"  # what its visits that anybody may know of tell of it


class Condition(StrEnum):
    NEVER = "never"  # nobody outside was told of it yet
    LIVE = "live"
    DELETED = "deleted"  # was told of, and may not be shown any more


TYPE_OF = {
    ItemKind.DATASET: "dataset",
    ItemKind.INVESTIGATION: "session",
    ItemKind.INSTRUMENT: "instrument",
    ItemKind.COLLECTION: "collection",
    ItemKind.PROPOSAL: "proposal",
}
DATALESS = frozenset({ItemKind.INSTRUMENT, ItemKind.PROPOSAL})  # what data come from
_SHOWN = {State.OPEN: "open", State.EMBARGOED: "embargoed"}
LISTED = frozenset(state.value for state in _SHOWN)
FOLDER = {
    ItemKind.DATASET: "datasets",
    ItemKind.INVESTIGATION: "investigations",
    ItemKind.INSTRUMENT: "instruments",
    ItemKind.COLLECTION: "releases",
    ItemKind.PROPOSAL: "proposals",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What decides whether and where something is listed."""

    kind: ItemKind
    id: int
    pid: str
    facility: str  # key
    instrument: str | None  # key
    techniques: tuple[str, ...]  # pids
    terms: Terms | None  # None: always open, or as its parts
    parts: tuple[Terms, ...] = ()  # of a release: those of its runs; of a proposal: those of its visits
    native: bool
    changed_us: int | None  # last change of the record; None: the catalogue does not know


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a subject stands at one instant."""

    shown: bool
    sets: tuple[str, ...]  # in order; without ancestors
    next_us: int | None  # when the clock alone may change this
    since_us: int  # nothing changed since


def standing(subject: Subject, now_us: int) -> Standing:
    """Shown is what is open or embargoed. Held, withdrawn, proprietary: not shown (and deleted, where it once was)."""
    terms = subject.terms
    current = State.OPEN if terms is None else state(terms, now_us)
    if subject.kind is ItemKind.COLLECTION:
        current, _ = release_state(subject.parts, current is State.WITHDRAWN, now_us)
    if subject.kind is ItemKind.PROPOSAL:
        may = any(state(one, now_us) in _SHOWN and _told(one, now_us) for one in subject.parts)
    else:
        may = terms is None or _told(terms, now_us)
    access = _SHOWN.get(current) if subject.native and may else None
    instants = [at for one in (terms, *subject.parts) if one is not None for at in _instants(one)]
    past = [at for at in instants if at <= now_us]
    coming = [at for at in instants if at > now_us] if subject.native else []
    sets = [f"facility:{word(subject.facility)}", f"type:{TYPE_OF[subject.kind]}"]
    if access is not None:
        sets.append(f"access:{access}")
    if subject.kind not in DATALESS:
        sets.append(DATA)
    if subject.instrument is not None:
        sets.append(f"instrument:{word(subject.instrument)}")
    sets += [f"technique:{word(pid.rsplit('/', 1)[-1])}" for pid in subject.techniques]
    return Standing(
        shown=access is not None,
        sets=tuple(sorted(set(sets))),
        next_us=min(coming, default=None),
        since_us=now_us if subject.changed_us is None else min(max([subject.changed_us, *past]), now_us),
    )


def ancestors(sets: Sequence[str]) -> set[str]:
    """The sets themselves and all above them."""
    return {spec[:end] for spec in sets for end in (*(m.start() for m in re.finditer(":", spec)), len(spec))}


def word(text: str) -> str:
    """As a set's spec may be written (OAI-PMH 2.6)."""
    return re.sub(r"[^A-Za-z0-9\-_.!~*'()]", "-", text) or "-"


def _told(terms: Terms, now_us: int) -> bool:
    return may_read(ANONYMOUS, terms, Artefact.CORE_METADATA, now_us)


def _instants(terms: Terms) -> list[int]:
    """When its state may change."""
    found = [terms.declassified_us, terms.held_us, terms.withdrawn_us, terms.deleted_us]
    if terms.access is not AccessClass.OPEN:
        found += [terms.starts_us, terms.ends_us, terms.opens_us]
    return [at for at in found if at is not None]


# --- lists ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    kind: ItemKind
    subject_id: int
    pid: str
    stamp_s: int  # seconds since 1970
    deleted: bool
    sets: tuple[str, ...]
    id: int  # of the item; told to nobody
    changed_s: int  # its newest datestamp, which may be later than the one that it is listed under
    access: str | None  # state at this moment; None: nobody may know of it

    @property
    def settled(self) -> bool:
        """Whether its state is still the one that it was listed with."""
        return f"access:{self.access}" in self.sets


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Behind this item the next page begins."""

    stamp_s: int
    item_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A harvest: which list, as it was after which round, and how far."""

    set: str = EVERYTHING
    from_s: int = 0
    until_s: int = 1 << 40
    round: int | None = None  # None: as it is now
    began_s: int = 0
    after: Place | None = None
    given: int = 0  # how many items so far


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPage:
    items: tuple[Item, ...]
    asked_us: int  # everything told before this instant is in the lists
    last: Place | None  # of the last item
    next: Walk | None  # None: there are no more


class HarvestStore(Protocol):
    def page(self, walk: Walk, now_us: int, limit: int) -> ItemPage:
        """Items that are deleted, or that nobody may see at this moment, say so. Raises Unavailable until the lists are made, NotFound for
        a walk that began too long ago."""
        ...

    def item(self, pid: str, now_us: int) -> Item | None: ...

    def sets(self) -> Mapping[str, str | None]:
        """Spec → name, of those that hold anything, ancestors too."""
        ...

    def earliest_s(self) -> int | None: ...

    def asked_us(self, now_us: int) -> int:
        """What was not told by then gets a later datestamp."""
        ...

    def listed(self, begin: int, end: int, now_us: int) -> tuple[Item, ...]:
        """Shown items whose numbers are from `begin` to before `end`."""
        ...

    def parts(self, size: int) -> Mapping[int, int]: ...


@dataclass(frozen=True, slots=True)
class Form:
    """A form in which records are given out: a text that is written, and kept, with what stands around it in this form."""

    prefix: str
    namespace: str
    schema: str
    text: str  # its name; several forms may hold the same
    around: tuple[str, str] = ("", "")

    def of(self, text: str) -> str:
        return text.join(self.around)


TURTLE = "turtle"  # the form of the DCAT catalogue; no form of OAI-PMH


class Disseminator(Protocol):
    forms: Mapping[str, Form]  # of OAI-PMH

    def write(self, texts: Sequence[str], items: Sequence[Item], now_us: int) -> Mapping[str, Mapping[str, str]]:
        """Name of the text → pid → the text, one XML element for a form of OAI-PMH. What anybody may not read at that instant is not in it."""
        ...


class TextStore(Protocol):
    """Records written ahead, so that a page of them is only read."""

    def texts(self, name: str, items: Sequence[Item]) -> Mapping[str, str]:
        """pid → text, of those that did not change since it was written."""
        ...

    def unwritten(self, now_us: int, limit: int) -> Sequence[Item]: ...

    def keep(self, items: Sequence[Item], written: Mapping[str, Mapping[str, str]]) -> None:
        """`written`: name of the text → pid → the text."""
        ...


class HarvestService:
    def __init__(self, store: HarvestStore, disseminator: Disseminator, clock: Clock, texts: TextStore) -> None:
        self._store = store
        self._texts = texts
        self._disseminator = disseminator
        self._clock = clock

    @property
    def forms(self) -> Mapping[str, Form]:
        return self._disseminator.forms

    def now_us(self) -> int:
        return self._clock()

    def page(self, walk: Walk, limit: int = PAGE) -> ItemPage:
        return self._store.page(walk, self._clock(), limit)

    def changes(self, after: Place | None, limit: int) -> tuple[tuple[Item, ...], Place | None, bool]:
        """How things stand that changed since, each once; where to go on; whether there are more. The last second is left out: more may
        change in it."""
        asked_s = self.asked_us() // 1_000_000
        page = self._store.page(Walk(after=after, until_s=asked_s - 1), self._clock(), limit)
        return page.items, page.last or after, page.next is not None

    def listed(self, part: int) -> tuple[Item, ...]:
        """One part of everything that is shown, `PART` numbers of items long."""
        return self._store.listed(part * PART, (part + 1) * PART, self._clock())

    def parts(self) -> Mapping[int, int]:
        """Number of each part that shows anything → when it last changed, in seconds since 1970."""
        return self._store.parts(PART)

    def item(self, pid: str) -> Item | None:
        return self._store.item(pid, self._clock())

    def written(self, prefix: str, items: Sequence[Item]) -> Mapping[str, str]:
        """Without the deleted ones. What was written ahead counts only while the state is the one it was written in."""
        form = self.forms.get(prefix)
        name = form.text if form is not None else prefix
        live = [item for item in items if not item.deleted]
        found = dict(self._texts.texts(name, [item for item in live if item.settled]))
        if missing := [item for item in live if item.pid not in found]:
            found |= self._disseminator.write([name], missing, self._clock())[name]
        return found if form is None else {pid: form.of(text) for pid, text in found.items()}

    def write_ahead(self, limit: int = 100) -> int:
        """The next ones that wait; how many that were."""
        items = self._texts.unwritten(self._clock(), limit)
        if items:
            self.keep(items)
        return len(items)

    def keep(self, items: Sequence[Item]) -> None:
        """Write these ahead."""
        live = [item for item in items if not item.deleted and item.settled]
        names = dict.fromkeys([*(form.text for form in self.forms.values()), TURTLE])
        self._texts.keep(items, self._disseminator.write(list(names), live, self._clock()))

    def sets(self) -> Mapping[str, str | None]:
        return self._store.sets()

    def earliest_s(self) -> int:
        found = self._store.earliest_s()
        return found if found is not None else self._clock() // 1_000_000

    def asked_us(self) -> int:
        return self._store.asked_us(self._clock())


NOT_YET = Unavailable("The lists for harvesters are being made; come back in a minute.", retry_after=60)
