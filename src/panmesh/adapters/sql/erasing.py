"""An account erased: what is personal goes, what others did with it stays under no name, the scientific record keeps its authors."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, and_, delete, func, or_, select, update

from panmesh.access.names import FORMER_USER
from panmesh.access.personal import Erasure
from panmesh.access.requests import Answer
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql import withholding
from panmesh.adapters.sql.audit import write_audit
from panmesh.adapters.sql.event_tables import alert_mail, alert_match, saved_search, webhook, webhook_delivery
from panmesh.adapters.sql.note_tables import basket, basket_version, note
from panmesh.adapters.sql.people_tables import former_member, invitation, team_removal, withheld_name
from panmesh.adapters.sql.release_tables import release_draft, release_version
from panmesh.adapters.sql.request_tables import notice, request, terms_grant
from panmesh.adapters.sql.tables import (
    account,
    account_instrument,
    api_token,
    audit,
    login_attempt,
    metadata,
    team_member,
    web_session,
)
from panmesh.adapters.sql.team_rows import KEPT, keep_named, led_alone, tell_team
from panmesh.adapters.sql.view_tables import shown_columns
from panmesh.kernel.errors import Conflict
from panmesh.kernel.text import counted

# Columns of any table that hold the login of who did something. The audit log is never written again: it names accounts by number.
DOERS = frozenset({"by", "actor", "edited_by", "deleted_by", "undone_by", "created_by", "updated_by"})


def erasure(c: Connection, number: int, now_us: int) -> Erasure:
    row = c.execute(select(account).where(account.c.id == number)).one()
    kept = (
        ("API token", api_token),
        ("session", web_session),
        ("saved search", saved_search),
        ("basket", basket),
        ("webhook", webhook),
        ("notice", notice),
        ("publication draft", release_draft),
        ("column choice", shown_columns),
        ("team membership", team_member),
    )
    goes = ["name, login, mail address, ORCID iD, affiliation and password of the account"]
    held = [(word, _count(c, table, table.c.account_id == number)) for word, table in kept]
    goes += [counted(n, word) for word, n in held if n]
    notes = _count(c, note, note.c.by == row.login)
    written = _count(c, audit, audit.c.account_id == number)
    stays = [f"{counted(notes, 'note')} in logbooks, by “{FORMER_USER}”"] if notes else []
    if c.execute(select(team_member.c.team_id).where(team_member.c.account_id == number).limit(1)).first() is not None:
        stays.append("the name as an author of what was measured while they were in the team (archiving of research)")
    if released := _count(c, release_version, release_version.c.account_id == number):
        stays.append(
            f"{counted(released, 'published version')} of releases, under the account's number, with the creators that they name"
        )
    stays += [f"{counted(written, 'entry', 'entries')} of the audit log, under the account's number"] if written else []
    stays.append("names inside files, which are kept as they were measured")
    return Erasure(login=row.login, goes=tuple(goes), stays=tuple(stays), hinders=tuple(_hinders(c, row, now_us)))


def erase(c: Connection, viewer: Viewer, number: int, now_us: int, *, withhold: bool) -> Erasure:
    told = erasure(c, number, now_us)
    if told.hinders:
        raise Conflict(" ".join(told.hinders))
    row = c.execute(select(account).where(account.c.id == number)).one()
    w = withheld_name.c
    own = select(w.id).where(w.account_id == number, w.ended_us.is_(None))
    if withhold and c.execute(own).first() is None:
        withholding.withhold(
            c, viewer, number=number, name=None, orcid=None, reason="with the erasure of the account", now_us=now_us
        )
        row = c.execute(select(account).where(account.c.id == number)).one()
    _keep_authors(c, row, now_us)
    _forget_things(c, row, now_us)
    anonymous = f"erased-{number}"
    for table in metadata.sorted_tables:
        if table is not audit:
            _rename(c, table, row.login, anonymous)
    nothing = {"email": None, "orcid": None, "affiliation": None, "password_hash": None, "withheld": False}
    offices = {"admin": False, "steward": False, "disabled": True}
    values = {"login": anonymous, "name": FORMER_USER, "erased_us": now_us, **nothing, **offices}
    c.execute(update(account).where(account.c.id == number).values(**values))
    c.execute(update(withheld_name).where(w.account_id == number).values(account_id=None, by_id=None))
    write_audit(c, viewer, "account erased", None, now_us, account=number)
    return told


def _hinders(c: Connection, row: Any, now_us: int) -> list[str]:
    if row.erased_us is not None:
        return ["This account is erased already."]
    found = []
    if row.admin or row.steward:
        found.append("It has an office here: give that to somebody else first.")
    if alone := led_alone(c, row.id, now_us):
        found.append(f"It leads {alone} team{'' if alone == 1 else 's'} alone: name another principal investigator first.")
    return found


def _keep_authors(c: Connection, row: Any, now_us: int) -> None:
    m = team_member.c
    for one in c.execute(select(team_member).where(m.account_id == row.id)).mappings().all():
        keep_named(c, one["team_id"], row.id, {name: one[name] for name in KEPT}, now_us)
        tell_team(c, one["team_id"], now_us)
    c.execute(delete(team_member).where(m.account_id == row.id))
    c.execute(delete(team_removal).where(team_removal.c.account_id == row.id))
    named = {"name": row.name, "orcid": row.orcid, "withheld": row.withheld, "account_id": None}
    newest = select(func.max(former_member.c.id)).where(former_member.c.account_id == row.id).group_by(former_member.c.team_id)
    c.execute(delete(former_member).where(former_member.c.account_id == row.id, former_member.c.id.not_in(newest)))
    c.execute(update(former_member).where(former_member.c.account_id == row.id).values(**named))


def _forget_things(c: Connection, row: Any, now_us: int) -> None:
    number = row.id
    searches = select(saved_search.c.id).where(saved_search.c.account_id == number)
    for table in (alert_match, alert_mail):
        c.execute(delete(table).where(table.c.search_id.in_(searches)))
    baskets = select(basket.c.id).where(basket.c.account_id == number)
    c.execute(delete(basket_version).where(basket_version.c.basket_id.in_(baskets)))
    hooks = select(webhook.c.id).where(webhook.c.account_id == number)
    c.execute(delete(webhook_delivery).where(webhook_delivery.c.webhook_id.in_(hooks)))
    own = (saved_search, basket, webhook, notice, web_session, api_token, account_instrument, release_draft, shown_columns)
    for table in own:
        c.execute(delete(table).where(table.c.account_id == number))
    c.execute(delete(login_attempt).where(login_attempt.c.bucket == f"login:{row.login}"))
    live = and_(terms_grant.c.account_id == number, terms_grant.c.revoked_us.is_(None))
    c.execute(update(terms_grant).where(live).values(revoked_us=now_us))
    waiting = and_(request.c.asked_by == number, request.c.answer == Answer.ASKED.value)
    c.execute(update(request).where(waiting).values(answer=Answer.TAKEN_BACK.value, revision=request.c.revision + 1))
    i = invitation.c
    sent = and_(i.invited_by_id == number, i.taken_us.is_(None), i.revoked_us.is_(None))
    c.execute(update(invitation).where(sent).values(revoked_us=now_us))
    to_them = [i.taken_by_id == number] + ([func.lower(i.address) == row.email.lower()] if row.email else [])
    c.execute(update(invitation).where(or_(*to_them)).values(address="erased"))


def _rename(c: Connection, table: Table, login: str, anonymous: str) -> None:
    for column in table.c:
        if column.name in DOERS:
            values = {column.name: anonymous}
            if column.name == "by" and "by_name" in table.c:
                values["by_name"] = FORMER_USER
            c.execute(update(table).where(column == login).values(**values))


def _count(c: Connection, table: Table, where: Any) -> int:
    return int(c.execute(select(func.count()).select_from(table).where(where)).scalar_one())
