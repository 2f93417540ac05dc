"""Invitations in SQL: each link works once, also when two open it at the same moment; its mail is found again after any death."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update

from panmesh.access.team_policy import GIVEN_BY_LEADERS, may_keep_team, may_name_leaders
from panmesh.access.teams import MOST_A_DAY, MOST_OPEN, Invitation, InvitationState, NewAccount, What
from panmesh.access.viewer import TeamRole, Viewer
from panmesh.adapters.sql.audit import write_audit
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.people_tables import invitation
from panmesh.adapters.sql.tables import account
from panmesh.adapters.sql.team_reading import invitation_of, invitation_query
from panmesh.adapters.sql.team_rows import find_team, keep_team, role_now
from panmesh.adapters.sql.teams import put_in
from panmesh.kernel.clock import DAY_US
from panmesh.kernel.errors import Conflict, Forbidden, NotFound, TooMany

OPEN = (invitation.c.taken_us.is_(None), invitation.c.revoked_us.is_(None))
NO_LONGER = "This invitation was used, was taken back or has ended: ask for another one."


class SqlInvitations:
    """Implements `access.teams.InvitationStore`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def invite(
        self,
        viewer: Viewer,
        about: str,
        *,
        address: str,
        role: TeamRole,
        until_us: int | None,
        key: str,
        valid_until_us: int,
        mailed: bool,
        now_us: int,
    ) -> Invitation:
        with self._db.write() as c:
            self._db.lock(c, f"team {find_team(c, viewer, about).id}")
            found = keep_team(c, viewer, about, now_us)
            if role not in GIVEN_BY_LEADERS and not may_name_leaders(viewer):
                raise Forbidden("Who leads the team is the facility's to say: ask for a succession on the page of a visit.")
            self._not_too_many(c, viewer, found.id, address, now_us)
            row = {
                "team_id": found.id,
                "about": found.number,
                "about_pid": found.about,
                "address": address,
                "role": role.value,
                "expires_us": until_us,
                "invited_by_id": viewer.user_id,
                "key": key,
                "at_us": now_us,
                "valid_until_us": valid_until_us,
                "mail_state": "waiting" if mailed else "none",
                "mail_attempts": 0,
                "mail_next_us": now_us,
            }
            number = int(c.execute(invitation.insert().values(**row).returning(invitation.c.id)).scalar_one())
            write_audit(c, viewer, "invited to team", found.about, now_us, invitation=number, role=role.value, until=until_us)
            return invitation_of(c.execute(invitation_query().where(invitation.c.id == number)).one(), now_us)

    def revoke(self, viewer: Viewer, about: str, invitation_id: int, now_us: int) -> None:
        with self._db.write() as c:
            self._db.lock(c, f"team {find_team(c, viewer, about).id}")
            found = keep_team(c, viewer, about, now_us)
            mine = (invitation.c.id == invitation_id, invitation.c.team_id == found.id)
            if c.execute(select(invitation.c.id).where(*mine)).first() is None:
                raise NotFound()
            done = c.execute(update(invitation).where(*mine, *OPEN).values(revoked_us=now_us))
            if done.rowcount == 0:
                raise Conflict("This invitation was used or taken back already.")
            write_audit(c, viewer, "invitation taken back", found.about, now_us, invitation=invitation_id)

    def invitation(self, number: int, now_us: int) -> Invitation | None:
        with self._db.read() as c:
            row = c.execute(invitation_query().where(invitation.c.id == number)).first()
        return None if row is None else invitation_of(row, now_us)

    def take(self, viewer: Viewer, number: int, key: str, new: NewAccount | None, now_us: int) -> tuple[str, str]:
        with self._db.write() as c:
            team_id = c.execute(select(invitation.c.team_id).where(invitation.c.id == number)).scalar()
            if team_id is None:
                raise NotFound()
            self._db.lock(c, f"team {team_id}")
            found = invitation_of(c.execute(invitation_query().where(invitation.c.id == number)).one(), now_us)
            if found.state is not InvitationState.OPEN or found.key != key:
                raise Conflict(NO_LONGER)
            inviter = c.execute(select(invitation.c.invited_by_id).where(invitation.c.id == number)).scalar()
            self._still_theirs_to_invite(c, team_id, inviter, now_us)
            about = find_team(c, Viewer(operator=True), found.about_pid)
            joining = _made(c, new, found.address, now_us) if new is not None else viewer
            assert joining.user_id is not None
            if role_now(c, team_id, joining.user_id, now_us) is not None:
                raise Conflict("You are in this team already; the link is for the one it was sent to.")
            taken = {"taken_us": now_us, "taken_by_id": joining.user_id}
            c.execute(update(invitation).where(invitation.c.id == number).values(**taken))
            put_in(c, joining, about, joining.user_id, What.JOINED, found.role, found.until_us, now_us, by_id=inviter)
            return about.about, joining.login or ""

    def take_mail(self, now_us: int, until_us: int) -> tuple[Invitation, int] | None:
        i = invitation.c
        with self._db.write() as c:
            self._db.lock(c, "invitation mails")
            due = (i.mail_state == "waiting", i.mail_next_us <= now_us)
            row = c.execute(invitation_query().where(*due).order_by(i.mail_next_us).limit(1)).first()
            if row is None:
                return None
            taken = {"mail_next_us": until_us, "mail_attempts": row.mail_attempts + 1}
            c.execute(update(invitation).where(i.id == row.id).values(**taken))
            return invitation_of(row, now_us), row.mail_attempts

    def mailed(self, number: int, state: str, error: str | None, next_us: int) -> None:
        with self._db.write() as c:
            values = {"mail_state": state, "mail_error": error, "mail_next_us": next_us}
            c.execute(update(invitation).where(invitation.c.id == number).values(**values))

    def _not_too_many(self, c: Connection, viewer: Viewer, team_id: int, address: str, now_us: int) -> None:
        live = (*OPEN, invitation.c.valid_until_us > now_us, invitation.c.team_id == team_id)
        if (
            c.execute(select(invitation.c.id).where(*live, func.lower(invitation.c.address) == address.lower())).first()
            is not None
        ):
            raise Conflict("There is an open invitation to this address already; take it back to send another.")
        if c.execute(select(func.count()).select_from(invitation).where(*live)).scalar_one() >= MOST_OPEN:
            raise TooMany(f"{MOST_OPEN} invitations of this team are open: wait until some are used, or take some back.", 86400)
        if viewer.user_id is None:
            return
        mine = (invitation.c.invited_by_id == viewer.user_id, invitation.c.at_us > now_us - DAY_US)
        if c.execute(select(func.count()).select_from(invitation).where(*mine)).scalar_one() >= MOST_A_DAY:
            raise TooMany(f"You sent {MOST_A_DAY} invitations within a day; send the others tomorrow.", 86400)

    def _still_theirs_to_invite(self, c: Connection, team_id: int, inviter: int | None, now_us: int) -> None:
        if inviter is None:
            return
        a = account.c
        row = c.execute(select(account).where(a.id == inviter, a.disabled.is_(False))).first()
        as_now = Viewer(user_id=inviter, admin=row.admin, steward=row.steward) if row is not None else Viewer()
        if not may_keep_team(as_now, role_now(c, team_id, inviter, now_us)):
            raise Conflict(
                "Who invited you does not keep this team any more: ask its principal investigator for a new invitation."
            )


def _made(c: Connection, new: NewAccount, address: str, now_us: int) -> Viewer:
    """The account of somebody who holds the link that was sent to this address, and so reads its mail."""
    if c.execute(select(account.c.id).where(account.c.login == new.login)).first() is not None:
        raise Conflict(f"There is an account {new.login!r} already: choose another login, or sign in with it.")
    row = {"login": new.login, "name": new.name, "password_hash": new.password_hash, "email": address, "created_us": now_us}
    flags = {"admin": False, "steward": False, "disabled": False}
    number = int(c.execute(account.insert().values(**row, **flags).returning(account.c.id)).scalar_one())
    made = Viewer(user_id=number, login=new.login, name=new.name)
    write_audit(c, made, "account made by invitation", None, now_us, account=number)
    return made
