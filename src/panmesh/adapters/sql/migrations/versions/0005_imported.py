"""What came from other catalogues, so that it is recognised when it comes again, and relations whose other end is not here yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imported",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("pid", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("nested", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "pid", name=op.f("pk_imported")),
    )
    op.create_table(
        "imported_link",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "holder", "target", name=op.f("pk_imported_link")),
    )
    op.create_index(op.f("ix_imported_link_target"), "imported_link", ["target"], unique=False)


def downgrade() -> None:
    op.drop_table("imported_link")
    op.drop_table("imported")
