"""What makes DOIs due: the change feed, the clock, and a look at everything when it is chosen anew which kinds get one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, insert, or_, select, update

from panmesh.access.terms import State
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.doi_tables import doi, doi_round
from panmesh.adapters.sql.dois import DOI, SqlDois, intend_doi, named, ours, woken
from panmesh.adapters.sql.feed import SqlFeed
from panmesh.adapters.sql.permission import state_label
from panmesh.adapters.sql.tables import change, dataset, imported, instrument, investigation, proposal, terms
from panmesh.catalogue.events import QUIET
from panmesh.catalogue.model import Origin, ProposalKind
from panmesh.kernel.clock import DAY_US, Clock
from panmesh.kernel.faults import reach
from panmesh.publication.dois import Automatic
from panmesh.publication.record import Kind

PIECE = 500
CLOCK_US = 60_000_000  # how often it is looked which sessions ended
_OURS = (Origin.NATIVE.value, Origin.MIGRATED.value)
_TOLD = (State.EMBARGOED.value, State.OPEN.value)
_TABLES = {Kind.INSTRUMENT: instrument, Kind.PROPOSAL: proposal, Kind.INVESTIGATION: investigation, Kind.DATASET: dataset}


class SqlDoiOutbox(SqlDois):
    """Implements `publication.dois.Outbox`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database)
        self._feed = SqlFeed(database)
        self._clock = clock

    def follow(self, automatic: Automatic, now_us: int) -> int:
        """Until everything that was committed is followed; how many intents were written."""
        written = 0
        chosen = " ".join(automatic.kinds)
        while self._begun(now_us):
            found, more = self._piece(automatic, chosen, now_us)
            written += found
            if found:
                reach("doi.intended")
            if not more:
                return written
        return written

    def _begun(self, now_us: int) -> bool:
        with self._db.read() as connection:
            if connection.execute(select(doi_round.c.id)).first() is not None:
                return True
        first = {"id": 1, "sequence": self._feed.head(now_us).sequence, "clock_us": now_us, "chosen": "", "pauses": 0}
        with self._db.write() as connection:
            self._db.lock(connection, "doi")
            if connection.execute(select(doi_round.c.id)).first() is None:
                connection.execute(insert(doi_round).values(**first))
        return True

    def _piece(self, automatic: Automatic, chosen: str, now_us: int) -> tuple[int, bool]:
        upto = self._feed.head(now_us).sequence
        with self._db.read() as connection:
            at = connection.execute(select(doi_round)).one()
        late = now_us - at.clock_us
        if upto <= at.sequence and at.sweeping is None and at.chosen == chosen and late < CLOCK_US:
            return 0, False
        with self._db.write() as connection:
            self._db.lock(connection, "doi")
            at = connection.execute(select(doi_round)).one()
            c = change.c
            told = connection.execute(
                select(change).where(c.sequence > at.sequence, c.sequence <= upto).order_by(c.sequence).limit(PIECE)
            ).all()
            one = _Piece(connection, automatic, now_us)
            one.woken(told)
            following: dict[str, Any] = {"sequence": told[-1].sequence if told else at.sequence}
            if now_us - at.clock_us >= CLOCK_US:
                one.ended(at.clock_us)
                following["clock_us"] = now_us
            sweeping = at.sweeping
            if at.chosen != chosen or now_us // DAY_US != at.clock_us // DAY_US:
                sweeping = f"{automatic.kinds[0].value}:0" if automatic.kinds else None
                following["chosen"] = chosen
            following["sweeping"] = one.sweep(sweeping) if sweeping else None
            connection.execute(update(doi_round).values(**following))
        return one.written, len(told) == PIECE or following["sweeping"] is not None


class _Piece:
    def __init__(self, connection: Connection, automatic: Automatic, now_us: int) -> None:
        self.written = 0
        self._c, self._automatic, self._now_us = connection, automatic, now_us

    def woken(self, told: Sequence[Any]) -> None:
        pids: dict[str, set[str]] = defaultdict(set)
        for row in told:
            if row.what not in QUIET and row.what != DOI:
                pids[row.kind].add(row.pid)
        visits = investigation.c
        numbers = [int(number) for number in pids.pop("terms", ()) if number.isdecimal()]
        changed = [visits.pid.in_(sorted(pids["investigation"]))] if pids["investigation"] else []
        changed += [visits.terms_id.in_(numbers)] if numbers else []
        for kind, found in pids.items():
            self._wake(doi.c.pid.in_(sorted(found)))
            if kind == "dataset":
                self._intend(Kind.DATASET, dataset.c.pid.in_(sorted(found)))
        if changed:
            which = or_(*changed)
            ids = select(visits.id).where(which)
            self._wake(doi.c.pid.in_(select(visits.pid).where(which)))
            runs = or_(dataset.c.investigation_id.in_(ids), dataset.c.terms_id.in_(numbers))
            self._wake(doi.c.pid.in_(select(dataset.c.pid).where(runs)))
            above = select(visits.proposal_id).where(which)
            self._wake(doi.c.pid.in_(select(proposal.c.pid).where(proposal.c.id.in_(above))))
            self._intend(Kind.INVESTIGATION, which)
            self._intend(Kind.PROPOSAL, proposal.c.id.in_(above))
            self._intend(Kind.DATASET, runs)

    def ended(self, since_us: int) -> None:
        """Sessions that ended since then, by the clock."""
        t = terms.c
        ended = select(t.id).where(t.ends_us > since_us, t.ends_us <= self._now_us)
        visits = investigation.c.terms_id.in_(ended)
        self._intend(Kind.INVESTIGATION, visits)
        self._intend(Kind.PROPOSAL, proposal.c.id.in_(select(investigation.c.proposal_id).where(visits)))
        self._intend(Kind.DATASET, dataset.c.terms_id.in_(ended))

    def sweep(self, here: str) -> str | None:
        """The next piece of everything; how it goes on."""
        name, _, after = here.partition(":")
        kinds = self._automatic.kinds
        if name not in kinds:
            return None
        kind = Kind(name)
        c = _TABLES[kind].c
        ids = list(self._c.execute(select(c.id).where(c.id > int(after)).order_by(c.id).limit(PIECE)).scalars())
        if ids:
            self._intend(kind, and_(c.id >= ids[0], c.id <= ids[-1]))
        if len(ids) == PIECE:
            return f"{kind.value}:{ids[-1]}"
        place = kinds.index(kind) + 1
        return f"{kinds[place].value}:0" if place < len(kinds) else None

    def _wake(self, which: ColumnElement[bool]) -> None:
        """A row that waits after a failure keeps its time, unless what was refused has changed."""
        waits = and_(doi.c.error.is_not(None), doi.c.due_us.is_not(None))
        self._c.execute(update(doi).where(which, ~waits).values(**woken(self._now_us)))

    def _intend(self, kind: Kind, which: ColumnElement[bool]) -> None:
        if kind not in self._automatic.kinds:
            return
        for pid in self._c.execute(_missing(kind, which, self._now_us)).scalars().all():
            intend_doi(self._c, kind=kind.value, pid=pid, now_us=self._now_us)
            self.written += 1


def _missing(kind: Kind, which: ColumnElement[bool], now_us: int) -> Select[Any]:
    """Of these, the ones that get a DOI by themselves and have none yet."""
    told = state_label(now_us).in_(_TOLD)
    c = _TABLES[kind].c
    query = select(c.pid).outerjoin(doi, doi.c.pid == c.pid).where(doi.c.id.is_(None), which)
    match kind:
        case Kind.INSTRUMENT:
            theirs = and_(imported.c.kind == "instrument", imported.c.pid == c.pid, imported.c.origin == Origin.MIRRORED.value)
            return query.where(~select(imported.c.pid).where(theirs).exists(), named())
        case Kind.PROPOSAL:
            visits = select(investigation.c.id).join(terms, terms.c.id == investigation.c.terms_id)
            public = visits.where(investigation.c.proposal_id == c.id, told, _scheduled(), ours())
            return query.where(public.correlate(proposal).exists())
        case Kind.INVESTIGATION:
            return query.join(terms, terms.c.id == c.terms_id).where(told, _scheduled(), ours())
        case _:
            return query.join(terms, terms.c.id == c.terms_id).where(told, c.origin.in_(_OURS))


def _scheduled() -> ColumnElement[bool]:
    """Runs without a schedule are gathered by folder: that is no session."""
    return investigation.c.kind != ProposalKind.UNSCHEDULED.value
