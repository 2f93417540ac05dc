"""Mails that the policy sends: of what, when, and to whom (contract a.4); each is sent once, and not when it is no longer true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from panmesh.access.requests import ESCALATION_US, REMINDER_US, RULES, Answer, Kind
from panmesh.access.terms import AccessClass, State, Terms, state
from panmesh.kernel.clock import DAY_US


class NoticeKind(StrEnum):
    ENDED = "ended"  # the visit is over, its embargo runs
    OPENS_SOON = "opens soon"
    OPENED = "opened"
    RETENTION = "retention"  # the time for which data are kept ends
    ASKED = "asked"  # somebody asked: to who may decide
    REMINDER = "reminder"
    ESCALATED = "escalated"
    DECIDED = "decided"  # to who asked; also when nobody answered in time
    GRANT_ENDS = "grant ends"
    PAPER = "paper"  # a paper that used data of the visit was linked to them
    ARCHIVES_SOON = "archives soon"  # its files leave the fast disks on a day that the facility has set
    ARCHIVED = "archived"  # its files were moved to the archive
    UNREACHABLE = "unreachable"  # nobody who leads the team can be written to: to the stewards


OPENS_SOON_DAYS = (180, 90, 30, 7)
RETENTION_DAYS = (365, 90)
ARCHIVES_SOON_DAYS = 7
GRANT_ENDS_DAYS = 7
STALE_US = 30 * DAY_US  # what could not be sent for so long is not sent any more
BOUNCES = 2  # of one address, and then nobody is reached there


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One notice of a visit, whoever gets it."""

    kind: NoticeKind
    due_us: int
    mark: str  # tells it apart from the same notice about another day
    opens_us: int | None = None


def due_of_visit(
    terms: Terms, kept_us: int | None, after_us: int, upto_us: int, archives_us: int | None = None, let_us: int | None = None
) -> Iterator[Due]:
    """What is due in (after, upto] and still true at its end. Of warnings that the same day overtook, only the last.

    `kept_us`: from when the data may be deleted; `archives_us`: when they leave the fast disks; `let_us`: when something ended that
    had held the opening back.
    """
    now = state(terms, upto_us)
    opens = opening(terms)
    opened = max(opens, let_us) if opens is not None and let_us is not None else opens
    if opened is not None and now is State.OPEN and after_us < opened <= upto_us:
        yield Due(kind=NoticeKind.OPENED, due_us=opened, mark=str(opened), opens_us=opened)
    if now is State.EMBARGOED and terms.ends_us is not None:
        if after_us < terms.ends_us <= upto_us:
            yield Due(kind=NoticeKind.ENDED, due_us=terms.ends_us, mark=str(terms.ends_us), opens_us=opens)
        if opens is not None:
            warned = [at for days in OPENS_SOON_DAYS if after_us < (at := opens - days * DAY_US) <= upto_us]
            if warned and warned[-1] > terms.ends_us:
                mark = f"{(opens - warned[-1]) // DAY_US} {opens}"
                yield Due(kind=NoticeKind.OPENS_SOON, due_us=warned[-1], mark=mark, opens_us=opens)
    if kept_us is not None and now in _KEPT:
        warned = [at for days in RETENTION_DAYS if after_us < (at := kept_us - days * DAY_US) <= upto_us]
        if warned:
            mark = f"{(kept_us - warned[-1]) // DAY_US} {kept_us}"
            yield Due(kind=NoticeKind.RETENTION, due_us=warned[-1], mark=mark)
    if (
        archives_us is not None
        and now in _USED
        and after_us < (at := archives_us - ARCHIVES_SOON_DAYS * DAY_US) <= upto_us < archives_us
    ):
        yield Due(kind=NoticeKind.ARCHIVES_SOON, due_us=at, mark=str(archives_us))


_KEPT = (State.EMBARGOED, State.OPEN, State.HELD, State.WITHDRAWN)
_USED = (State.EMBARGOED, State.OPEN, State.PROPRIETARY)


def opening(terms: Terms) -> int | None:
    """The first instant from which the clock alone lets everybody read; None: no clock does."""
    if terms.opens_us is None or terms.access not in (AccessClass.PUBLIC, AccessClass.PROPRIETARY):
        return None
    if terms.access is AccessClass.PROPRIETARY:
        return max(terms.opens_us, terms.declassified_us) if terms.declassified_us is not None else None
    return terms.opens_us


def offers_release(one: Notice) -> bool:
    """Whether the data that a paper names wait for their day."""
    return one.terms is not None and state(one.terms, one.due_us) is State.EMBARGOED


def lets_open(kind: Kind, answer: Answer) -> bool:
    """Whether it ends what had held an opening back: a hold, or an extension that was asked for or given."""
    match kind:
        case Kind.EXTENSION:
            return answer in (Answer.REFUSED, Answer.TAKEN_BACK, Answer.UNDONE)
        case Kind.UNHOLD:
            return answer is Answer.GRANTED
        case Kind.HOLD:
            return answer is Answer.UNDONE
    return False


def due_of_request(kind: Kind, asked_us: int, deadline_us: int, after_us: int, upto_us: int) -> Iterator[Due]:
    """Of one that nobody has decided."""
    if after_us < deadline_us <= upto_us:
        yield Due(kind=NoticeKind.DECIDED, due_us=deadline_us, mark="expired")
    if deadline_us <= upto_us:
        return
    escalated, reminded = asked_us + ESCALATION_US, asked_us + REMINDER_US
    if kind is Kind.ACCESS and after_us < escalated <= upto_us:
        yield Due(kind=NoticeKind.ESCALATED, due_us=escalated, mark="")
    elif after_us < reminded <= upto_us:
        yield Due(kind=NoticeKind.REMINDER, due_us=reminded, mark="")


def due_of_grant(granted_us: int, expires_us: int, after_us: int, upto_us: int) -> Iterator[Due]:
    """None of one that lasts a week or two anyway."""
    at = expires_us - GRANT_ENDS_DAYS * DAY_US
    if after_us < at <= upto_us < expires_us and at - granted_us > GRANT_ENDS_DAYS * DAY_US:
        yield Due(kind=NoticeKind.GRANT_ENDS, due_us=at, mark=str(expires_us))


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One mail that waits, with the facts of the moment at which it is looked at."""

    id: int
    kind: NoticeKind
    account: int
    to: str | None  # mail address; None: there is none, or the account is closed
    name: str
    message: str  # Message-ID without its host: the same at each attempt
    attempts: int
    due_us: int
    said_us: int | None = None  # when it is said, or was
    days_left: int | None = None  # from that day to the one on which the data open
    doi: str | None = None  # of the visit, when it can be found
    opens_us: int | None = None  # as it was when it was written down
    terms: Terms | None = None
    visit: str | None = None  # pid of the visit, or of the run that a request is about
    title: str | None = None
    instrument: str | None = None
    opens: date | None = None
    kept_until: date | None = None
    request: int | None = None
    request_kind: Kind | None = None
    answer: Answer | None = None
    asked_by: str | None = None
    reason: str | None = None
    words: str | None = None
    deadline: date | None = None
    wanted_day: date | None = None  # extension: the first day on which the data would be open
    wanted_days: int | None = None  # access: for so long
    wanted_leader: str | None = None  # succession: name and login of who would lead
    wanted_hold: str | None = None  # access.terms.Hold
    expires_us: int | None = None  # of the grant; None: it was taken back
    ends: date | None = None  # of the grant
    leads: bool = False  # whether who gets it leads the team
    decides: bool = True  # False: to tell a steward of what only who leads the team could answer
    takes_part: bool = True  # False: they look after the instrument
    paper: str | None = None  # its DOI; None: the release does not name it any more
    release: str | None = None  # pid of the release that names it
    archives: date | None = None  # the day on which they leave the fast disks
    archive: str | None = None  # name of the storage that its files were moved to

    @property
    def since_us(self) -> int:
        return self.due_us


def stands(one: Notice, now_us: int) -> bool:
    """Whether it is still true, and news."""
    if now_us - one.due_us > STALE_US and one.kind not in (NoticeKind.OPENS_SOON, NoticeKind.RETENTION):
        return False
    match one.kind:
        case NoticeKind.ENDED:
            return one.terms is not None and state(one.terms, now_us) is State.EMBARGOED
        case NoticeKind.OPENS_SOON:
            return one.terms is not None and _opens_soon(one, one.terms, now_us)
        case NoticeKind.OPENED:
            return one.terms is not None and state(one.terms, now_us) is State.OPEN
        case NoticeKind.RETENTION:
            return (
                one.terms is not None and state(one.terms, now_us) in _KEPT and now_us - one.due_us < RETENTION_DAYS[-1] * DAY_US
            )
        case NoticeKind.PAPER:
            return one.paper is not None and one.terms is not None and state(one.terms, now_us) in (State.EMBARGOED, State.OPEN)
        case NoticeKind.ARCHIVES_SOON:
            return (
                one.terms is not None and state(one.terms, now_us) in _USED and now_us - one.due_us < ARCHIVES_SOON_DAYS * DAY_US
            )
        case NoticeKind.ARCHIVED:
            return one.terms is not None and state(one.terms, now_us) not in (State.DELETED, State.WITHDRAWN)
        case NoticeKind.ASKED | NoticeKind.REMINDER | NoticeKind.ESCALATED:
            return one.request_kind is Kind.EMERGENCY or (one.answer is Answer.ASKED and not moot(one, now_us))
        case NoticeKind.DECIDED:
            return one.answer is not Answer.ASKED
        case NoticeKind.GRANT_ENDS:
            return one.expires_us is not None and now_us < one.expires_us and not _opens_before(one, one.expires_us)
        case NoticeKind.UNREACHABLE:
            return True


def moot(one: Notice, now_us: int) -> bool:
    """Whether there is nothing to ask for any more: the data opened, or are gone."""
    return (
        one.request_kind is not None and one.terms is not None and state(one.terms, now_us) not in RULES[one.request_kind].states
    )


def _opens_before(one: Notice, expires_us: int) -> bool:
    """What everybody may read by then ends for nobody."""
    return one.terms is not None and state(one.terms, expires_us) is State.OPEN


def _opens_soon(one: Notice, terms: Terms, now_us: int) -> bool:
    """Until it opens, on the day that was meant, and no nearer warning is due."""
    if state(terms, now_us) is not State.EMBARGOED or terms.opens_us is None or opening(terms) != one.opens_us:
        return False
    days = (terms.opens_us - one.due_us) // DAY_US
    nearer = max((other for other in OPENS_SOON_DAYS if other < days), default=0)
    return now_us < terms.opens_us - nearer * DAY_US
