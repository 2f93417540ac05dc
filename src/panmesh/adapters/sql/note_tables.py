"""Tables of the logbook and of baskets. `about` is the pid under which a run or visit was known: the pid table leads on from it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from panmesh.adapters.sql.tables import Big, metadata


def _id() -> Column[int]:
    return Column("id", Big, primary_key=True, autoincrement=True)


note = Table(
    "note",
    metadata,
    _id(),
    Column("about", Text, nullable=False),
    Column("about_kind", Text, nullable=False),  # catalogue.notes.AboutKind
    Column("text", Text, nullable=False),  # Markdown
    Column("revision", Integer, nullable=False),
    Column("by", Text, nullable=False),  # login
    Column("by_name", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("edited_us", BigInteger),
    Column("edited_by", Text),
    Column("deleted_us", BigInteger),
    Column("deleted_by", Text),
    Index(None, "about", "at_us"),
)

note_version = Table(
    "note_version",
    metadata,
    _id(),
    Column("note_id", Big, ForeignKey("note.id"), nullable=False),
    Column("number", Integer, nullable=False),  # the note's revision
    Column("text", Text, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("by", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    UniqueConstraint("note_id", "number"),
)

mark = Table(
    "mark",
    metadata,
    _id(),
    Column("about", Text, nullable=False, unique=True),
    Column("about_kind", Text, nullable=False),
    Column("flag", Text),  # catalogue.notes.Flag
    Column("revision", Integer, nullable=False),
    Column("by", Text, nullable=False),
    Column("by_name", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index(None, "flag", "about"),
)

mark_tag = Table(
    "mark_tag",
    metadata,
    Column("mark_id", Big, ForeignKey("mark.id"), primary_key=True, autoincrement=False),
    Column("tag_folded", Text, primary_key=True, index=True),
    Column("tag", Text, nullable=False),
    Column("position", Integer, nullable=False),
)

mark_version = Table(
    "mark_version",
    metadata,
    _id(),
    Column("mark_id", Big, ForeignKey("mark.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("flag", Text),
    Column("tags_json", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    UniqueConstraint("mark_id", "number"),
)

picture = Table(
    "picture",
    metadata,
    _id(),
    Column("about", Text, nullable=False),
    Column("about_kind", Text, nullable=False),
    Column("name", Text, nullable=False),  # SHA-256 of the file in the data folder, hex, and its ending
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes
    Column("by", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    UniqueConstraint("about", "name"),
)

basket = Table(
    "basket",
    metadata,
    _id(),
    Column("key", Text, nullable=False, unique=True),  # in its address
    Column("share_key", Text, unique=True),  # in the address that is given to others; null: it is not shared
    Column("name", Text, nullable=False),
    Column("account_id", Big, ForeignKey("account.id"), index=True),
    Column("visitor_hash", LargeBinary, index=True),  # SHA-256 of the cookie of somebody who is not signed in
    Column("pids_json", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("used_us", BigInteger, nullable=False),  # the latest is the one that runs are added to
    Column("deleted_us", BigInteger),
)

basket_version = Table(
    "basket_version",
    metadata,
    _id(),
    Column("basket_id", Big, ForeignKey("basket.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("pids_json", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    UniqueConstraint("basket_id", "number"),
)
