"""DOIs that are woken twice in a moment; visits found by their terms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("doi", sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_investigation_terms_id", "investigation", ["terms_id"])


def downgrade() -> None:
    op.drop_index("ix_investigation_terms_id", "investigation")
    op.drop_column("doi", "revision")
