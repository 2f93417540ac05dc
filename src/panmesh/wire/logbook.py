"""A visit's logbook taken home: as one Markdown text, and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

from panmesh.access.viewer import Viewer
from panmesh.catalogue.model import InvestigationView
from panmesh.catalogue.notes import About, AboutKind, Entry, Flag, Mark, Note
from panmesh.catalogue.noting import NoteService
from panmesh.kernel.clock import from_us, iso
from panmesh.wire.markdown import with_addresses

AT_ONCE = 500
_FOLDER = {AboutKind.DATASET: "datasets", AboutKind.INVESTIGATION: "investigations"}


def every_entry(notes: NoteService, viewer: Viewer, visit: str, *, flag: Flag | None, tag: str | None) -> Iterator[Entry]:
    offset = 0
    while True:
        book = notes.logbook(viewer, visit, flag=flag, tag=tag, offset=offset, limit=AT_ONCE)
        yield from book.entries
        offset += AT_ONCE
        if offset >= book.total:
            return


def as_markdown(visit: InvestigationView, entries: Iterable[Entry], base: str) -> str:
    parts = [f"# Logbook of {_plain(visit.title or visit.visit_id)}", f"{visit.visit_id} · <{base}/investigations/{visit.pid}>"]
    for entry in entries:
        local = from_us(entry.at_us).astimezone(ZoneInfo(visit.facility_zone))
        said = [f"{local:%Y-%m-%d %H:%M %Z}"]
        if entry.about.kind is AboutKind.DATASET:
            said.append(f"[{_plain(entry.title or entry.about.pid)}]({address(entry.about, base)})")
        said += [f"**{entry.mark.flag.value}**"] if entry.mark.flag else []
        said += [f"#{_plain(tag)}" for tag in entry.mark.tags]
        said += [entry.note.by] if entry.note else [entry.mark.by or ""]
        parts.append("## " + " · ".join(said))
        if entry.note is not None:
            parts.append(with_addresses(entry.note.text, lambda name, about=entry.about: picture_address(about, name, base)))  # type: ignore[misc]
    return "\n\n".join(parts) + "\n"


def as_plain(visit: InvestigationView, entries: Iterable[Entry], base: str) -> dict[str, Any]:
    return {
        "visit": visit.pid,
        "visit_id": visit.visit_id,
        "title": visit.title,
        "url": f"{base}/investigations/{visit.pid}",
        "entries": [entry_plain(entry, base) for entry in entries],
    }


def entry_plain(entry: Entry, base: str) -> dict[str, Any]:
    return {
        "at": iso(entry.at_us),
        "about": entry.about.pid,
        "kind": entry.about.kind.value,
        "title": entry.title,
        "start": iso(entry.start_us),
        "url": address(entry.about, base),
        "flag": entry.mark.flag.value if entry.mark.flag else None,
        "tags": list(entry.mark.tags),
        "note": note_plain(entry.note, base) if entry.note else None,
    }


def note_plain(note: Note, base: str) -> dict[str, Any]:
    return {
        "id": note.id,
        "about": note.about.pid,
        "kind": note.about.kind.value,
        "text": with_addresses(note.text, lambda name: picture_address(note.about, name, base)),
        "source": note.text,
        "revision": note.revision,
        "by": note.by,
        "at": iso(note.at_us),
        "edited": iso(note.edited_us),
        "edited_by": note.edited_by,
        "deleted": iso(note.deleted_us),
        "deleted_by": note.deleted_by,
        "may_change": note.may_change,
    }


def mark_plain(mark: Mark) -> dict[str, Any]:
    return {
        "flag": mark.flag.value if mark.flag else None,
        "tags": list(mark.tags),
        "revision": mark.revision,
        "by": mark.by,
        "at": iso(mark.at_us),
    }


def address(about: About, base: str) -> str:
    return f"{base}/{_FOLDER[about.kind]}/{about.pid}"


def picture_address(about: About, name: str, base: str) -> str:
    return f"{address(about, base)}/pictures/{name}"


def _plain(text: str) -> str:
    """Of a title within Markdown: its signs stay signs."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|" else c for c in " ".join(text.split()))
