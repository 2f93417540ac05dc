"""The schema's history: one for both databases, applied on start; an older database is brought up to date, a newer one refused."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

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
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["database"] = database
    return config


def current(database: Database) -> str | None:
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    return ScriptDirectory(str(Path(__file__).parent / "migrations")).get_current_head() or ""


def migrate(database: Database) -> bool:
    """Bring the schema up to date; returns whether anything was done. Raises Conflict on a database of a newer panmesh."""
    here = current(database)
    if here == newest():
        return False
    script = ScriptDirectory(str(Path(__file__).parent / "migrations"))
    if here is not None and here not in {revision.revision for revision in script.walk_revisions()}:
        raise Conflict(
            f"The database was made by a newer panmesh (schema {here}); this one knows up to {newest()}. Upgrade panmesh."
        )
    command.upgrade(_config(database), "head")
    return True
