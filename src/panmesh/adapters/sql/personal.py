"""All that is held of a person, in SQL: read for them, corrected by them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, or_, select, update

from panmesh.access.names import Withheld, name_key
from panmesh.access.personal import Erasure, Profile, WithheldName
from panmesh.access.viewer import Viewer
from panmesh.adapters.sql import erasing, withholding
from panmesh.adapters.sql.audit import pseudonym, write_audit
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.event_tables import saved_search, webhook
from panmesh.adapters.sql.note_tables import basket, mark, note, picture
from panmesh.adapters.sql.people_tables import former_member, invitation, name_pending, team_change, withheld_name
from panmesh.adapters.sql.release_tables import release_draft, release_version
from panmesh.adapters.sql.request_tables import notice, request, terms_grant
from panmesh.adapters.sql.tables import (
    account,
    account_instrument,
    api_token,
    audit,
    correction,
    dataset,
    dataset_person,
    instrument,
    investigation,
    layer,
    person,
    proposal,
    team,
    team_member,
    terms,
    web_session,
)
from panmesh.adapters.sql.team_rows import tell_team
from panmesh.adapters.sql.view_tables import shown_columns
from panmesh.adapters.sql.withheld_names import mark_names, renew_texts
from panmesh.kernel.clock import iso
from panmesh.kernel.errors import NotFound

MOST = 10_000  # rows of each kind; the export says when there are more


class SqlPersonal:
    """Implements `access.personal.PersonalStore`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def number(self, login: str) -> int:
        with self._db.read() as c:
            found = c.execute(select(account.c.id).where(account.c.login == login.strip().lower())).scalar()
        if found is None:
            raise NotFound(f"There is no account {login!r}.")
        return int(found)

    def profile(self, account_id: int) -> Profile:
        with self._db.read() as c:
            row = c.execute(select(account).where(account.c.id == account_id)).one()
            own = (withheld_name.c.account_id == account_id, withheld_name.c.ended_us.is_(None))
            asked = c.execute(select(withheld_name.c.id).where(*own)).first() is not None
        shown = {"login": row.login, "name": row.name, "email": row.email, "orcid": row.orcid, "affiliation": row.affiliation}
        return Profile(**shown, withheld=asked or row.withheld)

    def correct(self, viewer: Viewer, *, name: str, orcid: str | None, affiliation: str | None, now_us: int) -> None:
        with self._db.write() as c:
            mine = account.c.id == viewer.user_id
            was = c.execute(select(account).where(mine)).one()
            c.execute(update(account).where(mine).values(name=name, orcid=orcid, affiliation=affiliation))
            w = withheld_name.c
            own = select(w.id).where(w.account_id == viewer.user_id, w.ended_us.is_(None))
            if c.execute(own).first() is not None and (name_key(name), orcid) != (name_key(was.name), was.orcid):
                values = {"account_id": viewer.user_id, "name": name, "name_key": name_key(name), "orcid": orcid}
                c.execute(withheld_name.insert().values(**values, since_us=now_us, by_id=viewer.user_id, reason="a new name"))
            keys = frozenset({name_key(name), name_key(was.name)})
            mark_names(c, Withheld(keys, frozenset(o for o in (orcid, was.orcid) if o)), now_us)
            changed = [f for f, v in (("name", name), ("orcid", orcid), ("affiliation", affiliation)) if getattr(was, f) != v]
            write_audit(c, viewer, "own data corrected", None, now_us, fields=changed)
            for team_id in c.execute(select(team_member.c.team_id).where(team_member.c.account_id == viewer.user_id)).scalars():
                tell_team(c, team_id, now_us)

    def withhold(
        self, viewer: Viewer, *, account: int | None, name: str | None, orcid: str | None, reason: str, now_us: int
    ) -> None:
        with self._db.write() as c:
            self._db.lock(c, "withheld names")
            withholding.withhold(c, viewer, number=account, name=name, orcid=orcid, reason=reason, now_us=now_us)

    def show_again(self, viewer: Viewer, number: int, now_us: int) -> None:
        with self._db.write() as c:
            self._db.lock(c, "withheld names")
            withholding.show_again(c, viewer, number, now_us)

    def withheld(self, account: int | None) -> Sequence[WithheldName]:
        with self._db.read() as c:
            return withholding.withheld_list(c, account)

    def renew_texts(self, now_us: int) -> int:
        with self._db.read() as c:
            if c.execute(select(name_pending.c.dataset_id).limit(1)).first() is None:
                return 0
        with self._db.write() as c:
            return renew_texts(c, now_us)

    def erasure(self, account: int, now_us: int) -> Erasure:
        with self._db.read() as c:
            return erasing.erasure(c, account, now_us)

    def erase(self, viewer: Viewer, account: int, now_us: int, *, withhold: bool) -> Erasure:
        with self._db.write() as c:
            self._db.lock(c, "withheld names")
            return erasing.erase(c, viewer, account, now_us, withhold=withhold)

    def export(self, account_id: int) -> Mapping[str, Any]:
        with self._db.read() as c:
            row = c.execute(select(account).where(account.c.id == account_id)).mappings().one()
            hidden = ("password_hash",)
            return {
                "account": _told(row, hidden) | {"has_password": row["password_hash"] is not None},
                **{name: _rows(c, query) for name, query in _held(account_id, row["login"]).items()},
                "names_in_records": _named(c, row["name"], row["orcid"]),
            }


def _held(number: int, login: str) -> dict[str, Select[Any]]:
    m, r, i, v = team_member.c, request.c, invitation.c, release_version.c
    drafted = [c for c in release_draft.c if c.name not in ("id", "account_id", "release_id")]
    token = [c for c in api_token.c if c.name not in ("token_hash", "account_id")]
    return {
        "instruments": select(instrument.c.instrument_key, instrument.c.name)
        .join(account_instrument, account_instrument.c.instrument_id == instrument.c.id)
        .where(account_instrument.c.account_id == number),
        "tokens": select(*token).where(api_token.c.account_id == number),
        "sessions": select(web_session.c.created_us, web_session.c.expires_us).where(web_session.c.account_id == number),
        "teams": select(team.c.name, proposal.c.number, m.role, m.source, m.since_us, m.expires_us)
        .join(team_member, m.team_id == team.c.id)
        .outerjoin(proposal, proposal.c.team_id == team.c.id)
        .where(m.account_id == number),
        "former_teams": select(team.c.name, former_member.c.role, former_member.c.since_us, former_member.c.until_us)
        .join(former_member, former_member.c.team_id == team.c.id)
        .where(former_member.c.account_id == number),
        "team_changes": select(team_change.c.at_us, team_change.c.what, team_change.c.after_json, team_change.c.undone_us).where(
            team_change.c.account_id == number
        ),
        "invitations": select(i.about, i.address, i.role, i.at_us, i.taken_us, i.revoked_us).where(
            or_(i.invited_by_id == number, i.taken_by_id == number)
        ),
        "requests": select(r.kind, r.about, r.title, r.asked_us, r.reason, r.answer, r.decided_us, r.words).where(
            or_(r.asked_by == number, r.decided_by == number)
        ),
        "grants": select(investigation.c.pid, terms_grant.c.standing, terms_grant.c.expires_us, terms_grant.c.revoked_us)
        .join(terms, terms.c.id == terms_grant.c.terms_id)
        .outerjoin(investigation, investigation.c.terms_id == terms.c.id)
        .where(terms_grant.c.account_id == number),
        "notes": select(note.c.about, note.c.text, note.c.at_us, note.c.edited_us, note.c.deleted_us).where(note.c.by == login),
        "marks": select(mark.c.about, mark.c.flag, mark.c.at_us).where(mark.c.by == login),
        "pictures": select(picture.c.about, picture.c.name, picture.c.at_us).where(picture.c.by == login),
        "corrections": select(correction.c.at_us, correction.c.what, correction.c.reason).where(
            correction.c.account_id == number
        ),
        "changed_metadata": select(dataset.c.pid, layer.c.at_us, layer.c.undone_us)
        .join(layer, layer.c.dataset_id == dataset.c.id)
        .where(layer.c.by == login),
        "baskets": select(basket.c.name, basket.c.pids_json, basket.c.created_us, basket.c.deleted_us).where(
            basket.c.account_id == number
        ),
        "publication_drafts": select(*drafted).where(release_draft.c.account_id == number),
        "publications": select(v.pid, v.number, v.published_us, v.description_json).where(v.account_id == number),
        "chosen_columns": select(shown_columns.c.place, shown_columns.c.columns, shown_columns.c.at_us).where(
            shown_columns.c.account_id == number
        ),
        "saved_searches": select(
            saved_search.c.name, saved_search.c.query, saved_search.c.alert, saved_search.c.created_us, saved_search.c.deleted_us
        ).where(saved_search.c.account_id == number),
        "webhooks": select(webhook.c.url, webhook.c.kinds, webhook.c.created_us).where(webhook.c.account_id == number),
        "notices": select(notice.c.kind, notice.c.due_us, notice.c.state, notice.c.sent_us).where(notice.c.account_id == number),
        "withheld_names": select(
            withheld_name.c.name, withheld_name.c.orcid, withheld_name.c.since_us, withheld_name.c.ended_us
        ).where(withheld_name.c.account_id == number),
        "audit": select(audit.c.at_us, audit.c.action, audit.c.pid, audit.c.detail_json)
        .where(or_(audit.c.account_id == number, audit.c.actor.in_([login, pseudonym(number)]), _about(number)))
        .order_by(audit.c.id.desc()),
    }


def _about(number: int) -> Any:
    """Entries that others made about them name the account by its number."""
    text = audit.c.detail_json
    return or_(text.contains(f'"account": {number},'), text.contains(f'"account": {number}}}'))


def _named(c: Connection, name: str, orcid: str | None) -> dict[str, Any]:
    """Where files and other catalogues name somebody like this: perhaps the same person, perhaps not."""
    mine = Withheld(frozenset({name_key(name)}), frozenset({orcid} if orcid else ()))
    p = dataset_person.c
    names = [n for n in c.execute(select(p.name_folded).distinct()).scalars() if mine.holds(n, None)]
    ways = [p.name_folded.in_(names)] + ([p.orcid == orcid] if orcid else [])
    query = select(dataset.c.pid, p.name, p.role, p.orcid, p.affiliation, dataset.c.path.label("read_from"))
    files = _rows(c, query.join(dataset, dataset.c.id == p.dataset_id).where(or_(*ways)))
    brought = [
        {"name": r.full_name, "orcid": r.orcid, "key": r.person_key}
        for r in c.execute(select(person))
        if mine.holds(r.full_name, r.orcid)
    ]
    return {"files": files, "other_catalogues": brought}


def _rows(c: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    found = [_told(row) for row in c.execute(query.limit(MOST + 1)).mappings()]
    return found if len(found) <= MOST else [*found[:MOST], {"more": True}]


def _told(row: Any, hidden: Sequence[str] = ()) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in row.items():
        name = str(key)
        if name in hidden:
            continue
        if name.endswith("_us"):
            made[name.removesuffix("_us")] = iso(value)
        elif name.endswith("_json"):
            made[name.removesuffix("_json")] = json.loads(value) if value else None
        else:
            made[name] = value
    return made
