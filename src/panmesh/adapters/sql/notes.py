"""The logbook in SQL: the permission predicate of the LOGBOOK artefact is part of every statement that reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, literal, select, update

from panmesh.access.artefact import Artefact
from panmesh.access.editing_policy import sees_editors
from panmesh.access.logbook_policy import may_change_note, may_write_logbook
from panmesh.access.terms import Terms
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql import marks
from panmesh.adapters.sql.audit import write_audit
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.logbook import read_logbook
from panmesh.adapters.sql.note_shapes import note_of
from panmesh.adapters.sql.note_tables import note, note_version, picture
from panmesh.adapters.sql.permission import readable, terms_of
from panmesh.adapters.sql.tables import dataset, investigation, pid, terms
from panmesh.catalogue.notes import (
    MAX_PICTURES,
    About,
    AboutKind,
    Flag,
    Logbook,
    Mark,
    Note,
    NoteVersion,
    Pages,
    Picture,
)
from panmesh.kernel.errors import Conflict, Forbidden, NotFound, QuotaExceeded, Stale
from panmesh.kernel.text import storable

ONLY_WRITERS = "The team of the experiment and the instrument's staff may write here."


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A run or visit whose logbook the viewer may read."""

    about: About  # under its present pid
    terms: Terms
    investigation_id: int | None

    @property
    def pids(self) -> Select[tuple[str]]:
        """All under which it was ever known: what was merged into it brought its notes along."""
        if self.about.kind is AboutKind.INVESTIGATION:
            return select(literal(self.about.pid))
        return select(pid.c.pid).where(pid.c.concept == self.about.pid)


class SqlNotes:
    """Implements `catalogue.notes.NoteStore`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def pages(self, viewer: Viewer, about: About, now_us: int) -> Pages:
        with self._db.read() as connection:
            subject = find_subject(connection, viewer, about, now_us)
            rows = connection.execute(select(note).where(note.c.about.in_(subject.pids)).order_by(note.c.at_us, note.c.id))
            notes = [note_of(row, subject.about, viewer, subject.terms, now_us) for row in rows]
            named = sees_editors(viewer, subject.terms)
            mark, was = marks.mark_of(connection, subject.about, subject.pids, named=named)
            return Pages(
                notes=tuple(one for one in notes if one.deleted_us is None or one.may_change),
                mark=mark,
                mark_history=was,
                tags_in_use=marks.tags_in_use(connection, viewer, subject.investigation_id, now_us),
                may_write=may_write_logbook(viewer, subject.terms, now_us),
            )

    def note(self, viewer: Viewer, number: int, now_us: int) -> tuple[Note, tuple[NoteVersion, ...]]:
        with self._db.read() as connection:
            row, subject = _find(connection, viewer, number, now_us)
            one = note_of(row, subject.about, viewer, subject.terms, now_us)
            if not one.may_change:
                return one, ()
            query = select(note_version).where(note_version.c.note_id == number).order_by(note_version.c.number.desc())
            versions = connection.execute(query).all()
        return one, tuple(NoteVersion(number=v.number, text=v.text, deleted=v.deleted, by=v.by, at_us=v.at_us) for v in versions)

    def add(self, viewer: Viewer, about: About, text: str, now_us: int, *, since_us: int | None = None) -> Note:
        with self._db.write() as connection:
            subject = _writable(connection, viewer, about, now_us)
            login = viewer.login or viewer.name
            if since_us is not None and (row := _said_already(connection, subject.about.pid, login, text, since_us)) is not None:
                return note_of(row, subject.about, viewer, subject.terms, now_us)
            made = {"about": subject.about.pid, "about_kind": about.kind.value, "text": text, "revision": 1}
            made |= {"by": login, "by_name": viewer.name, "at_us": now_us}
            number = connection.execute(note.insert().returning(note.c.id), made).scalar_one()
            _keep_version(connection, number, 1, text, False, login, now_us)
            write_audit(connection, viewer, "note added", subject.about.pid, now_us, note=number)
            row = connection.execute(select(note).where(note.c.id == number)).one()
            return note_of(row, subject.about, viewer, subject.terms, now_us)

    def change(self, viewer: Viewer, number: int, text: str | None, revision: int, now_us: int) -> Note:
        with self._db.write() as connection:
            row, subject = _find(connection, viewer, number, now_us)
            if not may_change_note(viewer, subject.terms, row.by, now_us):
                raise Forbidden("Whoever wrote this note, the principal investigator and the instrument's staff may change it.")
            if text is None and row.deleted_us is not None:
                raise Conflict("This note is deleted already.")
            login = viewer.login or viewer.name
            values: dict[str, Any] = {"revision": revision + 1, "deleted_us": None, "deleted_by": None}
            if text is None:
                values |= {"deleted_us": now_us, "deleted_by": login}
            else:
                values |= {"text": text}
                if text != row.text:
                    values |= {"edited_us": now_us, "edited_by": login}
            done = connection.execute(update(note).where(note.c.id == number, note.c.revision == revision).values(**values))
            if done.rowcount != 1:
                raise Stale("The note has changed since you read it; read it again.", str(row.revision))
            _keep_version(connection, number, revision + 1, row.text if text is None else text, text is None, login, now_us)
            what = "note deleted" if text is None else "note changed"
            write_audit(connection, viewer, what, subject.about.pid, now_us, note=number)
            changed = connection.execute(select(note).where(note.c.id == number)).one()
            return note_of(changed, subject.about, viewer, subject.terms, now_us)

    def set_mark(self, viewer: Viewer, about: About, flag: Flag | None, tags: Sequence[str], revision: int, now_us: int) -> Mark:
        with self._db.write() as connection:
            subject = _writable(connection, viewer, about, now_us)
            self._db.lock(connection, f"mark {subject.about.pid}")
            made = marks.set_mark(connection, viewer, subject.about, subject.pids, flag, tags, revision, now_us)
            write_audit(connection, viewer, "marked", subject.about.pid, now_us, flag=flag, tags=list(tags))
            return made

    def logbook(
        self, viewer: Viewer, visit: str, now_us: int, *, flag: Flag | None, tag: str | None, offset: int, limit: int
    ) -> Logbook:
        with self._db.read() as connection:
            return read_logbook(connection, viewer, visit, now_us, flag=flag, tag=tag, offset=offset, limit=limit)

    def may_add_picture(self, viewer: Viewer, about: About, now_us: int) -> None:
        with self._db.read() as connection:
            subject = _writable(connection, viewer, about, now_us)
            query = select(func.count()).select_from(picture).where(picture.c.about == subject.about.pid)
            used = connection.execute(query).scalar_one()
        if used >= MAX_PICTURES:
            raise QuotaExceeded(f"There are {used} pictures here already, and no more fit.", MAX_PICTURES, used)

    def add_picture(self, viewer: Viewer, about: About, new: Picture, now_us: int) -> None:
        with self._db.write() as connection:
            subject = _writable(connection, viewer, about, now_us)
            self._db.lock(connection, f"pictures {subject.about.pid}")
            there = select(picture.c.id).where(picture.c.about == subject.about.pid, picture.c.name == new.name)
            if connection.execute(there).first() is not None:
                return
            row = {"about": subject.about.pid, "about_kind": about.kind.value, "name": new.name, "width": new.width}
            row |= {"height": new.height, "size": new.size, "by": viewer.login or viewer.name, "at_us": now_us}
            connection.execute(picture.insert(), row)
            write_audit(connection, viewer, "picture added", subject.about.pid, now_us, name=new.name)

    def picture(self, viewer: Viewer, about: About, name: str, now_us: int) -> None:
        with self._db.read() as connection:
            subject = find_subject(connection, viewer, about, now_us)
            found = select(picture.c.id).where(picture.c.about.in_(subject.pids), picture.c.name == storable(name))
            if connection.execute(found).first() is None:
                raise NotFound()


def find_subject(connection: Connection, viewer: Viewer, about: About, now_us: int) -> Subject:
    """One statement, whether it is hidden or absent. Raises NotFound."""
    may = readable(viewer, Artefact.LOGBOOK, now_us)
    if about.kind is AboutKind.DATASET:
        named = select(pid.c.concept).where(pid.c.pid == storable(about.pid))
        query = (
            select(dataset.c.pid, dataset.c.investigation_id, terms)
            .join(terms, terms.c.id == dataset.c.terms_id)
            .where(dataset.c.pid.in_(named), may)
        )
    else:
        query = (
            select(investigation.c.pid, investigation.c.id.label("investigation_id"), terms)
            .join(terms, terms.c.id == investigation.c.terms_id)
            .where(investigation.c.pid == storable(about.pid), may)
        )
    row = connection.execute(query).first()
    if row is None:
        raise NotFound()
    found = row._mapping
    held = terms_of({name: found[name] for name in terms.c.keys()})
    return Subject(about=About(kind=about.kind, pid=row.pid), terms=held, investigation_id=row.investigation_id)


def _writable(connection: Connection, viewer: Viewer, about: About, now_us: int) -> Subject:
    subject = find_subject(connection, viewer, about, now_us)
    if not may_write_logbook(viewer, subject.terms, now_us):
        raise Forbidden(ONLY_WRITERS)
    return subject


def _find(connection: Connection, viewer: Viewer, number: int, now_us: int) -> tuple[Any, Subject]:
    """A note that the viewer may read; one that is deleted, only if they may bring it back. Raises NotFound."""
    row = connection.execute(select(note).where(note.c.id == number)).first()
    if row is None:
        raise NotFound()
    subject = find_subject(connection, viewer, About(kind=AboutKind(row.about_kind), pid=row.about), now_us)
    if row.deleted_us is not None and not may_change_note(viewer, subject.terms, row.by, now_us):
        raise NotFound()
    return row, subject


def _said_already(connection: Connection, about: str, login: str, text: str, since_us: int) -> Any:
    """The newest note here, if it says the same and is theirs."""
    newest = select(note).where(note.c.about == about).order_by(note.c.id.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    same = row is not None and (row.by, row.text, row.deleted_us) == (login, text, None) and row.at_us >= since_us
    return row if same else None


def _keep_version(connection: Connection, number: int, revision: int, text: str, deleted: bool, login: str, now_us: int) -> None:
    row = {"note_id": number, "number": revision, "text": text, "deleted": deleted, "by": login, "at_us": now_us}
    connection.execute(note_version.insert(), row)
