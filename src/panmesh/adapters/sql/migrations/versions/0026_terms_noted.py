"""Changes of terms are noted, so that what is kept of rights outlives all other commits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from panmesh.adapters.sql.triggers import create_noting_triggers, drop_noting_triggers

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "terms_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_terms_change"),
        sqlite_autoincrement=True,
    )
    create_noting_triggers(op.get_bind(), "terms", ("terms",))


def downgrade() -> None:
    drop_noting_triggers(op.get_bind(), ("terms",))
    op.drop_table("terms_change")
