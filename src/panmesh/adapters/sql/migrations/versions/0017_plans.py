"""Answers to data management plans; when a visit changed is found by its pid."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

OF_VISITS = sa.text("kind = 'investigation'")


def upgrade() -> None:
    op.create_table(
        "plan_answers",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("proposal_pid", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("answers_json", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("proposal_pid", "revision", name="uq_plan_answers_proposal_pid_revision"),
    )
    op.create_index("ix_change_of_visits", "change", ["pid", "at_us"], sqlite_where=OF_VISITS, postgresql_where=OF_VISITS)


def downgrade() -> None:
    op.drop_index("ix_change_of_visits", "change")
    op.drop_table("plan_answers")
