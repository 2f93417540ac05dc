"""A row of a note as a value, for one reader."""

from __future__ import annotations

from typing import Any

from panmesh.access.editing_policy import A_PERSON, sees_editors
from panmesh.access.logbook_policy import may_change_note
from panmesh.access.terms import Terms
from panmesh.access.viewer import Viewer
from panmesh.catalogue.notes import About, Note


def note_of(row: Any, about: About, viewer: Viewer, held: Terms, now_us: int) -> Note:
    named = sees_editors(viewer, held)
    may_change = may_change_note(viewer, held, row.by, now_us)
    return Note(
        id=row.id,
        about=about,
        text=row.text if row.deleted_us is None or may_change else "",
        revision=row.revision,
        by=row.by_name if named else A_PERSON,
        at_us=row.at_us,
        edited_us=row.edited_us,
        edited_by=row.edited_by if named or row.edited_by is None else A_PERSON,
        deleted_us=row.deleted_us,
        deleted_by=row.deleted_by if named or row.deleted_by is None else A_PERSON,
        may_change=may_change,
    )
