"""Saved searches, their matches and the mails about them, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.event_tables import alert_mail, alert_match, saved_search
from panmesh.adapters.sql.tables import change, dataset, terms
from panmesh.adapters.sql.webhooks import position_of
from panmesh.catalogue.events import Position
from panmesh.catalogue.mailing import AlertMail
from panmesh.catalogue.saved_searches import Alert, MailState, SavedSearch


class SqlSavedSearches:
    """Implements `catalogue.saved_searches.SearchStore` and `catalogue.mailing.MailStore`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    # --- what people do -----------------------------------------------------------------------------------------------

    def add(self, owner: int, name: str, query: str, alert: Alert, key: str, start: Position, now_us: int) -> int:
        row = {"account_id": owner, "name": name, "query": query, "alert": alert.value, "key": key, "created_us": now_us}
        row |= {"sequence": start.sequence, "opened_us": start.opened_us, "opened_id": start.opened_id}
        with self._db.write() as connection:
            return int(connection.execute(saved_search.insert().values(**row).returning(saved_search.c.id)).scalar_one())

    def of(self, owner: int) -> Sequence[SavedSearch]:
        return self._found(saved_search.c.account_id == owner, saved_search.c.deleted_us.is_(None))

    def one(self, number: int) -> SavedSearch | None:
        return next(iter(self._found(saved_search.c.id == number)), None)

    def change(self, number: int, **columns: object) -> None:
        with self._db.write() as connection:
            connection.execute(update(saved_search).where(saved_search.c.id == number).values(**columns))

    # --- what is new --------------------------------------------------------------------------------------------------

    def listening(self) -> Sequence[SavedSearch]:
        return self._found(saved_search.c.alert != Alert.NONE.value, saved_search.c.deleted_us.is_(None))

    def touched(self, after: Position, upto: Position, limit: int) -> tuple[Sequence[str], int]:
        query = (
            select(change.c.sequence, change.c.pid)
            .where(change.c.sequence > after.sequence, change.c.sequence <= upto.sequence, change.c.kind == "dataset")
            .order_by(change.c.sequence)
            .limit(limit)
        )
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        reached = rows[-1].sequence if len(rows) == limit else max(upto.sequence, after.sequence)
        return list(dict.fromkeys(row.pid for row in rows)), reached

    def crossed(self, after: Position, upto: Position, limit: int) -> tuple[Sequence[str], Position]:
        at = _last_crossing(after.opened_us, upto.opened_us)
        query = (
            select(dataset.c.id, dataset.c.pid, at.label("at_us"))
            .join(terms, terms.c.id == dataset.c.terms_id)
            .where(or_(at > after.opened_us, and_(at == after.opened_us, dataset.c.id > after.opened_id)), at <= upto.opened_us)
            .order_by(at, dataset.c.id)
            .limit(limit)
        )
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        reached = upto if upto.opened_us > after.opened_us else after
        if len(rows) == limit:
            reached = Position(sequence=after.sequence, opened_us=rows[-1].at_us, opened_id=rows[-1].id)
        return [row.pid for row in rows], reached

    def keep_matches(self, search: SavedSearch, pids: Sequence[str], upto: Position, now_us: int) -> bool:
        s, before = saved_search.c, search.position
        there = (s.sequence == before.sequence, s.opened_us == before.opened_us, s.opened_id == before.opened_id)
        to = {"sequence": upto.sequence, "opened_us": upto.opened_us, "opened_id": upto.opened_id}
        insert = sqlite_insert if self._db.sqlite else postgresql_insert
        with self._db.write() as connection:
            if connection.execute(update(saved_search).where(s.id == search.id, *there).values(**to)).rowcount != 1:
                return False
            if pids:
                rows = [{"search_id": search.id, "pid": pid, "at_us": now_us} for pid in pids]
                connection.execute(insert(alert_match).on_conflict_do_nothing(), rows)
        return True

    # --- mails --------------------------------------------------------------------------------------------------------

    def unmailed(self) -> Sequence[SavedSearch]:
        waiting = select(alert_match.c.search_id).where(alert_match.c.mail_id.is_(None))
        return list(self.listening_among(waiting))

    def listening_among(self, numbers: Any) -> Sequence[SavedSearch]:
        s = saved_search.c
        return self._found(s.alert != Alert.NONE.value, s.deleted_us.is_(None), s.id.in_(numbers))

    def gather(self, search: SavedSearch, message: str, now_us: int) -> None:
        row = {"search_id": search.id, "message": message, "state": MailState.WAITING.value, "attempts": 0}
        row |= {"next_us": now_us, "created_us": now_us}
        s = saved_search.c
        last = s.mailed_us.is_(None) if search.mailed_us is None else s.mailed_us == search.mailed_us
        with self._db.write() as connection:
            moved = connection.execute(update(saved_search).where(s.id == search.id, last).values(mailed_us=now_us))
            if moved.rowcount != 1:
                return
            number = connection.execute(alert_mail.insert().values(**row).returning(alert_mail.c.id)).scalar_one()
            connection.execute(
                update(alert_match)
                .where(alert_match.c.search_id == search.id, alert_match.c.mail_id.is_(None))
                .values(mail_id=number)
            )

    def take(self, now_us: int, until_us: int) -> AlertMail | None:
        m = alert_mail.c
        due = select(alert_mail).where(m.state == MailState.WAITING.value, m.next_us <= now_us).order_by(m.next_us, m.id).limit(1)
        with self._db.write() as connection:
            row = connection.execute(due).first()
            if row is None:
                return None
            taken = connection.execute(
                update(alert_mail)
                .where(m.id == row.id, m.attempts == row.attempts, m.next_us == row.next_us, m.state == row.state)
                .values(attempts=row.attempts + 1, next_us=until_us)
            )
            if taken.rowcount != 1:
                return None
            search = connection.execute(select(saved_search).where(saved_search.c.id == row.search_id)).one()
        return AlertMail(id=row.id, search=_search(search), message=row.message, attempts=row.attempts, created_us=row.created_us)

    def pids(self, mail: int) -> Sequence[str]:
        query = select(alert_match.c.pid).where(alert_match.c.mail_id == mail).order_by(alert_match.c.id)
        with self._db.read() as connection:
            return list(connection.execute(query).scalars())

    def finish(self, mail: int, state: MailState, error: str | None, now_us: int) -> None:
        with self._db.write() as connection:
            connection.execute(
                update(alert_mail).where(alert_mail.c.id == mail).values(state=state.value, error=error, done_us=now_us)
            )

    def later(self, mail: int, error: str, next_us: int) -> None:
        with self._db.write() as connection:
            connection.execute(update(alert_mail).where(alert_mail.c.id == mail).values(error=error, next_us=next_us))

    def newest_mail(self, number: int) -> AlertMail | None:
        """Of a search, whatever became of it: to look at."""
        m = alert_mail.c
        search = self.one(number)
        with self._db.read() as connection:
            row = connection.execute(select(alert_mail).where(m.search_id == number).order_by(m.id.desc()).limit(1)).first()
        if row is None or search is None:
            return None
        return AlertMail(id=row.id, search=search, message=row.message, attempts=row.attempts, created_us=row.created_us)

    def _found(self, *where: ColumnElement[bool]) -> Sequence[SavedSearch]:
        with self._db.read() as connection:
            return [_search(row) for row in connection.execute(select(saved_search).where(*where).order_by(saved_search.c.id))]


def _last_crossing(after_us: int, upto_us: int) -> ColumnElement[int]:
    """Of a row of `terms`: the last of its instants within (or at the start of) that time; null when none is."""
    c = terms.c
    times = (c.starts_us, c.ends_us, c.opens_us, c.declassified_us, c.held_us, c.withdrawn_us, c.deleted_us)
    within = [case((and_(at >= after_us, at <= upto_us), at), else_=literal(-1)) for at in times]
    last: ColumnElement[Any] = within[0]
    for one in within[1:]:
        last = case((one > last, one), else_=last)
    return func.nullif(last, -1)


def _search(row: Any) -> SavedSearch:
    return SavedSearch(
        id=row.id,
        owner=row.account_id,
        name=row.name,
        query=row.query,
        alert=Alert(row.alert),
        key=row.key,
        created_us=row.created_us,
        deleted_us=row.deleted_us,
        mailed_us=row.mailed_us,
        position=position_of(row),
    )
