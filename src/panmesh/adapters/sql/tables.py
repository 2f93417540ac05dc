"""Every table. Instants (`*_us`) are UTC microseconds; digests are raw bytes; `*_json` is JSON text; `*_key` is a name people chose."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
    text,
)

from panmesh.adapters.sql.triggers import NOTED, create_noting_triggers

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Big = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only on INTEGER


def _id() -> Column[int]:
    return Column("id", Big, primary_key=True, autoincrement=True)


def _ref(name: str, target: str, *, null: bool = False, index: bool = False) -> Column[int]:
    return Column(name, Big, ForeignKey(f"{target}.id"), nullable=null, index=index)


# --- the facility ---------------------------------------------------------------------------------------------------

facility = Table(
    "facility",
    metadata,
    _id(),
    Column("facility_key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("ror", Text),
)

instrument = Table(
    "instrument",
    metadata,
    _id(),
    Column("pid", Text, nullable=False, unique=True),
    _ref("facility_id", "facility"),
    Column("instrument_key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("aliases_json", Text, nullable=False, default="[]"),  # names found in files, case folded
    Column("scheduled", Boolean, nullable=False, default=False),  # a schedule was imported for it (law 10)
    UniqueConstraint("facility_id", "instrument_key"),
)

# --- people ---------------------------------------------------------------------------------------------------------

account = Table(
    "account",
    metadata,
    _id(),
    Column("login", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("email", Text),
    Column("orcid", Text),
    Column("affiliation", Text),
    Column("withheld", Boolean, nullable=False, server_default=false()),  # the name is not shown to the public
    Column("erased_us", BigInteger),  # nothing personal is left here
    Column("password_hash", Text),  # argon2id; null: cannot sign in with a password
    Column("admin", Boolean, nullable=False, default=False),
    Column("steward", Boolean, nullable=False, default=False),
    Column("disabled", Boolean, nullable=False, default=False),
    Column("created_us", BigInteger, nullable=False),
)

account_instrument = Table(
    "account_instrument",
    metadata,
    Column("account_id", Big, ForeignKey("account.id"), primary_key=True),
    Column("instrument_id", Big, ForeignKey("instrument.id"), primary_key=True),
)

team = Table("team", metadata, _id(), Column("name", Text, nullable=False, unique=True))

team_member = Table(
    "team_member",
    metadata,
    Column("team_id", Big, ForeignKey("team.id"), primary_key=True),
    Column("account_id", Big, ForeignKey("account.id"), primary_key=True, index=True),
    Column("role", Text, nullable=False),  # access.viewer.TeamRole
    Column("expires_us", BigInteger),  # null: does not expire
    Column("source", Text, nullable=False, server_default="person"),  # access.viewer.MemberSource
    Column("since_us", BigInteger),  # null: before that was kept
    Column("by_id", BigInteger),  # the account that put them in
)

web_session = Table(
    "web_session",
    metadata,
    Column("id_hash", LargeBinary, primary_key=True),  # SHA-256 of the cookie's secret
    _ref("account_id", "account", index=True),
    Column("csrf", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
)

api_token = Table(
    "api_token",
    metadata,
    _id(),
    _ref("account_id", "account", index=True),
    Column("name", Text, nullable=False),
    Column("token_hash", LargeBinary, nullable=False, unique=True),  # SHA-256 of the secret
    Column("scopes", Text, nullable=False),  # blank-separated access.viewer.Scope
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("revoked_us", BigInteger),
    Column("last_used_us", BigInteger),
)

login_attempt = Table(
    "login_attempt",
    metadata,
    _id(),
    Column("bucket", Text, nullable=False),  # "login:NAME" or "address:HASH"
    Column("at_us", BigInteger, nullable=False),
    Index(None, "bucket", "at_us"),
)

# --- terms, proposals, visits ---------------------------------------------------------------------------------------

terms = Table(
    "terms",
    metadata,
    _id(),
    Column("access", Text, nullable=False),  # access.terms.AccessClass
    _ref("team_id", "team", null=True, index=True),
    _ref("instrument_id", "instrument", null=True, index=True),
    Column("policy_version", Text, nullable=False),
    Column("core_from_proposal", Boolean, nullable=False, default=False),
    Column("results_shared", Boolean, nullable=False, default=False),
    Column("starts_us", BigInteger),
    Column("ends_us", BigInteger),
    Column("opens_us", BigInteger),
    Column("declassified_us", BigInteger),
    Column("held_us", BigInteger),
    Column("hold", Text),
    Column("withdrawn_us", BigInteger),
    Column("deleted_us", BigInteger),
)

# One more after each change of `terms`, and of what somebody belongs to, by whomever: see `revisions`.
terms_change = Table("terms_change", metadata, _id(), sqlite_autoincrement=True)
belonging_change = Table("belonging_change", metadata, _id(), sqlite_autoincrement=True)


@event.listens_for(metadata, "after_create")
def _note_changes(_metadata: MetaData, connection: Connection, **_: object) -> None:
    for what, noted in NOTED.items():
        create_noting_triggers(connection, what, [table for table in noted if table in metadata.tables])


proposal = Table(
    "proposal",
    metadata,
    _id(),
    Column("pid", Text, nullable=False, unique=True),
    _ref("facility_id", "facility"),
    Column("number", Text, nullable=False),  # as the user office writes it
    Column("number_folded", Text, nullable=False),  # letters and digits only, case folded: what files are matched against
    Column("title", Text),
    Column("proposal_text", Text),
    Column("kind", Text, nullable=False),  # catalogue.model.ProposalKind
    Column("policy_version", Text, nullable=False),
    _ref("team_id", "team", null=True),
    UniqueConstraint("facility_id", "number_folded"),
)

investigation = Table(
    "investigation",
    metadata,
    _id(),
    Column("pid", Text, nullable=False, unique=True),
    _ref("facility_id", "facility"),
    _ref("proposal_id", "proposal", null=True, index=True),
    _ref("instrument_id", "instrument", null=True, index=True),
    _ref("terms_id", "terms", index=True),
    Column(
        "natural_key", Text, nullable=False, unique=True
    ),  # "facility|proposal|visit", or "facility|instrument|folder" unscheduled
    Column("visit_id", Text, nullable=False),
    Column("title", Text),
    Column("kind", Text, nullable=False),
    Column("starts_us", BigInteger),
    Column("ends_us", BigInteger),
    Column("folder", Text),  # storage and folder of an unscheduled investigation
)

sample = Table(
    "sample",
    metadata,
    _id(),
    Column("pid", Text, nullable=False, unique=True),
    _ref("facility_id", "facility"),
    Column("natural_key", Text, nullable=False, unique=True),  # facility, team or folder, identifier or folded name
    Column("name", Text, nullable=False),
    Column("name_folded", Text, nullable=False, index=True),
    Column("identifier", Text),
    Column("formula", Text),
    Column("description", Text),
)

# --- datasets -------------------------------------------------------------------------------------------------------

dataset = Table(
    "dataset",
    metadata,
    _id(),
    Column("pid", Text, nullable=False, unique=True),
    Column("identity", LargeBinary, nullable=False, unique=True),  # SHA-256 of facility, storage path or run id, entry (law 2)
    _ref("facility_id", "facility", index=True),
    _ref("instrument_id", "instrument", null=True),
    _ref("investigation_id", "investigation", null=True),
    _ref("terms_id", "terms"),
    _ref("sample_id", "sample", null=True, index=True),
    Column("origin", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("storage", Text),  # key of the storage of the primary file
    Column("path", Text),  # of the primary file in it
    Column("entry", Text),  # "/entry1"; null: the whole file
    Column("run", Text),
    Column("series", Text),
    # effective values of the layers, for search and lists
    Column("title", Text),
    Column("title_folded", Text),
    Column("start_us", BigInteger),
    Column("end_us", BigInteger),
    Column("time_basis", Text),
    Column("instrument_name", Text),  # as written
    Column("facility_name", Text),
    Column("definition", Text),
    Column("core_text", Text, nullable=False, default=""),  # case folded, words between blanks
    Column("full_text", Text, nullable=False, default=""),
    Column("quarantine", Text),  # why it joined no visit; null: it did
    Column("read_state", Text, nullable=False),
    Column("format", Text),
    Column("advice", Text),
    Column("growing", Boolean, nullable=False, default=False),
    Column("has_plot", Boolean, nullable=False, default=False),
    Column("version_id", Big),  # newest version (no constraint: the two are made together)
    Column("version", Integer, nullable=False, default=1),
    Column("file_count", BigInteger, nullable=False, default=0),
    Column("total_bytes", BigInteger, nullable=False, default=0),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False, default=1),
    Index(None, "terms_id", "start_us"),
    Index(None, "start_us", "id"),
    Index(None, "created_us", "id"),
    Index(None, "instrument_id", "start_us"),
    Index(None, "investigation_id", "start_us"),
    Index(None, "storage", "path"),
    Index(None, "title_folded", "terms_id"),  # titles are looked through here, not in the wide rows
    Index(None, "total_bytes", "terms_id"),
)
Index(
    "ix_dataset_quarantined",
    dataset.c.id,
    sqlite_where=dataset.c.quarantine.is_not(None),
    postgresql_where=dataset.c.quarantine.is_not(None),
)
Index(
    "ix_dataset_growing",
    dataset.c.id,
    sqlite_where=dataset.c.growing.is_(True),
    postgresql_where=dataset.c.growing.is_(True),
)

dataset_version = Table(
    "dataset_version",
    metadata,
    _id(),
    Column("pid", Text, nullable=False, unique=True),
    _ref("dataset_id", "dataset"),
    Column("number", Integer, nullable=False),
    Column("open", Boolean, nullable=False, default=False),  # still growing
    Column("manifest", LargeBinary, nullable=False),  # catalogue.manifest.ManifestRef
    Column("content_key", LargeBinary, nullable=False),  # SHA-256 over names, sizes and times: changes when any file does
    Column("file_count", BigInteger, nullable=False),
    Column("total_bytes", BigInteger, nullable=False),
    Column("digest_state", Text, nullable=False),  # catalogue.model.DigestState
    Column("facts", LargeBinary),  # zlib-compressed JSON: EntryFacts and problems
    Column("created_us", BigInteger, nullable=False),
    Column("closed_us", BigInteger),
    Column("verified_us", BigInteger),  # when every byte was last compared with its digest
    Column("digest_key", LargeBinary, index=True),  # SHA-256 over the digests of the files, in the order of their names
    UniqueConstraint("dataset_id", "number"),
)

Index(
    "ix_dataset_version_pending",
    dataset_version.c.id,
    sqlite_where=dataset_version.c.digest_state == "pending",
    postgresql_where=dataset_version.c.digest_state == "pending",
)

layer = Table(
    "layer",
    metadata,
    _id(),
    _ref("dataset_id", "dataset", index=True),
    Column("source", Text, nullable=False),  # human, schedule, push, file, default
    Column("values_json", Text, nullable=False),  # field → {"value": …, "path": …}
    Column("by", Text, nullable=False),  # login, or the part that wrote it
    Column("at_us", BigInteger, nullable=False),
    Column("undone_us", BigInteger),
    Column("undone_by", Text),
    CheckConstraint("source IN ('human','schedule','push','file','default')", name="source"),
)

parameter = Table(
    "parameter",
    metadata,
    _id(),
    _ref("dataset_id", "dataset", index=True),
    Column("name", Text, nullable=False),  # canonical
    Column("label", Text, nullable=False),
    Column("unit", Text),  # as in the file
    Column("value", Float(53)),  # scalar, in that unit
    Column("minimum", Float(53)),
    Column("maximum", Float(53)),
    Column("text", Text),
    Column("dimension", Text),  # null: the unit is not known to us
    Column("low", Float(53)),  # minimum or value in base units of the dimension
    Column("high", Float(53)),
    Index(None, "name", "low", "high"),
)

# What was scanned, and so has two ends; scalars, which are nearly all, are found by the index above.
Index(
    "ix_parameter_scanned",
    parameter.c.name,
    parameter.c.high,
    sqlite_where=parameter.c.high > parameter.c.low,
    postgresql_where=parameter.c.high > parameter.c.low,
)
Index(
    "ix_parameter_text",
    parameter.c.name,
    parameter.c.text,
    sqlite_where=parameter.c.text.is_not(None),
    postgresql_where=parameter.c.text.is_not(None),
)

dataset_technique = Table(
    "dataset_technique",
    metadata,
    Column("dataset_id", Big, ForeignKey("dataset.id"), primary_key=True),
    Column("technique_pid", Text, primary_key=True, index=True),
)

dataset_person = Table(
    "dataset_person",
    metadata,
    Column("dataset_id", Big, ForeignKey("dataset.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_folded", Text, nullable=False, index=True),
    Column("role", Text),
    Column("orcid", Text, index=True),
    Column("affiliation", Text),
    Column("withheld", Boolean, nullable=False, server_default=false()),  # not shown to the public, nor found by it
)

relation = Table(
    "relation",
    metadata,
    _id(),
    _ref("derived_id", "dataset", index=True),
    _ref("source_id", "dataset", index=True),
    Column("software", Text),
    Column("software_version", Text),
    Column("parameters_json", Text),
    Column("at_us", BigInteger),
    UniqueConstraint("derived_id", "source_id"),
)

finding = Table(
    "finding",
    metadata,
    _id(),
    _ref("dataset_id", "dataset", index=True),
    Column("name", Text, nullable=False),  # file in the dataset
    Column("kind", Text, nullable=False),  # missing, changed, unreadable
    Column("detail", Text),
    Column("noticed_us", BigInteger, nullable=False),
    UniqueConstraint("dataset_id", "name"),
)

# The words of a file list, so that datasets are found by the names of their files; null: too many files, ask the manifest.
file_names = Table(
    "file_names",
    metadata,
    Column("dataset_id", Big, ForeignKey("dataset.id"), primary_key=True, autoincrement=False),
    Column("names", Text),  # folded, one on each line
)

dataset_sample = Table(
    "dataset_sample",  # further samples, besides the dataset's own
    metadata,
    Column("dataset_id", Big, ForeignKey("dataset.id"), primary_key=True),
    Column("sample_id", Big, ForeignKey("sample.id"), primary_key=True, index=True),
)

technique = Table(
    "technique",  # terms that other catalogues brought, with a pid of their own; PaNET itself is no table
    metadata,
    _id(),
    Column("pid", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("panet_pid", Text, index=True),  # the term that it is, or null
)

# --- corrections ----------------------------------------------------------------------------------------------------

correction = Table(
    "correction",  # what staff decided of where runs belong; kept for ever, undone ones too
    metadata,
    _id(),
    Column("at_us", BigInteger, nullable=False),
    Column("account_id", Big),
    Column("actor", Text, nullable=False),  # login, or "operator"
    Column("what", Text, nullable=False),  # catalogue.correction.What
    Column("reason", Text, nullable=False),
    Column("to_pid", Text),  # the visit of a move; the dataset that a merge leads to; what a split made
    Column("state", Text, nullable=False),  # catalogue.correction.CorrectionState
    Column("total", Integer, nullable=False),
    Column("touched_us", BigInteger, nullable=False),  # last piece of it that was done or undone
    Column("undone_us", BigInteger),
    Column("undone_by", Text),
)

correction_item = Table(
    "correction_item",
    metadata,
    _id(),
    _ref("correction_id", "correction"),
    Column("dataset_pid", Text, nullable=False, index=True),
    _ref("terms_id", "terms"),  # under which it stood before: whose staff see this in the history
    Column("state", Text, nullable=False),  # catalogue.correction.ItemState
    Column("note", Text),  # why it was left out
    Column("before_json", Text, nullable=False, default="{}"),
    Column("after_json", Text, nullable=False, default="{}"),
    Index(None, "correction_id", "state", "id"),
)

set_aside = Table(
    "set_aside",  # datasets that nobody reads until that is undone; their rows stay, and are renewed with their files
    metadata,
    Column("dataset_id", Big, ForeignKey("dataset.id"), primary_key=True, autoincrement=False),
    Column("what", Text, nullable=False),  # discarded, merged
    Column("into_pid", Text, index=True),  # the dataset that has its files now
    _ref("terms_id", "terms"),  # under which it stood: those who could know of it are told
    _ref("correction_id", "correction"),
)

file_decision = Table(
    "file_decision",  # a file that belongs to this dataset, and to no other that claims it
    metadata,
    Column("storage", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    _ref("dataset_id", "dataset", index=True),
    _ref("correction_id", "correction"),
)

# --- documents ------------------------------------------------------------------------------------------------------

document = Table(
    "document",  # what a federation lists: one for each investigation, and those that were brought from elsewhere
    metadata,
    _id(),
    Column("pid", Text, nullable=False, unique=True),
    _ref("facility_id", "facility"),
    _ref("investigation_id", "investigation", null=True),
    _ref("terms_id", "terms", index=True),
    Column("origin", Text, nullable=False),
    Column("type", Text, nullable=False),  # proposal, publication
    Column("title", Text),
    Column("title_folded", Text),
    Column("summary", Text),
    Column("summary_folded", Text),
    Column("doi", Text),
    Column("starts_us", BigInteger),
    Column("ends_us", BigInteger),
    Column("release_us", BigInteger),
    Column("license", Text),  # SPDX
    Column("keywords_json", Text, nullable=False, default="[]"),
    Index(None, "investigation_id", unique=True),
)

document_dataset = Table(
    "document_dataset",  # besides the datasets of the document's investigation
    metadata,
    Column("document_id", Big, ForeignKey("document.id"), primary_key=True),
    Column("dataset_id", Big, ForeignKey("dataset.id"), primary_key=True, index=True),
)

document_parameter = Table(
    "document_parameter",
    metadata,
    _id(),
    _ref("document_id", "document", index=True),
    Column("name", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("unit", Text),
    Column("value", Float(53)),
    Column("minimum", Float(53)),
    Column("maximum", Float(53)),
    Column("text", Text),
    Column("dimension", Text),
    Column("low", Float(53)),
    Column("high", Float(53)),
)

person = Table(
    "person",
    metadata,
    _id(),
    Column("person_key", Text, nullable=False, unique=True),  # "orcid:…", "login:…", or the source's own id
    Column("full_name", Text, nullable=False),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("orcid", Text),
    Column("researcher_id", Text),
    Column("withheld", Boolean, nullable=False, server_default=false()),
)

affiliation = Table(
    "affiliation",
    metadata,
    _id(),
    Column("affiliation_key", Text, nullable=False, unique=True),
    Column("name", Text),
    Column("address", Text),
    Column("city", Text),
    Column("country", Text),
)

member = Table(
    "member",
    metadata,
    _id(),
    _ref("document_id", "document", index=True),
    _ref("person_id", "person", null=True, index=True),
    _ref("affiliation_id", "affiliation", null=True, index=True),
    Column("role", Text),
    Column("position", Integer, nullable=False, default=0),
)

# --- what came from elsewhere -----------------------------------------------------------------------------------------

imported = Table(
    "imported",  # recognised when it comes again
    metadata,
    Column("kind", Text, primary_key=True),  # dataset, document, instrument
    Column("pid", Text, primary_key=True),
    Column("source", Text, nullable=False),  # file or address that it came from
    Column("origin", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),  # of the record and of what its relations led to
    Column("nested", Boolean, nullable=False),  # it came within another record
)

imported_link = Table(
    "imported_link",  # relations of which one end is not here yet, by pids
    metadata,
    Column(
        "kind", Text, primary_key=True
    ),  # "document": of a document to a dataset; "source": of a dataset to what it was made from
    Column("holder", Text, primary_key=True),
    Column("target", Text, primary_key=True, index=True),
)

# --- identifiers, feed, audit ---------------------------------------------------------------------------------------

pid = Table(
    "pid",
    metadata,
    Column("pid", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # dataset, version, investigation, proposal, sample, instrument, alias
    Column("concept", Text, nullable=False, index=True),  # the concept pid it belongs to (itself for a concept)
    Column("version", Integer),  # null: concept or alias
    Column("origin", Text, nullable=False),
)

_OF_VISITS = text("kind = 'investigation'")

change = Table(
    "change",
    metadata,
    Column("sequence", Big, primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),  # dataset, investigation, instrument, terms …
    Column("pid", Text, nullable=False),
    Column("what", Text, nullable=False),  # created, updated, digested, version, moved, discarded …
    Index("ix_change_of_visits", "pid", "at_us", sqlite_where=_OF_VISITS, postgresql_where=_OF_VISITS),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    _id(),
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("account_id", Big),
    Column("actor", Text, nullable=False),  # login, "operator", "anonymous"
    Column("action", Text, nullable=False),  # read, change, sign-in, token …
    Column("pid", Text, index=True),
    Column("detail_json", Text, nullable=False, default="{}"),
    sqlite_autoincrement=True,
)

# --- ingest ---------------------------------------------------------------------------------------------------------

unit = Table(
    "unit",
    metadata,
    _id(),
    Column("storage", Text, nullable=False),
    Column("path", Text, nullable=False),  # of the file, or of the folder for a folder unit (ends with "/")
    Column("state", Text, nullable=False),  # ingest.units.UnitState
    Column("size", BigInteger, nullable=False, default=0),
    Column("modified_us", BigInteger, nullable=False, default=0),
    Column("inode", BigInteger),
    Column("read_state", Text),
    Column("format", Text),
    Column("reason", Text),  # of a failure or a quarantine, in words
    Column("advice", Text),
    Column("attempts", Integer, nullable=False, default=0),
    Column("primary_unit_id", Big),  # the master that claims this file; null: it stands for itself
    Column("bare", Boolean, nullable=False, default=False),  # says nothing of a run itself: may be a master's data file
    Column("claimed_by", Text),  # the worker that reads it now; our fence: only that worker may commit it
    Column("claimed_until_us", BigInteger),
    Column("seen_us", BigInteger, nullable=False),
    Column("read_us", BigInteger),
    Column("dataset_count", Integer, nullable=False, default=0),
    UniqueConstraint("storage", "path"),
    Index(None, "state", "id"),
    Index(None, "primary_unit_id"),
)

unit_dataset = Table(
    "unit_dataset",
    metadata,
    Column("unit_id", Big, ForeignKey("unit.id"), primary_key=True),
    Column("dataset_id", Big, ForeignKey("dataset.id"), primary_key=True, index=True),
)

# Files that a master says it needs, whether they are here yet or not.
unit_claim = Table(
    "unit_claim",
    metadata,
    Column("storage", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("unit_id", Big, ForeignKey("unit.id"), primary_key=True),
)

heartbeat = Table(
    "heartbeat",
    metadata,
    Column("worker", Text, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
)
