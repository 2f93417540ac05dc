"""The logbook as values: notes in Markdown, a flag and tags, of a run or of a visit. All of it is the artefact LOGBOOK."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from panmesh.access.viewer import Viewer
from panmesh.kernel.errors import Fault, Invalid
from panmesh.kernel.text import fold, is_plain

MAX_TEXT = 20_000  # signs of a note
MAX_TAG = 40
MAX_TAGS = 20
MAX_PICTURES = 500  # of one run or visit


class AboutKind(StrEnum):
    DATASET = "dataset"
    INVESTIGATION = "investigation"


class Flag(StrEnum):
    GOOD = "good"
    DOUBTFUL = "doubtful"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The run or visit that a note is of."""

    kind: AboutKind
    pid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    id: int
    about: About
    text: str  # Markdown; "" once it is deleted, for those who may not bring it back
    revision: int
    by: str  # a name for those who work with them, "a person" for the world
    at_us: int
    edited_us: int | None
    edited_by: str | None
    deleted_us: int | None
    deleted_by: str | None
    may_change: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteVersion:
    number: int
    text: str
    deleted: bool
    by: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a run or visit is worth, at a glance. Revision 0: nobody has said anything."""

    flag: Flag | None = None
    tags: tuple[str, ...] = ()
    revision: int = 0
    by: str | None = None
    at_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkVersion:
    number: int
    flag: Flag | None
    tags: tuple[str, ...]
    by: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The logbook of one run, or a visit's own."""

    notes: tuple[Note, ...]  # the oldest first; deleted ones only for those who may bring them back
    mark: Mark
    mark_history: tuple[MarkVersion, ...]  # the newest first
    tags_in_use: tuple[str, ...]  # in the visit, the most frequent first
    may_write: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Of a visit's logbook: a note, or a run that was flagged or tagged and of which nothing was written."""

    about: About
    at_us: int
    title: str | None  # of the run; None: of the visit itself
    start_us: int | None  # of the run
    has_plot: bool
    mark: Mark
    note: Note | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Logbook:
    entries: tuple[Entry, ...]  # the oldest first
    total: int  # that fit flag and tag
    offset: int
    limit: int
    flags: tuple[tuple[Flag, int], ...]  # entries of each, whatever is chosen
    tags: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture as it is kept: decoded and written anew, without what the camera said of place and owner."""

    name: str  # content-named, with its ending
    media: str
    width: int  # pixels
    height: int
    size: int  # bytes


class PictureStore(Protocol):
    def keep(self, data: bytes) -> Picture:
        """On disk and synced when it returns. Raises Invalid on what is no picture, TooLarge on one with too many pixels."""
        ...

    def read(self, name: str) -> bytes: ...


class NoteStore(Protocol):
    """Raises NotFound for absent and hidden alike, Forbidden for those who may read and not write."""

    def pages(self, viewer: Viewer, about: About, now_us: int) -> Pages: ...

    def note(self, viewer: Viewer, number: int, now_us: int) -> tuple[Note, tuple[NoteVersion, ...]]:
        """With its versions, the newest first: for those who may change it, for others none."""
        ...

    def add(self, viewer: Viewer, about: About, text: str, now_us: int, *, since_us: int | None = None) -> Note:
        """`since_us`: one with the same words, by the same person, that is not older is returned as it is."""
        ...

    def change(self, viewer: Viewer, number: int, text: str | None, revision: int, now_us: int) -> Note:
        """`text` None: delete it. Raises Stale when `revision` is not the newest."""
        ...

    def set_mark(
        self, viewer: Viewer, about: About, flag: Flag | None, tags: Sequence[str], revision: int, now_us: int
    ) -> Mark: ...

    def logbook(
        self, viewer: Viewer, visit: str, now_us: int, *, flag: Flag | None, tag: str | None, offset: int, limit: int
    ) -> Logbook: ...

    def may_add_picture(self, viewer: Viewer, about: About, now_us: int) -> None: ...

    def add_picture(self, viewer: Viewer, about: About, picture: Picture, now_us: int) -> None: ...

    def picture(self, viewer: Viewer, about: About, name: str, now_us: int) -> None:
        """Raises NotFound where there is no such picture for this viewer."""
        ...


def checked_text(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not is_plain(text):
        raise Invalid("The note has signs that no text here has: NUL or lone surrogates.", (Fault("/text", "NUL or surrogates"),))
    if not text:
        raise Invalid("A note has some words, or a picture.", (Fault("/text", "is blank"),))
    if len(text) > MAX_TEXT:
        raise Invalid(
            f"A note has at most {MAX_TEXT:,} signs; this one has {len(text):,}. Write it in several.",
            (Fault("/text", f"longer than {MAX_TEXT} signs"),),
        )
    return text


def checked_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Without blanks around and without repetition, in the order given. Raises Invalid."""
    found: dict[str, str] = {}
    for tag in tags:
        plain = " ".join(tag.split()) if is_plain(tag) else "\x00"
        if not plain:
            continue
        if "\x00" in plain or "," in plain or not plain.isprintable() or len(plain) > MAX_TAG:
            raise Invalid(
                f"A tag is a word or a few, without comma, of at most {MAX_TAG} signs.", (Fault("/tags", "no such tag"),)
            )
        found.setdefault(fold(plain), plain)
    if len(found) > MAX_TAGS:
        raise Invalid(f"A run has at most {MAX_TAGS} tags; you gave {len(found)}.", (Fault("/tags", f"more than {MAX_TAGS}"),))
    return tuple(found.values())


def flag_of(text: str | None) -> Flag | None:
    if not text:
        return None
    try:
        return Flag(text)
    except ValueError as error:
        raise Invalid(f"{text!r} is no flag; these are: {', '.join(Flag)}.", (Fault("/flag", "no such flag"),)) from error
