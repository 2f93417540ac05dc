"""Changes of what people belong to are noted, so that it is not asked again before every answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from panmesh.adapters.sql.triggers import create_noting_triggers, drop_noting_triggers

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

TABLES = ("team_member", "account_instrument", "terms_grant")


def upgrade() -> None:
    op.create_table(
        "belonging_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_belonging_change"),
        sqlite_autoincrement=True,
    )
    create_noting_triggers(op.get_bind(), "belonging", TABLES)


def downgrade() -> None:
    drop_noting_triggers(op.get_bind(), TABLES)
    op.drop_table("belonging_change")
