"""Scores of the runs as they are now, and of their sums as they were at the end of each month. All of it can be made again, but the past."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from panmesh.adapters.sql.tables import Big, metadata

fair_run = Table(
    "fair_run",
    metadata,
    Column("dataset_id", Big, primary_key=True, autoincrement=False),
    Column("instrument_id", Integer, nullable=False),  # 0: none
    Column("month", Text, nullable=False),  # YYYY-MM in which it was measured
    # of what it was scored: another revision, version, terms or state is scored again
    Column("revision", Integer, nullable=False),
    Column("version_id", BigInteger, nullable=False),
    Column("terms_id", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    # per cent
    Column("assessed", Integer, nullable=False),
    Column("complete", Integer, nullable=False),
    Column("findable", Integer, nullable=False),
    Column("accessible", Integer, nullable=False),
    Column("interoperable", Integer, nullable=False),
    Column("reusable", Integer, nullable=False),
    Column("missing", BigInteger, nullable=False),  # bit n: publication.fair.POINTS[n] is not whole
    Index(None, "instrument_id", "month"),
)

fair_sum = Table(
    "fair_sum",  # over the runs of an instrument that were measured in a month: kept with each score, so that pages read no million rows
    metadata,
    Column("instrument_id", Integer, primary_key=True, autoincrement=False),
    Column("month", Text, primary_key=True),
    Column("runs", BigInteger, nullable=False),
    Column("assessed", BigInteger, nullable=False),
    Column("complete", BigInteger, nullable=False),
    Column("findable", BigInteger, nullable=False),
    Column("accessible", BigInteger, nullable=False),
    Column("interoperable", BigInteger, nullable=False),
    Column("reusable", BigInteger, nullable=False),
)

fair_gap = Table(
    "fair_gap",  # of those runs, how many lack a point
    metadata,
    Column("instrument_id", Integer, primary_key=True, autoincrement=False),
    Column("month", Text, primary_key=True),
    Column("point", Integer, primary_key=True, autoincrement=False),  # its place in publication.fair.POINTS
    Column("runs", BigInteger, nullable=False),
)

fair_month = Table(
    "fair_month",
    metadata,
    Column("month", Text, primary_key=True),
    Column("instrument_id", Integer, primary_key=True, autoincrement=False),  # 0: the facility
    Column("runs", BigInteger, nullable=False),
    # sums over the runs
    Column("assessed", BigInteger, nullable=False),
    Column("complete", BigInteger, nullable=False),
    Column("findable", BigInteger, nullable=False),
    Column("accessible", BigInteger, nullable=False),
    Column("interoperable", BigInteger, nullable=False),
    Column("reusable", BigInteger, nullable=False),
)

fair_round = Table(
    "fair_round",  # one row
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),  # of the change feed: scored up to here
)
