"""The ledger of ingest in SQL: what was seen, what waits, who reads it now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, not_, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.tables import change, dataset, finding, unit, unit_claim, unit_dataset
from panmesh.ingest.store import ClaimedUnit, Neighbour, Sighting, UnitOutcome
from panmesh.ingest.units import UnitState

CHUNK = 500


class Ledger:
    def __init__(self, database: Database) -> None:
        self._db = database

    def sight(self, sightings: Sequence[Sighting], now_us: int) -> int:
        """One upsert: a file that is unchanged stays as it is; a changed one waits again."""
        if not sightings:
            return 0
        rows = [
            {
                "storage": s.storage,
                "path": s.path,
                "state": UnitState.SEEN.value,
                "size": s.size,
                "modified_us": s.modified_us,
                "inode": s.inode,
                "seen_us": now_us,
            }
            for s in {(s.storage, s.path): s for s in sightings}.values()
        ]
        changed = 0
        with self._db.write() as connection:
            for chunk in in_chunks(rows):
                changed += _upsert(connection, self._db.sqlite, chunk)
        return changed

    def known(self, storage: str, folder: str) -> dict[str, tuple[int, int, int | None]]:
        prefix = f"{folder}/" if folder else ""
        query = select(unit.c.path, unit.c.size, unit.c.modified_us, unit.c.inode).where(
            unit.c.storage == storage,
            unit.c.path >= prefix,
            unit.c.path < prefix + "\U0010ffff",
            not_(func.substr(unit.c.path, len(prefix) + 1).contains("/")),
            unit.c.state != UnitState.GONE.value,
        )
        with self._db.read() as connection:
            return {row.path: (row.size, row.modified_us, row.inode) for row in connection.execute(query)}

    def folders(self, storage: str, folder: str) -> set[str]:
        prefix = f"{folder}/" if folder else ""
        query = select(unit.c.path).where(
            unit.c.storage == storage,
            unit.c.path >= prefix,
            unit.c.path < prefix + "\U0010ffff",
            unit.c.state != UnitState.GONE.value,
        )
        with self._db.read() as connection:
            return {path.rpartition("/")[0] for path in connection.execute(query).scalars()}

    def gone(self, storage: str, paths: Sequence[str], now_us: int) -> None:
        """The files are no longer on disk: their datasets stay, and say so."""
        with self._db.write() as connection:
            for chunk in in_chunks(list(paths)):
                where = and_(unit.c.storage == storage, unit.c.path.in_(chunk), unit.c.state != UnitState.GONE.value)
                found = connection.execute(
                    select(unit_dataset.c.dataset_id, dataset.c.pid, unit.c.path)
                    .join(unit, unit.c.id == unit_dataset.c.unit_id)
                    .join(dataset, dataset.c.id == unit_dataset.c.dataset_id)
                    .where(where)
                ).all()
                connection.execute(update(unit).where(where).values(state=UnitState.GONE.value))
                for row in found:
                    connection.execute(_insert(self._db.sqlite, finding).on_conflict_do_nothing(), _finding(row, now_us))
                    connection.execute(change.insert(), {"at_us": now_us, "kind": "dataset", "pid": row.pid, "what": "missing"})

    def claim(self, worker: str, limit: int, now_us: int, lease_us: int) -> list[ClaimedUnit]:
        free = or_(unit.c.claimed_until_us.is_(None), unit.c.claimed_until_us < now_us)
        if self._db.sqlite:  # the lock lets one worker live at a time: a claim of another one is a dead one's
            free = or_(free, unit.c.claimed_by != worker)
        waiting = select(unit.c.id).where(unit.c.state == UnitState.SEEN.value, free).order_by(unit.c.id).limit(limit)
        if not self._db.sqlite:
            waiting = waiting.with_for_update(skip_locked=True)
        with self._db.write() as connection:
            ids = [row.id for row in connection.execute(waiting)]
            if not ids:
                return []
            connection.execute(
                update(unit)
                .where(unit.c.id.in_(ids))
                .values(claimed_by=worker, claimed_until_us=now_us + lease_us, attempts=unit.c.attempts + 1)
            )
            rows = connection.execute(
                select(unit.c.id, unit.c.storage, unit.c.path, unit.c.size, unit.c.modified_us, unit.c.attempts)
                .where(unit.c.id.in_(ids))
                .order_by(unit.c.id)
            )
            return [ClaimedUnit(**row._mapping) for row in rows]

    def release(self, worker: str) -> None:
        """Give back what this worker holds (a clean stop)."""
        with self._db.write() as connection:
            connection.execute(update(unit).where(unit.c.claimed_by == worker).values(claimed_by=None, claimed_until_us=None))

    def retry(self, which: ColumnElement[bool], now_us: int) -> int:
        with self._db.write() as connection:
            done = connection.execute(
                update(unit)
                .where(
                    which,
                    unit.c.state.in_([UnitState.FAILED.value, UnitState.STORED.value, UnitState.CATALOGUED.value]),
                )
                .values(state=UnitState.SEEN.value, seen_us=now_us, claimed_by=None, claimed_until_us=None)
            )
            return done.rowcount

    def masters_of(self, storage: str, path: str, candidates: Sequence[str]) -> list[Neighbour]:
        with self._db.read() as connection:
            return _neighbours(connection, _MASTERS, {"storage": storage, "path": path, "candidates": list(candidates)})

    def parts_of(self, storage: str, needs: Sequence[str], prefix: str) -> list[Neighbour]:
        bounds = {"storage": storage, "after": prefix, "before": prefix + "\U0010ffff", "needs": list(needs)}
        with self._db.read() as connection:
            return [n for n in _neighbours(connection, _PARTS, bounds) if n.path in needs or "/" not in n.path[len(prefix) :]]


def finish_units(connection: Connection, worker: str, outcomes: Sequence[UnitOutcome], now_us: int) -> bool:
    """Write the outcome of units that the worker holds; False when it does not hold them all any more."""
    statement = (
        update(unit)
        .where(unit.c.id == bindparam("unit_id"), unit.c.claimed_by == worker)
        .values(
            state=bindparam("new_state"),
            read_state=bindparam("new_read_state"),
            format=bindparam("new_format"),
            reason=bindparam("new_reason"),
            advice=bindparam("new_advice"),
            bare=bindparam("new_bare"),
            primary_unit_id=bindparam("master"),
            dataset_count=bindparam("datasets"),
            size=bindparam("new_size"),
            modified_us=bindparam("new_modified_us"),
            read_us=now_us,
            claimed_by=None,
            claimed_until_us=None,
        )
    )
    held = connection.execute(
        select(func.count()).select_from(unit).where(unit.c.id.in_([o.unit.id for o in outcomes]), unit.c.claimed_by == worker)
    ).scalar_one()
    if held != len(outcomes):
        return False
    connection.execute(statement, [_outcome_row(o) for o in outcomes])
    ids = [o.unit.id for o in outcomes]
    connection.execute(delete(unit_claim).where(unit_claim.c.unit_id.in_(ids)))
    claims = [
        {"storage": o.unit.storage, "path": path, "unit_id": o.unit.id} for o in outcomes for path in dict.fromkeys(o.needs)
    ]
    if claims:
        connection.execute(unit_claim.insert(), claims)
    return True


def _outcome_row(outcome: UnitOutcome) -> dict[str, Any]:
    return {
        "unit_id": outcome.unit.id,
        "new_state": outcome.state.value,
        "new_read_state": outcome.read_state,
        "new_format": outcome.format,
        "new_reason": outcome.reason,
        "new_advice": outcome.advice,
        "new_bare": outcome.bare,
        "master": outcome.part_of,
        "datasets": len(outcome.datasets),
        "new_size": outcome.unit.size,
        "new_modified_us": outcome.unit.modified_us,
    }


def _upsert(connection: Connection, sqlite: bool, rows: list[dict[str, Any]]) -> int:
    """Rows inserted, or changed since they were last read."""
    statement = _insert(sqlite, unit).values(rows)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["storage", "path"],
        set_={
            "state": new.state,
            "size": new.size,
            "modified_us": new.modified_us,
            "inode": new.inode,
            "seen_us": new.seen_us,
            "attempts": 0,
            "claimed_by": None,
            "claimed_until_us": None,
        },
        where=or_(unit.c.size != new.size, unit.c.modified_us != new.modified_us, unit.c.state == UnitState.GONE.value),
    )
    return connection.execute(statement.execution_options(preserve_rowcount=True)).rowcount  # else -1 on PostgreSQL


def _insert(sqlite: bool, table: Any) -> Any:
    return sqlite_insert(table) if sqlite else postgresql_insert(table)


def _finding(row: Any, now_us: int) -> dict[str, Any]:
    return {
        "dataset_id": row.dataset_id,
        "name": row.path.rsplit("/", 1)[-1],
        "kind": "missing",
        "detail": None,
        "noticed_us": now_us,
    }


def _neighbours(connection: Connection, query: Any, parameters: dict[str, Any]) -> list[Neighbour]:
    return [
        Neighbour(unit_id=r.id, path=r.path, size=r.size, modified_us=r.modified_us, bare=r.bare, state=UnitState(r.state))
        for r in connection.execute(query, parameters)
    ]


# Asked for each file that is read, so they are made once.
_NEIGHBOUR = (
    select(unit.c.id, unit.c.path, unit.c.size, unit.c.modified_us, unit.c.bare, unit.c.state).order_by(unit.c.id).limit(1000)
)
_MASTERS = _NEIGHBOUR.where(
    or_(
        unit.c.id.in_(
            select(unit_claim.c.unit_id).where(
                unit_claim.c.storage == bindparam("storage"), unit_claim.c.path == bindparam("path")
            )
        ),
        and_(
            unit.c.storage == bindparam("storage"),
            unit.c.path.in_(bindparam("candidates", expanding=True)),
            unit.c.bare.is_(False),
        ),
    )
)
_PARTS = _NEIGHBOUR.where(
    unit.c.storage == bindparam("storage"),
    or_(
        and_(unit.c.path > bindparam("after"), unit.c.path < bindparam("before"), unit.c.bare.is_(True)),
        unit.c.path.in_(bindparam("needs", expanding=True)),
    ),
    unit.c.state != UnitState.SEEN.value,
)


def in_chunks(rows: list[Any]) -> Iterable[list[Any]]:
    return (rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK))
