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


def downgrade() -> None:
    op.drop_index("ix_dataset_total_bytes_terms_id", "dataset")
    op.drop_index("ix_dataset_title_folded_terms_id", "dataset")
    op.drop_index("ix_parameter_text", "parameter")
    op.drop_index("ix_parameter_scanned", "parameter")
