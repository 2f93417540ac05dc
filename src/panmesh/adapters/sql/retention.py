"""What is written down of people's doings, forgotten by rule. The audit log is never shortened: it names accounts by number."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import and_, delete, or_, select

from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.event_tables import alert_mail, alert_match, webhook_delivery
from panmesh.adapters.sql.people_tables import invitation
from panmesh.adapters.sql.request_tables import notice
from panmesh.adapters.sql.tables import login_attempt, web_session
from panmesh.kernel.clock import DAY_US
from panmesh.kernel.faults import reach


def forget(database: Database, days: Mapping[str, int], now_us: int) -> dict[str, int]:
    """`days`: as [retention] says, by the name of what is kept. Returns how many rows went."""

    def before(what: str) -> int:
        return now_us - days[what] * DAY_US

    i = invitation.c
    over = or_(i.taken_us < before("invitation"), i.revoked_us < before("invitation"), i.valid_until_us < before("invitation"))
    done_with = and_(alert_mail.c.state != "waiting", alert_mail.c.done_us < before("notice"))
    mails = select(alert_mail.c.id).where(done_with)
    rules = (
        (notice, and_(notice.c.state != "waiting", notice.c.due_us < before("notice"))),
        (alert_match, alert_match.c.mail_id.in_(mails)),
        (alert_mail, done_with),
        (webhook_delivery, webhook_delivery.c.done_us < before("delivery")),
        (invitation, over),
        (web_session, web_session.c.expires_us < before("session")),
        (login_attempt, login_attempt.c.at_us < before("session")),
    )
    gone = {}
    for table, where in rules:
        with database.write() as c:
            gone[table.name] = c.execute(delete(table).where(where)).rowcount
            reach("retention.before-commit")
        reach("retention.forgot")
    return {name: number for name, number in gone.items() if number}
