"""Scores of metadata: of each run as it is now, of each instrument over time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LETTERS = ("findable", "accessible", "interoperable", "reusable")


def upgrade() -> None:
    op.create_table(
        "fair_run",
        sa.Column("dataset_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("instrument_id", sa.Integer(), nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("terms_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("assessed", "complete", *_LETTERS)),
        sa.Column("missing", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("dataset_id", name="pk_fair_run"),
    )
    op.create_index("ix_fair_run_instrument_id_month", "fair_run", ["instrument_id", "month"])
    op.create_table(
        "fair_month",
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("instrument_id", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("runs", "assessed", "complete", *_LETTERS)),
        sa.PrimaryKeyConstraint("month", "instrument_id", name="pk_fair_month"),
    )
    op.create_table(
        "fair_round",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fair_round"),
    )


def downgrade() -> None:
    for table in ("fair_round", "fair_month", "fair_run"):
        op.drop_table(table)
