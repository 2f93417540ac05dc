"""Indexes for quantities that were scanned, for those that are text, and for titles."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, column, where in (
        ("ix_parameter_scanned", "high", sa.text("high > low")),
        ("ix_parameter_text", "text", sa.text("text IS NOT NULL")),
    ):
        op.create_index(name, "parameter", ["name", column], sqlite_where=where, postgresql_where=where)
    op.create_index("ix_dataset_title_folded_terms_id", "dataset", ["title_folded", "terms_id"])
    op.create_index("ix_dataset_total_bytes_terms_id", "dataset", ["total_bytes", "terms_id"])
    if op.get_bind().dialect.name == "postgresql":  # the order of pids is that of their letters, whatever the server's language
        for table in ("dataset", "document"):
            op.execute(f'CREATE INDEX ix_{table}_in_order ON {table} ((pid COLLATE "C"))')


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in ("dataset", "document"):
            op.execute(f"DROP INDEX ix_{table}_in_order")
    op.drop_index("ix_dataset_total_bytes_terms_id", "dataset")
    op.drop_index("ix_dataset_title_folded_terms_id", "dataset")
    op.drop_index("ix_parameter_text", "parameter")
    op.drop_index("ix_parameter_scanned", "parameter")
