"""Alerts as mails: composed with this facility's addresses, given to its mail server."""

from __future__ import annotations

import os
from email.message import EmailMessage
from urllib.parse import urlsplit

from panmesh.adapters.outbound.smtp import Smtp
from panmesh.app.compose import Composition
from panmesh.catalogue.mailing import Letter, Mailing
from panmesh.http.links import absolute
from panmesh.http.private_links import Purpose
from panmesh.kernel.errors import Conflict
from panmesh.wire.alert_mail import compose


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


def post(app: Composition, mail: EmailMessage) -> None:
    """Raises PeerFailed when the server does not take it, Conflict when none is configured."""
    one = app.settings.mail
    if one.host is None:
        raise Conflict("No mail server is configured: set host in [mail].")
    Smtp(one.host, one.port, starttls=one.starttls, user=one.user, password_file=one.password_file).send(mail)


def sender(app: Composition) -> str:
    return app.settings.mail.sender or f"panmesh@{urlsplit(app.address).hostname or 'localhost'}"
