"""When the bytes of a version were last compared, and a key of its digests, by which a moved dataset is known again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dataset_version", sa.Column("verified_us", sa.BigInteger(), nullable=True))
    op.add_column("dataset_version", sa.Column("digest_key", sa.LargeBinary(), nullable=True))
    op.create_index("ix_dataset_version_digest_key", "dataset_version", ["digest_key"])


def downgrade() -> None:
    op.drop_index("ix_dataset_version_digest_key", "dataset_version")
    op.drop_column("dataset_version", "digest_key")
    op.drop_column("dataset_version", "verified_us")
