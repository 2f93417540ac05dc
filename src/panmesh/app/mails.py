"""Alerts and notices as mails: composed with this facility's addresses, given to its mail server."""

from __future__ import annotations

import os
from email.message import EmailMessage
from urllib.parse import urlsplit

from panmesh.access.notices import Notice, stands
from panmesh.adapters.outbound.smtp import Smtp
from panmesh.app.compose import Composition
from panmesh.catalogue.mailing import Letter, Mailing
from panmesh.http.links import absolute
from panmesh.http.private_links import Purpose
from panmesh.jobs.posting import post_all
from panmesh.kernel.errors import Conflict, Refused
from panmesh.wire.alert_mail import compose
from panmesh.wire.notice_mail import compose_notice


def mailing(app: Composition) -> Mailing:
    return Mailing(
        app.search_store,
        app.matching,
        app.accounts,
        lambda letter: post(app, compose_letter(app, letter)),
        app.clock,
        new_message=lambda: f"{os.urandom(16).hex()}@{urlsplit(app.address).hostname or 'panmesh'}",
        zone=app.settings.facility.time_zone,
        daily_hour=app.settings.mail.daily_hour,
    )


def compose_letter(app: Composition, letter: Letter) -> EmailMessage:
    search = letter.search
    return compose(
        letter,
        sender=sender(app),
        facility=app.facility_name,
        link=lambda pid: absolute(app.address, "", "datasets", pid),
        search_link=f"{absolute(app.address, '')}/?{search.query}",
        unsubscribe=absolute(app.address, "", "unsubscribe", app.private_links.token(Purpose.UNSUBSCRIBE, search.id, search.key)),
        manage=absolute(app.address, "", "notifications"),
    )


def send_notices(app: Composition, limit: int = 50) -> int:
    """Returns how many were taken by the mail server."""

    def give(one: Notice) -> bool:
        if not stands(one, app.clock()):
            return False
        if one.to is None:
            raise Refused(NO_ADDRESS, "")
        post(app, notice_mail(app, one))
        return True

    return post_all(app.notice_outbox, give, app.clock, point="notice.sent", limit=limit)


NO_ADDRESS = "The account has no mail address, or is closed."


def notice_mail(app: Composition, one: Notice) -> EmailMessage:
    def link(*parts: str | None, query: str | None = None) -> str:
        return absolute(app.address, "", *(part or "" for part in parts)) + (f"?{query}" if query else "")

    host = urlsplit(app.address).hostname or "panmesh"
    return compose_notice(one, sender=sender(app), facility=app.facility_name, host=host, link=link)


def post(app: Composition, mail: EmailMessage) -> None:
    """Raises PeerFailed when the server does not take it, Conflict when none is configured."""
    one = app.settings.mail
    if one.host is None:
        raise Conflict("No mail server is configured: set host in [mail].")
    Smtp(one.host, one.port, starttls=one.starttls, user=one.user, password_file=one.password_file).send(mail)


def sender(app: Composition) -> str:
    return app.settings.mail.sender or f"panmesh@{urlsplit(app.address).hostname or 'localhost'}"
