"""Lists for harvesters; counted use."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _harvesting()
    _usage()


def _harvesting() -> None:
    op.create_table(
        "harvest_item",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", _BIG, nullable=False),
        sa.Column("pid", sa.Text(), nullable=False),
        sa.Column("stamp_s", sa.BigInteger(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("sets", sa.Text(), nullable=False),
        sa.Column("next_us", sa.BigInteger(), nullable=True),
        sa.Column("unwritten", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_harvest_item"),
        sa.UniqueConstraint("pid", name="uq_harvest_item_pid"),
        sa.UniqueConstraint("kind", "subject_id", name="uq_harvest_item_kind_subject_id"),
    )
    due = sa.text("next_us IS NOT NULL")
    op.create_index("ix_harvest_item_due", "harvest_item", ["next_us"], sqlite_where=due, postgresql_where=due)
    waiting = sa.text("unwritten IS true")
    op.create_index(
        "ix_harvest_item_unwritten", "harvest_item", ["id"], sqlite_where=sa.text("unwritten IS 1"), postgresql_where=waiting
    )
    live = sa.text("condition = 'live'")
    op.create_index("ix_harvest_item_shown", "harvest_item", ["id", "stamp_s"], sqlite_where=live, postgresql_where=live)
    op.create_table(
        "harvest_text",
        sa.Column("item_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("stamp_s", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("item_id", "prefix", name="pk_harvest_text"),
    )
    op.create_table(
        "harvest_set",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_harvest_set"),
        sa.UniqueConstraint("spec", name="uq_harvest_set_spec"),
    )
    op.create_table(
        "harvest_listing",
        sa.Column("set_id", sa.Integer(), nullable=False),
        sa.Column("stamp_s", sa.BigInteger(), nullable=False),
        sa.Column("item_id", _BIG, nullable=False),
        sa.Column("came", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "stamp_s", "item_id", name="pk_harvest_listing"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "harvest_past",
        sa.Column("set_id", sa.Integer(), nullable=False),
        sa.Column("went", sa.BigInteger(), nullable=False),
        sa.Column("item_id", _BIG, nullable=False),
        sa.Column("stamp_s", sa.BigInteger(), nullable=False),
        sa.Column("came", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("set_id", "went", "item_id", name="pk_harvest_past"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "harvest_round",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("sweeping", sa.Text(), nullable=True),
        sa.Column("built", sa.Boolean(), nullable=False),
        sa.Column("swept_us", sa.BigInteger(), nullable=True),
        sa.Column("marks", sa.Text(), nullable=False),
        sa.Column("forgot", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_harvest_round"),
    )


def _usage() -> None:
    op.create_table(
        "usage_event",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("pid", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("visitor", sa.LargeBinary(), nullable=False),
        sa.Column("target", sa.LargeBinary(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_usage_event"),
    )
    op.create_index("ix_usage_event_day_pid", "usage_event", ["day", "pid"])
    op.create_table(
        "usage_salt",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_usage_salt"),
    )
    op.create_table(
        "usage_month",
        sa.Column("pid", sa.Text(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        *(_count(name) for name in ("investigations", "unique_investigations", "requests", "unique_requests", "bytes")),
        sa.PrimaryKeyConstraint("pid", "month", "method", name="pk_usage_month"),
    )
    op.create_index("ix_usage_month_month_pid", "usage_month", ["month", "pid"])
    op.create_table(
        "holding_month",
        sa.Column("month", sa.Text(), nullable=False),
        *(_count(name) for name in ("datasets", "bytes", "open_datasets", "open_bytes", "doi_datasets")),
        sa.PrimaryKeyConstraint("month", name="pk_holding_month"),
    )


def _count(name: str) -> sa.Column:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def downgrade() -> None:
    for table in ("holding_month", "usage_month", "usage_salt", "usage_event"):
        op.drop_table(table)
    for table in ("harvest_text", "harvest_round", "harvest_past", "harvest_listing", "harvest_set", "harvest_item"):
        op.drop_table(table)
