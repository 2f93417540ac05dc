"""The door to the logbook for every protocol and page: read, write, undo, look at pictures."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from panmesh.access.artefact import Artefact
from panmesh.access.explain import explain
from panmesh.access.terms import State
from panmesh.access.viewer import Scope, Viewer
from panmesh.catalogue.notes import (
    About,
    AboutKind,
    Flag,
    Logbook,
    Mark,
    Note,
    NoteStore,
    NoteVersion,
    Pages,
    Picture,
    PictureStore,
    checked_tags,
    checked_text,
)
from panmesh.catalogue.search import SearchService
from panmesh.kernel.clock import Clock
from panmesh.kernel.errors import Conflict, Embargoed, Forbidden, NotFound, Unauthenticated

SENT_AGAIN_US = 120_000_000


class NoteService:
    def __init__(self, store: NoteStore, pictures: PictureStore, search: SearchService, clock: Clock) -> None:
        self._store = store
        self._pictures = pictures
        self._search = search
        self._clock = clock
        self._one_at_a_time = Lock()  # decoding takes memory

    def pages(self, viewer: Viewer, about: About) -> Pages:
        """Raises NotFound; Embargoed or Forbidden where the record may be known and its logbook may not be read."""
        _need_read(viewer)
        try:
            return self._store.pages(viewer, about, self._clock())
        except NotFound:
            self._check(viewer, about)  # says why, where they may know of it
            raise

    def note(self, viewer: Viewer, number: int) -> tuple[Note, tuple[NoteVersion, ...]]:
        _need_read(viewer)
        return self._store.note(viewer, number, self._clock())

    def add(self, viewer: Viewer, about: About, text: str, *, once: bool = False) -> Note:
        """`once`: the same words of the same person, just before, are this note: on a bad line a form is sent again."""
        self._check_writer(viewer, about)
        words, now_us = checked_text(text), self._clock()
        return self._store.add(viewer, about, words, now_us, since_us=now_us - SENT_AGAIN_US if once else None)

    def change(self, viewer: Viewer, number: int, text: str, revision: int) -> Note:
        _need_write(viewer)
        return self._store.change(viewer, number, checked_text(text), revision, self._clock())

    def delete(self, viewer: Viewer, number: int, revision: int) -> Note:
        _need_write(viewer)
        return self._store.change(viewer, number, None, revision, self._clock())

    def restore(self, viewer: Viewer, number: int, version: int, revision: int) -> Note:
        """The note as it was in that version; what came after it stays in the history."""
        _need_write(viewer)
        _, versions = self._store.note(viewer, number, self._clock())
        wanted = next((v for v in versions if v.number == version), None)
        if wanted is None:
            raise NotFound("This note has no such version.")
        if wanted.deleted:
            raise Conflict("In that version the note was deleted; delete it, or choose another.")
        return self._store.change(viewer, number, wanted.text, revision, self._clock())

    def set_mark(self, viewer: Viewer, about: About, flag: Flag | None, tags: Sequence[str], revision: int) -> Mark:
        """Raises Stale when `revision` is not the newest (0: there is none yet)."""
        self._check_writer(viewer, about)
        return self._store.set_mark(viewer, about, flag, checked_tags(tags), revision, self._clock())

    def logbook(
        self,
        viewer: Viewer,
        visit: str,
        *,
        flag: Flag | None = None,
        tag: str | None = None,
        offset: int = 0,
        limit: int = 100,
    ) -> Logbook:
        """Of the visit and of those of its runs whose logbook the viewer may read, in the order of time."""
        self._search.investigation(viewer, visit)
        return self._store.logbook(viewer, visit, self._clock(), flag=flag, tag=tag, offset=offset, limit=limit)

    def add_picture(self, viewer: Viewer, about: About, data: bytes) -> Picture:
        self._check_writer(viewer, about)
        self._store.may_add_picture(viewer, about, self._clock())
        with self._one_at_a_time:
            picture = self._pictures.keep(data)
        self._store.add_picture(viewer, about, picture, self._clock())
        return picture

    def picture(self, viewer: Viewer, about: About, name: str) -> bytes:
        self._check(viewer, about)
        self._store.picture(viewer, about, name, self._clock())
        return self._pictures.read(name)

    def _check_writer(self, viewer: Viewer, about: About) -> None:
        """Absent and hidden answer alike before anything else is said."""
        self._check(viewer, about)
        _need_write(viewer)

    def _check(self, viewer: Viewer, about: About) -> None:
        _need_read(viewer)
        if about.kind is AboutKind.DATASET:
            summary = self._search.get(viewer, about.pid).summary
            access, zone = summary.access, summary.facility_zone
        else:
            visit = self._search.investigation(viewer, about.pid)
            access, zone = visit.access, visit.facility_zone
        if Artefact.LOGBOOK in access.readable:
            return
        why = explain(access, zone, signed_in=viewer.user_id is not None)
        if access.state in (State.PLANNED, State.COLLECTING, State.EMBARGOED):
            raise Embargoed(why.sentence, why.opens)
        raise Forbidden(why.sentence)


def _need_read(viewer: Viewer) -> None:
    if Scope.READ not in viewer.scopes:
        raise Forbidden("Your token has not the scope 'read'.")


def _need_write(viewer: Viewer) -> None:
    if viewer.user_id is None and not viewer.operator:
        raise Unauthenticated()
    if Scope.WRITE not in viewer.scopes:
        raise Forbidden("Your token has not the scope 'write'.")
