"""The nightly round in SQL: what became due since the last one is written down as notices, found by indexes and in small pieces.

How far the clock was followed is one row of `announcement`. A round that dies is done again: each notice has a key of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select, union, update

from panmesh.access.notices import (
    ARCHIVES_SOON_DAYS,
    BOUNCES,
    GRANT_ENDS_DAYS,
    OPENS_SOON_DAYS,
    RETENTION_DAYS,
    Due,
    NoticeKind,
    due_of_grant,
    due_of_request,
    due_of_visit,
    lets_open,
)
from panmesh.access.requests import ESCALATION_US, REMINDER_US, Answer, Kind, deciders
from panmesh.access.rules import PolicyRules, retained_until
from panmesh.access.viewer import Standing, TeamRole
from panmesh.adapters.sql.database import Database
from panmesh.adapters.sql.notices import keep_notices, notice_row, stewards
from panmesh.adapters.sql.permission import terms_of
from panmesh.adapters.sql.request_tables import announcement, notice, request, terms_grant
from panmesh.adapters.sql.rules import rules_in_force, zone_of
from panmesh.adapters.sql.tables import account, account_instrument, investigation, team_member, terms
from panmesh.kernel.clock import DAY_US, add_years, facility_day, facility_midnight
from panmesh.kernel.faults import reach

NAME = "notices"
PIECE = 500  # visits of one transaction
SLACK_US = DAY_US // 24  # a decision may be committed later than its own clock says


class SqlNoticeRound:
    def __init__(self, database: Database, rules: PolicyRules, archive_days: int | None = None) -> None:
        """`archive_days`: after the end of a visit its files leave the fast disks; None: no day is set."""
        self._db = database
        self._rules = rules
        self._archive_days = archive_days

    def upto(self) -> int | None:
        """How far the clock was followed; None: not at all yet."""
        with self._db.read() as connection:
            return connection.execute(select(announcement.c.upto_us).where(announcement.c.name == NAME)).scalar()

    def round(self, now_us: int) -> int:
        """Returns how many notices are new. The first round of all only begins: nobody is told of what was before."""
        after = self.upto()
        if after is None:
            with self._db.write() as connection:
                self._db.lock(connection, NAME)
                if connection.execute(select(announcement).where(announcement.c.name == NAME)).first() is None:
                    connection.execute(announcement.insert().values(name=NAME, upto_us=now_us))
            return 0
        if now_us <= after:
            return 0
        with self._db.read() as connection:
            span = _Span(after, now_us, rules_in_force(connection), self._rules, zone_of(connection), self._archive_days)
            since = _touched(connection, after, now_us)
            found = sorted({*connection.execute(_crossing(span)).scalars(), *since})
        new = 0
        for first in range(0, len(found), PIECE):
            with self._db.write() as connection:
                new += _visits(connection, found[first : first + PIECE], span, since)
            reach("notice.written")
        with self._db.write() as connection:
            self._db.lock(connection, NAME)
            new += _requests(connection, after, now_us) + _grants(connection, after, now_us)
            moved = update(announcement).where(announcement.c.name == NAME, announcement.c.upto_us == after)
            connection.execute(moved.values(upto_us=now_us))
        return new


@dataclass(frozen=True, slots=True)
class _Span:
    after_us: int
    upto_us: int
    known: Mapping[str, PolicyRules]
    current: PolicyRules
    zone: str
    archive_days: int | None = None

    def archives_us(self, ends_us: int | None) -> int | None:
        return None if ends_us is None or self.archive_days is None else ends_us + self.archive_days * DAY_US

    def rules(self, version: str) -> PolicyRules:
        return self.known.get(version, self.current)


def _crossing(span: _Span) -> Any:
    """Ids of terms for which the clock passed a day that counts; each part is a range of one index."""
    t, parts = terms.c, []

    def within(column: Any, days: int) -> Select[Any]:
        shift = days * DAY_US
        return select(t.id).where(column > span.after_us + shift, column <= span.upto_us + shift)

    parts.append(within(t.ends_us, 0))
    parts += [within(t.opens_us, days) for days in (0, *OPENS_SOON_DAYS)]
    if span.archive_days is not None:
        parts.append(within(t.ends_us, ARCHIVES_SOON_DAYS - span.archive_days))
    versions = [(one, t.policy_version == name) for name, one in span.known.items()]
    versions.append((span.current, t.policy_version.not_in(list(span.known))))
    for rules, applies in versions:
        for days in RETENTION_DAYS:
            first, last = (_years_before(us + days * DAY_US, rules, span.zone) for us in (span.after_us, span.upto_us))
            parts.append(select(t.id).where(t.ends_us >= first - 3 * DAY_US, t.ends_us <= last + 3 * DAY_US, applies))
    return union(*parts)


def _years_before(us: int, rules: PolicyRules, zone: str) -> int:
    return facility_midnight(add_years(facility_day(us, zone), -rules.retention_years), zone)


def _touched(connection: Connection, after_us: int, upto_us: int) -> dict[int, int]:
    """Terms about which somebody decided, and since when their dates may have moved over a day that the clock had passed."""
    query = (
        select(request.c.terms_id, func.min(request.c.asked_us).label("since"))
        .where(request.c.decided_us > after_us - SLACK_US, request.c.decided_us <= upto_us)
        .group_by(request.c.terms_id)
    )
    return {row.terms_id: min(row.since - 1, after_us) for row in connection.execute(query)}


def _visits(connection: Connection, ids: Sequence[int], span: _Span, since: Mapping[int, int]) -> int:
    there = select(investigation.c.terms_id).where(investigation.c.terms_id.in_(ids))
    rows = connection.execute(select(terms).where(terms.c.id.in_(there))).mappings().all()
    people = _People.of(
        connection, {r["team_id"] for r in rows if r["team_id"]}, {r["instrument_id"] for r in rows if r["instrument_id"]}, span
    )
    let = _let(connection, ids)
    new: list[dict[str, Any]] = []
    for row in rows:
        facts, rules = terms_of(row), span.rules(row["policy_version"])
        kept = retained_until(facts.ends_us, rules, span.zone) if facts.ends_us is not None else None
        archives = span.archives_us(facts.ends_us)
        for due in due_of_visit(
            facts, kept, since.get(facts.id, span.after_us), span.upto_us, archives, let_us=let.get(facts.id)
        ):
            new += _addressed(due, facts.id, facts.team_id, facts.instrument_id, people)
    return keep_notices(connection, new)


def _let(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    """When the last thing ended that had held back the opening of these terms."""
    r = request.c
    kinds = [kind.value for kind in Kind if any(lets_open(kind, answer) for answer in Answer)]
    query = select(r.terms_id, r.kind, r.answer, r.decided_us).where(r.terms_id.in_(ids), r.kind.in_(kinds))
    let: dict[int, int] = {}
    for row in connection.execute(query.where(r.decided_us.is_not(None)).order_by(r.decided_us)):
        if lets_open(Kind(row.kind), Answer(row.answer)):
            let[row.terms_id] = row.decided_us
    return let


def _addressed(due: Due, terms_id: int, team: int | None, instrument: int | None, people: _People) -> Iterator[dict[str, Any]]:
    lead, members = people.lead.get(team, []), people.members.get(team, [])
    to = {*lead, *(people.stewards if due.kind is NoticeKind.RETENTION else [*members, *people.contacts.get(instrument, [])])}
    for number in sorted(to & people.reachable):
        same: dict[str, Any] = {"due_us": due.due_us, "terms_id": terms_id, "opens_us": due.opens_us}
        yield notice_row(due.kind, f"terms {terms_id}", due.mark, number, **same)
    if team is not None and (lead or members) and not people.reachable & set(lead):
        mark = ",".join(map(str, sorted(lead)))
        for number in people.stewards:
            yield notice_row(NoticeKind.UNREACHABLE, f"team {team}", mark, number, due_us=due.due_us, terms_id=terms_id)


@dataclass(slots=True)
class _People:
    lead: dict[int | None, list[int]] = field(default_factory=lambda: defaultdict(list))
    members: dict[int | None, list[int]] = field(default_factory=lambda: defaultdict(list))
    contacts: dict[int | None, list[int]] = field(default_factory=lambda: defaultdict(list))
    stewards: list[int] = field(default_factory=list)
    reachable: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, c: Connection, teams: set[int], instruments: set[int], span: _Span) -> _People:
        found = cls(stewards=stewards(c))
        m, a = team_member.c, account_instrument.c
        live = or_(m.expires_us.is_(None), m.expires_us > span.upto_us)
        for row in c.execute(select(team_member).where(m.team_id.in_(teams), m.role != TeamRole.GRANTEE.value, live)):
            (found.lead if row.role == TeamRole.PI.value else found.members)[row.team_id].append(row.account_id)
        for row in c.execute(select(account_instrument).where(a.instrument_id.in_(instruments))):
            found.contacts[row.instrument_id].append(row.account_id)
        groups = (*found.lead.values(), *found.members.values(), *found.contacts.values(), found.stewards)
        found.reachable = reachable(c, {number for group in groups for number in group})
        return found


def reachable(connection: Connection, numbers: set[int]) -> set[int]:
    """Accounts that are open, have a mail address, and one from which not everything came back."""
    n = notice.c
    back = (
        select(n.account_id)
        .join(account, (account.c.id == n.account_id) & (account.c.email == n.address))
        .where(n.state == "bounced")
        .group_by(n.account_id)
        .having(func.count() >= BOUNCES)
    )
    lost = set(connection.execute(back).scalars())
    some = (account.c.id.in_(numbers - lost), account.c.email.is_not(None), account.c.disabled.is_(False))
    return set(connection.execute(select(account.c.id).where(*some)).scalars())


def _requests(connection: Connection, after_us: int, upto_us: int) -> int:
    r = request.c
    within = [and_(at > after_us, at <= upto_us) for at in (r.asked_us + REMINDER_US, r.asked_us + ESCALATION_US, r.deadline_us)]
    query = select(r.id, r.kind, r.asked_us, r.deadline_us, r.asked_by, r.terms_id).where(
        r.answer == Answer.ASKED.value, or_(*within)
    )
    new: list[dict[str, Any]] = []
    for row in connection.execute(query).all():
        for due in due_of_request(Kind(row.kind), row.asked_us, row.deadline_us, after_us, upto_us):
            for number in _to(connection, due, row, upto_us):
                new.append(notice_row(due.kind, f"request {row.id}", due.mark, number, due_us=due.due_us, request_id=row.id))
    return keep_notices(connection, new)


def _to(connection: Connection, due: Due, row: Any, now_us: int) -> Sequence[int]:
    if due.kind is NoticeKind.DECIDED:
        return [row.asked_by]
    held = terms_of(connection.execute(select(terms).where(terms.c.id == row.terms_id)).mappings().one())
    if due.kind is NoticeKind.REMINDER and Standing.PI in deciders(held, Kind(row.kind), now_us):
        m = team_member.c
        lead = select(m.account_id).where(m.team_id == held.team_id, m.role == TeamRole.PI.value)
        live = lead.where(or_(m.expires_us.is_(None), m.expires_us > now_us))
        reached = reachable(connection, set(connection.execute(live).scalars()))
        if reached:
            return sorted(reached)
    return stewards(connection)


def _grants(connection: Connection, after_us: int, upto_us: int) -> int:
    g, shift = terms_grant.c, GRANT_ENDS_DAYS * DAY_US
    query = (
        select(g.id, g.account_id, g.terms_id, g.expires_us, g.request_id, request.c.decided_us)
        .join(request, request.c.id == g.request_id)
        .where(g.standing == Standing.GRANTEE.value, g.revoked_us.is_(None))
        .where(g.expires_us > after_us + shift, g.expires_us <= upto_us + shift)
    )
    new = [
        notice_row(due.kind, f"grant {row.id}", due.mark, row.account_id, due_us=due.due_us, request_id=row.request_id)
        for row in connection.execute(query)
        for due in due_of_grant(row.decided_us, row.expires_us, after_us, upto_us)
    ]
    return keep_notices(connection, new)
