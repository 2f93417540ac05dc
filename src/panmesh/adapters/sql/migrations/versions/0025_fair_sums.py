"""Sums of the scores of metadata, by instrument and month, and which points are lacked how often."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_SUMS = ("assessed", "complete", "findable", "accessible", "interoperable", "reusable")
_POINTS = 21


def upgrade() -> None:
    op.create_table(
        "fair_sum",
        sa.Column("instrument_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("runs", *_SUMS)),
        sa.PrimaryKeyConstraint("instrument_id", "month", name="pk_fair_sum"),
    )
    op.create_table(
        "fair_gap",
        sa.Column("instrument_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("point", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("instrument_id", "month", "point", name="pk_fair_gap"),
    )
    sums = ", ".join(f"sum({name})" for name in _SUMS)
    op.execute(
        f"INSERT INTO fair_sum (instrument_id, month, runs, {', '.join(_SUMS)}) "
        f"SELECT instrument_id, month, count(*), {sums} FROM fair_run GROUP BY instrument_id, month"
    )
    for point in range(_POINTS):
        op.execute(
            f"INSERT INTO fair_gap (instrument_id, month, point, runs) SELECT instrument_id, month, {point}, count(*) FROM fair_run "
            f"WHERE missing & {1 << point} <> 0 GROUP BY instrument_id, month"
        )


def downgrade() -> None:
    op.drop_table("fair_gap")
    op.drop_table("fair_sum")
