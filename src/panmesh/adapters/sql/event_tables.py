"""Tables of what is told to people and programs: webhooks and what was sent to them; saved searches and their alerts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from panmesh.adapters.sql.tables import Big, metadata


def _id() -> Column[int]:
    return Column("id", Big, primary_key=True, autoincrement=True)


def _position() -> list[Column[int]]:
    """catalogue.events.Position"""
    return [Column(name, BigInteger, nullable=False) for name in ("sequence", "opened_us", "opened_id")]


webhook = Table(
    "webhook",
    metadata,
    _id(),
    Column("account_id", Big, ForeignKey("account.id"), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("kinds", Text, nullable=False, default=""),  # blank-separated catalogue.events.EventKind; "": all
    Column("instruments", Text, nullable=False, default=""),  # blank-separated pids or keys
    Column("visits", Text, nullable=False, default=""),  # blank-separated pids
    Column("secret", Text, nullable=False),  # both sides need it to sign and to check
    Column("created_us", BigInteger, nullable=False),
    Column("failing_us", BigInteger),  # since when nothing arrives there
    Column("disabled_us", BigInteger),
    Column("disabled_why", Text),
    *_position(),  # up to here its deliveries are written down
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    _id(),
    Column("webhook_id", Big, ForeignKey("webhook.id"), nullable=False),
    Column("message", Text, nullable=False, unique=True),  # the same at each attempt: receivers know what they had
    Column("kind", Text, nullable=False),
    Column("pid", Text, nullable=False),  # "": a test
    Column("at_us", BigInteger, nullable=False),
    *_position(),
    Column("state", Text, nullable=False),  # catalogue.webhooks.DeliveryState
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_us", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("done_us", BigInteger),
    Column("status", Integer),  # HTTP status of the last attempt
    Column("error", Text),  # why there was none
    Index(None, "webhook_id", "state", "id"),
    Index(None, "state", "next_us"),
)

saved_search = Table(
    "saved_search",
    metadata,
    _id(),
    Column("account_id", Big, ForeignKey("account.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("query", Text, nullable=False),  # of the search page's address: "q=CeO2&state=open"
    Column("alert", Text, nullable=False),  # catalogue.saved_searches.Alert
    Column("key", Text, nullable=False),  # of the addresses that lead to it without signing in; a new one ends the old addresses
    Column("created_us", BigInteger, nullable=False),
    Column("deleted_us", BigInteger),
    Column("mailed_us", BigInteger),  # when the last mail was put together
    *_position(),  # up to here its matches are written down
)

alert_mail = Table(
    "alert_mail",
    metadata,
    _id(),
    Column("search_id", Big, ForeignKey("saved_search.id"), nullable=False, index=True),
    Column("message", Text, nullable=False, unique=True),  # Message-ID, the same at each attempt
    Column("state", Text, nullable=False),  # catalogue.saved_searches.MailState
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_us", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("done_us", BigInteger),
    Column("error", Text),
    Index(None, "state", "next_us"),
)

alert_match = Table(
    "alert_match",
    metadata,
    _id(),
    Column("search_id", Big, ForeignKey("saved_search.id"), nullable=False),
    Column("pid", Text, nullable=False),  # of the dataset
    Column("at_us", BigInteger, nullable=False),
    Column("mail_id", Big, ForeignKey("alert_mail.id"), index=True),  # null: in no mail yet
    UniqueConstraint("search_id", "pid"),  # nobody is told twice
)
