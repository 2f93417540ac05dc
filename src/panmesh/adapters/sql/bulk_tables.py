"""Tables of changes to the metadata of many datasets."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, Table, Text

from panmesh.adapters.sql.tables import Big, metadata

bulk_edit = Table(
    "bulk_edit",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False),
    Column("account_id", BigInteger),
    Column("by", Text, nullable=False),  # login
    Column("values_json", Text, nullable=False),  # field → value; null: taken away
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),  # catalogue.correction.CorrectionState
    Column("total", Integer, nullable=False),
    Column("touched_us", BigInteger, nullable=False),
    Column("undone_us", BigInteger),
    Column("undone_by", Text),
)

bulk_edit_item = Table(
    "bulk_edit_item",
    metadata,
    Column("bulk_edit_id", Big, ForeignKey("bulk_edit.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("dataset_id", BigInteger, nullable=False),
    Column("pid", Text, nullable=False),
    Column("revision", Integer, nullable=False),  # that was seen; after it is done, that it became
    Column("layer_id", BigInteger),  # that it was given
    Column("state", Text, nullable=False),  # catalogue.correction.ItemState
    Column("why", Text),  # it was refused
)
