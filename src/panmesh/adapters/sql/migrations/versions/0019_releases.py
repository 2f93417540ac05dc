"""Collections and releases that people made to be cited."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def _big() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _id() -> sa.Column[int]:
    return sa.Column("id", _big(), primary_key=True, autoincrement=True)


def _ref(name: str, target: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, _big(), sa.ForeignKey(f"{target}.id"), nullable=null)


def upgrade() -> None:
    op.create_table("release", _id(), sa.Column("pid", sa.Text, nullable=False, unique=True), _ref("document_id", "document"))
    op.create_table(
        "release_version",
        _id(),
        sa.Column("pid", sa.Text, nullable=False, unique=True),
        _ref("release_id", "release"),
        sa.Column("number", sa.Integer, nullable=False),
        _ref("terms_id", "terms"),
        sa.Column("description_json", sa.Text, nullable=False),
        _ref("account_id", "account"),
        sa.Column("published_us", sa.BigInteger, nullable=False),
        sa.Column("changed_us", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text),
        sa.UniqueConstraint("release_id", "number", name="uq_release_version_release_id_number"),
    )
    op.create_index("ix_release_version_account_id", "release_version", ["account_id"])
    op.create_index("ix_release_version_published_us_id", "release_version", ["published_us", "id"])
    op.create_table(
        "release_run",
        sa.Column("version_id", _big(), sa.ForeignKey("release_version.id"), primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        _ref("dataset_id", "dataset"),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.create_index("ix_release_run_dataset_id", "release_run", ["dataset_id"])
    op.create_table(
        "release_draft",
        _id(),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        _ref("account_id", "account"),
        sa.Column("pid", sa.Text, nullable=False),
        _ref("release_id", "release", null=True),
        sa.Column("pids_json", sa.Text, nullable=False),
        sa.Column("description_json", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("updated_us", sa.BigInteger, nullable=False),
        sa.Column("discarded_us", sa.BigInteger),
        sa.Column("published", sa.Text),
    )
    op.create_index("ix_release_draft_account_id", "release_draft", ["account_id"])


def downgrade() -> None:
    for table in ("release_draft", "release_run", "release_version", "release"):
        op.drop_table(table)
