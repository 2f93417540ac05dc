"""Lists for harvesters, kept: by the change feed and by the clock, in rounds; everything is looked at again now and then."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, insert, select, tuple_, update

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.dialects import insert_many, update_many
from panmesh.adapters.sql.feed import SqlFeed
from panmesh.adapters.sql.harvest_leaving import leave
from panmesh.adapters.sql.harvest_subjects import TABLE_OF, holding, next_ids, proposals_of, subjects
from panmesh.adapters.sql.harvest_tables import (
    ANEW,
    anew,
    harvest_item,
    harvest_listing,
    harvest_past,
    harvest_round,
    harvest_set,
)
from panmesh.adapters.sql.releases import RELEASE, keep_document_dois, keep_terms
from panmesh.adapters.sql.tables import change, dataset
from panmesh.catalogue.events import BYTES, QUIET
from panmesh.kernel.clock import DAY_US, Clock
from panmesh.publication.harvesting import EVERYTHING, WHOLE, Condition, ItemKind, Standing, ancestors, standing

PIECE = 1_000  # subjects looked at in one transaction
SWEEP_US = DAY_US
KEPT_US = 7 * DAY_US  # how long a harvest may last
_KINDS = list(TABLE_OF)
_SWEEP = f"{_KINDS[0].value}:0"  # what `harvest_round.sweeping` begins with
_EMPTIED = {"past": harvest_past, "listing": harvest_listing}  # when the lists are made anew
_AFTER = {"past": "listing", "listing": "0"}  # then from the first item on
ROWS = 10_000  # of these, taken away in one transaction
_WOKEN = 0  # instead of an instant: what is told of it changed
_MOVED = ("stamp_s", "condition", "sets", "next_us", "unwritten")


class SqlHarvestUpkeep:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._feed = SqlFeed(database)
        self._clock = clock

    def renew(self, go_on: Callable[[], bool] = lambda: True) -> int:
        """Until everything that is committed and due is in the lists; how many places changed. Between two pieces `go_on` is asked, so that
        others write meanwhile: no leads to the end, and the next time goes on from there."""
        changed = 0
        while self._begun():
            found, more = self._round()
            changed += found
            if not more or not go_on():
                return changed
        return changed

    def sweep(self) -> None:
        """Look at everything again with the next rounds: what the feed did not tell of is found, datestamps move only where something changed."""
        with self._db.write() as connection:
            self._db.lock(connection, "harvest")
            if not anew(connection.execute(select(harvest_round)).one()):  # which ends with the same
                connection.execute(update(harvest_round).values(sweeping=_SWEEP))

    def rebuild(self, go_on: Callable[[], bool] = lambda: True) -> None:
        """Make the lists anew from the items, and look at everything again: what was told stays told, with its datestamp. Harvesters are
        asked to come back until it is done. In pieces, as `renew`, which goes on with it wherever it stopped."""
        with self._db.write() as connection:
            self._db.lock(connection, "harvest")
            state = connection.execute(select(harvest_round)).one()
            connection.execute(
                update(harvest_round).values(forgot=state.number, marks="[]", sweeping=f"{ANEW}{next(iter(_EMPTIED))}")
            )
        while anew(self._state()):
            self._round()
            if not go_on():
                return

    def _state(self) -> Any:
        with self._db.read() as connection:
            return connection.execute(select(harvest_round)).first()

    def _begun(self) -> bool:
        """The first row of all, with the place in the feed from which changes count."""
        state = self._state()
        if state is None:
            now_us = self._clock()
            first = {
                "id": 1,
                "number": 0,
                "at_us": now_us,
                "sequence": self._feed.head(now_us).sequence,
                "built": False,
                "forgot": 0,
                "marks": "[]",
            }
            with self._db.write() as connection:
                self._db.lock(connection, "harvest")
                if connection.execute(select(harvest_round)).first() is None:
                    connection.execute(insert(harvest_round).values(**first, sweeping=_SWEEP))
        elif state.sweeping is None and self._clock() - (state.swept_us or 0) > SWEEP_US:
            self.sweep()
        return True

    def _round(self) -> tuple[int, bool]:
        """One transaction; how many places changed, and whether to go on."""
        upto = self._feed.head(self._clock()).sequence
        if not self._anything(upto):
            return 0, False
        with self._db.write() as connection:
            self._db.lock(connection, "harvest")
            state = connection.execute(select(harvest_round)).one()
            if anew(state):
                connection.execute(update(harvest_round).values(sweeping=_made_anew(connection, state)))
                return 0, True
            now_us = max(self._clock(), state.at_us)  # stamps never go back
            one = _Round(connection, state.number + 1, now_us, first=not state.built)
            told = _told(connection, state.sequence, upto)
            following: dict[str, Any] = {"sequence": told[-1].sequence if told else state.sequence}
            one.follow(told)
            due = one.due()
            if state.sweeping is not None:
                following |= one.sweep(state.sweeping, now_us)
                if following["sweeping"] is None:
                    following |= one.forget(json.loads(state.marks))
            connection.execute(update(harvest_round).values(number=one.number, at_us=now_us, **following))
        more = len(told) == PIECE or due == PIECE or following.get("sweeping") is not None
        return one.changed, more

    def _anything(self, upto: int) -> bool:
        with self._db.read() as connection:
            state = connection.execute(select(harvest_round)).one()
            due = select(harvest_item.c.id).where(harvest_item.c.next_us <= self._clock()).limit(1)
            return state.sweeping is not None or upto > state.sequence or connection.execute(due).first() is not None


def _made_anew(connection: Connection, state: Any) -> str:
    """The next piece of making the lists anew: how `sweeping` goes on."""
    here = state.sweeping.removeprefix(ANEW)
    if here in _EMPTIED:
        return f"{ANEW}{_AFTER[here] if _emptied(connection, _EMPTIED[here]) else here}"
    last = _Round(connection, state.number, state.at_us, first=False).relist(int(here))
    return _SWEEP if last is None else f"{ANEW}{last}"


def _emptied(connection: Connection, table: Table) -> bool:
    """Takes away a piece of the rows; whether those were all."""
    key = list(table.primary_key.columns)
    last = connection.execute(select(*key).order_by(*key).offset(ROWS - 1).limit(1)).first()
    if last is None:
        connection.execute(delete(table))
    else:
        connection.execute(delete(table).where(tuple_(*key) <= tuple_(*last)))
    return last is None


def _told(connection: Connection, after: int, upto: int) -> Sequence[Any]:
    c = change.c
    return connection.execute(
        select(change).where(c.sequence > after, c.sequence <= upto).order_by(c.sequence).limit(PIECE)
    ).all()


class _Round:
    def __init__(self, connection: Connection, number: int, now_us: int, *, first: bool) -> None:
        self.number = number
        self.changed = 0
        self._c = connection
        self._now_us = now_us
        self._first = first
        self._sets: dict[str, int] = {r.spec: r.id for r in connection.execute(select(harvest_set))}

    def follow(self, told: Sequence[Any]) -> None:
        pids: dict[str, set[str]] = defaultdict(set)
        for row in told:
            if row.what not in QUIET:
                pids[row.kind].add(row.pid)
        for kind, t in TABLE_OF.items():
            wanted = sorted(pids[RELEASE if kind is ItemKind.COLLECTION else kind.value])
            ids = list(self._c.execute(select(t.c.id).where(t.c.pid.in_(wanted))).scalars()) if wanted else []
            self._look(kind, ids, changed=frozenset(ids))
            if kind is ItemKind.INVESTIGATION and ids:
                self._wake(dataset.c.investigation_id.in_(ids))
                self._look_at_proposals(ids)
            elif kind is ItemKind.DATASET and ids:
                self._look_at_releases(dataset.c.id.in_(ids))
                self._look_at_visits([row.pid for row in told if row.kind == kind.value and row.what not in QUIET | BYTES])
        keep_document_dois(self._c, sorted(pids[RELEASE]))
        if pids["terms"]:  # by their number
            numbers = [int(number) for number in pids["terms"] if number.isdecimal()]
            self._wake(dataset.c.terms_id.in_(numbers))
            self._look_at_releases(dataset.c.terms_id.in_(numbers))
            visits = TABLE_OF[ItemKind.INVESTIGATION]
            ids = list(self._c.execute(select(visits.c.id).where(visits.c.terms_id.in_(numbers))).scalars())
            self._look(ItemKind.INVESTIGATION, ids)
            self._look_at_proposals(ids)

    def due(self) -> int:
        c = harvest_item.c
        rows = self._c.execute(
            select(c.kind, c.subject_id, c.next_us).where(c.next_us <= self._now_us).order_by(c.next_us).limit(PIECE)
        ).all()
        by_kind: dict[str, dict[int, int]] = defaultdict(dict)
        for row in rows:
            by_kind[row.kind][row.subject_id] = row.next_us
        for kind, due in by_kind.items():
            of_parts = kind in (
                ItemKind.COLLECTION,
                ItemKind.PROPOSAL,
            )  # what is told of them says what there is of runs, of visits
            changed = frozenset(number for number, next_us in due.items() if of_parts or next_us == _WOKEN)
            self._look(ItemKind(kind), list(due), changed=changed)
        return len(rows)

    def sweep(self, here: str, now_us: int) -> dict[str, Any]:
        """The next piece; how the round's row goes on."""
        name, _, after = here.partition(":")
        ids = next_ids(self._c, ItemKind(name), int(after), PIECE)
        self._look(ItemKind(name), ids)
        if len(ids) == PIECE:
            return {"sweeping": f"{name}:{ids[-1]}"}
        place = _KINDS.index(ItemKind(name)) + 1
        if place < len(_KINDS):
            return {"sweeping": f"{_KINDS[place].value}:0"}
        return {"sweeping": None, "built": True, "swept_us": now_us}

    def forget(self, marks: list[list[int]]) -> dict[str, Any]:
        """Former places that no harvest asks for any more; `marks`: number and instant of a round of each day."""
        old = [number for number, at_us in marks if at_us < self._now_us - KEPT_US]
        kept = [mark for mark in marks if mark[0] not in old[:-1]] + [[self.number, self._now_us]]
        if old:
            self._c.execute(delete(harvest_past).where(harvest_past.c.went <= old[-1]))
        return {"marks": json.dumps(kept)} | ({"forgot": old[-1]} if old else {})

    def relist(self, after: int) -> int | None:
        """The next piece of items, put in their lists; the last of them, or None where there were no more."""
        c = harvest_item.c
        rows = self._c.execute(select(harvest_item).where(c.id > after).order_by(c.id).limit(PIECE)).all()
        self._list([(row.id, dict(row._mapping)) for row in rows])
        return rows[-1].id if rows else None

    def _wake(self, which: Any) -> None:
        """Datasets looked at with the next pieces, since what is told of them changed with what is around them (people, day of opening,
        title and DOI of their visit): there may be very many."""
        subject = select(dataset.c.id).where(which)
        mine = and_(harvest_item.c.kind == ItemKind.DATASET.value, harvest_item.c.subject_id.in_(subject))
        self._c.execute(update(harvest_item).where(mine).values(next_us=_WOKEN))

    def _look_at_releases(self, datasets: Any) -> None:
        """Those that hold one of these: they tell of their runs."""
        ids = holding(self._c, datasets)
        keep_terms(self._c, ids, self._now_us)
        for begin in range(0, len(ids), PIECE):
            self._look(ItemKind.COLLECTION, ids[begin : begin + PIECE], changed=frozenset(ids))

    def _look_at_proposals(self, visits: Sequence[int]) -> None:
        """Those of these visits: they tell of nothing else."""
        ids = proposals_of(self._c, visits)
        self._look(ItemKind.PROPOSAL, ids, changed=frozenset(ids))

    def _look_at_visits(self, runs: Sequence[str]) -> None:
        """Those of these runs: they tell how many there are, how large, and what they are called."""
        visits = select(dataset.c.investigation_id).where(dataset.c.pid.in_(sorted(set(runs)))).distinct()
        ids = [number for number in self._c.execute(visits).scalars() if number is not None] if runs else []
        self._look(ItemKind.INVESTIGATION, ids, changed=frozenset(ids))

    def _look(self, kind: ItemKind, ids: Sequence[int], changed: frozenset[int] = frozenset()) -> None:
        """`changed`: what is told of them did."""
        if not ids:
            return
        known = {r.subject_id: r for r in self._known(kind, ids)}
        new, moved, kept = [], [], []
        for subject in subjects(self._c, kind, ids, self._now_us):
            now = standing(subject, self._now_us)
            old = known.get(subject.id)
            values = self._values(now, old, subject.id in changed)
            if old is None:
                new.append({"kind": kind.value, "subject_id": subject.id, "pid": subject.pid, **values})
            elif values["stamp_s"] is not None:
                moved.append((old, values))
            elif old.next_us != now.next_us:
                kept.append({"id": old.id, "next_us": now.next_us})
        self._insert(kind, new)
        self._move(moved)
        update_many(self._c, harvest_item, kept, key="id")

    def _known(self, kind: ItemKind, ids: Sequence[int]) -> list[Any]:
        c = harvest_item.c
        found: list[Any] = []
        for begin in range(0, len(ids), 500):
            piece = ids[begin : begin + 500]
            found += self._c.execute(select(harvest_item).where(c.kind == kind.value, c.subject_id.in_(piece))).all()
        return found

    def _values(self, now: Standing, old: Any, changed: bool) -> dict[str, Any]:
        """Of the row; no stamp: it stays in its place."""
        if now.shown:
            condition, sets = Condition.LIVE, " ".join(now.sets)
        elif old is None or old.condition == Condition.NEVER.value:
            condition, sets = Condition.NEVER, ""
        else:
            condition, sets = Condition.DELETED, old.sets  # gone from where it was
        same = old is not None and (old.condition, old.sets) == (condition.value, sets)
        stays = same and not (changed and condition is Condition.LIVE)
        at_us = now.since_us if self._first else self._now_us
        stamp = None if stays else max(at_us // 1_000_000, 0)
        live = condition is Condition.LIVE
        return {"stamp_s": stamp, "condition": condition.value, "sets": sets, "next_us": now.next_us, "unwritten": live}

    def _insert(self, kind: ItemKind, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        insert_many(self._c, harvest_item, rows)
        ids = {r.subject_id: r.id for r in self._known(kind, [row["subject_id"] for row in rows])}
        self._list([(ids[row["subject_id"]], row) for row in rows])

    def _move(self, moved: Sequence[tuple[Any, Mapping[str, Any]]]) -> None:
        if not moved:
            return
        self._unlist([old for old, _ in moved if old.condition != Condition.NEVER.value])
        update_many(
            self._c, harvest_item, [{"id": old.id, **{name: values[name] for name in _MOVED}} for old, values in moved], key="id"
        )
        self._list([(old.id, values) for old, values in moved])

    def _list(self, rows: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
        placed = [
            {"set_id": self._set(spec), "stamp_s": values["stamp_s"], "item_id": number, "came": self.number}
            for number, values in rows
            if values["condition"] != Condition.NEVER.value
            for spec in _lists(values["sets"])
        ]
        insert_many(self._c, harvest_listing, placed)
        self.changed += len(rows)

    def _unlist(self, items: Sequence[Any]) -> None:
        places = [
            {"set_id": self._set(spec), "stamp_s": old.stamp_s, "item_id": old.id} for old in items for spec in _lists(old.sets)
        ]
        leave(self._c, places, self.number)

    def _set(self, spec: str) -> int:
        if spec not in self._sets:
            made = self._c.execute(insert(harvest_set).values(spec=spec).returning(harvest_set.c.id)).scalar_one()
            self._sets[spec] = int(made)
        return self._sets[spec]


def _lists(sets: str) -> list[str]:
    """In which lists an item with these sets is: its sets, those above them, and everything."""

    return [EVERYTHING, *sorted(ancestors(sets.split()) - WHOLE)]
