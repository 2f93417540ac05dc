"""Notices in SQL: written down once each, taken by one sender at a time, void when what they tell of is no longer so."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, select

from panmesh.access.notices import NoticeKind
from panmesh.access.viewer import TeamRole
from panmesh.adapters.sql.dialects import insert_many
from panmesh.adapters.sql.request_tables import notice
from panmesh.adapters.sql.tables import account, account_instrument, team_member


def write_notices(
    connection: Connection,
    kind: NoticeKind,
    accounts: Iterable[int],
    *,
    due_us: int,
    terms_id: int | None = None,
    request_id: int | None = None,
    opens_us: int | None = None,
    about: str | None = None,
    mark: str = "",
) -> int:
    """Returns how many are new. `mark` tells apart what else would be the same notice; `about`: when it is not of a request or of terms."""
    about = about or (f"request {request_id}" if request_id is not None else f"terms {terms_id}")
    same: dict[str, Any] = {"due_us": due_us, "terms_id": terms_id, "request_id": request_id, "opens_us": opens_us}
    return keep_notices(connection, [notice_row(kind, about, mark, number, **same) for number in sorted(set(accounts))])


def notice_row(
    kind: NoticeKind,
    about: str,
    mark: str,
    account_id: int,
    *,
    due_us: int,
    terms_id: int | None = None,
    request_id: int | None = None,
    opens_us: int | None = None,
) -> dict[str, Any]:
    return {
        "key": f"{kind.value}|{about}|{mark}|{account_id}",
        "kind": kind.value,
        "terms_id": terms_id,
        "request_id": request_id,
        "account_id": account_id,
        "due_us": due_us,
        "opens_us": opens_us,
        "state": "waiting",
        "message": os.urandom(16).hex(),
        "attempts": 0,
        "next_us": due_us,
    }


def said_in(key: str) -> tuple[str, str]:
    """What a notice is about, and its mark."""
    _, about, rest = key.split("|", 2)
    return about, rest.rpartition("|")[0]


def keep_notices(connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
    """Returns how many are new."""
    return insert_many(connection, notice, rows, once="key")


def leaders(connection: Connection, team_id: int | None, now_us: int) -> list[int]:
    """Accounts of the principal investigators who can still sign in."""
    return [n for n, role in _team(connection, team_id, now_us) if role == TeamRole.PI.value]


def team_accounts(connection: Connection, team_id: int | None, now_us: int) -> list[int]:
    return [n for n, role in _team(connection, team_id, now_us) if role != TeamRole.GRANTEE.value]


def contacts(connection: Connection, instrument_id: int | None) -> list[int]:
    query = select(account_instrument.c.account_id).where(account_instrument.c.instrument_id == instrument_id)
    return list(connection.execute(query).scalars()) if instrument_id is not None else []


def stewards(connection: Connection) -> list[int]:
    query = select(account.c.id).where(account.c.steward.is_(True), account.c.disabled.is_(False))
    return list(connection.execute(query).scalars())


def _team(connection: Connection, team_id: int | None, now_us: int) -> list[tuple[int, str]]:
    if team_id is None:
        return []
    query = (
        select(account.c.id, team_member.c.role, team_member.c.expires_us)
        .join(team_member, team_member.c.account_id == account.c.id)
        .where(team_member.c.team_id == team_id, account.c.disabled.is_(False))
    )
    return [(r.id, r.role) for r in connection.execute(query) if r.expires_us is None or r.expires_us > now_us]
