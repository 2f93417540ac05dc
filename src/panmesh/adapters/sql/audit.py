"""The audit log in SQL. Changes write their entry in their own transaction; reads are written here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, union

from panmesh.access.artefact import Artefact
from panmesh.access.audit import START, AuditEntry, AuditFilter, Chain, Named
from panmesh.access.terms import AccessClass
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.permission import readable
from panmesh.adapters.sql.request_tables import audit_link
from panmesh.adapters.sql.tables import account, audit, dataset, investigation, set_aside, terms
from panmesh.adapters.sql.tables import pid as pids
from panmesh.kernel.clock import Clock
from panmesh.kernel.text import storable

PIECE = 500
ABOUT = "account"  # the detail that holds the number of whom something was done to


class SqlAudit:
    """Implements `access.audit.AuditLog`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock

    def record(self, viewer: Viewer, action: str, pid: str | None = None, **detail: Any) -> None:
        with self._db.write() as connection:
            write_audit(connection, viewer, action, pid, self._clock(), **detail)

    def entries(self, *, pid: str | None = None, limit: int = 100) -> tuple[AuditEntry, ...]:
        who = account.c.login.label("login")
        query = select(audit, who).outerjoin(account, account.c.id == audit.c.account_id).order_by(audit.c.id.desc()).limit(limit)
        if pid is not None:
            query = query.where(audit.c.pid == pid)
        with self._db.read() as connection:
            return tuple(
                AuditEntry(
                    id=r.id, at_us=r.at_us, actor=r.login or r.actor, action=r.action, pid=r.pid, detail=json.loads(r.detail_json)
                )
                for r in connection.execute(query)
            )

    def find(self, viewer: Viewer, wanted: AuditFilter, *, before: int | None, limit: int) -> tuple[AuditEntry, ...]:
        query = _joined(wanted).order_by(audit.c.id.desc()).limit(limit)
        found = self._shown(viewer, query.where(audit.c.id < before) if before is not None else query)
        with self._db.read() as connection:
            return _with_names(connection, found)

    def history(self, pid: str, request: int) -> tuple[AuditEntry, ...]:
        query = _joined(AuditFilter(pid=pid, request=request)).order_by(audit.c.id).limit(PIECE)
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        return tuple(one for one in map(_entry, rows) if (one.detail or {}).get("request") == request)

    def each(self, viewer: Viewer, wanted: AuditFilter) -> Iterator[AuditEntry]:
        after = 0
        while True:
            query = _joined(wanted).where(audit.c.id > after).order_by(audit.c.id).limit(PIECE)
            found = self._shown(viewer, query, as_sealed=True)
            yield from found
            if len(found) < PIECE:
                return
            after = found[-1].id

    def chain(self) -> Chain:
        with self._db.read() as connection:
            return chain_of(connection)

    def _shown(self, viewer: Viewer, query: Any, *, as_sealed: bool = False) -> tuple[AuditEntry, ...]:
        """Details of what the viewer may not read are left out: an entry about proprietary data says that there was one."""
        with self._db.read() as connection:
            rows = connection.execute(query).all()
            hidden = _hidden(connection, viewer, {r.pid for r in rows if r.pid}, self._clock())
        return tuple(_entry(r, hidden=r.pid in hidden, as_sealed=as_sealed) for r in rows)


def chain_of(connection: Connection) -> Chain:
    last = connection.execute(select(audit_link).order_by(audit_link.c.position.desc()).limit(1)).first()
    all_ = connection.execute(select(func.count()).select_from(audit)).scalar_one()
    sealed = connection.execute(select(func.count()).select_from(audit_link)).scalar_one()
    head = bytes(last.digest) if last is not None else START
    return Chain(sealed=sealed, waiting=max(0, all_ - sealed), head=head.hex())


def _joined(wanted: AuditFilter) -> Any:
    a = audit.c
    query = (
        select(audit, audit_link.c.position, audit_link.c.digest, account.c.login)
        .outerjoin(audit_link, audit_link.c.audit_id == a.id)
        .outerjoin(account, account.c.id == a.account_id)
    )
    tests: list[ColumnElement[bool]] = []
    if wanted.actor:
        theirs = select(account.c.id).where(account.c.login == storable(wanted.actor))
        tests.append(or_(a.actor == storable(wanted.actor), a.account_id.in_(theirs)))
    if wanted.action:
        tests.append(a.action.contains(storable(wanted.action), autoescape=True))
    if wanted.pid:
        tests.append(a.pid == storable(wanted.pid))
    if wanted.since_us is not None:
        tests.append(a.at_us >= wanted.since_us)
    if wanted.until_us is not None:
        tests.append(a.at_us < wanted.until_us)
    if wanted.request is not None:
        tests.append(a.detail_json.contains(f'"request": {wanted.request}'))
    return query.where(*tests)


def _hidden(connection: Connection, viewer: Viewer, pids: set[str], now_us: int) -> set[str]:
    if viewer.operator or not pids:
        return set()
    t = terms.c
    owned = and_(t.access == AccessClass.PROPRIETARY.value, ~readable(viewer, Artefact.CORE_METADATA, now_us))
    closed = or_(owned, and_(t.access == AccessClass.ASIDE.value, t.deleted_us.is_not(None)))
    some = sorted(pids)
    was = func.coalesce(set_aside.c.terms_id, dataset.c.terms_id)  # of a run that was discarded
    runs = select(dataset.c.pid).outerjoin(set_aside, set_aside.c.dataset_id == dataset.c.id).join(terms, t.id == was)
    visits = select(investigation.c.pid).join(terms, t.id == investigation.c.terms_id)
    parts = (runs.where(dataset.c.pid.in_(some), closed), visits.where(investigation.c.pid.in_(some), closed))
    return set(connection.execute(union(*parts)).scalars())


def _entry(row: Any, hidden: bool = False, as_sealed: bool = False) -> AuditEntry:
    """`as_sealed`: with the account's number, as the digest was made of it; else with the login that it has now."""
    return AuditEntry(
        id=row.id,
        at_us=row.at_us,
        actor=row.actor if as_sealed else row.login or row.actor,
        action=row.action,
        pid=row.pid,
        detail=None if hidden else json.loads(row.detail_json),
        account=row.account_id,
        raw=None if hidden else row.detail_json,
        position=row.position,
        digest=bytes(row.digest).hex() if row.digest is not None else None,
    )


def _with_names(connection: Connection, found: tuple[AuditEntry, ...]) -> tuple[AuditEntry, ...]:
    """Entries name accounts by number; what the number is called is asked when they are read."""
    numbers = {one.account for one in found} | {_about(one) for one in found}
    a = account.c
    query = select(a.id, a.login, a.name, a.erased_us).where(a.id.in_([n for n in numbers if n is not None]))
    concept = pids.alias("concept")  # a version is looked at where that is of which it is one
    kinds = select(pids.c.pid, concept.c.kind).join(concept, concept.c.pid == pids.c.concept)
    kinds = kinds.where(pids.c.pid.in_({one.pid for one in found if one.pid}))
    kind = {r.pid: r.kind for r in connection.execute(kinds)}
    named = {r.id: Named(login=r.login, name=r.name, erased=r.erased_us is not None) for r in connection.execute(query)}
    return tuple(
        replace(one, by=named.get(one.account or 0), whom=named.get(_about(one) or 0), of=kind.get(one.pid or ""))
        for one in found
    )


def _about(one: AuditEntry) -> int | None:
    number = (one.detail or {}).get(ABOUT)
    return number if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 2**63 else None


def pseudonym(account_id: int) -> str:
    """As entries name an account: its name is looked up when they are read, so that an erased account has none in the log, and no entry
    is ever written again."""
    return f"account {account_id}"


def write_audit(connection: Connection, viewer: Viewer, action: str, pid: str | None, now_us: int, **detail: Any) -> None:
    """An entry in the transaction of the change that it tells of."""
    row = {
        "at_us": now_us,
        "account_id": viewer.user_id,
        "actor": pseudonym(viewer.user_id) if viewer.user_id is not None else viewer.login or viewer.name,
        "action": action,
        "pid": pid,
        "detail_json": json.dumps(detail, default=str),
    }
    connection.execute(audit.insert(), row)
