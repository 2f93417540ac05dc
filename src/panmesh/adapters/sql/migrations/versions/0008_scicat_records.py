"""What scripts push through SciCat's interface, kept as they sent it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "pushed_record",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("dataset_id", _BIG, nullable=True),
        sa.Column("body_json", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name="fk_pushed_record_dataset_id"),
        sa.PrimaryKeyConstraint("id", name="pk_pushed_record"),
        sa.UniqueConstraint("kind", "key", name="uq_pushed_record_kind_key"),
    )
    op.create_index("ix_pushed_record_dataset_id", "pushed_record", ["dataset_id"])
    op.create_table(
        "pushed_file",
        sa.Column("storage", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("dataset_id", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name="fk_pushed_file_dataset_id"),
        sa.PrimaryKeyConstraint("storage", "path", "dataset_id", name="pk_pushed_file"),
    )
    op.create_index("ix_pushed_file_dataset_id", "pushed_file", ["dataset_id"])


def downgrade() -> None:
    op.drop_table("pushed_file")
    op.drop_table("pushed_record")
