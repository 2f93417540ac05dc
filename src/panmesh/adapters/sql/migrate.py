"""The schema's history: one for both databases, applied on start; an older database is brought up to date, a newer one refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from panmesh.adapters.sql import (
    bulk_tables,
    doi_tables,
    event_tables,
    fair_tables,
    harvest_tables,
    note_tables,
    people_tables,
    plan_tables,
    push_tables,
    release_tables,
    request_tables,
    usage_tables,
    view_tables,
)
from panmesh.adapters.sql.database import Database
from panmesh.kernel.errors import Conflict

if TYPE_CHECKING:  # loaded only where there is something to do: every command opens a database, and hardly any an old one
    from alembic.config import Config

HISTORY = Path(__file__).parent / "migrations"

# Modules that the schema is written in, besides `tables`.
TABLES = (
    note_tables,
    event_tables,
    push_tables,
    plan_tables,
    request_tables,
    harvest_tables,
    usage_tables,
    bulk_tables,
    view_tables,
    people_tables,
    doi_tables,
    release_tables,
    fair_tables,
)


def _config(database: Database) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HISTORY))
    config.attributes["database"] = database
    return config


def current(database: Database) -> str | None:
    """None: there is no schema yet."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
        return found


def newest() -> str:
    """The files of the history begin with their revision, which is a number of four digits."""
    return max(_revisions())


def _revisions() -> set[str]:
    return {file.name.partition("_")[0] for file in HISTORY.glob("versions/[0-9]*.py")}


def migrate(database: Database) -> bool:
    """Bring the schema up to date; returns whether anything was done. Raises Conflict on a database of a newer panmesh."""
    here = current(database)
    if here == newest():
        return False
    if here is not None and here not in _revisions():
        raise Conflict(
            f"The database was made by a newer panmesh (schema {here}); this one knows up to {newest()}. Upgrade panmesh."
        )
    from alembic import command

    command.upgrade(_config(database), "head")
    return True
