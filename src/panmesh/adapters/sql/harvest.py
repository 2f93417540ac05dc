"""Lists for harvesters, read: a page is two short walks along an index, at any depth, whatever changes meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, literal_column, select, tuple_

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.harvest_subjects import states_now
from panmesh.adapters.sql.harvest_tables import anew, harvest_item, harvest_listing, harvest_past, harvest_round, harvest_set
from panmesh.adapters.sql.tables import change, facility, instrument
from panmesh.kernel import techniques
from panmesh.kernel.errors import NotFound
from panmesh.publication.harvesting import (
    DATA,
    EVERYTHING,
    LISTED,
    NOT_YET,
    WHOLE,
    Condition,
    Item,
    ItemKind,
    ItemPage,
    Place,
    Walk,
    ancestors,
    word,
)


class SqlHarvest:
    """Implements `publication.harvesting.HarvestStore`."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._parts: tuple[int, int, Mapping[int, int]] | None = None  # of a round, for a size

    def page(self, walk: Walk, now_us: int, limit: int) -> ItemPage:
        with self._db.read() as connection:
            state = _state(connection)
            if walk.round is not None and walk.round < state.forgot:
                raise NotFound("This harvest began too long ago.")
            asked_us = _asked_us(connection, state, now_us)
            round_ = state.number if walk.round is None else walk.round
            began_s = state.at_us // 1_000_000 if walk.round is None else walk.began_s
            set_id = connection.execute(select(harvest_set.c.id).where(harvest_set.c.spec == _list_of(walk.set))).scalar()
            if set_id is None:
                return ItemPage(items=(), asked_us=asked_us, last=None, next=None)
            places = _places(connection, set_id, walk, round_, began_s, limit + 1)
            items = items_of(connection, places[:limit], now_us)
        following = None
        if len(places) > limit:
            following = Walk(
                set=walk.set,
                from_s=walk.from_s,
                until_s=walk.until_s,
                round=round_,
                began_s=began_s,
                after=places[limit - 1],
                given=walk.given + limit,
            )
        last = places[:limit][-1] if places else None
        return ItemPage(items=items, asked_us=asked_us, last=last, next=following)

    def item(self, pid: str, now_us: int) -> Item | None:
        with self._db.read() as connection:
            _state(connection)
            row = connection.execute(
                select(harvest_item.c.id, harvest_item.c.stamp_s).where(
                    harvest_item.c.pid == pid, harvest_item.c.condition != Condition.NEVER.value
                )
            ).first()
            found = items_of(connection, [Place(stamp_s=row.stamp_s, item_id=row.id)], now_us) if row else ()
        return found[0] if found else None

    def sets(self) -> Mapping[str, str | None]:
        with self._db.read() as connection:
            _state(connection)
            used = select(harvest_listing.c.set_id).where(harvest_listing.c.set_id == harvest_set.c.id).exists()
            specs = set(connection.execute(select(harvest_set.c.spec).where(used)).scalars()) - {EVERYTHING}
            names = {f"facility:{word(r.facility_key)}": r.name for r in connection.execute(select(facility))}
            names |= {f"instrument:{word(r.instrument_key)}": r.name for r in connection.execute(select(instrument))}
        return {spec: names.get(spec) or _name(spec) for spec in sorted(ancestors(tuple(specs)))}

    def listed(self, begin: int, end: int, now_us: int) -> tuple[Item, ...]:
        c = harvest_item.c  # by their numbers alone: with a kind, SQLite takes all of that kind
        live = select(c.id, c.stamp_s).where(c.id >= begin, c.id < end, c.condition == Condition.LIVE.value)
        with self._db.read() as connection:
            places = [Place(stamp_s=row.stamp_s, item_id=row.id) for row in connection.execute(live.order_by(c.id))]
            return tuple(item for item in items_of(connection, places, now_us) if not item.deleted)

    def parts(self, size: int) -> Mapping[int, int]:
        c = harvest_item.c
        part = c.id // size
        live = c.condition == literal_column(f"'{Condition.LIVE.value}'")  # written out: else the partial index does not fit
        query = select(part.label("part"), func.max(c.stamp_s).label("at")).where(live).group_by(part).order_by(part)
        with self._db.read() as connection:
            number = _state(connection).number
            if self._parts is None or self._parts[:2] != (number, size):
                self._parts = number, size, {int(row.part): int(row.at) for row in connection.execute(query)}
            return self._parts[2]

    def earliest_s(self) -> int | None:
        everything = select(harvest_set.c.id).where(harvest_set.c.spec == EVERYTHING).scalar_subquery()
        with self._db.read() as connection:
            return connection.execute(
                select(func.min(harvest_listing.c.stamp_s)).where(harvest_listing.c.set_id == everything)
            ).scalar()

    def asked_us(self, now_us: int) -> int:
        with self._db.read() as connection:
            return _asked_us(connection, _state(connection), now_us)


def _list_of(spec: str) -> str:
    return EVERYTHING if spec in WHOLE else spec


def _state(connection: Connection) -> Any:
    state = connection.execute(select(harvest_round)).first()
    if state is None or not state.built or anew(state):
        raise NOT_YET
    return state


def _asked_us(connection: Connection, state: Any, now_us: int) -> int:
    """Now, where the lists have all that is committed; else when they were last renewed: what is not in them gets a later stamp."""
    newest = connection.execute(select(func.max(change.c.sequence))).scalar() or 0
    due = connection.execute(select(harvest_item.c.id).where(harvest_item.c.next_us <= now_us).limit(1)).first()
    idle = newest <= state.sequence and due is None and state.sweeping is None
    return now_us if idle else min(state.at_us, now_us)


def _places(connection: Connection, set_id: int, walk: Walk, round_: int, began_s: int, limit: int) -> list[Place]:
    """As the list was after that round: what kept its place since, and the former places of what did not."""
    rows: list[Any] = []
    for t in (harvest_listing, harvest_past):
        c = t.c
        query = select(c.stamp_s, c.item_id).where(c.set_id == set_id, c.came <= round_, c.stamp_s <= min(walk.until_s, began_s))
        if t is harvest_past:
            query = query.where(c.went > round_)
        if (after := walk.after) is not None:  # with one lower bound only: SQLite walks from the first that it is given
            query = query.where(tuple_(c.stamp_s, c.item_id) > tuple_(after.stamp_s, after.item_id))
        else:
            query = query.where(c.stamp_s >= walk.from_s)
        rows += connection.execute(query.order_by(c.stamp_s, c.item_id).limit(limit)).all()
    return [Place(stamp_s=stamp, item_id=number) for stamp, number in sorted((r.stamp_s, r.item_id) for r in rows)[:limit]]


def items_of(connection: Connection, places: Sequence[Place], now_us: int) -> tuple[Item, ...]:
    """In their order; with the datestamps that they are listed under."""
    query = select(harvest_item).where(harvest_item.c.id.in_([place.item_id for place in places]))
    rows = {row.id: row for row in connection.execute(query)} if places else {}
    by_kind: dict[str, list[int]] = defaultdict(list)
    for row in rows.values():
        by_kind[row.kind].append(row.subject_id)
    shown = {kind: states_now(connection, ItemKind(kind), ids, now_us) for kind, ids in by_kind.items()}
    return tuple(_item(rows[place.item_id], place, shown) for place in places)


def _item(row: Any, place: Place, states: Mapping[str, Mapping[int, str]]) -> Item:
    """`states`: of what may be shown, by kind."""
    current = states[row.kind].get(row.subject_id)
    live = row.condition == Condition.LIVE.value and current in LISTED
    return Item(
        kind=ItemKind(row.kind),
        subject_id=row.subject_id,
        pid=row.pid,
        stamp_s=place.stamp_s,
        deleted=not live,
        sets=tuple(row.sets.split()),
        id=row.id,
        changed_s=row.stamp_s,
        access=current,
    )


_NAMES = {
    DATA: "Data, for OpenAIRE and B2FIND",
    "access": "By access",
    "access:open": "Open data",
    "access:embargoed": "Data under embargo, with the day on which they open",
    "facility": "By facility",
    "instrument": "By instrument",
    "technique": "By technique (PaNET)",
    "type": "By type",
    "type:collection": "Collections of runs that were published for a paper",
    "type:dataset": "Datasets",
    "type:session": "Visits: the data of one experiment session together",
    "type:instrument": "Instruments",
    "type:proposal": "Proposals, as far as their public visits tell of them",
}


def _name(spec: str) -> str | None:
    if spec.startswith("technique:"):
        return techniques.label(techniques.PREFIX + spec.removeprefix("technique:"))
    return _NAMES.get(spec)
