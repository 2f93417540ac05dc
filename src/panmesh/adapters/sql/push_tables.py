"""Tables of what scripts push: each record as it was sent, and the files of a pushed dataset that lie in our storages."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text, UniqueConstraint

from panmesh.adapters.sql.tables import Big, metadata

pushed_record = Table(
    "pushed_record",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),  # ingest.pushing.RecordKind
    Column("key", Text, nullable=False),  # the sender's id, or ours where it gave none
    Column("dataset_id", Big, ForeignKey("dataset.id")),  # that it is, or is a part of
    Column("body_json", Text, nullable=False),  # as it was sent
    Column("created_us", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),  # login
    Column("updated_us", BigInteger, nullable=False),
    Column("updated_by", Text, nullable=False),
    UniqueConstraint("kind", "key"),
    Index(None, "dataset_id"),
)

pushed_file = Table(
    "pushed_file",
    metadata,
    Column("storage", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("dataset_id", Big, ForeignKey("dataset.id"), primary_key=True, index=True),
)
