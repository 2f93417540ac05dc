"""A visit's logbook in SQL: what was written of the visit and of its runs, in the order of time, each under its own terms."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from panmesh.access.artefact import Artefact
from panmesh.access.editing_policy import sees_editors
from panmesh.access.terms import Terms
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql import marks
from panmesh.adapters.sql.note_shapes import note_of
from panmesh.adapters.sql.note_tables import mark, note
from panmesh.adapters.sql.permission import readable, terms_of
from panmesh.adapters.sql.tables import dataset, investigation, pid, terms
from panmesh.catalogue.notes import About, AboutKind, Entry, Flag, Logbook, Mark
from panmesh.kernel.text import fold, storable


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The visit, or one of its runs, with what every entry of it says."""

    about: About
    title: str | None
    start_us: int | None
    has_plot: bool
    terms_id: int
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """An entry before its text is read."""

    at_us: int
    note_id: int | None
    place: _Place


def read_logbook(
    connection: Connection,
    viewer: Viewer,
    visit: str,
    now_us: int,
    *,
    flag: Flag | None,
    tag: str | None,
    offset: int,
    limit: int,
) -> Logbook:
    held: dict[int, Terms] = {}
    places = _places(connection, viewer, visit, now_us, held)
    lines = _lines(connection, places)
    flags, tags = _counted(lines)
    wanted = [line for line in lines if _fits(line.place.mark, flag, tag)]
    shown = wanted[offset : offset + limit]
    texts = _texts(connection, [line.note_id for line in shown if line.note_id is not None])
    entries = tuple(_entry(line, texts, held, viewer, now_us) for line in shown)
    return Logbook(entries=entries, total=len(wanted), offset=offset, limit=limit, flags=flags, tags=tags)


def _places(connection: Connection, viewer: Viewer, visit: str, now_us: int, held: dict[int, Terms]) -> dict[str, _Place]:
    """By every pid under which they were ever known."""
    may = readable(viewer, Artefact.LOGBOOK, now_us)
    of_terms = [c.label(f"terms_{c.name}") for c in terms.c]
    itself = (
        select(investigation.c.pid.label("known"), investigation.c.pid.label("pid"), *of_terms)
        .join(terms, terms.c.id == investigation.c.terms_id)
        .where(investigation.c.pid == storable(visit), may)
    )
    runs = (
        select(pid.c.pid.label("known"), dataset.c.pid, dataset.c.title, dataset.c.start_us, dataset.c.has_plot, *of_terms)
        .select_from(dataset)
        .join(investigation, investigation.c.id == dataset.c.investigation_id)
        .join(terms, terms.c.id == dataset.c.terms_id)
        .join(pid, pid.c.concept == dataset.c.pid)
        .where(investigation.c.pid == storable(visit), may, _written(pid.c.pid))
    )
    found: dict[str, tuple[Row[Any], About]] = {}
    for kind, query in ((AboutKind.INVESTIGATION, itself), (AboutKind.DATASET, runs)):
        for row in connection.execute(query):
            found[row.known] = row, About(kind=kind, pid=row.pid)
            held[row.terms_id] = terms_of({c.name: row._mapping[f"terms_{c.name}"] for c in terms.c})
    said = _marks(connection, found, viewer, held)
    return {known: _place(row, about, said.get(about.pid, Mark())) for known, (row, about) in found.items()}


def _written(known: Any) -> Any:
    """Runs of which something was written: a visit has thousands, and few are spoken of."""
    return known.in_(select(note.c.about).union(select(mark.c.about)))


def _place(row: Row[Any], about: About, said: Mark) -> _Place:
    run = about.kind is AboutKind.DATASET
    return _Place(
        about=about,
        title=row.title if run else None,
        start_us=row.start_us if run else None,
        has_plot=bool(run and row.has_plot),
        terms_id=row.terms_id,
        mark=said,
    )


def _marks(
    connection: Connection, found: dict[str, tuple[Row[Any], About]], viewer: Viewer, held: dict[int, Terms]
) -> dict[str, Mark]:
    """By the present pid: its own, else the newest of what was merged into it."""
    rows = [row for some in _blocks(list(found)) for row in connection.execute(select(mark).where(mark.c.about.in_(some)))]
    tags = marks.tags_of(connection, [row.id for row in rows])
    rows.sort(key=lambda row: (row.about == found[row.about][1].pid, row.at_us))
    return {
        found[row.about][1].pid: marks.as_mark(
            row, tags.get(row.id, ()), named=sees_editors(viewer, held[found[row.about][0].terms_id])
        )
        for row in rows
    }


def _lines(connection: Connection, places: dict[str, _Place]) -> list[_Line]:
    lines: list[_Line] = []
    for some in _blocks(list(places)):
        query: Select[Any] = select(note.c.id, note.c.about, note.c.at_us).where(
            note.c.about.in_(some), note.c.deleted_us.is_(None)
        )
        lines += [_Line(at_us=r.at_us, note_id=r.id, place=places[r.about]) for r in connection.execute(query)]
    spoken = {line.place.about.pid for line in lines}
    silent = {p.about.pid: p for p in places.values() if p.about.pid not in spoken and (p.mark.flag or p.mark.tags)}
    lines += [_Line(at_us=place.mark.at_us or 0, note_id=None, place=place) for place in silent.values()]
    return sorted(lines, key=lambda line: (line.at_us, line.note_id or 0, line.place.about.pid))


def _counted(lines: list[_Line]) -> tuple[tuple[tuple[Flag, int], ...], tuple[tuple[str, int], ...]]:
    flags = Counter(line.place.mark.flag for line in lines if line.place.mark.flag is not None)
    spelled: dict[str, str] = {}
    tags: Counter[str] = Counter()
    for line in lines:
        for tag in line.place.mark.tags:
            spelled.setdefault(fold(tag), tag)
            tags[fold(tag)] += 1
    by_number = sorted(tags.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple((flag, flags[flag]) for flag in Flag if flags[flag]), tuple((spelled[tag], n) for tag, n in by_number)


def _fits(said: Mark, flag: Flag | None, tag: str | None) -> bool:
    return (flag is None or said.flag is flag) and (tag is None or fold(tag) in {fold(one) for one in said.tags})


def _texts(connection: Connection, numbers: list[int]) -> dict[int, Any]:
    return {row.id: row for some in _blocks(numbers) for row in connection.execute(select(note).where(note.c.id.in_(some)))}


def _entry(line: _Line, texts: dict[int, Any], held: dict[int, Terms], viewer: Viewer, now_us: int) -> Entry:
    place = line.place
    written = texts.get(line.note_id) if line.note_id is not None else None
    return Entry(
        about=place.about,
        at_us=line.at_us,
        title=place.title,
        start_us=place.start_us,
        has_plot=place.has_plot,
        mark=place.mark,
        note=note_of(written, place.about, viewer, held[place.terms_id], now_us) if written is not None else None,
    )


def _blocks(values: list[Any]) -> list[list[Any]]:
    """As many at a time as a statement takes parameters."""
    return [values[begin : begin + 500] for begin in range(0, len(values), 500)]
