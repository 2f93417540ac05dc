"""What people chose to see on pages, and an index for the page of ingest."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text

from panmesh.adapters.sql.tables import Big, metadata, unit

shown_columns = Table(
    "shown_columns",  # of the table of a visit's runs
    metadata,
    Column("account_id", Big, ForeignKey("account.id"), primary_key=True, autoincrement=False),
    Column("place", Text, primary_key=True),  # pid of the instrument; of the visit, where it has none
    Column("columns", Text, nullable=False),  # one on each line: name, or name:unit
    Column("at_us", BigInteger, nullable=False),
)

Index("ix_unit_read_us", unit.c.read_us)  # what was read in the last hours
