"""Mails on their way: each taken by one sender at a time, tried again until the server takes it, and then said to be sent.

Between the server's yes and ours there is a moment in which a process may die: the mail goes again then, under the same Message-ID.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from panmesh.kernel.clock import DAY_US, Clock
from panmesh.kernel.errors import PanmeshError, Refused
from panmesh.kernel.faults import reach

PAUSES_S = (60, 300, 900, 3600)
LEASE_US = 120_000_000  # longer than a server may take
LONGEST_US = 3 * DAY_US


class Outgoing(Protocol):
    @property
    def attempts(self) -> int:
        """Before this one."""
        ...

    @property
    def since_us(self) -> int: ...


Mail = TypeVar("Mail", bound=Outgoing)


class Outbox(Protocol[Mail]):
    def take(self, now_us: int, until_us: int) -> Mail | None:
        """The mail that waited longest, which nobody else takes until then."""
        ...

    def sent(self, mail: Mail, now_us: int) -> None: ...
    def void(self, mail: Mail, now_us: int) -> None:
        """There is nobody to write to, or nothing to say to them any more."""
        ...

    def failed(self, mail: Mail, error: PanmeshError, now_us: int) -> None: ...
    def later(self, mail: Mail, error: PanmeshError, next_us: int) -> None: ...


def post_all(outbox: Outbox[Mail], give: Callable[[Mail], bool], clock: Clock, *, point: str, limit: int = 20) -> int:
    """Returns how many were taken. `give`: False when there is nothing to say; raises PeerFailed when the server does not take it,
    Refused when it never will. `point`: of `kernel.faults`, passed after the server took it."""
    taken = 0
    for _ in range(limit):
        now_us = clock()
        mail = outbox.take(now_us, now_us + LEASE_US)
        if mail is None:
            break
        taken += _one(outbox, mail, give, clock, point)
    return taken


def _one(outbox: Outbox[Mail], mail: Mail, give: Callable[[Mail], bool], clock: Clock, point: str) -> bool:
    try:
        given = give(mail)
    except PanmeshError as error:
        now_us = clock()
        if isinstance(error, Refused) or now_us - mail.since_us > LONGEST_US:
            outbox.failed(mail, error, now_us)
        else:
            pause = PAUSES_S[min(mail.attempts, len(PAUSES_S) - 1)]
            outbox.later(mail, error, now_us + pause * 1_000_000)
        return False
    if not given:
        outbox.void(mail, clock())
        return False
    reach(point)
    outbox.sent(mail, clock())
    return True
