"""Webhooks and what was sent to them; saved searches and their alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _position() -> list[sa.Column]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in ("sequence", "opened_us", "opened_id")]


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("account_id", _BIG, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("instruments", sa.Text(), nullable=False),
        sa.Column("visits", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("failing_us", sa.BigInteger(), nullable=True),
        sa.Column("disabled_us", sa.BigInteger(), nullable=True),
        sa.Column("disabled_why", sa.Text(), nullable=True),
        *_position(),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_webhook_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook"),
    )
    op.create_index("ix_webhook_account_id", "webhook", ["account_id"])
    op.create_table(
        "webhook_delivery",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("webhook_id", _BIG, nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("pid", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        *_position(),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_us", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("done_us", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhook.id"], name="fk_webhook_delivery_webhook_id"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_delivery"),
        sa.UniqueConstraint("message", name="uq_webhook_delivery_message"),
    )
    op.create_index("ix_webhook_delivery_webhook_id_state_id", "webhook_delivery", ["webhook_id", "state", "id"])
    op.create_index("ix_webhook_delivery_state_next_us", "webhook_delivery", ["state", "next_us"])
    op.create_table(
        "saved_search",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("account_id", _BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("deleted_us", sa.BigInteger(), nullable=True),
        sa.Column("mailed_us", sa.BigInteger(), nullable=True),
        *_position(),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_saved_search_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_saved_search"),
    )
    op.create_index("ix_saved_search_account_id", "saved_search", ["account_id"])
    op.create_table(
        "alert_mail",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("search_id", _BIG, nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_us", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("done_us", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["search_id"], ["saved_search.id"], name="fk_alert_mail_search_id"),
        sa.PrimaryKeyConstraint("id", name="pk_alert_mail"),
        sa.UniqueConstraint("message", name="uq_alert_mail_message"),
    )
    op.create_index("ix_alert_mail_search_id", "alert_mail", ["search_id"])
    op.create_index("ix_alert_mail_state_next_us", "alert_mail", ["state", "next_us"])
    op.create_table(
        "alert_match",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("search_id", _BIG, nullable=False),
        sa.Column("pid", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("mail_id", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["search_id"], ["saved_search.id"], name="fk_alert_match_search_id"),
        sa.ForeignKeyConstraint(["mail_id"], ["alert_mail.id"], name="fk_alert_match_mail_id"),
        sa.PrimaryKeyConstraint("id", name="pk_alert_match"),
        sa.UniqueConstraint("search_id", "pid", name="uq_alert_match_search_id_pid"),
    )
    op.create_index("ix_alert_match_mail_id", "alert_match", ["mail_id"])


def downgrade() -> None:
    for table in ("alert_match", "alert_mail", "saved_search", "webhook_delivery", "webhook"):
        op.drop_table(table)
