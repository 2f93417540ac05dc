"""Counted use: what happened since yesterday, without names or addresses; then only counts by month."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text

from panmesh.adapters.sql.tables import Big, metadata

usage_event = Table(
    "usage_event",  # until its day is counted
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("day", Text, nullable=False),  # UTC, YYYY-MM-DD
    Column("at_us", BigInteger, nullable=False),
    Column("pid", Text, nullable=False),
    Column("action", Text, nullable=False),  # publication.usage.Action
    Column("method", Text, nullable=False),  # publication.usage.Method
    Column("visitor", LargeBinary, nullable=False),  # digest with the salt of the day
    Column("target", LargeBinary, nullable=False),  # digest of what was asked for: a second click on the same
    Column("bytes", BigInteger, nullable=False),
    Index(None, "day", "pid"),
)

usage_salt = Table(
    "usage_salt",  # destroyed when its day is counted: then nobody can tell visitors again
    metadata,
    Column("day", Text, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
)

usage_month = Table(
    "usage_month",
    metadata,
    Column("pid", Text, primary_key=True),
    Column("month", Text, primary_key=True),  # YYYY-MM
    Column("method", Text, primary_key=True),
    Column("investigations", BigInteger, nullable=False),
    Column("unique_investigations", BigInteger, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("unique_requests", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Index(None, "month", "pid"),
)

holding_month = Table(
    "holding_month",  # what the facility held at the end of each month, for its report
    metadata,
    Column("month", Text, primary_key=True),
    Column("datasets", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("open_datasets", BigInteger, nullable=False),
    Column("open_bytes", BigInteger, nullable=False),
    Column("doi_datasets", BigInteger, nullable=False),
)
