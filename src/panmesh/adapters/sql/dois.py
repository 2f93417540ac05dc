"""The outbox of DOIs: intents written with what caused them, and found again after any death."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, case, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from panmesh.access.terms import State, state
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.directory import UNKNOWN
from panmesh.adapters.sql.doi_tables import doi, doi_round
from panmesh.adapters.sql.harvest_subjects import TABLE_OF, subjects
from panmesh.adapters.sql.harvest_tables import harvest_item
from panmesh.adapters.sql.release_tables import release, release_run, release_version
from panmesh.adapters.sql.tables import change, dataset, document, instrument, investigation, proposal
from panmesh.catalogue.model import Origin
from panmesh.publication.dois import (
    BY_HAND,
    Doi,
    DoiState,
    DoiSubject,
    Look,
    RegistryFailed,
    Trouble,
    pause_us,
    suffix_of,
)
from panmesh.publication.harvesting import ItemKind, standing
from panmesh.publication.record import GONE

DOI = "doi"  # what the change feed says when the DOI of something begins or ceases to be found
_IN_SEARCHES = DoiState.FINDABLE.value


def intend_doi(connection: Connection, *, kind: str, pid: str, now_us: int) -> None:
    """This subject is to have a DOI: in the caller's transaction, and once however often it is said.

    What the DOI says, and whether it may be there at all, is decided from the subject's public record when it is looked at.
    """
    row = {
        "kind": kind,
        "pid": pid,
        "suffix": suffix_of(pid),
        "asked_us": now_us,
        "wanted": DoiState.NONE.value,
        "confirmed": DoiState.NONE.value,
        "attempts": 0,
        "due_us": now_us,
    }
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    said = make(doi).values(**row)
    connection.execute(said.on_conflict_do_update(index_elements=[doi.c.pid], set_=woken(now_us), where=doi.c.error.is_(None)))


def woken(now_us: int) -> dict[str, Any]:
    """It is looked at again, also where somebody looks at it just now: two changes within a microsecond are two revisions."""
    return {"due_us": now_us, "revision": doi.c.revision + 1}


class SqlDois:
    """Implements `publication.dois.Outbox`, except for what follows by itself: that is `SqlDoiFollowing`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def names(self, pids: Sequence[str]) -> dict[str, str]:
        """pid → DOI, of those that everybody may know: what is found, and tombstones."""
        c, wanted = doi.c, list(dict.fromkeys(pids))
        gone = and_(c.confirmed == DoiState.REGISTERED.value, c.standing.in_([one.value for one in GONE]))
        found: dict[str, str] = {}
        with self._db.read() as connection:
            for begin in range(0, len(wanted), 500):
                known = and_(c.pid.in_(wanted[begin : begin + 500]), or_(c.confirmed == _IN_SEARCHES, gone))
                found |= {row.pid: row.name for row in connection.execute(select(c.pid, c.name).where(known)) if row.name}
        return found

    def asked_us(self, pid: str) -> int | None:
        with self._db.read() as connection:
            return connection.execute(select(doi.c.asked_us).where(doi.c.pid == pid)).scalar()

    def pid_of(self, name: str) -> str | None:
        with self._db.read() as connection:
            return connection.execute(select(doi.c.pid).where(doi.c.name == name.casefold())).scalar()

    def name(self, prefix: str) -> None:
        missing = doi.c.name.is_(None)
        with self._db.read() as connection:
            if connection.execute(select(doi.c.id).where(missing).limit(1)).first() is None:
                return
        with self._db.write() as connection:
            connection.execute(update(doi).where(missing).values(name=prefix.casefold() + "/" + doi.c.suffix))

    def lease(self, holder: str, now_us: int, until_us: int) -> bool:
        r = doi_round.c
        free = or_(r.holder.is_(None), r.holder == holder, r.held_until_us <= now_us)
        with self._db.write() as connection:
            mine = update(doi_round).where(free).values(holder=holder, held_until_us=until_us)
            return connection.execute(mine).rowcount == 1

    def release(self, holder: str) -> None:
        with self._db.write() as connection:
            connection.execute(update(doi_round).where(doi_round.c.holder == holder).values(holder=None, held_until_us=None))

    def due(self, now_us: int, limit: int) -> list[Doi]:
        c = doi.c
        query = select(doi).where(c.due_us <= now_us, c.name.is_not(None)).order_by(c.due_us, c.id).limit(limit)
        with self._db.read() as connection:
            return [row_of(row) for row in connection.execute(query).mappings()]

    def unchecked(self, before_us: int, limit: int) -> list[Doi]:
        """Those that were never compared first; by the index on that time, of which a condition of both would make nothing."""
        c = doi.c
        known = select(doi).where(c.confirmed != DoiState.NONE.value, c.sent_us.is_(None))
        never = known.where(c.checked_us.is_(None)).order_by(c.id)
        longest_ago = known.where(c.checked_us < before_us).order_by(c.checked_us, c.id)
        found: list[Doi] = []
        with self._db.read() as connection:
            for query in (never, longest_ago):
                found += (row_of(row) for row in connection.execute(query.limit(limit - len(found))).mappings())
        return found

    def one(self, pid: str) -> Doi | None:
        with self._db.read() as connection:
            row = connection.execute(select(doi).where(doi.c.pid == pid)).mappings().first()
        return row_of(row) if row is not None else None

    def subject(self, kind: str, pid: str, now_us: int) -> DoiSubject | None:
        """Proposals and collections are told by their records alone."""
        if kind not in (ItemKind.DATASET, ItemKind.INVESTIGATION, ItemKind.INSTRUMENT):
            return DoiSubject(native=kind != ItemKind.PROPOSAL or self._proposed_here(pid))
        one = ItemKind(kind)
        with self._db.read() as connection:
            number = connection.execute(select(TABLE_OF[one].c.id).where(TABLE_OF[one].c.pid == pid)).scalar()
            found = subjects(connection, one, [number], now_us) if number is not None else []
        if not found:
            return None
        now = state(found[0].terms, now_us) if found[0].terms is not None else None
        named = one is not ItemKind.INSTRUMENT or self._named(pid)
        return DoiSubject(native=found[0].native, named=named, state=now, next_us=standing(found[0], now_us).next_us)

    def _named(self, pid: str) -> bool:
        with self._db.read() as connection:
            return connection.execute(select(instrument.c.id).where(instrument.c.pid == pid, named())).first() is not None

    def _proposed_here(self, pid: str) -> bool:
        """Whether a visit of the proposal is ours to tell of."""
        visits = select(investigation.c.id).join(proposal, proposal.c.id == investigation.c.proposal_id)
        with self._db.read() as connection:
            return connection.execute(visits.where(proposal.c.pid == pid, ours()).limit(1)).first() is not None

    def settle(self, row: Doi, look: Look, *, mended: bool) -> None:
        said = _said(look) | {"due_us": look.due_us}
        if mended:
            said |= {"trouble": None, "error": None, "failed_us": None, "attempts": 0, "refused": None, "sent_us": None}
            said |= {"confirmed": row.confirmed.value}
        with self._db.write() as connection:
            # woken again while it was looked at: it stays due
            connection.execute(update(doi).where(doi.c.id == row.id, doi.c.revision == row.revision).values(**said))

    def begin(self, row: Doi, holder: str, look: Look, now_us: int, until_us: int) -> bool:
        with self._turn() as connection:
            if not _holds(connection, holder, until_us):
                return False
            said = _said(look) | {"sent_us": now_us}
            return connection.execute(update(doi).where(doi.c.id == row.id).values(**said)).rowcount == 1

    def confirm(self, row: Doi, holder: str, look: Look, state: DoiState, digest: bytes | None, now_us: int) -> bool:
        c = doi.c
        done = {"confirmed": state.value, "confirmed_us": now_us, "digest": digest, "checked_us": now_us, "finding": None}
        done |= {"refused": None, "sent_us": None, "trouble": None, "error": None, "failed_us": None, "attempts": 0}
        due_us = case((c.revision == row.revision, look.due_us), else_=c.due_us)  # woken since it was looked at
        with self._turn() as connection:
            if not _holds(connection, holder, None):
                return False
            before = connection.execute(select(c.confirmed).where(c.id == row.id)).scalar_one()
            connection.execute(update(doi).where(c.id == row.id).values(**done, due_us=due_us))
            connection.execute(
                update(doi_round).where(doi_round.c.pauses > 0).values(pauses=0, paused_until_us=None, pause_reason=None)
            )
            if before != state.value:
                connection.execute(insert(change).values(at_us=now_us, kind=row.kind, pid=row.pid, what=DOI))
                _wake_around(connection, row, now_us)
        return True

    def fail(self, row: Doi, holder: str, error: RegistryFailed, *, unknown: bool, digest: bytes, now_us: int) -> None:
        c, by_hand = doi.c, error.trouble in BY_HAND
        wait = error.retry_after * 1_000_000 if error.retry_after is not None else pause_us(row.attempts + 1)
        said: dict[str, Any] = {
            "trouble": error.trouble.value,
            "error": error.detail,
            "failed_us": now_us,
            "attempts": row.attempts + 1,
            "due_us": case((c.revision == row.revision, None), else_=c.due_us) if by_hand else now_us + wait,
            "refused": digest if by_hand else None,
        }
        if not unknown:
            said["sent_us"] = None
        with self._turn() as connection:
            if _holds(connection, holder, None):
                connection.execute(update(doi).where(doi.c.id == row.id).values(**said))

    @contextmanager
    def _turn(self) -> Iterator[Connection]:
        """One after the other: two that wake what is around them would wait for each other's rows."""
        with self._db.write() as connection:
            self._db.lock(connection, "doi")
            yield connection

    def paused(self, now_us: int) -> bool:
        with self._db.read() as connection:
            until = connection.execute(select(doi_round.c.paused_until_us)).scalar()
        return until is not None and until > now_us

    def rest(self, reason: str, now_us: int, seconds: int | None) -> None:
        with self._db.write() as connection:
            pauses = (connection.execute(select(doi_round.c.pauses)).scalar() or 0) + 1
            wait = pause_us(pauses, first_s=5, longest_s=900) if seconds is None else seconds * 1_000_000
            said = {"pauses": pauses, "paused_until_us": now_us + wait, "pause_reason": reason}
            connection.execute(update(doi_round).values(**said))

    def checked(self, row: Doi, *, state: DoiState, again: bool, finding: str | None, now_us: int) -> None:
        c = doi.c
        same = and_(c.id == row.id, c.confirmed == row.confirmed.value, c.sent_us.is_(None), c.digest == row.digest)
        said: dict[str, Any] = {"checked_us": now_us, "finding": finding}
        if again:
            said |= {"confirmed": state.value, "digest": None, "refused": None} | woken(now_us)
        with self._db.write() as connection:
            connection.execute(update(doi).where(same).values(**said))


def ours() -> ColumnElement[bool]:
    """Of an investigation: that it was not mirrored from elsewhere."""
    mirrored = and_(document.c.investigation_id == investigation.c.id, document.c.origin == Origin.MIRRORED.value)
    return ~select(document.c.id).where(mirrored).correlate(investigation).exists()


def named() -> ColumnElement[bool]:
    """Of an instrument: that it is one, and not where runs are gathered whose instrument nobody knows."""
    return instrument.c.instrument_key != UNKNOWN


def row_of(row: Mapping[str, Any] | RowMapping) -> Doi:
    values: dict[str, Any] = {str(name): value for name, value in row.items()}
    values |= {"wanted": DoiState(row["wanted"]), "confirmed": DoiState(row["confirmed"])}
    values |= {"standing": State(row["standing"]) if row["standing"] else None}
    return Doi(**values | {"trouble": Trouble(row["trouble"]) if row["trouble"] else None})


def _said(look: Look) -> dict[str, Any]:
    return {"wanted": look.wanted.value, "standing": look.standing.value if look.standing else None}


def _holds(connection: Connection, holder: str, until_us: int | None) -> bool:
    """Whether it is still this one that sends; with `until_us`, for so long."""
    mine = doi_round.c.holder == holder
    if until_us is None:
        return connection.execute(select(doi_round.c.id).where(mine)).first() is not None
    return connection.execute(update(doi_round).where(mine).values(held_until_us=until_us)).rowcount == 1


def _wake_around(connection: Connection, row: Doi, now_us: int) -> None:
    """What names this one by its DOI, or by its address, is told anew."""
    runs = select(dataset.c.id, dataset.c.pid)
    visits = select(investigation.c.id, investigation.c.pid)
    match row.kind:
        case "dataset":
            own = select(dataset.c.investigation_id).where(dataset.c.pid == row.pid)
            _wake(connection, ItemKind.INVESTIGATION, visits.where(investigation.c.id.in_(own)), now_us)
        case "investigation":
            own = select(investigation.c.id).where(investigation.c.pid == row.pid)
            _wake(connection, ItemKind.DATASET, runs.where(dataset.c.investigation_id.in_(own)), now_us)
            on = select(investigation.c.instrument_id).where(investigation.c.pid == row.pid)
            tool = select(instrument.c.id, instrument.c.pid).where(instrument.c.id.in_(on))
            _wake(connection, ItemKind.INSTRUMENT, tool, now_us)
            above = select(investigation.c.proposal_id).where(investigation.c.pid == row.pid)
            _wake(connection, ItemKind.PROPOSAL, select(proposal.c.id, proposal.c.pid).where(proposal.c.id.in_(above)), now_us)
        case "proposal":
            own = select(proposal.c.id).where(proposal.c.pid == row.pid)
            _wake(connection, ItemKind.INVESTIGATION, visits.where(investigation.c.proposal_id.in_(own)), now_us)
        case "instrument":
            t = TABLE_OF[ItemKind.INSTRUMENT]
            own = select(t.c.id).where(t.c.pid == row.pid)
            _wake(connection, ItemKind.DATASET, runs.where(dataset.c.instrument_id.in_(own)), now_us)
            _wake(connection, ItemKind.INVESTIGATION, visits.where(investigation.c.instrument_id.in_(own)), now_us)
        case "release":
            _wake_release(connection, row.pid, now_us)


def _wake_release(connection: Connection, pid: str, now_us: int) -> None:
    """By the concept's pid or a version's: the runs that it holds, the concept, its versions."""
    v, r = release_version.c, release_run.c
    of_version = select(v.release_id).where(v.pid == pid)
    whole = select(release.c.id).where(or_(release.c.pid == pid, release.c.id.in_(of_version)))
    versions = select(v.id, v.pid).where(v.release_id.in_(whole))
    holders = select(v.id).where(or_(v.pid == pid, v.release_id.in_(select(release.c.id).where(release.c.pid == pid))))
    runs = select(dataset.c.id, dataset.c.pid).where(dataset.c.id.in_(select(r.dataset_id).where(r.version_id.in_(holders))))
    _wake(connection, ItemKind.DATASET, runs, now_us)
    _wake(connection, ItemKind.COLLECTION, versions.where(v.pid != pid), now_us)
    above = select(release.c.pid).where(release.c.id.in_(whole), release.c.pid != pid)
    connection.execute(update(doi).where(doi.c.pid.in_(above), doi.c.error.is_(None)).values(**woken(now_us)))


def _wake(connection: Connection, kind: ItemKind, which: Any, now_us: int) -> None:
    around = which.subquery()
    mine = and_(doi.c.pid.in_(select(around.c.pid)), doi.c.error.is_(None))
    connection.execute(update(doi).where(mine).values(**woken(now_us)))
    told = and_(harvest_item.c.kind == kind.value, harvest_item.c.subject_id.in_(select(around.c.id)))
    connection.execute(update(harvest_item).where(told, harvest_item.c.condition == "live").values(unwritten=True))
