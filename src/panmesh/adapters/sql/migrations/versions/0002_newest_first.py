"""An index in the order of lists: the newest first, those without a start last."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    last = "" if op.get_bind().dialect.name == "sqlite" else " NULLS LAST"  # where they come last by themselves
    op.execute(f"CREATE INDEX ix_dataset_newest ON dataset (start_us DESC{last}, id DESC)")


def downgrade() -> None:
    op.drop_index("ix_dataset_newest", "dataset")
