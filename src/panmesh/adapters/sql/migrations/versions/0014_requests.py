"""Requests for access, extensions and their decisions; what was granted and announced; the sealed audit log; invitations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "policy_rules",
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("embargo_years", sa.Integer, nullable=False),
        sa.Column("core_from_proposal", sa.Boolean, nullable=False),
        sa.Column("retention_years", sa.Integer, nullable=False),
        sa.Column("since_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "embargo",
        sa.Column("terms_id", BIG, sa.ForeignKey("terms.id", name="fk_embargo_terms_id"), primary_key=True, autoincrement=False),
        sa.Column("plain_us", sa.BigInteger),
        sa.Column("extended_to_us", sa.BigInteger),
        sa.Column("released_us", sa.BigInteger),
        sa.Column("asked_to_us", sa.BigInteger),
        sa.Column("tombstone", sa.Text),
    )
    op.create_table(
        "request",
        sa.Column("id", BIG, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("terms_id", BIG, sa.ForeignKey("terms.id", name="fk_request_terms_id"), nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("asked_by", BIG, sa.ForeignKey("account.id", name="fk_request_asked_by"), nullable=False),
        sa.Column("asked_us", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("wanted_json", sa.Text, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("deadline_us", sa.BigInteger, nullable=False),
        sa.Column("decided_by", BIG, sa.ForeignKey("account.id", name="fk_request_decided_by")),
        sa.Column("decided_us", sa.BigInteger),
        sa.Column("words", sa.Text),
        sa.Column("before_json", sa.Text),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_index("ix_request_answer_deadline_us", "request", ["answer", "deadline_us"])
    op.create_index("ix_request_asked_by", "request", ["asked_by"])
    op.create_index("ix_request_terms_id", "request", ["terms_id"])
    op.create_table(
        "terms_grant",
        sa.Column("id", BIG, primary_key=True, autoincrement=True),
        sa.Column("account_id", BIG, sa.ForeignKey("account.id", name="fk_terms_grant_account_id"), nullable=False),
        sa.Column("terms_id", BIG, sa.ForeignKey("terms.id", name="fk_terms_grant_terms_id"), nullable=False),
        sa.Column("standing", sa.Text, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.Column("request_id", BIG, sa.ForeignKey("request.id", name="fk_terms_grant_request_id"), nullable=False),
        sa.Column("revoked_us", sa.BigInteger),
    )
    op.create_index("ix_terms_grant_account_id", "terms_grant", ["account_id"])
    op.create_index("ix_terms_grant_terms_id", "terms_grant", ["terms_id"])
    op.create_table(
        "announcement",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("upto_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "notice",
        sa.Column("id", BIG, primary_key=True, autoincrement=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.UniqueConstraint("key", name="uq_notice_key"),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("terms_id", BIG, sa.ForeignKey("terms.id", name="fk_notice_terms_id")),
        sa.Column("request_id", BIG, sa.ForeignKey("request.id", name="fk_notice_request_id")),
        sa.Column("account_id", BIG, sa.ForeignKey("account.id", name="fk_notice_account_id"), nullable=False),
        sa.Column("due_us", sa.BigInteger, nullable=False),
        sa.Column("opens_us", sa.BigInteger),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_us", sa.BigInteger, nullable=False),
        sa.Column("sent_us", sa.BigInteger),
        sa.Column("error", sa.Text),
    )
    op.create_index("ix_notice_state_next_us", "notice", ["state", "next_us"])
    op.create_index("ix_notice_terms_id", "notice", ["terms_id"])
    op.create_table(
        "audit_link",
        sa.Column("position", BIG, primary_key=True, autoincrement=True),
        sa.Column("audit_id", BIG, nullable=False),
        sa.UniqueConstraint("audit_id", name="uq_audit_link_audit_id"),
        sa.Column("digest", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "invitation",
        sa.Column("id", BIG, primary_key=True, autoincrement=True),
        sa.Column("team_id", BIG, sa.ForeignKey("team.id", name="fk_invitation_team_id"), nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("expires_us", sa.BigInteger),
        sa.Column("invited_by", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("taken_us", sa.BigInteger),
        sa.Column("revoked_us", sa.BigInteger),
    )
    op.create_index("ix_invitation_team_id", "invitation", ["team_id"])
    op.create_table(
        "name_withheld",
        sa.Column(
            "account_id",
            BIG,
            sa.ForeignKey("account.id", name="fk_name_withheld_account_id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("since_us", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_terms_opens_us", "terms", ["opens_us"])
    op.create_index("ix_terms_ends_us", "terms", ["ends_us"])
    op.create_index("ix_terms_starts_us", "terms", ["starts_us"])


def downgrade() -> None:
    op.drop_index("ix_terms_starts_us", "terms")
    op.drop_index("ix_terms_ends_us", "terms")
    op.drop_index("ix_terms_opens_us", "terms")
    for name in (
        "name_withheld",
        "invitation",
        "audit_link",
        "notice",
        "announcement",
        "terms_grant",
        "request",
        "embargo",
        "policy_rules",
    ):
        op.drop_table(name)
