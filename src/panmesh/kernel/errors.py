"""The one tree of errors that panmesh raises on purpose; the edges translate it (HTTP, CLI exit, OAI-PMH …).

PanmeshError
├── Invalid                 what was asked for is not well formed: carries all faults
├── Unauthenticated         nobody is signed in, or the credentials are wrong or expired
├── Forbidden               known, but not allowed
│   └── Embargoed           … until release_date
├── NotFound                absent, or this viewer may not know of it: the two are told apart nowhere
│   └── Withdrawn           was here; a tombstone remains
├── Conflict                the state does not allow it
│   └── Stale               it has changed since you read it
├── TooLarge, QuotaExceeded
├── Unsupported             a form or format that we do not offer
├── TooMany                 slow down: retry_after
└── Unavailable             not now
    └── PeerFailed
        ├── DeadlineExceeded
        └── Refused         it will not take this, however often it is asked
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Fault:
    pointer: str  # where: JSON pointer ("/from"), option ("--data") or query parameter
    detail: str  # what was wrong and what to do


class PanmeshError(Exception):
    """`str(error)` is a sentence for a person: what was wrong, where, what to do next."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Invalid(PanmeshError):
    def __init__(self, detail: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(detail)
        self.faults = faults


class Unauthenticated(PanmeshError):
    def __init__(self, detail: str = "Sign in, or send an API token as 'Authorization: Bearer …'.") -> None:
        super().__init__(detail)


class Forbidden(PanmeshError):
    pass


class Embargoed(Forbidden):
    def __init__(self, detail: str, release_date: date | None) -> None:
        super().__init__(detail)
        self.release_date = release_date


class NotFound(PanmeshError):
    def __init__(self, detail: str = "There is nothing here under this identifier, or you may not know of it.") -> None:
        super().__init__(detail)


class Withdrawn(NotFound):
    pass


class Conflict(PanmeshError):
    pass


class Stale(Conflict):
    def __init__(self, detail: str, etag: str | None = None) -> None:
        super().__init__(detail)
        self.etag = etag


class TooLarge(PanmeshError):
    def __init__(self, detail: str, limit: int) -> None:
        super().__init__(detail)
        self.limit = limit


class QuotaExceeded(TooLarge):
    def __init__(self, detail: str, limit: int, used: int) -> None:
        super().__init__(detail, limit)
        self.used = used


class Unsupported(PanmeshError):
    def __init__(self, detail: str, offered: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.offered = offered


class TooMany(PanmeshError):
    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after  # seconds


class Unavailable(PanmeshError):
    def __init__(self, detail: str, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class PeerFailed(Unavailable):
    def __init__(self, detail: str, peer: str, retry_after: int | None = None) -> None:
        super().__init__(detail, retry_after)
        self.peer = peer


class DeadlineExceeded(PeerFailed):
    pass


class Refused(PeerFailed):
    def __init__(self, detail: str, peer: str, *, address: bool = False) -> None:
        """`address`: because of whom it was for, not of what it said."""
        super().__init__(detail, peer)
        self.address = address
