"""What is in quarantine, or still growing, is found without looking through all datasets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    true = "1" if op.get_bind().dialect.name == "sqlite" else "true"
    for name, said in (("ix_dataset_quarantined", "quarantine IS NOT NULL"), ("ix_dataset_growing", f"growing IS {true}")):
        op.create_index(name, "dataset", ["id"], sqlite_where=sa.text(said), postgresql_where=sa.text(said))


def downgrade() -> None:
    op.drop_index("ix_dataset_growing", "dataset")
    op.drop_index("ix_dataset_quarantined", "dataset")
