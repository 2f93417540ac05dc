"""Flags and tags of runs and visits in SQL. The caller has made sure that the viewer may read what they are of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, delete, func, or_, select, update

from panmesh.access.artefact import Artefact
from panmesh.access.editing_policy import A_PERSON
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.note_tables import mark, mark_tag, mark_version
from panmesh.adapters.sql.permission import readable_terms
from panmesh.adapters.sql.tables import dataset, investigation, pid
from panmesh.catalogue.notes import About, Flag, Mark, MarkVersion
from panmesh.kernel.errors import Stale
from panmesh.kernel.text import fold

SUGGESTED = 20


def mark_of(
    connection: Connection, about: About, pids: Select[tuple[str]], *, named: bool
) -> tuple[Mark, tuple[MarkVersion, ...]]:
    """Its own, and what it was, the newest first; of a run that others were merged into and that has none, the newest of theirs."""
    row = _row(connection, about, pids)
    if row is None:
        return Mark(), ()
    mark_now = as_mark(row, tags_of(connection, [row.id]).get(row.id, ()), named=named)
    return mark_now, _history(connection, row, named=named)


def _history(connection: Connection, row: Any, *, named: bool) -> tuple[MarkVersion, ...]:
    query = select(mark_version).where(mark_version.c.mark_id == row.id).order_by(mark_version.c.number.desc()).limit(50)
    return tuple(
        MarkVersion(
            number=v.number,
            flag=Flag(v.flag) if v.flag else None,
            tags=tuple(json.loads(v.tags_json)),
            by=v.by if named else A_PERSON,
            at_us=v.at_us,
        )
        for v in connection.execute(query)
    )


def set_mark(
    connection: Connection,
    viewer: Viewer,
    about: About,
    pids: Select[tuple[str]],
    flag: Flag | None,
    tags: Sequence[str],
    revision: int,
    now_us: int,
) -> Mark:
    """The caller holds the lock of this mark. Raises Stale."""
    row = _row(connection, about, pids)
    current = 0 if row is None else row.revision
    if current != revision:
        raise Stale("Flag or tags have changed since you read them; read them again.", str(current))
    login = viewer.login or viewer.name
    said: dict[str, Any] = {"flag": flag.value if flag else None, "revision": revision + 1}
    said |= {"by": login, "by_name": viewer.name, "at_us": now_us}
    if row is None or row.about != about.pid:  # what a merged run brought stays its own, for when the merge is undone
        made = {"about": about.pid, "about_kind": about.kind.value} | said
        number = connection.execute(mark.insert().returning(mark.c.id), made).scalar_one()
    else:
        number = row.id
        connection.execute(update(mark).where(mark.c.id == number).values(**said))
    connection.execute(delete(mark_tag).where(mark_tag.c.mark_id == number))
    if tags:
        rows = [{"mark_id": number, "tag": tag, "tag_folded": fold(tag), "position": i} for i, tag in enumerate(tags)]
        connection.execute(mark_tag.insert(), rows)
    version = {"mark_id": number, "number": revision + 1, "flag": said["flag"], "tags_json": json.dumps(list(tags))}
    connection.execute(mark_version.insert(), version | {"by": login, "at_us": now_us})
    return Mark(flag=flag, tags=tuple(tags), revision=revision + 1, by=viewer.name, at_us=now_us)


def tags_in_use(connection: Connection, viewer: Viewer, investigation_id: int | None, now_us: int) -> tuple[str, ...]:
    """In the visit and in those of its runs whose logbook the viewer may read, the most frequent first."""
    if investigation_id is None:
        return ()
    may = readable_terms(viewer, Artefact.LOGBOOK, now_us)
    runs = (
        select(pid.c.pid)
        .join(dataset, dataset.c.pid == pid.c.concept)
        .where(dataset.c.investigation_id == investigation_id, dataset.c.terms_id.in_(may))
    )
    visit = select(investigation.c.pid).where(investigation.c.id == investigation_id, investigation.c.terms_id.in_(may))
    query = (
        select(func.min(mark_tag.c.tag).label("tag"))
        .join(mark, mark.c.id == mark_tag.c.mark_id)
        .where(or_(mark.c.about.in_(runs), mark.c.about.in_(visit)))
        .group_by(mark_tag.c.tag_folded)
        .order_by(func.count().desc(), mark_tag.c.tag_folded)
        .limit(SUGGESTED)
    )
    return tuple(connection.execute(query).scalars())


def tags_of(connection: Connection, numbers: Sequence[int]) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    for begin in range(0, len(numbers), 500):
        some = numbers[begin : begin + 500]
        query = select(mark_tag).where(mark_tag.c.mark_id.in_(some)).order_by(mark_tag.c.mark_id, mark_tag.c.position)
        for row in connection.execute(query):
            found[row.mark_id] = (*found.get(row.mark_id, ()), row.tag)
    return found


def as_mark(row: Any, tags: tuple[str, ...], *, named: bool) -> Mark:
    flag = Flag(row.flag) if row.flag else None
    return Mark(flag=flag, tags=tags, revision=row.revision, by=row.by_name if named else A_PERSON, at_us=row.at_us)


def _row(connection: Connection, about: About, pids: Select[tuple[str]]) -> Any:
    query = select(mark).where(mark.c.about.in_(pids)).order_by((mark.c.about == about.pid).desc(), mark.c.at_us.desc())
    return connection.execute(query.limit(1)).first()
