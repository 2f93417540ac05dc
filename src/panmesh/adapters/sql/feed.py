"""The change feed as events: what one viewer may know of, with the predicate in the query; and openings, computed from the terms."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, text, true

from panmesh.access.artefact import Artefact
from panmesh.access.terms import AccessClass, State
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.permission import readable, state_label
from panmesh.adapters.sql.tables import change, dataset, instrument, investigation, set_aside, terms
from panmesh.catalogue.events import KIND_OF, LAST, MERGED, EventFilter, EventKind, Occurrence, Position

READ_FAILED = "read failed"
WINDOW = 10_000  # numbers of the feed in which a transaction may still be under way when a process begins to listen


class SqlFeed:
    """Implements `catalogue.events.Feed`."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._settled = _Settled(database)

    def head(self, now_us: int) -> Position:
        return Position(sequence=self._settled.upto(), opened_us=now_us, opened_id=LAST)

    def occurrences(
        self, viewer: Viewer, wanted: EventFilter, after: Position, upto: Position, now_us: int, limit: int
    ) -> Sequence[Occurrence]:
        changes = _changes(viewer, wanted, after, upto, now_us)
        openings = _openings(viewer, wanted, after, upto, now_us)
        with self._db.read() as connection:
            told = connection.execute(changes.limit(limit)).all() if changes is not None else []
            opened = connection.execute(openings.limit(limit)).all() if openings is not None else []
        return _in_order(told, opened, after)[:limit]


def _in_order(told: Sequence[Any], opened: Sequence[Any], after: Position) -> list[Occurrence]:
    """Two queues, each in its own order, by the instants at their heads."""
    found: list[Occurrence] = []
    here, t, o = after, 0, 0
    while t < len(told) or o < len(opened):
        if o == len(opened) or (t < len(told) and told[t].at_us <= opened[o].at_us):
            row, t = told[t], t + 1
            here = Position(sequence=row.sequence, opened_us=here.opened_us, opened_id=here.opened_id)
            merged = row.what.startswith(MERGED)
            found.append(
                Occurrence(
                    kind=EventKind.CORRECTED if merged else KIND_OF[row.what],
                    pid=row.pid,
                    at_us=row.at_us,
                    position=here,
                    gone=row.aside is not None,
                    into=row.into_pid if merged else None,
                )
            )
        else:
            row, o = opened[o], o + 1
            here = Position(sequence=here.sequence, opened_us=row.at_us, opened_id=row.id)
            found.append(Occurrence(kind=EventKind.OPENED, pid=row.pid, at_us=row.at_us, position=here))
    return found


def _changes(viewer: Viewer, wanted: EventFilter, after: Position, upto: Position, now_us: int) -> Select[Any] | None:
    """Of a run that was set aside, only that; under the terms it had before, for those who could know of it then."""
    kinds = wanted.kinds or frozenset(EventKind)
    there = [what for what, kind in KIND_OF.items() if kind in kinds and kind is not EventKind.WITHDRAWN]
    if not viewer.staff:
        there = [what for what in there if KIND_OF[what] is not EventKind.FAILED]
    aside: list[ColumnElement[bool]] = []
    if EventKind.WITHDRAWN in kinds:
        aside.append(and_(set_aside.c.what == "discarded", change.c.what == "discarded"))
    if EventKind.CORRECTED in kinds:
        aside.append(and_(set_aside.c.what == "merged", change.c.what == MERGED + set_aside.c.into_pid))
    if not there and not aside:
        return None
    full = readable(viewer, Artefact.FULL_METADATA, now_us)
    said = or_(and_(set_aside.c.dataset_id.is_(None), change.c.what.in_(there), or_(change.c.what != READ_FAILED, full)), *aside)
    return (
        select(
            change.c.sequence, change.c.at_us, change.c.pid, change.c.what, set_aside.c.what.label("aside"), set_aside.c.into_pid
        )
        .select_from(change)
        .join(dataset, dataset.c.pid == change.c.pid)
        .outerjoin(set_aside, set_aside.c.dataset_id == dataset.c.id)
        .join(terms, terms.c.id == func.coalesce(set_aside.c.terms_id, dataset.c.terms_id))
        .where(
            change.c.sequence > after.sequence,
            change.c.sequence <= upto.sequence,
            change.c.kind == "dataset",
            said,
            readable(viewer, Artefact.CORE_METADATA, now_us),
            _of(wanted),
        )
        .order_by(change.c.sequence)
    )


def opening() -> ColumnElement[int]:
    """Of a row of `terms`: the instant from which everybody may read the data, by the clock alone."""
    t = terms.c
    later = case((t.declassified_us > t.opens_us, t.declassified_us), else_=t.opens_us)
    return case((t.access == AccessClass.PROPRIETARY.value, later), else_=t.opens_us)


def _openings(viewer: Viewer, wanted: EventFilter, after: Position, upto: Position, now_us: int) -> Select[Any] | None:
    if wanted.kinds and EventKind.OPENED not in wanted.kinds:
        return None
    at = opening()
    return (
        select(at.label("at_us"), dataset.c.id, dataset.c.pid)
        .select_from(dataset)
        .join(terms, terms.c.id == dataset.c.terms_id)
        .where(
            terms.c.access.in_([AccessClass.PUBLIC.value, AccessClass.PROPRIETARY.value]),
            or_(at > after.opened_us, and_(at == after.opened_us, dataset.c.id > after.opened_id)),
            at <= upto.opened_us,
            at > dataset.c.created_us,  # else it came when it was open already
            state_label(now_us) == State.OPEN.value,
            readable(viewer, Artefact.CORE_METADATA, now_us),
            _of(wanted),
        )
        .order_by(at, dataset.c.id)
    )


def _of(wanted: EventFilter) -> ColumnElement[bool]:
    tests: list[ColumnElement[bool]] = [true()]
    if wanted.instruments:
        names = sorted(wanted.instruments)
        by_name = select(instrument.c.id).where(or_(instrument.c.pid.in_(names), instrument.c.instrument_key.in_(names)))
        tests.append(dataset.c.instrument_id.in_(by_name))
    if wanted.visits:
        visits = select(investigation.c.id).where(investigation.c.pid.in_(sorted(wanted.visits)))
        tests.append(dataset.c.investigation_id.in_(visits))
    return and_(*tests)


class _Settled:
    """The newest number of the feed below which no row is still to come.

    SQLite has one writer: numbers appear in their order. On PostgreSQL a number is taken before its transaction commits, so a
    number that is missing may come yet: it is waited for until everybody who could have taken it has finished. Whoever writes to
    the feed holds a lock on the table from before the number is taken until the end, and the server tells who does.
    """

    def __init__(self, database: Database) -> None:
        self._db = database
        self._alone = threading.Lock()
        self._upto: int | None = None
        self._suspects: frozenset[str] | None = None  # who wrote when numbers up to `_known` were missing
        self._known = 0

    def upto(self) -> int:
        if self._db.sqlite:
            return self._newest()
        with self._alone:
            if self._upto is None:
                self._upto = max(0, self._newest() - WINDOW)
            while self._step():
                pass
            return self._upto

    def _step(self) -> bool:
        """Whether to look again at once."""
        assert self._upto is not None
        writing = self._writers() if self._suspects is not None else frozenset()
        after = select(change.c.sequence).where(change.c.sequence > self._upto).order_by(change.c.sequence).limit(WINDOW)
        with self._db.read(fresh=True) as connection:  # after it was looked who writes
            there = connection.execute(after).scalars().all()
        for number in there:
            if number > self._upto + 1 and (number > self._known or self._suspects is None or writing & self._suspects):
                if self._suspects is None or not writing & self._suspects:
                    self._suspects, self._known = self._writers(), there[-1]
                    return not self._suspects
                return False
            self._upto = number
        self._suspects = None
        return len(there) == WINDOW

    def _newest(self) -> int:
        with self._db.read(fresh=True) as connection:
            return connection.execute(select(func.max(change.c.sequence))).scalar() or 0

    def _writers(self) -> frozenset[str]:
        query = text(
            "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND relation = 'change'::regclass"
        )
        with self._db.read(fresh=True) as connection:
            return frozenset(connection.execute(query).scalars())
