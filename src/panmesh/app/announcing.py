"""What happened is told: webhooks are called, alerts are mailed. All of it is found again from the tables after any death."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor

import orjson
import structlog

from panmesh.app.compose import Composition
from panmesh.app.mails import mailing, send_notices
from panmesh.app.team_mails import send_invitations
from panmesh.catalogue.delivering import Delivering, Parts
from panmesh.catalogue.events import Event
from panmesh.catalogue.webhooks import Delivery
from panmesh.kernel.clock import DAY_US, iso
from panmesh.protocols.api.events import event_shape

log = structlog.get_logger("panmesh.announcing")

LOOK_SECONDS = 0.2
CLOCK_SECONDS = 5.0  # also when nothing is committed: embargoes end, and attempts are due, by the clock
ALERT_SECONDS = 10.0
CALLS = 4  # at once; of one webhook never two
ROUND_US = DAY_US // 24  # how often it is looked what became due by the policy; what that costs goes with what became due
KEEP_US = 30 * DAY_US  # deliveries that were done with


class Announcer:
    def __init__(self, app: Composition, stopped: threading.Event) -> None:
        self._app = app
        self._stopped = stopped
        self._delivering = Delivering(
            Parts(
                outbox=app.webhook_store,
                events=app.events,
                owners=app.accounts,
                caller=app.caller,
                body=self._body,
                clock=app.clock,
                chance=os.urandom,
            )
        )
        self._mailing = mailing(app) if app.settings.mail.host is not None else None
        self._calling: set[int] = set()  # webhooks

    def loop(self) -> None:
        stamp: Hashable = None
        looked = matched = forgot = 0.0
        with ThreadPoolExecutor(CALLS, "webhook") as calls:
            while not self._stopped.wait(LOOK_SECONDS):
                found = self._app.database.stamp()
                if found != stamp or time.monotonic() - looked > CLOCK_SECONDS:
                    stamp, looked = found, time.monotonic()
                    self._delivering.write_down()
                    self._call(calls)
                if time.monotonic() - matched > ALERT_SECONDS:
                    self._alert()
                    matched = time.monotonic()
                if time.monotonic() - forgot > 3600:
                    forgot = time.monotonic()
                    self._app.webhook_store.forget(self._app.clock() - KEEP_US)

    def round(self) -> None:
        """All that is due now, one after the other: for tests and for commands."""
        self._delivering.write_down()
        for number in self._app.webhook_store.due(self._app.clock(), 1000):
            self._delivering.send(number)
        self._alert()

    def _alert(self) -> None:
        """Matches are written down also where no mail server is: one that is configured later has what was new since then."""
        new = self._app.matching.write_down()
        if new:
            log.info("new in saved searches", matches=new)
        if self._mailing is not None:
            self._mailing.gather()
            if sent := self._mailing.send():
                log.info("alerts mailed", mails=sent)
            if invited := send_invitations(self._app):
                log.info("invitations mailed", mails=invited)
        self.notify()

    def notify(self) -> None:
        """Notices are written down also where no mail server is: pages show them, and one that is configured later sends what still stands."""
        upto, now_us = self._app.notice_round.upto(), self._app.clock()
        if (upto is None or now_us - upto >= ROUND_US) and (new := self._app.notice_round.round(now_us)):
            log.info("notices written down", notices=new)
        if self._mailing is not None and (sent := send_notices(self._app)):
            log.info("notices mailed", mails=sent)

    def _call(self, calls: ThreadPoolExecutor) -> None:
        for number in self._app.webhook_store.due(self._app.clock(), 10 * CALLS):
            if number not in self._calling:
                self._calling.add(number)
                calls.submit(self._send, number)

    def _send(self, number: int) -> None:
        try:
            arrived = self._delivering.send(number)
            log.info("webhook called", webhook=number, arrived=arrived)
        except Exception as error:
            log.error("webhook failed here", webhook=number, error=f"{type(error).__name__}: {error}", exc_info=True)
        finally:
            self._calling.discard(number)

    def _body(self, delivery: Delivery, event: Event | None) -> bytes:
        data = event_shape(event, self._app.cursors, self._app.address, "") if event is not None else {}
        kind = delivery.kind.value if delivery.kind is not None else "test"
        return orjson.dumps({"type": kind, "timestamp": iso(delivery.at_us), "data": data})
