"""Metadata of many datasets changed at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "bulk_edit",
        sa.Column("id", big, primary_key=True, autoincrement=True),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("account_id", sa.BigInteger),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("values_json", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("touched_us", sa.BigInteger, nullable=False),
        sa.Column("undone_us", sa.BigInteger),
        sa.Column("undone_by", sa.Text),
    )
    op.create_table(
        "bulk_edit_item",
        sa.Column("bulk_edit_id", big, sa.ForeignKey("bulk_edit.id", name="fk_bulk_edit_item_bulk_edit_id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("dataset_id", sa.BigInteger, nullable=False),
        sa.Column("pid", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("layer_id", sa.BigInteger),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("why", sa.Text),
    )


def downgrade() -> None:
    op.drop_table("bulk_edit_item")
    op.drop_table("bulk_edit")
