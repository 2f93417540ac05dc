"""What people chose to see on pages; what was read in the last hours is found without a look at all files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "shown_columns",
        sa.Column("account_id", BIG, sa.ForeignKey("account.id"), primary_key=True, autoincrement=False),
        sa.Column("place", sa.Text, primary_key=True),
        sa.Column("columns", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_unit_read_us", "unit", ["read_us"])


def downgrade() -> None:
    op.drop_index("ix_unit_read_us", "unit")
    op.drop_table("shown_columns")
