"""Tables of the policy at work: rules in force, embargoes, requests and what was granted, what was announced, the sealed audit log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from panmesh.adapters.sql.tables import Big, audit, metadata, terms


def _id() -> Column[int]:
    return Column("id", Big, primary_key=True, autoincrement=True)


policy_rules = Table(
    "policy_rules",  # as they were when first applied: what was accepted under a version stays under it
    metadata,
    Column("version", Text, primary_key=True),
    Column("embargo_years", Integer, nullable=False),
    Column("core_from_proposal", Boolean, nullable=False),
    Column("retention_years", Integer, nullable=False),
    Column("since_us", BigInteger, nullable=False),
)

embargo = Table(
    "embargo",  # only of terms that somebody decided about: terms.opens_us is computed from it
    metadata,
    Column("terms_id", Big, ForeignKey("terms.id"), primary_key=True, autoincrement=False),
    Column("plain_us", BigInteger),  # when it opened before that
    Column("extended_to_us", BigInteger),
    Column("released_us", BigInteger),
    Column("asked_to_us", BigInteger),  # an extension that waits for its answer
    Column("tombstone", Text),  # why it was withdrawn or deleted, for everybody
)

request = Table(
    "request",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),  # access.requests.Kind
    Column("terms_id", Big, ForeignKey("terms.id"), nullable=False, index=True),
    Column("about", Text, nullable=False),  # pid of the visit or run
    Column("title", Text, nullable=False),  # of what it is about, as core metadata had it
    Column("asked_by", Big, ForeignKey("account.id"), nullable=False, index=True),
    Column("asked_us", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("wanted_json", Text, nullable=False),
    Column("answer", Text, nullable=False),  # access.requests.Answer
    Column("deadline_us", BigInteger, nullable=False),  # then it expires
    Column("decided_by", Big, ForeignKey("account.id")),
    Column("decided_us", BigInteger),
    Column("words", Text),  # of the one who decided
    Column("before_json", Text),  # what an undo goes back to
    Column("revision", Integer, nullable=False),
    Index(None, "answer", "deadline_us"),
)

terms_grant = Table(
    "terms_grant",
    metadata,
    _id(),
    Column("account_id", Big, ForeignKey("account.id"), nullable=False, index=True),
    Column("terms_id", Big, ForeignKey("terms.id"), nullable=False, index=True),
    Column("standing", Text, nullable=False),  # access.viewer.Standing: grantee or emergency
    Column("expires_us", BigInteger, nullable=False),
    Column("request_id", Big, ForeignKey("request.id"), nullable=False),
    Column("revoked_us", BigInteger),
)

announcement = Table(
    "announcement",  # how far the clock was followed
    metadata,
    Column("name", Text, primary_key=True),
    Column("upto_us", BigInteger, nullable=False),
)

notice = Table(
    "notice",
    metadata,
    _id(),
    Column("key", Text, nullable=False, unique=True),  # what, about what, when, to whom: each is sent once
    Column("kind", Text, nullable=False),  # access.notices.NoticeKind
    Column("terms_id", Big, ForeignKey("terms.id"), index=True),
    Column("request_id", Big, ForeignKey("request.id")),
    Column("account_id", Big, ForeignKey("account.id"), nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("opens_us", BigInteger),  # as it was when it was written down: another day makes it void
    Column("state", Text, nullable=False),  # waiting, sent, void, failed, bounced
    Column("message", Text, nullable=False),  # Message-ID
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_us", BigInteger, nullable=False),
    Column("sent_us", BigInteger),
    Column("error", Text),
    Column("address", Text),  # that was tried last
    Index(None, "state", "next_us"),
)

audit_link = Table(
    "audit_link",  # the chain over the audit log: each digest is of the entry and of the digest before
    metadata,
    Column("position", Big, primary_key=True, autoincrement=True),
    Column("audit_id", Big, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),  # SHA-256
)

Index("ix_audit_actor", audit.c.actor, audit.c.id)
Index("ix_terms_grant_expires_us", terms_grant.c.expires_us)
Index(
    "ix_terms_held_us",
    terms.c.held_us,
    sqlite_where=terms.c.held_us.is_not(None),
    postgresql_where=terms.c.held_us.is_not(None),
)

# What opens, or ended, between two instants: asked each night of all visits there are.
Index("ix_terms_opens_us", terms.c.opens_us)
Index("ix_terms_ends_us", terms.c.ends_us)
Index("ix_terms_starts_us", terms.c.starts_us)
