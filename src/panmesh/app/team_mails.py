"""Invitations on their way: sent until the mail server takes them, for three days, or says that it never will; the page says which
were not."""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog

from panmesh.access.teams import Invitation, InvitationState
from panmesh.app.compose import Composition
from panmesh.app.mails import post, sender
from panmesh.http.links import absolute
from panmesh.http.private_links import Purpose
from panmesh.jobs.posting import LEASE_US, LONGEST_US, PAUSES_S
from panmesh.kernel.errors import PanmeshError, Refused
from panmesh.kernel.faults import reach
from panmesh.wire.team_mail import compose

log = structlog.get_logger("panmesh.announcing")


def link_of(app: Composition, one: Invitation) -> str:
    return absolute(app.address, "", "invitations", app.private_links.token(Purpose.INVITATION, one.id, one.key))


def send_invitations(app: Composition, limit: int = 20) -> int:
    """Returns how many the mail server took."""
    sent = 0
    for _ in range(limit):
        now_us = app.clock()
        taken = app.invitations.take_mail(now_us, now_us + LEASE_US)
        if taken is None:
            break
        sent += _send(app, *taken)
    return sent


def _send(app: Composition, one: Invitation, attempts: int) -> bool:
    now_us = app.clock()
    if one.state is not InvitationState.OPEN:
        app.invitations.mailed(one.id, "none", None, now_us)
        return False
    host = urlsplit(app.address).hostname or "panmesh"
    zone = app.settings.facility.time_zone
    mail = compose(one, sender=sender(app), facility=app.facility_name, host=host, link=link_of(app, one), zone=zone)
    try:
        post(app, mail)
    except PanmeshError as error:
        late = isinstance(error, Refused) or now_us - one.at_us > LONGEST_US
        pause = PAUSES_S[min(attempts, len(PAUSES_S) - 1)] * 1_000_000
        app.invitations.mailed(one.id, "failed" if late else "waiting", error.detail, now_us + pause)
        log.warning("invitation not taken by the mail server", invitation=one.id, again=not late)
        return False
    reach("invitation.sent")
    app.invitations.mailed(one.id, "sent", None, now_us)
    return True
