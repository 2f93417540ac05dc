"""Notes, flags, tags and pictures of runs and visits; saved selections of runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "note",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("about_kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("edited_us", sa.BigInteger(), nullable=True),
        sa.Column("edited_by", sa.Text(), nullable=True),
        sa.Column("deleted_us", sa.BigInteger(), nullable=True),
        sa.Column("deleted_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_note"),
    )
    op.create_index("ix_note_about_at_us", "note", ["about", "at_us"])
    op.create_table(
        "note_version",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("note_id", _BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["note_id"], ["note.id"], name="fk_note_version_note_id"),
        sa.UniqueConstraint("note_id", "number", name="uq_note_version_note_id_number"),
        sa.PrimaryKeyConstraint("id", name="pk_note_version"),
    )
    op.create_table(
        "mark",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("about_kind", sa.Text(), nullable=False),
        sa.Column("flag", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("by_name", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("about", name="uq_mark_about"),
        sa.PrimaryKeyConstraint("id", name="pk_mark"),
    )
    op.create_index("ix_mark_flag_about", "mark", ["flag", "about"])
    op.create_table(
        "mark_tag",
        sa.Column("mark_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("tag_folded", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["mark_id"], ["mark.id"], name="fk_mark_tag_mark_id"),
        sa.PrimaryKeyConstraint("mark_id", "tag_folded", name="pk_mark_tag"),
    )
    op.create_index("ix_mark_tag_tag_folded", "mark_tag", ["tag_folded"])
    op.create_table(
        "mark_version",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("mark_id", _BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("flag", sa.Text(), nullable=True),
        sa.Column("tags_json", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["mark_id"], ["mark.id"], name="fk_mark_version_mark_id"),
        sa.UniqueConstraint("mark_id", "number", name="uq_mark_version_mark_id_number"),
        sa.PrimaryKeyConstraint("id", name="pk_mark_version"),
    )
    op.create_table(
        "picture",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("about_kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("about", "name", name="uq_picture_about_name"),
        sa.PrimaryKeyConstraint("id", name="pk_picture"),
    )
    op.create_table(
        "basket",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("share_key", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_id", _BIG, nullable=True),
        sa.Column("visitor_hash", sa.LargeBinary(), nullable=True),
        sa.Column("pids_json", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.Column("used_us", sa.BigInteger(), nullable=False),
        sa.Column("deleted_us", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_basket_account_id"),
        sa.UniqueConstraint("key", name="uq_basket_key"),
        sa.UniqueConstraint("share_key", name="uq_basket_share_key"),
        sa.PrimaryKeyConstraint("id", name="pk_basket"),
    )
    op.create_index("ix_basket_account_id", "basket", ["account_id"])
    op.create_index("ix_basket_visitor_hash", "basket", ["visitor_hash"])
    op.create_table(
        "basket_version",
        sa.Column("id", _BIG, autoincrement=True, nullable=False),
        sa.Column("basket_id", _BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pids_json", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["basket_id"], ["basket.id"], name="fk_basket_version_basket_id"),
        sa.UniqueConstraint("basket_id", "number", name="uq_basket_version_basket_id_number"),
        sa.PrimaryKeyConstraint("id", name="pk_basket_version"),
    )


def downgrade() -> None:
    op.drop_table("basket_version")
    op.drop_table("basket")
    op.drop_table("picture")
    op.drop_table("mark_version")
    op.drop_table("mark_tag")
    op.drop_table("mark")
    op.drop_table("note_version")
    op.drop_table("note")
