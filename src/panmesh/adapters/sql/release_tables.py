"""Tables of releases: what was published for good, and drafts of what may be."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from panmesh.adapters.sql.tables import Big, metadata


def _id() -> Column[int]:
    return Column("id", Big, primary_key=True, autoincrement=True)


release = Table(
    "release",
    metadata,
    _id(),
    Column("pid", Text, nullable=False, unique=True),  # the concept's: leads to the newest version
    Column("document_id", Big, ForeignKey("document.id"), nullable=False),
)

release_version = Table(
    "release_version",  # of a version that is there, only papers, funders and its withdrawal change
    metadata,
    _id(),
    Column("pid", Text, nullable=False, unique=True),
    Column("release_id", Big, ForeignKey("release.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("terms_id", Big, ForeignKey("terms.id"), nullable=False),  # its own: open, or withdrawn
    Column("description_json", Text, nullable=False),  # publication.release.Description
    Column("account_id", Big, ForeignKey("account.id"), nullable=False, index=True),  # who published it
    Column("published_us", BigInteger, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("reason", Text),  # of a withdrawal, for everybody
    UniqueConstraint("release_id", "number"),
    Index(None, "published_us", "id"),
)

release_run = Table(
    "release_run",
    metadata,
    Column("version_id", Big, ForeignKey("release_version.id"), primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("dataset_id", Big, ForeignKey("dataset.id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),  # of the dataset's version
)

release_draft = Table(
    "release_draft",
    metadata,
    _id(),
    Column("key", Text, nullable=False, unique=True),
    Column("account_id", Big, ForeignKey("account.id"), nullable=False, index=True),
    Column("pid", Text, nullable=False),  # the concept pid that it has or will have
    Column("release_id", Big, ForeignKey("release.id")),  # that it is to be a new version of
    Column("pids_json", Text, nullable=False),
    Column("description_json", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("discarded_us", BigInteger),
    Column("published", Text),  # pid of the version that it became
)
