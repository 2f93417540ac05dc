"""Accounts, sessions and tokens in SQL; secrets only as digests."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Connection,
    Select,
    and_,
    bindparam,
    cast,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    true,
    union_all,
    update,
)

from panmesh.access.accounts import Account, TokenInfo
from panmesh.access.viewer import ALL_SCOPES, MemberSource, Scope, Standing, TeamRole, Teams, Viewer
from panmesh.adapters.sql.audit import pseudonym
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.dialects import joined_numbers
from panmesh.adapters.sql.request_tables import terms_grant
from panmesh.adapters.sql.revisions import seen
from panmesh.adapters.sql.tables import (
    account,
    account_instrument,
    api_token,
    audit,
    belonging_change,
    instrument,
    login_attempt,
    team,
    team_member,
    web_session,
)
from panmesh.kernel.errors import NotFound

TOUCH_US = 60 * 1_000_000  # a token's last use is written at most this often
REMEMBERED = 1_000  # people whose teams are kept
FOR_EVER = 2**63


class SqlAccounts:
    """Implements `access.accounts.AccountStore`."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._belongings: OrderedDict[int, _Belonging] = OrderedDict()  # by account
        self._lock = threading.Lock()

    def by_login(self, login: str) -> Account | None:
        with self._db.read() as connection:
            row = connection.execute(select(account).where(account.c.login == login)).first()
        return None if row is None else _account(row)

    def accounts(self) -> Sequence[Account]:
        with self._db.read() as connection:
            return [_account(row) for row in connection.execute(select(account).order_by(account.c.login))]

    def add(
        self, *, login: str, name: str, password_hash: str | None, admin: bool, steward: bool, now_us: int, actor: str
    ) -> int:
        row = {
            "login": login,
            "name": name,
            "password_hash": password_hash,
            "admin": admin,
            "steward": steward,
            "disabled": False,
            "created_us": now_us,
        }
        with self._db.write() as connection:
            number = int(connection.execute(account.insert().values(**row).returning(account.c.id)).scalar_one())
            _audit(connection, actor, "account created", now_us, login=login, admin=admin, steward=steward)
        return number

    def change(self, account_id: int, *, actor: str, now_us: int, **columns: object) -> None:
        with self._db.write() as connection:
            connection.execute(update(account).where(account.c.id == account_id).values(**columns))
            if "password_hash" in columns or columns.get("disabled"):
                connection.execute(delete(web_session).where(web_session.c.account_id == account_id))
            changed = {k: "…" if k == "password_hash" else v for k, v in columns.items()}
            _audit(connection, actor, "account changed", now_us, account=account_id, **changed)

    def set_instruments(self, account_id: int, keys: Sequence[str], *, actor: str, now_us: int) -> None:
        with self._db.write() as connection:
            ids = connection.execute(
                select(instrument.c.id, instrument.c.instrument_key).where(instrument.c.instrument_key.in_(keys))
            ).all()
            missing = set(keys) - {row.instrument_key for row in ids}
            if missing:
                raise NotFound(f"There is no instrument {', '.join(sorted(missing))}.")
            connection.execute(delete(account_instrument).where(account_instrument.c.account_id == account_id))
            if ids:
                connection.execute(
                    account_instrument.insert(), [{"account_id": account_id, "instrument_id": row.id} for row in ids]
                )
            _audit(connection, actor, "instruments of account", now_us, account=account_id, instruments=list(keys))

    def set_member(
        self, team_name: str, login: str, role: TeamRole | None, expires_us: int | None, *, actor: str, now_us: int
    ) -> None:
        """Role None takes the membership away."""
        with self._db.write() as connection:
            account_id = connection.execute(select(account.c.id).where(account.c.login == login)).scalar()
            team_id = connection.execute(select(team.c.id).where(team.c.name == team_name)).scalar()
            if account_id is None or team_id is None:
                raise NotFound(
                    f"There is no {'account' if account_id is None else 'team'} {login if account_id is None else team_name!r}."
                )
            connection.execute(
                delete(team_member).where(team_member.c.team_id == team_id, team_member.c.account_id == account_id)
            )
            if role is not None:
                connection.execute(
                    team_member.insert(),
                    {
                        "team_id": team_id,
                        "account_id": account_id,
                        "role": role.value,
                        "expires_us": expires_us,
                        "source": MemberSource.PERSON.value,
                        "since_us": now_us,
                    },
                )
            _audit(connection, actor, "team member", now_us, team=team_name, login=login, role=role, expires=expires_us)

    def begin_attempt(self, buckets: Sequence[str], now_us: int, since_us: int, most: int) -> bool:
        query = (
            select(func.count().label("number"))
            .where(login_attempt.c.bucket.in_(buckets), login_attempt.c.at_us > since_us)
            .group_by(login_attempt.c.bucket)
        )
        with self._db.write() as connection:
            self._db.lock(connection, "sign-in")
            if max((row.number for row in connection.execute(query)), default=0) >= most:
                return False
            connection.execute(login_attempt.insert(), [{"bucket": b, "at_us": now_us} for b in buckets])
            connection.execute(delete(login_attempt).where(login_attempt.c.at_us < now_us - 86_400_000_000))
        return True

    def good_attempt(self, buckets: Sequence[str], clear: str, now_us: int) -> None:
        with self._db.write() as connection:
            connection.execute(delete(login_attempt).where(login_attempt.c.bucket.in_(buckets), login_attempt.c.at_us == now_us))
            connection.execute(delete(login_attempt).where(login_attempt.c.bucket == clear))

    def bad_attempt(self, login: str, address: str, now_us: int) -> None:
        with self._db.write() as connection:
            _audit(connection, "anonymous", "sign-in failed", now_us, login=login, address=address.removeprefix("address:"))

    def add_session(self, id_hash: bytes, account_id: int, csrf: str, now_us: int, expires_us: int) -> None:
        row = {"id_hash": id_hash, "account_id": account_id, "csrf": csrf, "created_us": now_us, "expires_us": expires_us}
        with self._db.write() as connection:
            connection.execute(delete(web_session).where(web_session.c.expires_us < now_us))
            connection.execute(web_session.insert(), row)
            login = connection.execute(select(account.c.login).where(account.c.id == account_id)).scalar_one()
            _audit(connection, login, "signed in", now_us)

    def session(self, id_hash: bytes, now_us: int, expires_us: int) -> tuple[Viewer, str] | None:
        with self._db.read() as connection:
            row = connection.execute(_by_session(), {"hash": id_hash, "now": now_us}).first()
            viewer = None if row is None else _viewer(row, ALL_SCOPES, self._belonging(connection, row, now_us))
        if row is None or viewer is None:
            return None
        if row.ends - now_us < (expires_us - now_us) // 2:
            with self._db.write() as connection:
                connection.execute(update(web_session).where(web_session.c.id_hash == id_hash).values(expires_us=expires_us))
        return viewer, row.csrf

    def end_session(self, id_hash: bytes) -> None:
        with self._db.write() as connection:
            connection.execute(delete(web_session).where(web_session.c.id_hash == id_hash))

    def add_token(
        self, account_id: int, name: str, token_hash: bytes, scopes: str, expires_us: int | None, now_us: int, actor: str
    ) -> int:
        row = {
            "account_id": account_id,
            "name": name,
            "token_hash": token_hash,
            "scopes": scopes,
            "created_us": now_us,
            "expires_us": expires_us,
        }
        with self._db.write() as connection:
            number = int(connection.execute(api_token.insert().values(**row).returning(api_token.c.id)).scalar_one())
            _audit(connection, actor, "token made", now_us, name=name, scopes=scopes, expires=expires_us)
        return number

    def token(self, token_hash: bytes, now_us: int) -> Viewer | None:
        with self._db.read() as connection:
            row = connection.execute(_by_token(), {"hash": token_hash, "now": now_us}).first()
            viewer = None if row is None else _viewer(row, _scopes(row.scopes), self._belonging(connection, row, now_us))
        if row is not None and (row.last_used_us is None or row.last_used_us < now_us - TOUCH_US):
            with self._db.write() as connection:
                connection.execute(update(api_token).where(api_token.c.id == row.token_id).values(last_used_us=now_us))
        return viewer

    def tokens(self, account_id: int) -> Sequence[TokenInfo]:
        query = (
            select(api_token)
            .where(api_token.c.account_id == account_id, api_token.c.revoked_us.is_(None))
            .order_by(api_token.c.id)
        )
        with self._db.read() as connection:
            return [
                TokenInfo(
                    id=r.id,
                    name=r.name,
                    scopes=_scopes(r.scopes),
                    created_us=r.created_us,
                    expires_us=r.expires_us,
                    last_used_us=r.last_used_us,
                )
                for r in connection.execute(query)
            ]

    def revoke(self, account_id: int, token_id: int, now_us: int, actor: str) -> bool:
        with self._db.write() as connection:
            done = connection.execute(
                update(api_token)
                .where(api_token.c.id == token_id, api_token.c.account_id == account_id, api_token.c.revoked_us.is_(None))
                .values(revoked_us=now_us)
            )
            if done.rowcount:
                _audit(connection, actor, "token revoked", now_us, token=token_id)
            return done.rowcount == 1

    def viewer(self, login: str, now_us: int) -> Viewer | None:
        with self._db.read() as connection:
            row = connection.execute(_accounts().where(account.c.login == login)).first()
            return None if row is None else _viewer(row, ALL_SCOPES, self._belonging(connection, row, now_us))

    def owner(self, account_id: int, now_us: int) -> tuple[Viewer, str | None] | None:
        with self._db.read() as connection:
            row = connection.execute(_accounts().where(account.c.id == account_id, account.c.disabled.is_(False))).first()
            if row is None:
                return None
            return _viewer(row, frozenset({Scope.READ}), self._belonging(connection, row, now_us)), row.email

    def _belonging(self, connection: Connection, row: Any, now_us: int) -> _Belonging:
        """Kept from the last time that they asked, while nothing changed and nothing ended: it is needed before every answer."""
        revision = (row.noted, row.newest, row.together)
        held = self._belongings.get(row.id)
        if held is None or held.revision != revision or not held.since_us <= now_us < held.until_us:
            held = _belonging(connection, row.id, revision, now_us)
        with self._lock:
            self._belongings[row.id] = held
            self._belongings.move_to_end(row.id)
            if len(self._belongings) > REMEMBERED:
                self._belongings.popitem(last=False)
        return held

    def set_email(self, account_id: int, email: str | None, *, actor: str, now_us: int) -> None:
        with self._db.write() as connection:
            connection.execute(update(account).where(account.c.id == account_id).values(email=email))
            _audit(connection, actor, "mail address set", now_us, account=account_id)


_NOW = bindparam("now", type_=BigInteger)
_ROLES = {role.value: role for role in TeamRole}


@lru_cache(maxsize=64)
def _scopes(text: str) -> frozenset[Scope]:
    return frozenset(map(Scope, text.split()))


def _account(row: Any) -> Account:
    return Account(
        id=row.id,
        login=row.login,
        name=row.name,
        password_hash=row.password_hash,
        admin=row.admin,
        steward=row.steward,
        disabled=row.disabled,
    )


@dataclass(frozen=True, slots=True)
class _Belonging:
    """What somebody belongs to, until an instant; while none of it changes."""

    revision: Hashable
    since_us: int
    until_us: int
    teams: Teams
    instruments: frozenset[int]
    granted: frozenset[int]
    emergencies: frozenset[int]


def _belonging(connection: Connection, account_id: int, revision: Hashable, now_us: int) -> _Belonging:
    numbers: dict[str, dict[str, frozenset[int]]] = {"team": {}, "instrument": {}, "grant": {}}
    until_us = FOR_EVER
    for kind, how, joined, ends in connection.execute(_numbers_of(), {"account": account_id, "now": now_us}):
        if joined is not None:
            numbers[kind][how] = frozenset(map(int, joined.split(",")))
            until_us = min(until_us, ends if ends is not None else FOR_EVER)
    return _Belonging(
        revision=revision,
        since_us=now_us,
        until_us=until_us,
        teams=Teams({_ROLES[role]: teams for role, teams in numbers["team"].items()}),
        instruments=numbers["instrument"].get("", frozenset()),
        granted=numbers["grant"].get(Standing.GRANTEE.value, frozenset()),
        emergencies=numbers["grant"].get(Standing.EMERGENCY.value, frozenset()),
    )


def _viewer(row: Any, scopes: frozenset[Scope], held: _Belonging) -> Viewer:
    return Viewer(
        user_id=row.id,
        name=row.name,
        login=row.login,
        teams=held.teams,
        instruments=held.instruments,
        admin=row.admin,
        steward=row.steward,
        scopes=scopes,
        granted=held.granted,
        emergencies=held.emergencies,
    )


@cache
def _accounts() -> Select[Any]:
    """With the revision of what anybody belongs to."""
    changes = seen(belonging_change).subquery()
    return select(account, changes).select_from(account.join(changes, true()))


@cache
def _by_token() -> Select[Any]:
    live = and_(
        api_token.c.token_hash == bindparam("hash"),
        api_token.c.revoked_us.is_(None),
        or_(api_token.c.expires_us.is_(None), api_token.c.expires_us > _NOW),
        account.c.disabled.is_(False),
    )
    token = (api_token.c.id.label("token_id"), api_token.c.scopes, api_token.c.last_used_us)
    return _accounts().add_columns(*token).join(api_token, api_token.c.account_id == account.c.id).where(live)


@cache
def _by_session() -> Select[Any]:
    live = and_(web_session.c.id_hash == bindparam("hash"), web_session.c.expires_us > _NOW, account.c.disabled.is_(False))
    session = (web_session.c.csrf, web_session.c.expires_us.label("ends"))
    return _accounts().add_columns(*session).join(web_session, web_session.c.account_id == account.c.id).where(live)


@cache
def _numbers_of() -> CompoundSelect[Any]:
    """(of which kind, in which way, numbers, when the first of them ends) of all that somebody belongs to.

    Staff of large collaborations are in thousands of teams: a row for each role is read, not for each team.
    """
    account_id = bindparam("account", type_=BigInteger)
    member, placed, let_in = team_member.c, account_instrument.c, terms_grant.c
    teams = (
        select(literal("team"), member.role, joined_numbers(member.team_id), func.min(member.expires_us))
        .where(member.account_id == account_id, or_(member.expires_us.is_(None), member.expires_us > _NOW))
        .group_by(member.role)
    )
    instruments = select(
        literal("instrument"), literal(""), joined_numbers(placed.instrument_id), cast(null(), BigInteger)
    ).where(placed.account_id == account_id)
    grants = (
        select(literal("grant"), let_in.standing, joined_numbers(let_in.terms_id), func.min(let_in.expires_us))
        .where(let_in.account_id == account_id, let_in.expires_us > _NOW, let_in.revoked_us.is_(None))
        .group_by(let_in.standing)
    )
    return union_all(teams, instruments, grants)


def _audit(connection: Connection, actor: str, action: str, now_us: int, **detail: object) -> None:
    """Accounts by their numbers, never by their logins: see `adapters.sql.audit.pseudonym`."""
    number = int(actor) if actor.isdigit() else _number(connection, actor)
    login = detail.pop("login", None)
    if login is not None:
        about = _number(connection, str(login))
        detail |= {"account": about} if about is not None else {"login": login}
    row = {"at_us": now_us, "account_id": number, "actor": actor if number is None else pseudonym(number), "action": action}
    connection.execute(audit.insert(), row | {"detail_json": json.dumps(detail, default=str)})


def _number(connection: Connection, login: str) -> int | None:
    found = connection.execute(select(account.c.id).where(account.c.login == login)).scalar()
    return None if found is None else int(found)
