"""Tables of people before the law: who changed a team, who is invited, whose name is withheld, what was found on the disk."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from panmesh.adapters.sql.tables import Big, metadata


def _id() -> Column[int]:
    return Column("id", Big, primary_key=True, autoincrement=True)


team_change = Table(
    "team_change",  # what people changed in a team, so that it can be taken back
    metadata,
    _id(),
    Column("team_id", Big, ForeignKey("team.id"), nullable=False),
    Column("account_id", Big, ForeignKey("account.id"), nullable=False, index=True),
    Column("by_id", Big, ForeignKey("account.id")),  # null: the operator
    Column("at_us", BigInteger, nullable=False),
    Column("what", Text, nullable=False),  # access.teams.What
    Column("before_json", Text, nullable=False),  # the membership before: {} where there was none
    Column("after_json", Text, nullable=False),
    Column("undone_us", BigInteger),
    Column("undone_by_id", Big, ForeignKey("account.id")),
    Index(None, "team_id", "id"),
)

team_removal = Table(
    "team_removal",  # whom a person took out: a schedule that still names them does not bring them back
    metadata,
    Column("team_id", Big, ForeignKey("team.id"), primary_key=True),
    Column("account_id", Big, ForeignKey("account.id"), primary_key=True, index=True),
    Column("at_us", BigInteger, nullable=False),
)

former_member = Table(
    "former_member",  # who was in the team when it measured and is not any more: named with those visits, without any right
    metadata,
    _id(),
    Column("team_id", Big, ForeignKey("team.id"), nullable=False, index=True),
    Column("account_id", Big, ForeignKey("account.id"), index=True),  # null: the account was erased
    Column("name", Text),  # of an account that was erased; else the account has it
    Column("orcid", Text),
    Column("withheld", Boolean, nullable=False, default=False),  # of an account that was erased
    Column("role", Text, nullable=False),  # access.viewer.TeamRole
    Column("since_us", BigInteger),  # null: from the first
    Column("until_us", BigInteger, nullable=False),
)

invitation = Table(
    "invitation",  # into a team, by mail: its link works once
    metadata,
    _id(),
    Column("team_id", Big, ForeignKey("team.id"), nullable=False, index=True),
    Column("about", Text, nullable=False),  # number of the proposal, or name of the visit, for whoever is invited
    Column("about_pid", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("role", Text, nullable=False),  # access.viewer.TeamRole
    Column("expires_us", BigInteger),  # of the membership
    Column("invited_by_id", Big, ForeignKey("account.id"), index=True),  # null: the operator
    Column("key", Text, nullable=False),  # of the link: a new one ends the old link
    Column("at_us", BigInteger, nullable=False),
    Column("valid_until_us", BigInteger, nullable=False),  # of the link
    Column("taken_us", BigInteger),
    Column("taken_by_id", Big, ForeignKey("account.id"), index=True),
    Column("revoked_us", BigInteger),
    Column("mail_state", Text, nullable=False),  # waiting, sent, failed, none
    Column("mail_attempts", Integer, nullable=False, default=0),
    Column("mail_next_us", BigInteger, nullable=False),
    Column("mail_error", Text),
    Index(None, "mail_state", "mail_next_us"),
)

withheld_name = Table(
    "withheld_name",  # a name that is not shown to the public, as its owner asked
    metadata,
    _id(),
    Column("account_id", Big, ForeignKey("account.id"), index=True),
    Column("name", Text),
    Column("name_key", Text),  # access.names.name_key
    Column("orcid", Text),
    Column("since_us", BigInteger, nullable=False),
    Column("by_id", Big, ForeignKey("account.id")),
    Column("reason", Text, nullable=False),
    Column("ended_us", BigInteger),
)

name_pending = Table(
    "name_pending",  # datasets whose texts for search are made anew, because a name in them is withheld, or no longer
    metadata,
    Column("dataset_id", Big, ForeignKey("dataset.id"), primary_key=True, autoincrement=False),
)

disk_report = Table(
    "disk_report",  # what the rights on the disk were, against those of the catalogue
    metadata,
    _id(),
    Column("at_us", BigInteger, nullable=False),
    Column("folders", Integer, nullable=False),
    Column("drifted", Integer, nullable=False),
    Column("report_json", Text, nullable=False),
)
