"""People before the law: teams that are kept by their leaders, withheld names, erased accounts, rights on the disk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

WITHHELD = ("account", "dataset_person", "person")


def upgrade() -> None:
    for table in WITHHELD:
        op.add_column(table, sa.Column("withheld", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("account", sa.Column("affiliation", sa.Text()))
    op.add_column("account", sa.Column("erased_us", sa.BigInteger()))
    op.add_column("team_member", sa.Column("since_us", sa.BigInteger()))
    op.add_column("team_member", sa.Column("by_id", sa.BigInteger()))
    op.create_index("ix_dataset_person_orcid", "dataset_person", ["orcid"])
    op.drop_table("name_withheld")
    op.drop_table("invitation")
    _teams()
    _invitations()
    _names()
    op.create_table(
        "disk_report",
        _id(),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("folders", sa.Integer(), nullable=False),
        sa.Column("drifted", sa.Integer(), nullable=False),
        sa.Column("report_json", sa.Text(), nullable=False),
    )


def _teams() -> None:
    op.create_table(
        "team_change",
        _id(),
        _to("team_change", "team_id", "team"),
        _to("team_change", "account_id", "account"),
        _to("team_change", "by_id", "account", null=True),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("before_json", sa.Text(), nullable=False),
        sa.Column("after_json", sa.Text(), nullable=False),
        sa.Column("undone_us", sa.BigInteger()),
        _to("team_change", "undone_by_id", "account", null=True),
    )
    op.create_index("ix_team_change_team_id_id", "team_change", ["team_id", "id"])
    op.create_index("ix_team_change_account_id", "team_change", ["account_id"])
    op.create_table(
        "team_removal",
        _to("team_removal", "team_id", "team", key=True),
        _to("team_removal", "account_id", "account", key=True),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_team_removal_account_id", "team_removal", ["account_id"])
    op.create_table(
        "former_member",
        _id(),
        _to("former_member", "team_id", "team"),
        _to("former_member", "account_id", "account", null=True),
        sa.Column("name", sa.Text()),
        sa.Column("orcid", sa.Text()),
        sa.Column("withheld", sa.Boolean(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("since_us", sa.BigInteger()),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_former_member_team_id", "former_member", ["team_id"])
    op.create_index("ix_former_member_account_id", "former_member", ["account_id"])


def _invitations() -> None:
    op.create_table(
        "invitation",
        _id(),
        _to("invitation", "team_id", "team"),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("about_pid", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("expires_us", sa.BigInteger()),
        _to("invitation", "invited_by_id", "account", null=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("valid_until_us", sa.BigInteger(), nullable=False),
        sa.Column("taken_us", sa.BigInteger()),
        _to("invitation", "taken_by_id", "account", null=True),
        sa.Column("revoked_us", sa.BigInteger()),
        sa.Column("mail_state", sa.Text(), nullable=False),
        sa.Column("mail_attempts", sa.Integer(), nullable=False),
        sa.Column("mail_next_us", sa.BigInteger(), nullable=False),
        sa.Column("mail_error", sa.Text()),
    )
    for column in ("team_id", "invited_by_id", "taken_by_id"):
        op.create_index(f"ix_invitation_{column}", "invitation", [column])
    op.create_index("ix_invitation_mail_state_mail_next_us", "invitation", ["mail_state", "mail_next_us"])


def _names() -> None:
    op.create_table(
        "withheld_name",
        _id(),
        _to("withheld_name", "account_id", "account", null=True),
        sa.Column("name", sa.Text()),
        sa.Column("name_key", sa.Text()),
        sa.Column("orcid", sa.Text()),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
        _to("withheld_name", "by_id", "account", null=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_us", sa.BigInteger()),
    )
    op.create_index("ix_withheld_name_account_id", "withheld_name", ["account_id"])
    op.create_table("name_pending", _to("name_pending", "dataset_id", "dataset", key=True))


def _big() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _id() -> sa.Column[int]:
    return sa.Column("id", _big(), primary_key=True, autoincrement=True)


def _to(table: str, name: str, target: str, *, null: bool = False, key: bool = False) -> sa.Column[int]:
    reference = sa.ForeignKey(f"{target}.id", name=f"fk_{table}_{name}")
    if key:
        return sa.Column(name, _big(), reference, primary_key=True, autoincrement=False)
    return sa.Column(name, _big(), reference, nullable=null)


def downgrade() -> None:
    for table in ("disk_report", "name_pending", "withheld_name", "invitation", "former_member", "team_removal", "team_change"):
        op.drop_table(table)
    op.drop_index("ix_dataset_person_orcid", "dataset_person")
    for column in ("since_us", "by_id"):
        op.drop_column("team_member", column)
    for column in ("affiliation", "erased_us"):
        op.drop_column("account", column)
    for table in WITHHELD:
        op.drop_column(table, "withheld")
    op.create_table(
        "invitation",
        _id(),
        _to("invitation", "team_id", "team"),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("expires_us", sa.BigInteger()),
        sa.Column("invited_by", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("taken_us", sa.BigInteger()),
        sa.Column("revoked_us", sa.BigInteger()),
    )
    op.create_index("ix_invitation_team_id", "invitation", ["team_id"])
    op.create_table(
        "name_withheld",
        _to("name_withheld", "account_id", "account", key=True),
        sa.Column("since_us", sa.BigInteger(), nullable=False),
    )
