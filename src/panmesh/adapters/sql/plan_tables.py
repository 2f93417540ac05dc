"""Tables of data management plans."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text, UniqueConstraint

from panmesh.adapters.sql.tables import Big, metadata

plan_answers = Table(
    "plan_answers",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("proposal_pid", Text, nullable=False),
    Column("revision", Integer, nullable=False),  # the newest is the highest
    Column("answers_json", Text, nullable=False),  # publication.plan.Answers
    Column("by", Text, nullable=False),  # name
    Column("at_us", BigInteger, nullable=False),
    UniqueConstraint("proposal_pid", "revision"),
)
