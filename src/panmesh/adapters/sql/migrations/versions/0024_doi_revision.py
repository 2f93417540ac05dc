"""DOIs that are woken twice in a moment, and many that are compared."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("doi", sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
    op.drop_index("ix_doi_checked_us", "doi")
    op.create_index("ix_doi_compared", "doi", [sa.text("coalesce(checked_us, 0)"), "id"])


def downgrade() -> None:
    op.drop_index("ix_doi_compared", "doi")
    op.create_index("ix_doi_checked_us", "doi", ["checked_us"])
    op.drop_column("doi", "revision")
