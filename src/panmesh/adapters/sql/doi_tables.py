"""DOIs that are wanted, with what DataCite confirmed of each: the outbox that makes one true of the other."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from panmesh.adapters.sql.tables import Big, metadata

doi = Table(
    "doi",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),  # dataset, investigation, proposal, instrument, collection, release
    Column("pid", Text, nullable=False, unique=True),  # of the subject
    Column("suffix", Text, nullable=False, unique=True),  # opaque; decided with the intent and never again
    Column("name", Text, unique=True),  # prefix/suffix, folded; null: no account was configured yet
    Column("asked_us", BigInteger, nullable=False),  # the intent
    Column("standing", Text),  # access.terms.State of the subject when it was last looked at; null: it may have no DOI
    Column("wanted", Text, nullable=False),  # publication.dois.DoiState
    Column("confirmed", Text, nullable=False),  # publication.dois.DoiState, as DataCite said
    Column("confirmed_us", BigInteger),
    Column("digest", LargeBinary),  # SHA-256 of the metadata and the address that were confirmed; null: send again
    Column("refused", LargeBinary),  # the same of what DataCite refused: not sent again by itself
    Column("sent_us", BigInteger),  # a request began then whose answer is not known; null: there is none such
    Column("attempts", Integer, nullable=False, default=0),  # failed ones in a row
    Column("due_us", BigInteger),  # when it is looked at next; null: when something changes
    Column("revision", Integer, nullable=False, default=0, server_default="0"),  # one more whenever something wakes it
    Column("trouble", Text),  # publication.dois.Trouble
    Column("error", Text),  # in words, for the steward and the team
    Column("failed_us", BigInteger),
    Column("checked_us", BigInteger),  # last compared with what DataCite has
    Column("finding", Text),  # what that comparison found and mended, in words
)
Index("ix_doi_due", doi.c.due_us, sqlite_where=doi.c.due_us.is_not(None), postgresql_where=doi.c.due_us.is_not(None))
Index("ix_doi_failed", doi.c.id, sqlite_where=doi.c.error.is_not(None), postgresql_where=doi.c.error.is_not(None))
Index(None, doi.c.checked_us)

doi_round = Table(
    "doi_round",  # one row: how far the outbox followed, and who sends
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),  # of the change feed, followed up to here
    Column("clock_us", BigInteger, nullable=False),  # sessions that ended before are found
    Column("sweeping", Text),  # "investigation:5000": everything is looked through for DOIs that are missing
    Column("chosen", Text, nullable=False),  # which kinds get DOIs by themselves, when that was last looked through
    Column("holder", Text),  # the one that sends
    Column("held_until_us", BigInteger),
    Column("paused_until_us", BigInteger),  # DataCite is not asked before
    Column("pauses", Integer, nullable=False, default=0),  # in a row
    Column("pause_reason", Text),
)
