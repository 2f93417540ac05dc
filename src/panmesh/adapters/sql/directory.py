"""The directory that runs are placed by: instruments, visits, and the investigations of unscheduled runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, and_, or_, select

from panmesh.access.terms import AccessClass
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.documents import keep_document
from panmesh.adapters.sql.permission import takes_place
from panmesh.adapters.sql.tables import change, facility, instrument, investigation, pid, proposal, terms
from panmesh.catalogue.model import Origin, ProposalKind
from panmesh.ingest.placing import MARGIN_US, InstrumentEntry, Visit
from panmesh.kernel.pid import mint
from panmesh.kernel.text import key_of

POLICY = "default-1"
UNKNOWN = "unknown"  # key of the instrument of files that name none


class Directory:
    """Of one facility. `unscheduled` says what becomes of runs without a schedule: INTERNAL (staff only) or OPEN."""

    def __init__(
        self,
        database: Database,
        *,
        facility_key: str,
        unscheduled: AccessClass = AccessClass.INTERNAL,
        margin_us: int = MARGIN_US,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._db = database
        self._facility_key = facility_key
        self._unscheduled = unscheduled
        self._margin_us = margin_us
        self._random = random_bytes
        self._facility_id: int | None = None
        self._instruments: dict[str, InstrumentEntry] = {}
        self._investigations: dict[str, tuple[int, int]] = {}

    def forget(self) -> None:
        """Read the directory afresh: another process may have imported a schedule since."""
        self._instruments.clear()
        self._investigations.clear()

    def facility_id(self, connection: Connection) -> int:
        if self._facility_id is None:
            self._facility_id = connection.execute(
                select(facility.c.id).where(facility.c.facility_key == self._facility_key)
            ).scalar_one()
        return self._facility_id

    def instrument(self, name: str | None, now_us: int) -> InstrumentEntry:
        wanted = key_of(name or "") or UNKNOWN
        if wanted not in self._instruments:
            with self._db.read() as connection:
                self._load(connection)
        if wanted not in self._instruments:
            with self._db.write() as connection:
                self._db.lock(connection, "directory")
                self._load(connection)
                if wanted not in self._instruments:
                    self._add_instrument(connection, name or "Unknown instrument", wanted, now_us)
                    self._load(connection)
        return self._instruments[wanted]

    def known(self, name: str) -> InstrumentEntry | None:
        """The instrument of that key, name or alias, if there is one."""
        with self._db.read() as connection:
            self._load(connection)
        return self._instruments.get(key_of(name))

    def visits(self, instrument_id: int, start_us: int | None, names: Sequence[str]) -> list[Visit]:
        """Those that run about then, and those that a name matches."""
        if start_us is None:
            return []
        keys = [key for name in names if (key := key_of(name))]
        margin = self._margin_us
        running = and_(investigation.c.starts_us <= start_us + margin, investigation.c.ends_us > start_us - margin)
        named = or_(proposal.c.number_folded.in_(keys), investigation.c.visit_id.in_(list(names)))
        query = (
            select(investigation, proposal.c.number, proposal.c.number_folded)
            .join(proposal, proposal.c.id == investigation.c.proposal_id)
            .join(terms, terms.c.id == investigation.c.terms_id)
            .where(investigation.c.instrument_id == instrument_id, or_(running, named), takes_place())
            .order_by(investigation.c.starts_us)
            .limit(500)
        )
        with self._db.read() as connection:
            return [
                Visit(
                    id=row.id,
                    pid=row.pid,
                    terms_id=row.terms_id,
                    instrument_id=instrument_id,
                    visit_id=row.visit_id,
                    title=row.title or "",
                    proposal=row.number,
                    starts_us=row.starts_us,
                    ends_us=row.ends_us,
                    visit_key=key_of(row.visit_id),
                    proposal_key=row.number_folded,
                )
                for row in connection.execute(query)
            ]

    def unscheduled(
        self, connection: Connection, entry: InstrumentEntry, storage: str, folder: str, now_us: int
    ) -> tuple[int, int]:
        """(investigation id, terms id) of the runs that this instrument wrote into this folder without a schedule."""
        key = f"{self._facility_key}|{entry.key}|{storage}:{folder}"
        title = f"{entry.key}: {folder or storage}"
        return self._ensure(connection, key, entry, self._unscheduled, title, f"{storage}:{folder}", now_us)

    def quarantine_terms(self, connection: Connection, entry: InstrumentEntry, now_us: int) -> int:
        key = f"{self._facility_key}|{entry.key}|quarantine"
        return self._ensure(connection, key, entry, AccessClass.INTERNAL, f"{entry.key}: quarantine", None, now_us)[1]

    def _ensure(
        self,
        connection: Connection,
        key: str,
        entry: InstrumentEntry,
        access: AccessClass,
        title: str,
        folder: str | None,
        now_us: int,
    ) -> tuple[int, int]:
        if key in self._investigations:
            return self._investigations[key]
        query = select(investigation.c.id, investigation.c.terms_id).where(investigation.c.natural_key == key)
        found = connection.execute(query).first()
        if found is None:
            self._db.lock(connection, "directory")
            found = connection.execute(query).first()
        if found is not None:
            self._investigations[key] = found.id, found.terms_id
            return found.id, found.terms_id
        terms_id = connection.execute(
            terms.insert().values(access=access.value, instrument_id=entry.id, policy_version=POLICY).returning(terms.c.id)
        ).scalar_one()
        new = mint(self._random)
        row = {
            "pid": new,
            "facility_id": entry.facility_id,
            "instrument_id": entry.id,
            "terms_id": terms_id,
            "natural_key": key,
            "visit_id": (folder or "quarantine").rsplit(":", 1)[-1] or entry.key,
            "title": title,
            "kind": ProposalKind.UNSCHEDULED.value,
            "folder": folder,
        }
        made = connection.execute(investigation.insert().values(**row).returning(investigation.c.id)).scalar_one()
        if folder is not None:  # what waits in quarantine is no visit
            keep_document(connection, made)
        connection.execute(
            pid.insert(), {"pid": new, "kind": "investigation", "concept": new, "version": None, "origin": Origin.NATIVE.value}
        )
        connection.execute(change.insert(), {"at_us": now_us, "kind": "investigation", "pid": new, "what": "created"})
        return made, terms_id

    def _load(self, connection: Connection) -> None:
        query = select(instrument).where(instrument.c.facility_id == self.facility_id(connection)).order_by(instrument.c.id)
        for row in connection.execute(query):
            names = frozenset(
                key for text in (row.instrument_key, row.name, *json.loads(row.aliases_json)) if (key := key_of(text))
            )
            entry = InstrumentEntry(
                id=row.id, facility_id=row.facility_id, key=row.instrument_key, scheduled=row.scheduled, names=names
            )
            for name in names:
                self._instruments.setdefault(name, entry)
            self._instruments[key_of(row.instrument_key)] = entry

    def _add_instrument(self, connection: Connection, name: str, key: str, now_us: int) -> None:
        new = mint(self._random)
        row = {
            "pid": new,
            "facility_id": self.facility_id(connection),
            "instrument_key": key,
            "name": name,
            "aliases_json": "[]",
            "scheduled": False,
        }
        connection.execute(instrument.insert(), row)
        connection.execute(
            pid.insert(), {"pid": new, "kind": "instrument", "concept": new, "version": None, "origin": Origin.NATIVE.value}
        )
        connection.execute(change.insert(), {"at_us": now_us, "kind": "instrument", "pid": new, "what": "created"})
