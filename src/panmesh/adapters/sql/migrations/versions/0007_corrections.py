"""What staff decide of where runs belong, so that it can be undone and that reading files again respects it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "correction",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("account_id", _BIG, nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("to_pid", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("touched_us", sa.BigInteger(), nullable=False),
        sa.Column("undone_us", sa.BigInteger(), nullable=True),
        sa.Column("undone_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_correction"),
    )
    op.create_table(
        "correction_item",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("correction_id", _BIG, nullable=False),
        sa.Column("dataset_pid", sa.Text(), nullable=False),
        sa.Column("terms_id", _BIG, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("before_json", sa.Text(), nullable=False),
        sa.Column("after_json", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["correction_id"], ["correction.id"], name="fk_correction_item_correction_id"),
        sa.ForeignKeyConstraint(["terms_id"], ["terms.id"], name="fk_correction_item_terms_id"),
        sa.PrimaryKeyConstraint("id", name="pk_correction_item"),
    )
    op.create_index("ix_correction_item_dataset_pid", "correction_item", ["dataset_pid"])
    op.create_index("ix_correction_item_correction_id_state_id", "correction_item", ["correction_id", "state", "id"])
    op.create_table(
        "set_aside",
        sa.Column("dataset_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("into_pid", sa.Text(), nullable=True),
        sa.Column("terms_id", _BIG, nullable=False),
        sa.Column("correction_id", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name="fk_set_aside_dataset_id"),
        sa.ForeignKeyConstraint(["terms_id"], ["terms.id"], name="fk_set_aside_terms_id"),
        sa.ForeignKeyConstraint(["correction_id"], ["correction.id"], name="fk_set_aside_correction_id"),
        sa.PrimaryKeyConstraint("dataset_id", name="pk_set_aside"),
    )
    op.create_index("ix_set_aside_into_pid", "set_aside", ["into_pid"])
    op.create_table(
        "file_decision",
        sa.Column("storage", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("dataset_id", _BIG, nullable=False),
        sa.Column("correction_id", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name="fk_file_decision_dataset_id"),
        sa.ForeignKeyConstraint(["correction_id"], ["correction.id"], name="fk_file_decision_correction_id"),
        sa.PrimaryKeyConstraint("storage", "path", name="pk_file_decision"),
    )
    op.create_index("ix_file_decision_dataset_id", "file_decision", ["dataset_id"])


def downgrade() -> None:
    for table in ("file_decision", "set_aside", "correction_item", "correction"):
        op.drop_table(table)
