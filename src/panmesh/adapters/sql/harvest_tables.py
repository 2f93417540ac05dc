"""What harvesters were told, and in which order they are told of it: derived from the catalogue, except for what was told once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from panmesh.adapters.sql.tables import Big, metadata

# The memory of what was told: an item that may not be shown any more stays as a deleted one, also when the rest is made anew.
harvest_item = Table(
    "harvest_item",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),  # publication.harvesting.ItemKind
    Column("subject_id", Big, nullable=False),  # of the dataset, investigation or instrument
    Column("pid", Text, nullable=False, unique=True),
    Column("stamp_s", BigInteger, nullable=False),  # last change of what is disseminated, seconds since 1970
    Column("condition", Text, nullable=False),  # publication.harvesting.Condition
    Column("sets", Text, nullable=False),  # blank-separated specs, in order
    Column("next_us", BigInteger),  # when the clock alone may change its condition; 0: it is to be told anew
    Column("unwritten", Boolean, nullable=False),  # live, and not in `harvest_text` as it is now
    UniqueConstraint("kind", "subject_id"),
)
Index(
    "ix_harvest_item_unwritten",
    harvest_item.c.id,
    sqlite_where=harvest_item.c.unwritten.is_(True),
    postgresql_where=harvest_item.c.unwritten.is_(True),
)
Index(
    "ix_harvest_item_due",
    harvest_item.c.next_us,
    sqlite_where=harvest_item.c.next_us.is_not(None),
    postgresql_where=harvest_item.c.next_us.is_not(None),
)
Index(
    "ix_harvest_item_shown",  # sitemaps are counted here, not in the wide rows
    harvest_item.c.id,
    harvest_item.c.stamp_s,
    sqlite_where=harvest_item.c.condition == "live",
    postgresql_where=harvest_item.c.condition == "live",
)

harvest_text = Table(
    "harvest_text",  # records as they are given out, written ahead
    metadata,
    Column("item_id", Big, primary_key=True, autoincrement=False),
    Column("prefix", Text, primary_key=True),
    Column("stamp_s", BigInteger, nullable=False),  # of the item then
    Column("body", LargeBinary, nullable=False),  # zlib
)

harvest_set = Table(
    "harvest_set",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("spec", Text, nullable=False, unique=True),  # "*": everything
)

harvest_listing = Table(
    "harvest_listing",  # the lists as they are now
    metadata,
    Column("set_id", Integer, primary_key=True),
    Column("stamp_s", BigInteger, primary_key=True),
    Column("item_id", Big, primary_key=True),
    Column("came", BigInteger, nullable=False),  # round in which it took this place
    sqlite_with_rowid=False,
)

harvest_past = Table(
    "harvest_past",  # places that items had lately: a harvest under way goes on as it was when it began
    metadata,
    Column("set_id", Integer, primary_key=True),
    Column("went", BigInteger, primary_key=True),  # round in which it left this place
    Column("item_id", Big, primary_key=True),
    Column("stamp_s", BigInteger, nullable=False),
    Column("came", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

harvest_round = Table(
    "harvest_round",  # one row: how far the lists are
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),  # of the change feed, followed up to here
    Column("sweeping", Text),  # "dataset:5000": everything is looked at again, and this is done; null: not; see also `ANEW`
    Column("built", Boolean, nullable=False),  # everything was looked at once
    Column("swept_us", BigInteger),
    Column("marks", Text, nullable=False),  # number and instant of a round of each of the last days
    Column("forgot", BigInteger, nullable=False),  # past places are known of rounds after this one
)

ANEW = "anew:"  # what `sweeping` begins with while the lists are emptied, then made from the items


def anew(state: Any) -> bool:
    """Of a row of `harvest_round`: the lists are not whole."""
    return state.sweeping is not None and state.sweeping.startswith(ANEW)
