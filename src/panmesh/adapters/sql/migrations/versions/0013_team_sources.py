"""Who put somebody into a team, so that a schedule takes out whom a schedule put in; a visit's end is pinned by what is known of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("team_member", sa.Column("source", sa.Text(), nullable=False, server_default="person"))
    op.drop_column("investigation", "closed_us")


def downgrade() -> None:
    op.drop_column("team_member", "source")
    op.add_column("investigation", sa.Column("closed_us", sa.BigInteger(), nullable=True))
