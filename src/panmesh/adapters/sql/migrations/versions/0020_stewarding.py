"""What the steward's desk and the nightly round keep: where a notice was sent to; the seals of the audit log only grow."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from panmesh.adapters.sql.triggers import create_seal_triggers, drop_seal_triggers

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

HELD = sa.text("held_us IS NOT NULL")


def upgrade() -> None:
    op.add_column("notice", sa.Column("address", sa.Text))
    op.create_index("ix_audit_actor", "audit", ["actor", "id"])
    op.create_index("ix_terms_grant_expires_us", "terms_grant", ["expires_us"])
    op.create_index("ix_terms_held_us", "terms", ["held_us"], sqlite_where=HELD, postgresql_where=HELD)
    create_seal_triggers(op.get_bind())


def downgrade() -> None:
    drop_seal_triggers(op.get_bind())
    op.drop_index("ix_terms_held_us", "terms")
    op.drop_index("ix_terms_grant_expires_us", "terms_grant")
    op.drop_index("ix_audit_actor", "audit")
    op.drop_column("notice", "address")
